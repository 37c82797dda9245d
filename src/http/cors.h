/*
 * Requests of web pages from elsewhere (WHATWG Fetch, section 3.2, "CORS protocol"): a browser shows answers to a
 * page's script only if they name the page's origin. Credentials in its sense (cookies) are never allowed: nothing
 * here looks at any, and a token is set by the script itself.
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include "http/http.h"

struct http_cors {
    const char *const *origins; /* as browsers send them; or "*" alone: all */
    size_t origin_count;
    const char *exposed; /* the response fields that scripts may read besides the harmless ones */
    unsigned max_age_s;  /* for which a browser may remember what a preflight was told */
};

/*
 * For http_hooks.screen: answers a preflight of an origin that is listed, whatever its path and the method it asks for,
 * so that the request itself comes and its answer (a 404, a 405) can be read. True: answered.
 */
bool http_cors_preflight(const struct http_cors *cors, struct http_exchange *x) ATTR_CHECKED;
/* Whether the page that sends this may read the answer. */
bool http_cors_is_listed(const struct http_cors *cors, struct http_exchange *x);
/* For http_hooks.answering: the fields that every answer carries. Whether it is listed. */
bool http_cors_answering(const struct http_cors *cors, struct http_exchange *x);

#endif
