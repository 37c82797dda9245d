/*
 * What is in a file, piece by piece: the bytes themselves, or the members of a gzip (RFC 1952) or zip (PKWARE's
 * APPNOTE 6.3) file, found by the first bytes. Nothing is held but one member's state, and what comes out is bounded.
 *
 * A zip is read by its local headers, as it comes; the central directory at its end must name as many members. Members
 * may be stored or deflated; one that is encrypted or packed otherwise is an error. Folders, and what macOS adds, are
 * passed over.
 */
#ifndef CANDLES_UNPACK_H
#define CANDLES_UNPACK_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* What takes the content. Each returns 0, or -1 after filling `err`, which ends the unpacking. */
struct unpack_sink {
    /* A member begins; its name is absent if it has none. A plain file begins before its first byte. */
    int (*begin)(void *context, struct slice name, struct error *err);
    int (*content)(void *context, struct slice bytes, struct error *err);
    int (*end)(void *context, struct error *err);
};

struct unpack;

/* At most `bytes_max` bytes come out of one file. `sink` and `context` stay the caller's. */
struct unpack *unpack_new(const struct unpack_sink *sink, void *context, uint64_t bytes_max);
void unpack_free(struct unpack *unpack); /* takes NULL */
/* 0, or -1 with what is wrong. After an error only unpack_free may be called. */
int unpack_feed(struct unpack *unpack, struct slice bytes, struct error *err) ATTR_CHECKED;
/* The file is over: an error if it is cut short. The next one may follow. */
int unpack_end(struct unpack *unpack, struct error *err) ATTR_CHECKED;

#endif
