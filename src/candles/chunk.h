/*
 * Candles as they are stored: chunks of up to CHUNK_BARS slots, whose address is arithmetic. A chunk holds the bars of
 * slots address · 2048 to address · 2048 + 2047 (candles/timeframe.h), as far as they exist.
 *
 * The same bars make the same bytes, wherever and whenever they are packed: every choice of the form follows from the
 * bars alone, and a chunk that made another choice is refused. Integers are little endian or LEB128 (seven bits a byte,
 * the lowest first, no more bytes than are needed; signed ones zigzag):
 *
 *     1 byte    version, 1
 *     1 byte    CHUNK_* flags
 *     varint    timeframe in milliseconds
 *     signed    address
 *     varint    bars - 1
 *     varint    slot of the first bar in the chunk
 *     256 bytes with CHUNK_MAP: a bit for each slot, the lowest first; without it the bars lie side by side
 *     1 byte    decimals of prices, without CHUNK_PRICE_FLOATS
 *     1 byte    decimals of volumes, without CHUNK_VOLUME_FLOATS
 *     columns   open, close, high, low, volume, each of all bars
 *
 * Prices are whole numbers of ticks, with the fewest decimals with which all of the chunk's are: opens as signed
 * distances from the close before (the first one from zero), closes from the open, highs and lows as distances from the
 * nearer of open and close. Volumes are whole numbers of lots, signed distances from the one before. If a single price
 * is not such a decimal, prices are columns of IEEE 754 doubles in the same order, and so are volumes.
 */
#ifndef CANDLES_CHUNK_H
#define CANDLES_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "candles/series.h"

enum {
    CHUNK_BARS = 2048,
    CHUNK_VERSION = 1,
    CHUNK_MAP = 1 << 0,
    CHUNK_PRICE_FLOATS = 1 << 1,
    CHUNK_VOLUME_FLOATS = 1 << 2,
    CHUNK_FLAGS = 7,
};

/* What is known of a chunk without unpacking it. */
struct chunk_summary {
    int64_t timeframe_ms;
    int64_t address;
    uint32_t bars; /* 1 to CHUNK_BARS */
    int64_t first_ms, last_ms;
    double low_min, high_max;
    double volume;                             /* the sum, added up from the first bar on */
    unsigned char sha256[DIGEST_SHA256_BYTES]; /* of the packed bytes */
};

/* The address of the chunk that has a bar of this time. */
int64_t chunk_address(int64_t time_ms, int64_t timeframe_ms);
/* Adds the packed bytes of the bars, which are all those of one address, to `out`. They are unpacked again and compared
 * to the last bit before this returns 0; -1 with `err` if the bars do not keep the promise of `struct candles`, or do
 * not belong to one chunk, and `out` is then as it was. */
int chunk_encode(const struct candles *bars, struct buf *out, struct chunk_summary *ret_summary,
                 struct error *err) ATTR_CHECKED;
/* Bars from `first` on that belong to the same chunk. first < candles->count. */
size_t chunk_span(const struct candles *candles, size_t first);
/* Adds the chunk's bars to `series`, which is of the same timeframe and ends before them. `expected`: NULL, or what the
 * summary said when it was stored; another hash, timeframe or address is refused. Takes any bytes: -1 with `err` if
 * they are not exactly what chunk_encode makes of sound bars, and `series` is then as it was. */
int chunk_decode(struct slice packed, const struct chunk_summary *expected, struct candles_series *series,
                 struct chunk_summary *ret_summary, struct error *err) ATTR_CHECKED;

#endif
