#include "http/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "http/conn.h"

static struct slice host_name(struct slice host)
{
    const char *bracket = host.len == 0 ? NULL : memchr(host.data, ']', host.len);

    if (bracket != NULL) {
        host.len = (size_t)(bracket - host.data) + 1;
        return host;
    }
    host = slice_cut(&host, ':');
    if (host.len > 1 && host.data[host.len - 1] == '.') host.len--;
    return host;
}

/* `tail` is in lower case. */
static bool host_ends_in(struct slice name, struct slice tail)
{
    return name.len > tail.len && slice_is_nocase((struct slice){name.data + name.len - tail.len, tail.len}, tail.data);
}

bool http_host_is_listed(struct slice host, const char *const *names, size_t count)
{
    const struct slice name = host_name(host);

    if (name.len == 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (names[i][0] != '*' ? slice_is_nocase(name, names[i]) : host_ends_in(name, slice_of(names[i] + 1))) {
            return true;
        }
    }
    return false;
}

/* ---- Addresses, all as IPv6 has them ---- */

static struct in6_addr host_mapped(struct in_addr v4)
{
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(mapped.s6_addr + 12, &v4, sizeof(v4));
    return mapped;
}

/* False if the name is not an address. */
static bool host_read_address(struct slice name, struct in6_addr *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (name.len > 2 && name.data[0] == '[') {
        name = (struct slice){name.data + 1, name.len - 2};
        const char *zone = memchr(name.data, '%', name.len);

        if (zone != NULL) name.len = (size_t)(zone - name.data);
        if (name.len >= sizeof(text)) return false;
        *(char *)mempcpy(text, name.data, name.len) = '\0';
        return inet_pton(AF_INET6, text, ret_address) == 1;
    }
    if (name.len == 0 || name.len >= sizeof(text)) return false;
    *(char *)mempcpy(text, name.data, name.len) = '\0';
    if (inet_pton(AF_INET, text, &v4) != 1) return false;
    *ret_address = host_mapped(v4);
    return true;
}

static bool host_is_loopback_address(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

bool http_host_is_loopback(struct slice host)
{
    const struct slice name = host_name(host);
    struct in6_addr address;

    if (slice_is_nocase(name, "localhost") || host_ends_in(name, SLICE_LIT(".localhost"))) return true;
    return host_read_address(name, &address) && host_is_loopback_address(&address);
}

bool http_host_is_address(struct slice host, const struct sockaddr *address)
{
    struct in6_addr asked, own;

    if (address->sa_family == AF_INET) {
        own = host_mapped(((const struct sockaddr_in *)(const void *)address)->sin_addr);
    } else if (address->sa_family == AF_INET6) {
        own = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    } else {
        return false;
    }
    return host_read_address(host_name(host), &asked) && memcmp(&asked, &own, sizeof(own)) == 0;
}

/* ---- Requests ---- */

/* Asked of the kernel only if the name alone does not decide: it says where a wildcard's connection came in. */
static bool host_is_of_socket(struct slice host, int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) return false;
    return address.ss_family == AF_UNIX || http_host_is_address(host, (const struct sockaddr *)&address);
}

bool http_hosts_have(const struct http_hosts *hosts, struct http_exchange *x)
{
    const struct slice host = http_exchange_host(x);

    if (hosts->count > 0 ? strcmp(hosts->names[0], "*") == 0 : !hosts->machine) return true;
    if (http_host_is_listed(host, hosts->names, hosts->count)) return true;
    return hosts->machine && (http_host_is_loopback(host) || host_is_of_socket(host, x->conn->fd));
}
