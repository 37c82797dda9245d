#include "http/guard.h"

#include "http/conn.h"
#include "http/origin.h"

/* How much of what was sent an answer repeats. */
enum { GUARD_SAID_BYTES = 256 };

static struct slice guard_said(struct slice text)
{
    return (struct slice){text.data, text.len > GUARD_SAID_BYTES ? GUARD_SAID_BYTES : text.len};
}

static bool guard_is_health(struct slice path)
{
    static const char health[] = "/health";
    const size_t len = sizeof(health) - 1;

    return path.len >= len && memcmp(path.data, health, len) == 0 && (path.len == len || path.data[len] == '/');
}

static bool guard_has_origins(const struct http_guard *guard)
{
    return guard->cors.origin_count > 0;
}

bool http_guard_screen(const struct http_guard *guard, struct http_exchange *x, struct slice path)
{
    if (!guard_is_health(path) && !http_hosts_have(&guard->hosts, x)) {
        http_refuse_with(x, &http_refusals[HTTP_REFUSAL_HOST], HTTP_WORDS(guard_said(http_exchange_host(x))));
        return false;
    }
    if (guard_has_origins(guard) && http_cors_preflight(&guard->cors, x)) return false;
    if (!http_origin_is_foreign(x) || (guard_has_origins(guard) && http_cors_is_listed(&guard->cors, x))) return true;
    http_refuse(x, &http_refusals[HTTP_REFUSAL_ORIGIN]);
    return false;
}

void http_guard_answering(const struct http_guard *guard, struct http_exchange *x)
{
    const bool is_listed = guard_has_origins(guard) && http_cors_answering(&guard->cors, x);

    /* A line that is known to be one, on every answer: it need not be looked at. */
    buf_add_slice(&x->conn->fields, is_listed ? SLICE_LIT("Cross-Origin-Resource-Policy: cross-origin\r\n")
                                              : SLICE_LIT("Cross-Origin-Resource-Policy: same-origin\r\n"));
}
