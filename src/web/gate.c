#include "web/gate.h"

#include <string.h>

#include "base/log.h"
#include "http/host.h"

/* How long a browser may remember the answer to a preflight request. */
enum { GATE_CORS_MAX_AGE_S = 600 };

/* How much of a host an answer repeats. */
enum { GATE_SAID_BYTES = 256 };

/* Fields of answers that scripts may read, beyond those that they always can (WHATWG Fetch, "CORS-safelisted
 * response-header name"). */
static const char gate_exposed[] = "Allow, ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-ID";

static void gate_on_tokens(void *ctx, size_t tokens)
{
    struct gate *gate = ctx;

    gate->failing = false;
    log_debug("access tokens loaded", LOG_UINT("tokens", tokens));
}

static void gate_on_failure(void *ctx, const char *statement, const struct db_result *result)
{
    struct gate *gate = ctx;

    if (gate->failing) return; /* the worker tries again each second, and one line is enough */
    gate->failing = true;
    log_error("the access tokens cannot be read or marked as used", LOG_STR("statement", statement),
              LOG_STR("sqlstate", db_result_sqlstate(result)), LOG_STR("error", db_result_message(result)));
}

void gate_init(struct gate *gate, const struct conf *conf, struct db *own, struct db *shared)
{
    const struct api_access_events events = {.ctx = gate, .loaded = gate_on_tokens, .failed = gate_on_failure};

    *gate = (struct gate){
        .conf = conf,
        .access = conf->auth == CONF_AUTH_TOKEN ? api_access_new(own, shared, &events) : NULL,
        .cors = {.origins = conf->cors_origins.items,
                 .origin_count = conf->cors_origins.count,
                 .exposed = gate_exposed,
                 .max_age_s = GATE_CORS_MAX_AGE_S},
    };
}

void gate_clear(struct gate *gate)
{
    api_access_free(gate->access);
    gate->access = NULL;
}

void gate_connected(struct gate *gate)
{
    if (gate->access != NULL) api_access_connected(gate->access);
}

void gate_tick(struct gate *gate)
{
    if (gate->access != NULL) api_access_tick(gate->access);
}

/* Probes have the address that they were given in Host, not a name. */
static bool gate_is_health(struct slice path)
{
    static const char health[] = "/health";
    const size_t len = sizeof(health) - 1;

    return path.len >= len && memcmp(path.data, health, len) == 0 && (path.len == len || path.data[len] == '/');
}

bool gate_screen(const struct gate *gate, struct http_exchange *x, struct slice path)
{
    const struct conf_names *hosts = &gate->conf->allowed_hosts;

    if (hosts->count > 0 && !gate_is_health(path)) {
        const struct slice host = http_exchange_header(x, "Host");

        if (!http_host_is_listed(host, hosts->items, hosts->count)) {
            http_refuse_with(x, &http_refusals[HTTP_REFUSAL_HOST],
                             HTTP_WORDS({host.data, host.len > GATE_SAID_BYTES ? GATE_SAID_BYTES : host.len}));
            return false;
        }
    }
    return gate->cors.origin_count == 0 || !http_cors_preflight(&gate->cors, x);
}

bool gate_admit(const struct gate *gate, struct http_exchange *x)
{
    return gate->access == NULL || api_access_admit(gate->access, x);
}

void gate_answering(const struct gate *gate, struct http_exchange *x)
{
    if (gate->cors.origin_count > 0) http_cors_answering(&gate->cors, x);
}
