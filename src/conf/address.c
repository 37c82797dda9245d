/* Addresses to listen on. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/number.h"
#include "conf/internal.h"

enum { CONF_HOST_MAX = 253, CONF_UNIX_PATH_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

static bool conf_unix_parse(struct arena *arena, struct slice text, struct conf_address *ret_address, struct buf *why)
{
    struct slice path = {text.data + strlen("unix:"), text.len - strlen("unix:")};

    if (path.len == 0 || path.data[0] != '/') {
        return conf_refuse(text, "is not unix: and an absolute path", why);
    }
    if (path.len > CONF_UNIX_PATH_MAX) {
        conf_quote(text, why);
        buf_printf(why, " is longer than the %d bytes that a socket's path may have", CONF_UNIX_PATH_MAX);
        return false;
    }
    *ret_address = (struct conf_address){.text = arena_copy(arena, text).data, .path = arena_copy(arena, path).data};
    return true;
}

/* So that twins are found: "0:0::1" is "::1". A zone ("%eth0") stays as it is. */
const char *conf_v6_canonical(struct arena *arena, struct slice host)
{
    struct slice zone = host;
    struct slice address = slice_cut(&zone, '%');
    char text[INET6_ADDRSTRLEN];
    struct in6_addr binary;

    if (address.len >= sizeof(text) || (zone.data != NULL && zone.len == 0)) return NULL;
    memcpy(text, address.data, address.len);
    text[address.len] = '\0';
    if (inet_pton(AF_INET6, text, &binary) != 1 || inet_ntop(AF_INET6, &binary, text, sizeof(text)) == NULL) {
        return NULL;
    }
    return zone.data == NULL ? arena_copy(arena, slice_of(text)).data
                             : arena_printf(arena, "%s%%%.*s", text, SLICE_FMT(zone));
}

bool conf_host_is_valid(const char *host)
{
    bool numeric = true;
    struct in_addr binary;

    if (strlen(host) > CONF_HOST_MAX || host[0] == '-' || host[0] == '.') return false;
    for (const char *p = host; *p != '\0'; p++) {
        bool digit = (*p >= '0' && *p <= '9') || *p == '.';
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '-' || *p == '_';

        if (!digit && !letter) return false;
        numeric = numeric && digit;
    }
    return !numeric || inet_pton(AF_INET, host, &binary) == 1;
}

static bool conf_inet_parse(struct arena *arena, struct slice text, struct conf_address *ret_address, struct buf *why)
{
    const char *colon = memrchr(text.data, ':', text.len);
    uint64_t port;

    if (colon == NULL) {
        return conf_refuse(text, "has no port: write host:port, [v6]:port, *:port or unix:/path", why);
    }
    struct slice host = {text.data, (size_t)(colon - text.data)};
    struct slice digits = {colon + 1, text.len - host.len - 1};
    bool bracketed = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

    if (!bracketed && memchr(host.data, ':', host.len) != NULL) {
        return conf_refuse(text, "is not host:port (an IPv6 address stands in brackets: [::1]:8000)", why);
    }
    if (!number_parse_u64(digits, &port) || port < 1 || port > UINT16_MAX) {
        return conf_refuse(text, "has no port from 1 to 65535 after its last colon", why);
    }
    ret_address->port = (uint16_t)port;
    ret_address->path = NULL;
    if (bracketed) {
        ret_address->host = conf_v6_canonical(arena, (struct slice){host.data + 1, host.len - 2});
        if (ret_address->host == NULL) return conf_refuse(text, "has no IPv6 address in its brackets", why);
        ret_address->text = arena_printf(arena, "[%s]:%u", ret_address->host, (unsigned)port);
    } else if (slice_is(host, "*") || host.len == 0) {
        ret_address->host = "";
        ret_address->text = arena_printf(arena, "*:%u", (unsigned)port);
    } else {
        ret_address->host = arena_copy(arena, host).data;
        if (!conf_host_is_valid(ret_address->host)) {
            return conf_refuse(text, "has neither a host name nor an IPv4 address before its port", why);
        }
        ret_address->text = arena_printf(arena, "%s:%u", ret_address->host, (unsigned)port);
    }
    return true;
}

/* The families in which a host is known to be listened on without asking anybody, and all or one of whose addresses. */
struct conf_reach {
    bool v4, v6;
    bool all;
};

static struct conf_reach conf_host_reach(const char *host)
{
    struct in_addr v4;

    if (host[0] == '\0') return (struct conf_reach){.v4 = true, .v6 = true, .all = true};
    if (strcasecmp(host, "localhost") == 0)
        return (struct conf_reach){.v4 = true, .v6 = true}; /* RFC 6761 section 6.3 */
    if (inet_pton(AF_INET, host, &v4) == 1) return (struct conf_reach){.v4 = true, .all = v4.s_addr == INADDR_ANY};
    if (strchr(host, ':') != NULL) return (struct conf_reach){.v6 = true, .all = strcmp(host, "::") == 0};
    return (struct conf_reach){.all = false};
}

static bool conf_is_loopback(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 || strcasecmp(host, "localhost") == 0;
}

/* Of IPv6 addresses only the IPv6 part is listened on, so "[::]:80" and "0.0.0.0:80" go together. */
bool conf_addresses_meet(const struct conf_address *a, const struct conf_address *b)
{
    if (a->host == NULL || b->host == NULL) return a->path != NULL && b->path != NULL && strcmp(a->path, b->path) == 0;
    if (a->port != b->port) return false;
    if (strcasecmp(a->host, b->host) == 0) return true;

    const struct conf_reach of_a = conf_host_reach(a->host);
    const struct conf_reach of_b = conf_host_reach(b->host);

    if (!((of_a.v4 && of_b.v4) || (of_a.v6 && of_b.v6))) return false;
    return of_a.all || of_b.all || (conf_is_loopback(a->host) && conf_is_loopback(b->host));
}

static bool conf_addresses_add(struct conf_addresses *addresses, const struct conf_address *address, struct buf *why)
{
    for (size_t i = 0; i < addresses->count; i++) {
        const struct conf_address *other = &addresses->items[i];

        if (strcmp(other->text, address->text) == 0) return conf_refuse(slice_of(address->text), "is given twice", why);
        if (!conf_addresses_meet(other, address)) continue;
        conf_quote(slice_of(address->text), why);
        buf_printf(why, " is listened on already, by %s in the same list: leave one of them out", other->text);
        return false;
    }
    if (addresses->count == CONF_LISTEN_MAX) {
        buf_printf(why, "holds more than %d addresses", CONF_LISTEN_MAX);
        return false;
    }
    addresses->items[addresses->count++] = *address;
    return true;
}

bool conf_item_next(struct slice *list, struct slice *ret_word)
{
    while (list->len > 0 && strchr(", \t", list->data[0]) != NULL) list->data++, list->len--;
    *ret_word = (struct slice){list->data, 0};
    while (list->len > 0 && strchr(", \t", list->data[0]) == NULL) list->data++, list->len--, ret_word->len++;
    return ret_word->len > 0;
}

bool conf_addresses_parse(struct arena *arena, struct slice text, struct conf_addresses *ret_addresses, struct buf *why)
{
    struct conf_addresses addresses = {0};
    struct slice word;

    while (conf_item_next(&text, &word)) {
        bool is_unix = word.len >= strlen("unix:") && strncmp(word.data, "unix:", strlen("unix:")) == 0;
        struct conf_address address = {0};

        if (!(is_unix ? conf_unix_parse : conf_inet_parse)(arena, word, &address, why)) return false;
        if (!conf_addresses_add(&addresses, &address, why)) return false;
    }
    if (addresses.count == 0) {
        buf_add_str(why, "names no address");
        return false;
    }
    *ret_addresses = addresses;
    return true;
}

bool conf_address_is_public(const struct conf_address *address)
{
    struct in_addr v4;

    if (address->path != NULL) return false;
    if (inet_pton(AF_INET, address->host, &v4) == 1) return ntohl(v4.s_addr) >> 24 != IN_LOOPBACKNET;
    return strcmp(address->host, "::1") != 0 && strcasecmp(address->host, "localhost") != 0;
}
