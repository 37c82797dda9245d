#include "engine/curve.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "candles/varint.h"

void curve_add(struct curve *curve, struct curve_point point)
{
    if (curve->count == curve->capacity) {
        curve->capacity = curve->capacity == 0 ? CURVE_PIECE_POINTS : 2 * curve->capacity;
        curve->points = mem_realloc(curve->points, curve->capacity * sizeof(*curve->points));
    }
    curve->points[curve->count++] = point;
}

void curve_clear(struct curve *curve)
{
    free(curve->points);
    *curve = (struct curve){0};
}

/* ---- Packing ---- */

static uint64_t curve_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Between two points in time, however far apart. */
static uint64_t curve_distance(const struct curve_point *from)
{
    return (uint64_t)from[1].time_ms - (uint64_t)from[0].time_ms;
}

static uint64_t curve_unit(const struct curve_point *points, size_t count)
{
    uint64_t unit = 0;

    for (size_t i = 1; i < count && unit != 1; i++) {
        for (uint64_t other = curve_distance(&points[i - 1]); other != 0;) {
            const uint64_t rest = unit % other;

            unit = other;
            other = rest;
        }
    }
    return unit;
}

static void curve_add_times(const struct curve_point *points, size_t count, uint64_t unit, struct buf *out)
{
    for (size_t i = 1; i < count;) {
        const uint64_t distance = curve_distance(&points[i - 1]);
        size_t end = i + 1;

        while (end < count && curve_distance(&points[end - 1]) == distance) end++;
        varint_add(out, distance / unit * 2 + (end > i + 1));
        if (end > i + 1) varint_add(out, end - i - 1);
        i = end;
    }
}

static void curve_add_values(const struct curve_point *points, size_t count, struct buf *out)
{
    uint64_t before = 0;

    for (size_t i = 0; i < count;) {
        const uint64_t bits = curve_bits(points[i].equity);
        size_t end = i + 1;

        varint_add(out, varint_zigzag((int64_t)(bits - before)));
        if (bits == before) {
            while (end < count && curve_bits(points[end].equity) == bits) end++;
            varint_add(out, end - i - 1);
        }
        before = bits;
        i = end;
    }
}

static void curve_add_piece(const struct curve_point *points, size_t count, struct buf *out)
{
    const uint64_t unit = curve_unit(points, count);

    buf_add_char(out, CURVE_VERSION);
    varint_add(out, count - 1);
    varint_add(out, varint_zigzag(points[0].time_ms));
    varint_add(out, unit);
    curve_add_times(points, count, unit, out);
    curve_add_values(points, count, out);
}

static void curve_add_pieces(const struct curve *curve, unsigned level,
                             void (*add)(void *arg, const struct curve_piece *piece), void *arg, struct buf *packed)
{
    for (size_t from = 0; from < curve->count; from += CURVE_PIECE_POINTS) {
        const size_t rest = curve->count - from;
        const size_t count = rest < CURVE_PIECE_POINTS ? rest : CURVE_PIECE_POINTS;

        buf_reset(packed);
        curve_add_piece(curve->points + from, count, packed);
        add(arg, &(struct curve_piece){.level = level,
                                       .piece = (uint32_t)(from / CURVE_PIECE_POINTS),
                                       .points = (uint32_t)count,
                                       .packed = buf_slice(packed)});
    }
}

/* The lowest and the highest of the points [from, end), the earliest of equal ones, behind `count` others of `to`,
 * which may be the same array further up. Returns how many there are then. */
static size_t curve_add_extremes(const struct curve_point *points, size_t from, size_t end, struct curve_point *to,
                                 size_t count)
{
    size_t low = from, high = from;

    for (size_t i = from + 1; i < end; i++) {
        if (points[i].equity < points[low].equity) low = i;
        if (points[i].equity > points[high].equity) high = i;
    }
    const struct curve_point earlier = points[low < high ? low : high], later = points[low < high ? high : low];

    to[count++] = earlier;
    if (low != high) to[count++] = later;
    return count;
}

/* The next level in the place of this one. */
static void curve_climb(struct curve *curve)
{
    struct curve_point *points = curve->points;
    const size_t end = curve->count - 1; /* the last stays, as the first does */
    size_t count = 1;

    for (size_t from = 1; from < end; from += CURVE_GROUP) {
        count = curve_add_extremes(points, from, end - from < CURVE_GROUP ? end : from + CURVE_GROUP, points, count);
    }
    points[count++] = points[end];
    curve->count = count;
}

static int curve_take_source(const struct curve_source *source, struct curve *curve, struct error *err)
{
    int64_t distance;

    curve->points = mem_array(source->count, sizeof(*curve->points));
    curve->capacity = source->count;
    for (size_t i = 0; i < source->count; i++) {
        const struct curve_point point = {source->time_ms(source->arg, i), source->equity[i]};

        if (!isfinite(point.equity)) {
            return error_set(err, ERROR_INVALID, "the equity at point %zu of its curve is not a finite number", i);
        }
        if (i > 0 &&
            (__builtin_sub_overflow(point.time_ms, curve->points[i - 1].time_ms, &distance) || distance <= 0)) {
            return error_set(err, ERROR_INVALID, "point %zu of the equity's curve is not later than the one before", i);
        }
        curve_add(curve, point);
    }
    return 0;
}

int curve_pack(const struct curve_source *source, void (*add)(void *arg, const struct curve_piece *piece), void *arg,
               struct error *err)
{
    struct curve curve = {0};
    struct buf packed = {0};
    const int status = curve_take_source(source, &curve, err);

    for (unsigned level = 0; status == 0 && level < CURVE_LEVELS_MAX; level++) {
        if (level > 0) {
            if (curve.count <= CURVE_PIECE_POINTS) break;
            curve_climb(&curve);
            if (curve.count <= CURVE_PIECE_POINTS) break;
        }
        curve_add_pieces(&curve, level, add, arg, &packed);
    }
    buf_clear(&packed);
    curve_clear(&curve);
    return status;
}

/* ---- Reading: nothing of the input is believed ---- */

struct curve_reader {
    const unsigned char *at, *end;
    struct curve_point points[CURVE_PIECE_POINTS];
    size_t count;
};

static const char *const curve_cut = "a number is cut short, or longer than it need be";

static const char *curve_take_times(struct curve_reader *r, uint64_t unit)
{
    uint64_t before = 0, coded, again;

    for (size_t i = 1; i < r->count;) {
        if (!varint_take(&r->at, r->end, &coded)) return curve_cut;
        const uint64_t units = coded / 2;

        if (units == 0 || units == before) return "two of its distances are one";
        if (units > (uint64_t)INT64_MAX / unit) return "a distance is too large";
        again = 0;
        if ((coded & 1) != 0 && !varint_take(&r->at, r->end, &again)) return curve_cut;
        if (((coded & 1) != 0 && again == 0) || again >= r->count - i) return "a distance comes too often";
        for (const size_t end = i + 1 + (size_t)again; i < end; i++) {
            if (__builtin_add_overflow(r->points[i - 1].time_ms, (int64_t)(units * unit), &r->points[i].time_ms)) {
                return "a distance is too large";
            }
        }
        before = units;
    }
    return curve_unit(r->points, r->count) == unit ? NULL : "its unit is not that of its distances";
}

static const char *curve_take_values(struct curve_reader *r)
{
    uint64_t bits = 0, coded, again;
    bool ran = false;

    for (size_t i = 0; i < r->count;) {
        if (!varint_take(&r->at, r->end, &coded)) return curve_cut;
        if (coded == 0 && ran) return "two of its values are one";
        bits += (uint64_t)varint_unzigzag(coded);
        again = 0;
        if (coded == 0 && !varint_take(&r->at, r->end, &again)) return curve_cut;
        if (again >= r->count - i) return "a value comes too often";
        for (const size_t end = i + 1 + (size_t)again; i < end; i++) memcpy(&r->points[i].equity, &bits, sizeof(bits));
        if (!isfinite(r->points[i - 1].equity)) return "a value is not finite";
        ran = coded == 0;
    }
    return NULL;
}

static const char *curve_take_piece(struct curve_reader *r)
{
    uint64_t count, first, unit;
    const char *fault;

    if (r->at == r->end || *r->at != CURVE_VERSION) return "it is of another version";
    r->at++;
    if (!varint_take(&r->at, r->end, &count) || !varint_take(&r->at, r->end, &first) ||
        !varint_take(&r->at, r->end, &unit)) {
        return curve_cut;
    }
    if (count >= CURVE_PIECE_POINTS) return "it has too many points";
    if ((count == 0) != (unit == 0)) return "its unit is not that of its distances";
    r->count = (size_t)count + 1;
    r->points[0].time_ms = varint_unzigzag(first);
    fault = curve_take_times(r, unit);
    if (fault == NULL) fault = curve_take_values(r);
    if (fault == NULL && r->at != r->end) fault = "there is more after its end";
    return fault;
}

int curve_unpack(struct slice packed, struct curve *curve, struct error *err)
{
    struct curve_reader *r = mem_zalloc(sizeof(*r));
    const char *fault;

    r->at = (const unsigned char *)packed.data;
    r->end = r->at + packed.len;
    fault = curve_take_piece(r);
    if (fault == NULL && curve->count > 0 && r->points[0].time_ms <= curve->points[curve->count - 1].time_ms) {
        fault = "it is not later than the one before";
    }
    for (size_t i = 0; fault == NULL && i < r->count; i++) curve_add(curve, r->points[i]);
    free(r);
    return fault == NULL ? 0 : error_set(err, ERROR_INVALID, "a piece of the equity's curve is damaged: %s", fault);
}

void curve_thin(struct curve *curve, size_t limit)
{
    struct curve_point *points = curve->points;
    const size_t parts = (limit - 2) / 2;
    size_t count = 1;

    if (curve->count <= limit) return;
    const size_t last = curve->count - 1, between = last - 1;

    for (size_t part = 0; part < parts; part++) {
        count = curve_add_extremes(points, 1 + between * part / parts, 1 + between * (part + 1) / parts, points, count);
    }
    points[count++] = points[last];
    curve->count = count;
}
