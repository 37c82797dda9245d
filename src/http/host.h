/* The hosts that requests may be for (RFC 9110 section 7.2). */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/slice.h"

struct http_exchange;

/*
 * A page can make its own name point at this machine (DNS rebinding): its browser then takes us for the page's own
 * server, and shows it our answers. The name stands in Host all the same. Names of loopback, and the address that the
 * connection came in on, are nobody else's, so that no page can have them.
 */
struct http_hosts {
    const char *const *names; /* borrowed; in lower case; "*.example.com" is every name below that one; "*": any host */
    size_t count;
    /* Names of loopback count too, and the address that the connection came in on; and all of a Unix socket, which no
     * browser opens. False: the list alone counts, and if it is empty, any host does. */
    bool machine;
};

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
