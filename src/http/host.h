/* The hosts that requests may be for (RFC 9110 section 7.2). */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/http_hosts.h"
#include "base/slice.h"

struct http_exchange;

bool http_hosts_have(const struct http_hosts *hosts, struct http_exchange *x) ATTR_CHECKED;

/* Of these, `host` is a Host field or an authority; its port does not count, nor does case, nor the dot that may end a
 * name. */

/* A name "*.example.com" in the list is every name below example.com, not that name itself. */
bool http_host_is_listed(struct slice host, const char *const *names, size_t count);
/* localhost and what is below it (RFC 6761 section 6.3), 127.0.0.0/8 and ::1. */
bool http_host_is_loopback(struct slice host);
/* The address itself, in whatever spelling; an IPv4 address may also be written as IPv6 (RFC 4291 section 2.5.5.2). The
 * zone of a link-local one (RFC 6874) does not count. */
bool http_host_is_address(struct slice host, const struct sockaddr *address);

#endif
