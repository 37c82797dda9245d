#include "http/health.h"

void http_respond_health(struct http_exchange *x, enum health health)
{
    bool ok = health == HEALTH_OK;

    if (!ok) http_exchange_add_header(x, "Retry-After", SLICE_LIT("1"));
    http_respond(x, ok ? 200 : 503, "application/json",
                 arena_join(http_exchange_arena(x), SLICE_LIT("{\"status\":\""), slice_of(health_words[health]),
                            SLICE_LIT("\",\"version\":\"" PACKAGE_VERSION "\"}")));
}
