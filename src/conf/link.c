/*
 * Variables that an orchestrator sets by itself, for every service that it knows, in every container: Kubernetes'
 * service variables ("Service", section "Discovering services", and "Container environment" of its documentation), and
 * those of container links, which Docker and Compose took them from ("Legacy container links"). A service that is
 * called stratslab, stratslab-admin or postgres gives them our prefixes, and even the name of a setting: POSTGRES_PORT.
 *
 * They are known by name and value together, so that a setting that is misspelt is still told. X is a service's name:
 *
 *     X_SERVICE_HOST=10.0.0.1  X_SERVICE_PORT=80  X_SERVICE_PORT_HTTP=80  X_PORT=tcp://10.0.0.1:80
 *     X_PORT_80_TCP=tcp://10.0.0.1:80  X_PORT_80_TCP_PROTO=tcp  X_PORT_80_TCP_PORT=80  X_PORT_80_TCP_ADDR=10.0.0.1
 *     X_NAME=/web/x  X_ENV_PATH=anything, if X_NAME or X_PORT is such a variable too
 */
#include "base/number.h"
#include "conf/internal.h"

static const char *const link_protocols[] = {"TCP", "UDP", "SCTP"};

/* Takes `suffix` off the end of the name, if something is left before it. */
static bool link_cut_end(struct slice *name, const char *suffix)
{
    const size_t len = strlen(suffix);

    if (name->len <= len || memcmp(name->data + name->len - len, suffix, len) != 0) return false;
    name->len -= len;
    return true;
}

/* The next `word` in the name from `*from` on: the parts before and behind it. Begin with 1, because something is
 * before it. Two of them may share an underscore. */
static bool link_find(struct slice name, size_t *from, const char *word, struct slice *ret_before,
                      struct slice *ret_behind)
{
    const size_t len = strlen(word);
    const char *at = name.len <= *from ? NULL : memmem(name.data + *from, name.len - *from, word, len);

    if (at == NULL) return false;
    *ret_before = (struct slice){name.data, (size_t)(at - name.data)};
    *ret_behind = (struct slice){at + len, name.len - ret_before->len - len};
    *from = ret_before->len + 1;
    return true;
}

static bool link_is_port(struct slice value)
{
    uint64_t port;

    return number_parse_u64(value, &port) && port >= 1 && port <= UINT16_MAX;
}

static bool link_is_protocol(struct slice value)
{
    for (size_t i = 0; i < countof(link_protocols); i++) {
        if (slice_is_nocase(value, link_protocols[i])) return true;
    }
    return false;
}

/* "tcp://10.0.0.1:80" */
static bool link_is_url(struct slice value)
{
    const char *mark = value.len == 0 ? NULL : memmem(value.data, value.len, "://", 3);
    const struct slice scheme = {value.data, mark == NULL ? 0 : (size_t)(mark - value.data)};

    return mark != NULL && link_is_protocol(scheme) && value.len > scheme.len + 3;
}

/* "/web/db": the container that has the link, and its word for the other one. */
static bool link_is_path(struct slice value)
{
    struct slice rest = value;

    if (value.len == 0 || slice_cut(&rest, '/').len > 0) return false;
    const struct slice container = slice_cut(&rest, '/');

    return container.len > 0 && rest.len > 0 && memchr(rest.data, '/', rest.len) == NULL;
}

static bool link_is_any(struct slice value)
{
    return value.len > 0;
}

/* What follows X_PORT_80_TCP. _START and _END are of a range of ports. */
static bool link_is_port_part(struct slice part, struct slice value)
{
    static const struct {
        const char *part;
        bool (*is)(struct slice value);
    } parts[] = {
        {"", link_is_url},
        {"_START", link_is_url},
        {"_END", link_is_url},
        {"_ADDR", link_is_any},
        {"_PORT", link_is_port},
        {"_PROTO", link_is_protocol},
        {"_PORT_START", link_is_port},
        {"_PORT_END", link_is_port},
    };

    for (size_t i = 0; i < countof(parts); i++) {
        if (slice_is(part, parts[i].part)) return parts[i].is(value);
    }
    return false;
}

/* X_PORT_80_TCP and what is made from it. The service's own name may have _PORT_ in it too. */
static bool link_is_numbered(struct slice name, struct slice value)
{
    struct slice before;
    struct slice part;

    for (size_t from = 1; link_find(name, &from, "_PORT_", &before, &part);) {
        const struct slice port = slice_cut(&part, '_');

        for (size_t i = 0; i < countof(link_protocols) && link_is_port(port); i++) {
            const size_t len = strlen(link_protocols[i]);

            if (part.len < len || memcmp(part.data, link_protocols[i], len) != 0) continue;
            if (link_is_port_part((struct slice){part.data + len, part.len - len}, value)) return true;
        }
    }
    return false;
}

static bool link_is_service_port(struct slice name, struct slice value)
{
    struct slice base = name;
    struct slice port_name;
    size_t from = 1;

    if (!link_is_port(value)) return false;
    if (link_cut_end(&base, "_SERVICE_PORT")) return true;
    return link_find(name, &from, "_SERVICE_PORT_", &base, &port_name) && port_name.len > 0;
}

/* Whether there is a variable PREFIX_NAME or PREFIX_PORT that only a link sets. */
static bool link_has_link(struct slice prefix, const char *const *environ_list)
{
    for (; *environ_list != NULL; environ_list++) {
        struct slice value = slice_of(*environ_list);
        struct slice name = slice_cut(&value, '=');

        if (name.len <= prefix.len || memcmp(name.data, prefix.data, prefix.len) != 0) continue;
        name.data += prefix.len, name.len -= prefix.len;
        if ((slice_is(name, "_NAME") && link_is_path(value)) || (slice_is(name, "_PORT") && link_is_url(value))) {
            return true;
        }
    }
    return false;
}

/* X_ENV_PATH: a variable of the linked container. */
static bool link_is_of_other(struct slice name, const char *const *environ_list)
{
    struct slice prefix;
    struct slice variable;

    for (size_t from = 1; link_find(name, &from, "_ENV_", &prefix, &variable);) {
        if (variable.len > 0 && link_has_link(prefix, environ_list)) return true;
    }
    return false;
}

/* An orchestrator writes names in capital letters. */
static bool link_is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-')) return false;
    }
    return name.len > 0;
}

bool conf_is_link(struct slice name, struct slice value, const char *const *environ_list)
{
    struct slice base = name;

    if (!link_is_name(name)) return false;
    if (link_cut_end(&base, "_SERVICE_HOST") && link_is_any(value)) return true;
    if (link_cut_end(&base, "_PORT") && link_is_url(value)) return true;
    if (link_cut_end(&base, "_NAME") && link_is_path(value)) return true;
    return link_is_service_port(name, value) || link_is_numbered(name, value) || link_is_of_other(name, environ_list);
}
