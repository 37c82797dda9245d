#include "http/cors.h"

#include <stdio.h>

#include "http/conn.h"
#include "http/router.h"
#include "http/server.h"
#include "http/syntax.h"

static bool cors_is_open(const struct http_cors *cors)
{
    return strcmp(cors->origins[0], "*") == 0;
}

/* The value for Access-Control-Allow-Origin; NULL if the origin is not listed. */
static const char *cors_allowed(const struct http_cors *cors, struct http_exchange *x)
{
    const struct slice origin = http_exchange_header(x, "Origin");

    if (cors_is_open(cors)) return "*";
    for (size_t i = 0; origin.data != NULL && i < cors->origin_count; i++) {
        if (slice_is(origin, cors->origins[i])) return cors->origins[i];
    }
    return NULL;
}

bool http_cors_is_listed(const struct http_cors *cors, struct http_exchange *x)
{
    return cors_allowed(cors, x) != NULL;
}

static bool cors_is_field_list(struct slice names)
{
    while (names.data != NULL) {
        if (!http_is_token(slice_trim(slice_cut(&names, ',')))) return false;
    }
    return true;
}

bool http_cors_preflight(const struct http_cors *cors, struct http_exchange *x)
{
    const struct slice fields = http_exchange_header(x, "Access-Control-Request-Headers");
    char age[16];

    if (!x->method_known || x->method != HTTP_OPTIONS || http_exchange_header(x, "Origin").data == NULL) return false;
    if (http_exchange_header(x, "Access-Control-Request-Method").data == NULL) return false;
    if (cors_allowed(cors, x) == NULL) return false;
    const int len = snprintf(age, sizeof(age), "%u", cors->max_age_s);

    http_exchange_add_header(x, "Access-Control-Allow-Methods", slice_of(http_router_allow(x->conn->server->router)));
    /* Whichever they are: what nobody knows does nothing. */
    if (fields.len > 0 && cors_is_field_list(fields)) {
        http_exchange_add_header(x, "Access-Control-Allow-Headers", fields);
    }
    http_exchange_add_header(x, "Access-Control-Max-Age", (struct slice){age, (size_t)len});
    http_respond(x, 204, NULL, SLICE_NONE);
    return true;
}

/* If the list decides, caches must know that the answer depends on who asks, also if nobody was told anything. */
bool http_cors_answering(const struct http_cors *cors, struct http_exchange *x)
{
    const char *allowed = cors_allowed(cors, x);

    if (!cors_is_open(cors)) http_exchange_vary(x, HTTP_VARY_ORIGIN);
    if (allowed == NULL) return false;
    http_exchange_add_header(x, "Access-Control-Allow-Origin", slice_of(allowed));
    http_exchange_add_header(x, "Access-Control-Expose-Headers", slice_of(cors->exposed));
    return true;
}
