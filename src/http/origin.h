/*
 * Requests that pages of other sites have a browser send. It sends them without asking anybody: a form, or a script's
 * request that CORS calls simple (WHATWG Fetch, section 4.1). What it keeps from the page is the answer, and by then
 * the change is made.
 *
 * Browsers say where such a request comes from: in Sec-Fetch-Site (W3C Fetch Metadata), which those from 2023 on send
 * to addresses that they trust (https, and loopback), and in Origin. No script can set either. Other programs send
 * neither, and are nobody's victims. OWASP's cheat sheet on cross-site request forgery and Go's
 * http.CrossOriginProtection judge in the same way.
 */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include "http/http.h"

/*
 * Whether the page may not change anything here: the method is not a safe one (RFC 9110 section 9.2.1), and
 * - Sec-Fetch-Site is there, and neither "same-origin" nor "none" (the user's own doing); or
 * - it is not there, and Origin is, and is not that of the host that was asked.
 */
bool http_origin_is_foreign(struct http_exchange *x) ATTR_CHECKED;

/*
 * Whether `origin` (scheme://host, or scheme://host:port) is of this Host field. Their schemes are not compared: behind
 * a proxy for TLS the page's is https, and ours http; what such a proxy says of it anybody could say. A host without
 * a port is that of the scheme's own port.
 */
bool http_origin_is_of_host(struct slice origin, struct slice host);

#endif
