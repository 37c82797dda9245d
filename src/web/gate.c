#include "web/gate.h"

#include <string.h>

#include "base/log.h"

/* How long a browser may remember the answer to a preflight request. */
enum { GATE_CORS_MAX_AGE_S = 600 };

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
        .access = conf->auth == CONF_AUTH_TOKEN ? api_access_new(own, shared, &events) : NULL,
        .guard = {.hosts = conf->hosts,
                  .cors = {.origins = conf->cors_origins.items,
                           .origin_count = conf->cors_origins.count,
                           .exposed = gate_exposed,
                           .max_age_s = GATE_CORS_MAX_AGE_S}},
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

bool gate_screen(const struct gate *gate, struct http_exchange *x, struct slice path)
{
    return http_guard_screen(&gate->guard, x, path);
}

bool gate_admit(const struct gate *gate, struct http_exchange *x)
{
    return gate->access == NULL || api_access_admit(gate->access, x);
}

void gate_answering(const struct gate *gate, struct http_exchange *x)
{
    http_guard_answering(&gate->guard, x);
}
