/* A problem's JSON (RFC 9457). Internal to http/. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "http/http.h"

void problem_write(const struct http_problem *problem, struct slice request_id, struct buf *out);

#endif
