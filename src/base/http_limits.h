/*
 * The limits of HTTP that are settings: conf/ reads them into this struct and http/ takes it as it is. A new one takes
 * a member here, a row in conf/table.c, and its use in http/.
 */
#ifndef BASE_HTTP_LIMITS_H
#define BASE_HTTP_LIMITS_H

#include <stddef.h>

/* For each worker, unless they say otherwise. Times are milliseconds. 0 does not mean "no limit". */
struct http_limits {
    size_t request_line_bytes;  /* 414; method, target and version (RFC 9112 section 3) */
    size_t header_bytes;        /* 431; the field lines together */
    unsigned header_fields;     /* 431 */
    size_t body_bytes;          /* 413; content, and the same again for chunked framing */
    unsigned header_timeout_ms; /* 408; from the first byte of a request (or from accept) to its head's end. A client
                                   that never sent a byte is closed in silence */
    unsigned body_timeout_ms;   /* 408; from the head's end to the body's end */
    unsigned idle_timeout_ms;   /* closes in silence; between requests */
    unsigned write_timeout_ms;  /* resets the connection; if the client takes less than 512 bytes a second of what
                                   waits for it, over so long */
    unsigned connections;       /* past it the longest idle one makes room for a new one, or that one waits */
    unsigned connections_per_address; /* an address that has as many gets no more of a full worker's room; 0: half */
    size_t memory_bytes;              /* 503; held for clients by all workers of the service together */
};

#endif
