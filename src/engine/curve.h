/*
 * The curve of a backtest's equity as it is stored: in pieces of up to CURVE_PIECE_POINTS points, each of which can be
 * read alone, and in levels. Level 0 has every point. Each higher level has the lowest and the highest of each
 * CURVE_GROUP points of the level below, in the order of their times, and the first and the last point of all; there is
 * one more as long as it has more than CURVE_PIECE_POINTS points. So a picture of a million points is drawn from a few
 * thousand, and no extreme is missing in it. Pure.
 *
 * A piece, whose integers are LEB128 (candles/varint.h; the signed ones zigzag):
 *
 *     1 byte    version, 1
 *     varint    points - 1
 *     signed    time of the first point, in milliseconds
 *     varint    unit of the distances between times: their greatest common divisor; 0 if there is one point only
 *     times     for each distance in units: twice the distance, and 1 more if a varint follows that says how often the
 *               same one comes again
 *     values    of each point the distance of its 64 bits (IEEE 754) from those of the one before, the first from
 *               0: signed; 0 is followed by a varint: how many more points have the same value
 *
 * The same points make the same bytes, and a piece that says the same in other bytes is refused.
 */
#ifndef ENGINE_CURVE_H
#define ENGINE_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

enum {
    CURVE_PIECE_POINTS = 2048,
    CURVE_GROUP = 16,
    CURVE_LEVELS_MAX = 16,
    CURVE_VERSION = 1,
    CURVE_PACKED_MAX = 65536, /* bytes of a piece, at most */
};

struct curve_point {
    int64_t time_ms;
    double equity; /* finite */
};

/* Points in the order of their times, no two at the same one. Owns them. All zero is empty. */
struct curve {
    struct curve_point *points;
    size_t count, capacity;
};

void curve_add(struct curve *curve, struct curve_point point);
void curve_clear(struct curve *curve);

/* ---- Packing ---- */

struct curve_source {
    size_t count; /* points, 1 or more */
    const double *equity;
    int64_t (*time_ms)(const void *arg, size_t point);
    const void *arg;
};

struct curve_piece {
    unsigned level;      /* 0 to CURVE_LEVELS_MAX - 1 */
    uint32_t piece;      /* of its level, from 0 on, without a gap */
    uint32_t points;     /* 1 to CURVE_PIECE_POINTS */
    struct slice packed; /* borrowed: valid during the call */
};

/* Hands each piece of each level to `add`: by level, then by piece. -1 with `err` (ERROR_INVALID), and nothing was
 * handed over, if times do not rise or a value is not finite. */
int curve_pack(const struct curve_source *source, void (*add)(void *arg, const struct curve_piece *piece), void *arg,
               struct error *err) ATTR_CHECKED;

/* ---- Reading ---- */

/* Adds the points of a piece to `curve`, which ends before them. Takes any bytes: -1 with `err` (ERROR_INVALID) if they
 * are not exactly what curve_pack makes, and `curve` is then as it was. */
int curve_unpack(struct slice packed, struct curve *curve, struct error *err) ATTR_CHECKED;
/* Leaves at most `limit` (>= 2) of the points: the first, the last, and of equal parts between them the lowest and the
 * highest, in the order of their times. From 4 on the extremes of all are among them. */
void curve_thin(struct curve *curve, size_t limit);

#endif
