#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool utf8_is_tail(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xc0U) == 0x80U;
}

size_t utf8_length(const char *text, size_t len)
{
    if (len == 0) return 0;

    unsigned char a = (unsigned char)text[0];

    if (a < 0x80) return 1;
    if (a < 0xc2 || a > 0xf4 || len < 2 || !utf8_is_tail(text, 1)) return 0;
    if (a < 0xe0) return 2;

    unsigned char b = (unsigned char)text[1];

    if (len < 3 || !utf8_is_tail(text, 2)) return 0;
    if (a < 0xf0) {
        if (a == 0xe0 && b < 0xa0) return 0; /* overlong */
        if (a == 0xed && b > 0x9f) return 0; /* a surrogate */
        return 3;
    }
    if (len < 4 || !utf8_is_tail(text, 3)) return 0;
    if (a == 0xf0 && b < 0x90) return 0; /* overlong */
    if (a == 0xf4 && b > 0x8f) return 0; /* above U+10FFFF */
    return 4;
}

/* Bytes at the beginning that are ASCII, in steps of eight: nearly all text is, and is not looked at one by one. */
static size_t utf8_ascii(const char *text, size_t len)
{
    size_t at = 0;

    for (uint64_t eight; len - at >= sizeof(eight); at += sizeof(eight)) {
        memcpy(&eight, text + at, sizeof(eight));
        if ((eight & UINT64_C(0x8080808080808080)) != 0) break;
    }
    return at;
}

bool utf8_is_valid(const char *text, size_t len)
{
    for (size_t at = utf8_ascii(text, len); at < len;) {
        size_t wide = utf8_length(text + at, len - at);

        if (wide == 0) return false;
        at += wide;
    }
    return true;
}

size_t utf8_count(const char *text, size_t len)
{
    size_t count = 0;

    for (size_t at = 0; at < len; at++) count += utf8_is_tail(text, at) ? 0 : 1;
    return count;
}

struct slice utf8_cut(struct slice text, size_t max)
{
    if (text.len <= max) return text;
    while (max > 0 && utf8_is_tail(text.data, max)) max--;
    text.len = max;
    return text;
}

size_t utf8_encode(unsigned code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0U | code >> 6);
        out[1] = (char)(0x80U | (code & 0x3fU));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0U | code >> 12);
        out[1] = (char)(0x80U | (code >> 6 & 0x3fU));
        out[2] = (char)(0x80U | (code & 0x3fU));
        return 3;
    }
    out[0] = (char)(0xf0U | code >> 18);
    out[1] = (char)(0x80U | (code >> 12 & 0x3fU));
    out[2] = (char)(0x80U | (code >> 6 & 0x3fU));
    out[3] = (char)(0x80U | (code & 0x3fU));
    return 4;
}
