/* Hexadecimal digits: reading either case, writing lower case. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>

#include "base/slice.h"

/* -1 if `c` is not a digit. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Of the lowest four bits. */
static inline char hex_digit(unsigned value)
{
    return "0123456789abcdef"[value & 0xfU];
}

/* The bytes of pairs of digits: text.len / 2 of them. False, with some of them written, if it is other text. */
static inline bool hex_decode(struct slice text, void *bytes)
{
    unsigned char *out = bytes;

    for (size_t i = 0; i + 1 < text.len; i += 2) {
        const int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);

        if (high < 0 || low < 0) return false;
        *out++ = (unsigned char)(high << 4 | low);
    }
    return text.len % 2 == 0;
}

#endif
