/*
 * What http/ refuses by itself, in which words: a row each. The code names the rows, and the API's document shows their
 * sentences, so that each stands here and nowhere else. api/refusal.h has what the API refuses.
 *
 * parse.c includes this beside llhttp.h, so it must not include http.h.
 */
#ifndef HTTP_REFUSAL_H
#define HTTP_REFUSAL_H

#include "base/buf.h"
#include "base/slice.h"

enum { HTTP_REFUSAL_WORDS_MAX = 3 };

struct http_refusal {
    unsigned status;
    unsigned retry_after_s;                     /* 0: no Retry-After */
    const char *code;                           /* NULL: the status's own, see http_refusal_code */
    const char *detail;                         /* one sentence; each %s in it is a word of this answer */
    const char *sample[HTTP_REFUSAL_WORDS_MAX]; /* such words, for the document: as many as there are %s */
};

enum http_refusal_id {
    HTTP_REFUSAL_NONE, /* there is nothing to refuse; no row */
    HTTP_REFUSAL_TLS,
    HTTP_REFUSAL_NO_METHOD,
    HTTP_REFUSAL_REQUEST_LINE,
    HTTP_REFUSAL_NO_VERSION,
    HTTP_REFUSAL_VERSION_SYNTAX,
    HTTP_REFUSAL_LINE_END,
    HTTP_REFUSAL_CHUNK_END,
    HTTP_REFUSAL_SPACE,
    HTTP_REFUSAL_FIELD_LINE,
    HTTP_REFUSAL_NOT_HTTP,
    HTTP_REFUSAL_TRUNCATED,
    HTTP_REFUSAL_TARGET_SYNTAX,
    HTTP_REFUSAL_TARGET_EMPTY,
    HTTP_REFUSAL_TARGET_FORM,
    HTTP_REFUSAL_TARGET_HOST,
    HTTP_REFUSAL_TARGET_FRAGMENT,
    HTTP_REFUSAL_TARGET_CHARACTER,
    HTTP_REFUSAL_TARGET_ASTERISK,
    HTTP_REFUSAL_PATH_ESCAPE,
    HTTP_REFUSAL_PATH_TEXT,
    HTTP_REFUSAL_FRAMING_TWICE,
    HTTP_REFUSAL_FRAMING_BOTH,
    HTTP_REFUSAL_LENGTH_TWICE,
    HTTP_REFUSAL_LENGTH_NUMBER,
    HTTP_REFUSAL_CODING_TWICE,
    HTTP_REFUSAL_CODING_HTTP10,
    HTTP_REFUSAL_CODING_EMPTY,
    HTTP_REFUSAL_CODING_SYNTAX,
    HTTP_REFUSAL_CHUNK_SIZE,
    HTTP_REFUSAL_NO_HOST,
    HTTP_REFUSAL_HOST_TWICE,
    HTTP_REFUSAL_HOST_SYNTAX,
    HTTP_REFUSAL_TYPE_TWICE,
    HTTP_REFUSAL_NO_CONTENT,
    HTTP_REFUSAL_ORIGIN,
    HTTP_REFUSAL_NOT_FOUND,
    HTTP_REFUSAL_NOT_FOUND_SLASH,
    HTTP_REFUSAL_METHOD,
    HTTP_REFUSAL_ACCEPT,
    HTTP_REFUSAL_HEAD_LATE,
    HTTP_REFUSAL_CONTENT_LATE,
    HTTP_REFUSAL_CONTENT_UNWANTED,
    HTTP_REFUSAL_CONTENT_LARGE,
    HTTP_REFUSAL_CHUNK_LARGE,
    HTTP_REFUSAL_FRAMING_LARGE,
    HTTP_REFUSAL_LINE_LONG,
    HTTP_REFUSAL_CONTENT_CODING,
    HTTP_REFUSAL_CONTENT_TYPE,
    HTTP_REFUSAL_EXPECT,
    HTTP_REFUSAL_HOST,
    HTTP_REFUSAL_FIELDS_MANY,
    HTTP_REFUSAL_FIELDS_LARGE,
    HTTP_REFUSAL_METHOD_UNKNOWN,
    HTTP_REFUSAL_CODING_UNKNOWN,
    HTTP_REFUSAL_PLACES,
    HTTP_REFUSAL_MEMORY_OUT,
    HTTP_REFUSAL_ENDING,
    HTTP_REFUSAL_INPUT_FULL,
    HTTP_REFUSAL_OUTPUT_FULL,
    HTTP_REFUSAL_VERSION,
    HTTP_REFUSAL_HTTP2,
    HTTP_REFUSAL_COUNT,
};

extern const struct http_refusal http_refusals[HTTP_REFUSAL_COUNT];

/* "not_found": machine-readable and stable. */
const char *http_refusal_code(const struct http_refusal *refusal);
/* Appends the sentence, with `words` in the places of its %s. */
void http_refusal_detail(const struct http_refusal *refusal, const struct slice words[static HTTP_REFUSAL_WORDS_MAX],
                         struct buf *out);

#endif
