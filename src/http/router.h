/* Finding the route of a path. Internal to http/. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/http.h"

struct http_match {
    bool path_found;                /* false: 404 (or 400, see path_valid) */
    bool path_valid;                /* false: a segment does not decode to UTF-8 without NUL */
    const struct http_route *route; /* NULL: 405, or OPTIONS that no route claims */
    const char *allow;              /* "GET, HEAD, OPTIONS": what the path takes; with path_found */
    struct slice params[HTTP_PATH_PARAMS_MAX];
    unsigned param_count;
};

/* `path` is percent-encoded and starts with "/". Decoded segments go into the arena. */
void http_router_find(const struct http_router *router, struct arena *arena, enum http_method method, struct slice path,
                      struct http_match *ret_match);
/* For "OPTIONS *": every method that some path takes. */
const char *http_router_allow(const struct http_router *router);

#endif
