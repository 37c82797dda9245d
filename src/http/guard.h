/*
 * What is asked before a route is looked for, and what every answer says to browsers: the same for each port of each
 * program. A browser runs the pages of strangers, and reaches what its machine reaches.
 *
 * - A request for a host that is not one of ours is 421.
 * - A preflight of an origin that is listed is answered.
 * - A request that may change something, from a page of another site that is not listed, is 403.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "http/cors.h"
#include "http/host.h"

struct http_guard {
    struct http_hosts hosts;
    struct http_cors cors; /* without origins: no page of another site reads or changes anything */
};

/* For http_hooks.screen. The health paths are answered whatever the host: probes have the address that they were given
 * in it, and what is said there nobody need hide. */
bool http_guard_screen(const struct http_guard *guard, struct http_exchange *x, struct slice path) ATTR_CHECKED;
/* For http_hooks.answering: the fields of CORS, and Cross-Origin-Resource-Policy, by which a browser keeps the answer
 * out of the process of a page that may not read it (WHATWG Fetch, section 3.7). */
void http_guard_answering(const struct http_guard *guard, struct http_exchange *x);

#endif
