/* The tables of status codes and methods. Internal to http/. */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include <stdbool.h>

#include "base/slice.h"
#include "http/http.h"

/* "HTTP/1.1 404 Not Found\r\n"; absent for a code that is not in the table. */
struct slice http_status_line(unsigned status);
/* "not_found": the problem's code if http/ itself answers. */
const char *http_status_code(unsigned status);
/* False for a method that is not one of ours; they are case-sensitive (RFC 9110 section 9.1). */
bool http_method_parse(struct slice text, enum http_method *ret_method);

#endif
