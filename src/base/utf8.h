/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Bytes (1 to 4) of the well-formed character at `text`; 0 if there is none. */
size_t utf8_length(const char *text, size_t len);
bool utf8_is_valid(const char *text, size_t len);
/* Characters (code points) in valid UTF-8. */
size_t utf8_count(const char *text, size_t len);
/* The first `max` bytes of the text, or fewer, so that no character is cut in two; a shorter text whole. */
struct slice utf8_cut(struct slice text, size_t max);
/* Writes `code` (a Unicode scalar value) to `out`; returns the bytes written, 1 to 4. */
size_t utf8_encode(unsigned code, char out[4]);

#endif
