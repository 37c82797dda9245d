/*
 * A slice: bytes that somebody else owns. Not NUL-terminated unless the maker says so. {NULL, 0} means "absent", for
 * callers that tell absent from empty.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *data;
    size_t len;
};

#define SLICE_NONE ((struct slice){NULL, 0})
#define SLICE_LIT(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* For printf: "%.*s", SLICE_FMT(s) */
#define SLICE_FMT(s) (int)(s).len, (s).data

static inline struct slice slice_of(const char *text)
{
    return text == NULL ? SLICE_NONE : (struct slice){text, strlen(text)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

/* Equal, whatever the case of ASCII letters (RFC 9110 section 5.1: field names). */
static inline bool slice_is_nocase(struct slice a, const char *text)
{
    return a.len == strlen(text) && (a.len == 0 || strncasecmp(a.data, text, a.len) == 0);
}

/* Without spaces and tabs at either end (OWS of RFC 9110 section 5.6.3). */
static inline struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) s.data++, s.len--;
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) s.len--;
    return s;
}

/* Cuts the part before the first `separator` off `*rest` and returns it; if there is no separator, it returns the whole
 * rest and leaves `*rest` absent. A loop ends when rest->data is NULL. */
static inline struct slice slice_cut(struct slice *rest, char separator)
{
    struct slice head = *rest;
    const char *at = rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);

    if (at == NULL) {
        *rest = SLICE_NONE;
        return head;
    }
    head.len = (size_t)(at - head.data);
    rest->len -= head.len + 1;
    rest->data = at + 1;
    return head;
}

#endif
