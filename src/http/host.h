/* The host that a request is for, against a list of names. */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/*
 * `host` is a Host field or an authority (RFC 9110 section 7.2); its port does not count, nor does case, nor the dot
 * that may end a name. A name "*.example.com" in the list is every name below example.com, not that name itself.
 */
bool http_host_is_listed(struct slice host, const char *const *names, size_t count);

#endif
