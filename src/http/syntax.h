/* Character classes and small grammars of RFC 9110, RFC 9112 and RFC 3986. Internal to http/. */
#ifndef HTTP_SYNTAX_H
#define HTTP_SYNTAX_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "http/refusal.h"

/* A character of a token: a method, a field name (RFC 9110 section 5.6.2). */
bool http_is_token_char(char c);
bool http_is_token(struct slice text); /* not empty */

/* A request's target (RFC 9112 section 3.2), cut into its parts, none of them decoded. */
struct http_target {
    bool asterisk;          /* "*": the server as a whole; the rest is absent */
    struct slice authority; /* of the absolute form; absent otherwise */
    struct slice path;      /* starts with "/" */
    struct slice query;     /* without "?"; absent if there is none */
};

/* HTTP_REFUSAL_NONE, or what is wrong with it; *ret_target is then undefined. */
enum http_refusal_id http_target_parse(struct slice text, struct http_target *ret_target);

/* uri-host [":" port], not empty (RFC 9110 section 7.2, RFC 3986 section 3.2.2). */
bool http_host_is_valid(struct slice host);

/* Undoes percent-encoding, and "+" if `plus` is set. False on a bad escape, NUL, or what is not UTF-8. The result
 * is `text` itself if there is nothing to undo. */
bool http_percent_decode(struct arena *arena, struct slice text, bool plus, struct slice *ret_text);

/* The next element of a comma-separated list (RFC 9110 section 5.6.1), trimmed, empty ones skipped; commas within
 * quoted strings do not count. False at the end. */
bool http_list_next(struct slice *list, struct slice *ret_element);
/* Does the list hold this word, whatever its case? */
bool http_list_has(struct slice list, const char *word);

#endif
