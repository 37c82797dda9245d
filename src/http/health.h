/* The answer of a health endpoint: one shape for the API's port and the admin port. */
#ifndef HTTP_HEALTH_H
#define HTTP_HEALTH_H

#include "base/health.h"
#include "http/http.h"

/* 200 {"status":"ok","version":"…"} with HEALTH_OK; else 503 with Retry-After and the word for it. */
void http_respond_health(struct http_exchange *x, enum health health);

#endif
