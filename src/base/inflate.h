/*
 * Unpacking deflate (RFC 1951) piece by piece, by zlib, alone or with gzip's head and tail (RFC 1952): for input that
 * is never whole in memory. gzip.h is for a small member that is.
 */
#ifndef BASE_INFLATE_H
#define BASE_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

struct inflater;

enum inflate_kind { INFLATE_RAW, INFLATE_GZIP };
enum inflate_state {
    INFLATE_MORE,   /* go on: with more input, or more room */
    INFLATE_END,    /* the stream's last byte was read; what is left of the input comes after the stream */
    INFLATE_BROKEN, /* not a stream of this kind, or damaged */
};

struct inflater *inflater_new(enum inflate_kind kind);
void inflater_free(struct inflater *inflater); /* takes NULL */
/* For the next stream of the same kind. */
void inflater_reset(struct inflater *inflater);
/* Takes from the front of `*in`, and writes at most `room` bytes to `out`, *ret_len of them. Both may be as small as
 * one byte. If a call has room, and neither takes nor writes anything, it needs more input. */
enum inflate_state inflater_step(struct inflater *inflater, struct slice *in, char *out, size_t room,
                                 size_t *ret_len) ATTR_CHECKED;

/* CRC-32 as gzip and zip have it. Begin with `crc` 0; for the next bytes, pass what was returned. */
uint32_t inflate_crc32(uint32_t crc, struct slice bytes);

#endif
