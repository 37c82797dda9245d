/* Lists of names that clients send: origins and hosts, each in the spelling that they send. */
#include <stdio.h>

#include "base/number.h"
#include "conf/internal.h"

enum { CONF_NAMES_MAX = 64 };

/* A list while it is read. */
struct conf_reader {
    struct arena *arena;
    const char *items[CONF_NAMES_MAX];
    size_t count;
    struct buf *why;
};

static bool conf_name_add(struct conf_reader *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i], name) == 0) return conf_refuse(slice_of(name), "is given twice", r->why);
    }
    if (r->count == CONF_NAMES_MAX) {
        buf_printf(r->why, "holds more than %d names", CONF_NAMES_MAX);
        return false;
    }
    r->items[r->count++] = name;
    return true;
}

static void conf_names_fill(const struct conf_reader *r, struct conf_names *ret_names)
{
    const char **items = arena_alloc(r->arena, (r->count + 1) * sizeof(*items));

    memcpy(items, r->items, r->count * sizeof(*items));
    items[r->count] = NULL;
    *ret_names = (struct conf_names){items, r->count};
}

static const char *conf_lower(struct arena *arena, struct slice text)
{
    char *copy = memcpy(arena_alloc(arena, text.len + 1), text.data, text.len);

    copy[text.len] = '\0';
    for (size_t i = 0; i < text.len; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z') copy[i] = (char)(copy[i] | 0x20);
    }
    return copy;
}

/* A host as it stands in a URL, in lower case; NULL if it is not one. */
static const char *conf_url_host(struct arena *arena, struct slice text)
{
    const bool bracketed = text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']';
    const char *host;

    if (bracketed) {
        host = conf_v6_canonical(arena, (struct slice){text.data + 1, text.len - 2});
        return host == NULL ? NULL : arena_printf(arena, "[%s]", host);
    }
    host = conf_lower(arena, text);
    return host[0] != '\0' && conf_host_is_valid(host) ? host : NULL;
}

/* What is after the host: nothing, or ":" and a number. */
static bool conf_port_cut(struct slice *text, uint64_t *ret_port)
{
    const char *colon = memrchr(text->data, ':', text->len);

    *ret_port = 0;
    if (colon == NULL || memchr(colon, ']', text->len - (size_t)(colon - text->data)) != NULL) return true;
    const size_t len = (size_t)(colon - text->data);

    if (!number_parse_u64((struct slice){colon + 1, text->len - len - 1}, ret_port)) return false;
    text->len = len;
    return *ret_port >= 1 && *ret_port <= UINT16_MAX;
}

/* RFC 3986 section 3.1 */
static bool conf_scheme_is_valid(struct slice scheme)
{
    for (size_t i = 0; i < scheme.len; i++) {
        const char c = scheme.data[i];
        const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) return false;
    }
    return scheme.len > 0;
}

/* As browsers write an origin (WHATWG HTML, "serialization of an origin"): lower case, without the scheme's own port.
 */
static bool conf_origin_add(struct conf_reader *r, struct slice word)
{
    static const char wanted[] =
        "is not an origin: write scheme://host or scheme://host:port, without a path or a slash at the end";
    const char *mark = memmem(word.data, word.len, "://", 3);
    uint64_t port;

    if (slice_is(word, "null")) {
        return conf_refuse(word, "is what every local file and sandboxed page sends, and cannot be allowed", r->why);
    }
    if (slice_is(word, "*")) return conf_name_add(r, "*");
    if (mark == NULL) return conf_refuse(word, wanted, r->why);
    const struct slice scheme = {word.data, (size_t)(mark - word.data)};
    struct slice rest = {mark + 3, word.len - scheme.len - 3};

    if (!conf_scheme_is_valid(scheme) || rest.len == 0 || !conf_port_cut(&rest, &port)) {
        return conf_refuse(word, wanted, r->why);
    }
    const char *host = conf_url_host(r->arena, rest);
    const char *name = conf_lower(r->arena, scheme);
    const bool is_usual = (port == 80 && strcmp(name, "http") == 0) || (port == 443 && strcmp(name, "https") == 0);

    if (host == NULL) return conf_refuse(word, wanted, r->why);
    if (port == 0 || is_usual) return conf_name_add(r, arena_printf(r->arena, "%s://%s", name, host));
    return conf_name_add(r, arena_printf(r->arena, "%s://%s:%u", name, host, (unsigned)port));
}

static bool conf_is_alone(const struct conf_reader *r)
{
    if (r->count > 1) buf_add_str(r->why, "has others beside *, and * alone means all of them");
    return r->count == 1;
}

bool conf_origins_parse(struct arena *arena, struct slice text, struct conf_names *ret_names, struct buf *why)
{
    struct conf_reader r = {.arena = arena, .why = why};
    bool all = false;
    struct slice word;

    while (conf_item_next(&text, &word)) {
        if (!conf_origin_add(&r, word)) return false;
        all = all || slice_is(word, "*");
    }
    if (all && !conf_is_alone(&r)) return false;
    conf_names_fill(&r, ret_names);
    return true;
}

static bool conf_host_add(struct conf_reader *r, struct slice word)
{
    const bool below = word.len > 2 && memcmp(word.data, "*.", 2) == 0;
    struct slice rest = below ? (struct slice){word.data + 2, word.len - 2} : word;
    uint64_t port;

    if (slice_is(word, "*")) return conf_name_add(r, "*");
    if (!conf_port_cut(&rest, &port) || port != 0) {
        return conf_refuse(word, "has a port: list a host by its name alone", r->why);
    }
    const char *host = conf_url_host(r->arena, rest);

    if (host == NULL || (below && host[0] == '[')) {
        return conf_refuse(
            word, "is not a host name: write api.example.com, *.example.com, 192.0.2.1, [2001:db8::1] or *", r->why);
    }
    return conf_name_add(r, below ? arena_printf(r->arena, "*.%s", host) : host);
}

bool conf_hosts_parse(struct arena *arena, struct slice text, struct conf_names *ret_names, struct buf *why)
{
    struct conf_reader r = {.arena = arena, .why = why};
    bool all = false;
    struct slice word;

    while (conf_item_next(&text, &word)) {
        if (!conf_host_add(&r, word)) return false;
        all = all || slice_is(word, "*");
    }
    if (all && !conf_is_alone(&r)) return false;
    conf_names_fill(&r, ret_names);
    return true;
}

/* Whoever listens on a name means it, and it need not be listed again. */
static struct http_hosts conf_hosts_of_machine(const struct conf_state *state, const struct conf_addresses *listen)
{
    const struct conf_names *given = &state->conf.allowed_hosts;
    const char **items = arena_alloc(state->arena, (given->count + listen->count + 1) * sizeof(*items));
    size_t count = given->count;

    memcpy(items, given->items, count * sizeof(*items));
    for (size_t i = 0; i < listen->count; i++) {
        const char *host = listen->items[i].host;

        if (host == NULL || host[0] == '\0') continue;
        items[count++] = strchr(host, ':') == NULL ? conf_lower(state->arena, slice_of(host))
                                                   : arena_printf(state->arena, "[%s]", host);
    }
    items[count] = NULL;
    return (struct http_hosts){items, count, true};
}

void conf_hosts_resolve(struct conf_state *state)
{
    struct conf *conf = &state->conf;

    conf->hosts = conf->auth == CONF_AUTH_OFF
                      ? conf_hosts_of_machine(state, &conf->listen)
                      : (struct http_hosts){conf->allowed_hosts.items, conf->allowed_hosts.count, false};
    conf->admin_hosts = conf_hosts_of_machine(state, &conf->admin_listen); /* it knows no tokens */
}
