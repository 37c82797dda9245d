/* The answer of a health endpoint: one shape for the API's port and the admin port. */
#ifndef HTTP_HEALTH_H
#define HTTP_HEALTH_H

#include "http/http.h"

/* 200 {"status":"ok","version":"…"} where `word` is "ok"; else 503 with Retry-After and that word. */
void http_respond_health(struct http_exchange *x, const char *word);

#endif
