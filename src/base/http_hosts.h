/* The hosts that requests may be for: conf/ makes this from the settings, and http/ takes it as it is. */
#ifndef BASE_HTTP_HOSTS_H
#define BASE_HTTP_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
