#include "base/base64.h"

enum { BASE64_BYTES = 3, BASE64_CHARS = 4 };

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The four digits of 24 bits, the highest first. */
static void base64_put(unsigned bits, char *to)
{
    to[0] = base64_digits[bits >> 18 & 0x3fU];
    to[1] = base64_digits[bits >> 12 & 0x3fU];
    to[2] = base64_digits[bits >> 6 & 0x3fU];
    to[3] = base64_digits[bits & 0x3fU];
}

void base64_add(struct slice bytes, struct buf *out)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t left = bytes.len;
    char *to = buf_reserve(out, left / BASE64_BYTES * BASE64_CHARS + BASE64_CHARS);

    for (; left >= BASE64_BYTES; left -= BASE64_BYTES, at += BASE64_BYTES, to += BASE64_CHARS) {
        base64_put((unsigned)at[0] << 16 | (unsigned)at[1] << 8 | at[2], to);
    }
    if (left > 0) {
        base64_put((unsigned)at[0] << 16 | (left > 1 ? (unsigned)at[1] << 8 : 0), to);
        if (left == 1) to[2] = '=';
        to[3] = '=';
        to += BASE64_CHARS;
    }
    out->len = (size_t)(to - out->data);
}
