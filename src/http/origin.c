#include "http/origin.h"

#include "http/conn.h"

static bool origin_is_unsafe(const struct http_exchange *x)
{
    return !x->method_known || (x->method != HTTP_GET && x->method != HTTP_HEAD && x->method != HTTP_OPTIONS);
}

/* Without ":" and the port, if it is that of the scheme. */
static struct slice origin_without_usual_port(struct slice authority, const char *port)
{
    const size_t len = strlen(port);

    if (authority.len <= len || memcmp(authority.data + authority.len - len, port, len) != 0) return authority;
    return (struct slice){authority.data, authority.len - len};
}

bool http_origin_is_of_host(struct slice origin, struct slice host)
{
    static const struct {
        const char *scheme, *port;
    } schemes[] = {{"http://", ":80"}, {"https://", ":443"}};

    for (size_t i = 0; i < countof(schemes); i++) {
        const size_t len = strlen(schemes[i].scheme);

        if (origin.len <= len || !slice_is_nocase((struct slice){origin.data, len}, schemes[i].scheme)) continue;
        const struct slice page =
            origin_without_usual_port((struct slice){origin.data + len, origin.len - len}, schemes[i].port);
        const struct slice asked = origin_without_usual_port(host, schemes[i].port);

        return page.len == asked.len && page.data[0] != ':' && strncasecmp(page.data, asked.data, page.len) == 0;
    }
    return false;
}

bool http_origin_is_foreign(struct http_exchange *x)
{
    if (!origin_is_unsafe(x)) return false;
    const struct slice site = http_exchange_header(x, "Sec-Fetch-Site");

    if (site.data != NULL) return !slice_is(site, "same-origin") && !slice_is(site, "none");
    const struct slice origin = http_exchange_header(x, "Origin");

    return origin.data != NULL && !http_origin_is_of_host(origin, http_exchange_host(x));
}
