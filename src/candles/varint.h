/* LEB128 and zigzag, as the chunks have them. */
#ifndef CANDLES_VARINT_H
#define CANDLES_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { VARINT_BYTES_MAX = 10 };

/* 0, -1, 1, -2 … become 0, 1, 2, 3 … */
static inline uint64_t varint_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t varint_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* `out` has room for VARINT_BYTES_MAX. Returns the end of what it wrote. */
static inline char *varint_put(char *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) *out++ = (char)(value | 0x80);
    *out++ = (char)value;
    return out;
}

static inline void varint_add(struct buf *out, uint64_t value)
{
    char *at = buf_reserve(out, VARINT_BYTES_MAX);

    out->len += (size_t)(varint_put(at, value) - at);
}

/* Byte by byte: near the end, and what is long. */
static __attribute__((noinline, unused)) bool varint_take_slowly(const unsigned char **at, const unsigned char *end,
                                                                 uint64_t *ret_value)
{
    const unsigned char *p = *at;
    uint64_t value = 0;

    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        const unsigned char byte = *p++;

        if (shift == 63 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0) return false;
            *at = p;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Takes from the front of [*at, end). False if it is cut short, too long for 64 bits, or longer than needed. Most
 * numbers of a chunk have one to four bytes, and nearly all of a column as many: the processor guesses. */
static inline __attribute__((always_inline)) bool varint_take(const unsigned char **at, const unsigned char *end,
                                                              uint64_t *ret_value)
{
    const unsigned char *p = *at;

    if (end - p < 4) return varint_take_slowly(at, end, ret_value);
    if (p[0] < 0x80) {
        *ret_value = p[0];
        *at = p + 1;
        return true;
    }
    if (p[1] < 0x80) {
        *ret_value = (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
        *at = p + 2;
        return p[1] != 0;
    }
    if (p[2] < 0x80) {
        *ret_value = (uint64_t)(p[0] & 0x7f) | (uint64_t)(p[1] & 0x7f) << 7 | (uint64_t)p[2] << 14;
        *at = p + 3;
        return p[2] != 0;
    }
    if (p[3] < 0x80) {
        *ret_value = (uint64_t)(p[0] & 0x7f) | (uint64_t)(p[1] & 0x7f) << 7 | (uint64_t)(p[2] & 0x7f) << 14 |
                     (uint64_t)p[3] << 21;
        *at = p + 4;
        return p[3] != 0;
    }
    return varint_take_slowly(at, end, ret_value);
}

#endif
