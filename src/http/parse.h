/*
 * One request's head and chunked body, parsed by llhttp in its strict mode, and the rules that llhttp leaves to others.
 * Internal to http/. Does not include http.h, nor may a file that includes llhttp.h: both define HTTP_GET.
 *
 * The parser keeps offsets into the input, not pointers, so that the input may move while the head comes in.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/http_limits.h"
#include "base/slice.h"
#include "http/refusal.h"

struct http_parser;

/* PARSE_FAILED: the request cannot be read; it is refused with *ret_failure, and the connection closes. */
enum http_parse { PARSE_MORE, PARSE_DONE, PARSE_FAILED };

struct http_field {
    struct slice name;
    struct slice value; /* trimmed; not absent */
};

/* Fields that the server itself looks at. */
enum http_known {
    KNOWN_HOST,
    KNOWN_CONNECTION,
    KNOWN_CONTENT_LENGTH,
    KNOWN_TRANSFER_ENCODING,
    KNOWN_CONTENT_TYPE,
    KNOWN_CONTENT_ENCODING,
    KNOWN_EXPECT,
    KNOWN_ACCEPT,
    KNOWN_REQUEST_ID,
    KNOWN_COUNT,
};

enum http_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED };

struct http_head {
    struct slice method;
    struct slice target;
    unsigned minor; /* HTTP/1.<minor> */
    struct http_field *fields;
    size_t field_count;
    struct {
        unsigned count;
        struct slice value; /* of the first; absent with count 0 */
    } known[KNOWN_COUNT];
    enum http_framing framing;
    uint64_t content_length; /* with FRAMING_LENGTH */
};

struct http_parser *http_parser_new(const struct http_limits *limits); /* borrows the limits */
void http_parser_free(struct http_parser *parser);                     /* takes NULL */
void http_parser_reset(struct http_parser *parser);

/* `data` is the request from its first byte on, all that has come so far; what an earlier call saw is not read again.
 * PARSE_DONE: the head is complete, http_parser_head_bytes long. */
enum http_parse http_parser_scan(struct http_parser *parser, const char *data, size_t len,
                                 enum http_refusal_id *ret_failure);
size_t http_parser_head_bytes(const struct http_parser *parser);

/* The target of the request, for logs: absent until it has come. */
struct slice http_parser_target(const struct http_parser *parser, const char *data);

/* After PARSE_DONE: fills *ret_head with slices of `data` (which must not move any more), and checks what RFC 9112 asks
 * of request line and framing. False: *ret_failure says why. */
bool http_parser_head(struct http_parser *parser, struct arena *arena, const char *data, struct http_head *ret_head,
                      enum http_refusal_id *ret_failure);

/* The chunked body: takes raw bytes, adds content to `body`. *ret_used is how many bytes belong to this request. */
enum http_parse http_parser_chunked(struct http_parser *parser, const char *data, size_t len, struct buf *body,
                                    size_t *ret_used, enum http_refusal_id *ret_failure);

#endif
