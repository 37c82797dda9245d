#include "engine/curve.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "test_engine.h"

enum { PIECES_MAX = 4096, MINUTE_MS = 60000 };

/* A curve, and the pieces that it was packed into. */
struct packing {
    size_t count;
    double *equity;
    int64_t *times;
    struct curve_piece pieces[PIECES_MAX];
    size_t piece_count, levels, bytes;
    uint64_t seed;
};

static uint64_t packing_random(struct packing *p)
{
    uint64_t z = p->seed += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static int64_t packing_time(const void *arg, size_t point)
{
    const struct packing *p = arg;

    return p->times[point];
}

static void packing_add(void *arg, const struct curve_piece *piece)
{
    struct packing *p = arg;

    if (p->piece_count == PIECES_MAX) abort();
    p->pieces[p->piece_count] = *piece;
    p->pieces[p->piece_count++].packed.data = mem_strndup(piece->packed.data, piece->packed.len);
    p->levels = piece->level + 1;
    p->bytes += piece->packed.len;
}

/* A walk that stands still for a while now and then, with a gap between its times once in a while. */
static struct packing *packing_new(size_t count, uint64_t seed)
{
    struct packing *p = mem_zalloc(sizeof(*p));
    double at = 10000;
    int64_t time_ms = -5 * (int64_t)MINUTE_MS;
    bool moves = false;

    p->count = count;
    p->seed = seed;
    p->equity = mem_array(count, sizeof(double));
    p->times = mem_array(count, sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        if (packing_random(p) % 50 == 0) moves = !moves;
        if (moves) at *= 1 + ((double)(packing_random(p) % 2001) - 1000) / 1e6;
        p->equity[i] = at;
        p->times[i] = time_ms;
        time_ms += MINUTE_MS * (packing_random(p) % 500 == 0 ? 1 + (int64_t)(packing_random(p) % 3000) : 1);
    }
    return p;
}

static int packing_pack(struct packing *p, struct error *err)
{
    return curve_pack(&(struct curve_source){.count = p->count, .equity = p->equity, .time_ms = packing_time, .arg = p},
                      packing_add, p, err);
}

static void packing_free(struct packing *p)
{
    for (size_t i = 0; i < p->piece_count; i++) free((void *)(uintptr_t)p->pieces[i].packed.data);
    free(p->equity);
    free(p->times);
    free(p);
}

/* The whole level again; its pieces come one after the other, and say how many points they have. */
static struct curve packing_level(const struct packing *p, unsigned level)
{
    struct curve curve = {0};
    uint32_t next = 0;
    struct error err;

    for (size_t i = 0; i < p->piece_count; i++) {
        const struct curve_piece *piece = &p->pieces[i];
        const size_t before = curve.count;

        if (piece->level != level) continue;
        CU_ASSERT_EQUAL(piece->piece, next++);
        CU_ASSERT_FATAL(curve_unpack(piece->packed, &curve, &err) == 0);
        CU_ASSERT_EQUAL(curve.count - before, piece->points);
        CU_ASSERT(piece->packed.len <= CURVE_PACKED_MAX);
    }
    return curve;
}

static struct curve_point lowest(const struct curve_point *points, size_t count)
{
    struct curve_point best = points[0];

    for (size_t i = 1; i < count; i++) best = points[i].equity < best.equity ? points[i] : best;
    return best;
}

static struct curve_point highest(const struct curve_point *points, size_t count)
{
    struct curve_point best = points[0];

    for (size_t i = 1; i < count; i++) best = points[i].equity > best.equity ? points[i] : best;
    return best;
}

static bool has_value(const struct curve *curve, double equity)
{
    for (size_t i = 0; i < curve->count; i++) {
        if (curve->points[i].equity == equity) return true;
    }
    return false;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static bool same_point(struct curve_point a, struct curve_point b)
{
    return a.time_ms == b.time_ms && bits_of(a.equity) == bits_of(b.equity);
}

static void check_rising(const struct curve *curve)
{
    for (size_t i = 1; i < curve->count; i++) CU_ASSERT(curve->points[i - 1].time_ms < curve->points[i].time_ms);
}

static void check_ends(const struct curve *curve, const struct packing *p)
{
    if (curve->points == NULL) abort();
    CU_ASSERT_EQUAL(curve->points[0].time_ms, p->times[0]);
    CU_ASSERT_EQUAL(curve->points[0].equity, p->equity[0]);
    CU_ASSERT_EQUAL(curve->points[curve->count - 1].time_ms, p->times[p->count - 1]);
    CU_ASSERT_EQUAL(curve->points[curve->count - 1].equity, p->equity[p->count - 1]);
}

static void test_curve_round_trip(void)
{
    static const size_t counts[] = {1, 2, 3, 17, 2047, 2048, 2049, 4096, 20000};
    struct error err;

    for (size_t k = 0; k < countof(counts); k++) {
        struct packing *p = packing_new(counts[k], k);

        CU_ASSERT_FATAL(packing_pack(p, &err) == 0);
        struct curve all = packing_level(p, 0);

        CU_ASSERT_EQUAL_FATAL(all.count, counts[k]);
        for (size_t i = 0; i < all.count; i++) {
            CU_ASSERT(same_point(all.points[i], (struct curve_point){p->times[i], p->equity[i]}));
        }
        curve_clear(&all);
        packing_free(p);
    }
}

/* What a double can be: they come back to the last bit, and so do times that are far apart. */
static void test_curve_any_double(void)
{
    static double equity[] = {0.0,   -0.0, 0.0,        0.0,     -0.0,     DBL_MAX,  -DBL_MAX, 5e-324,
                              1e-10, 0.1,  -123456.75, 10000.0, 10000.25, 10000.25, 10000.25, 1.0};
    static int64_t times[] = {INT64_MIN / 2,
                              -1000,
                              0,
                              7,
                              14,
                              21,
                              28,
                              INT64_MAX / 2 - 35,
                              INT64_MAX / 2,
                              INT64_MAX - 7,
                              INT64_MAX - 6,
                              INT64_MAX - 5,
                              INT64_MAX - 4,
                              INT64_MAX - 3,
                              INT64_MAX - 2,
                              INT64_MAX};
    struct packing p = {.count = countof(equity), .equity = equity, .times = times};
    struct error err;

    CU_ASSERT_FATAL(packing_pack(&p, &err) == 0);
    CU_ASSERT_EQUAL_FATAL(p.piece_count, 1);
    struct curve all = packing_level(&p, 0);

    CU_ASSERT_EQUAL_FATAL(all.count, countof(equity));
    for (size_t i = 0; i < all.count; i++) {
        CU_ASSERT(same_point(all.points[i], (struct curve_point){times[i], equity[i]}));
    }
    curve_clear(&all);
    free((void *)(uintptr_t)p.pieces[0].packed.data);
}

/* Every level by the definition, from the one below it. */
static void test_curve_levels(void)
{
    struct packing *p = packing_new(2000000, 7);
    struct error err;

    CU_ASSERT_FATAL(packing_pack(p, &err) == 0);
    struct curve below = packing_level(p, 0);

    CU_ASSERT_EQUAL(p->levels, 4);
    for (unsigned level = 1; level < p->levels; level++) {
        struct curve here = packing_level(p, level);
        size_t at = 1;

        CU_ASSERT_FATAL(here.count > CURVE_PIECE_POINTS);
        check_rising(&here);
        check_ends(&here, p);
        for (size_t from = 1; from + 1 < below.count; from += CURVE_GROUP) {
            const size_t rest = below.count - 1 - from, count = rest < CURVE_GROUP ? rest : CURVE_GROUP;
            const struct curve_point low = lowest(below.points + from, count);
            const struct curve_point high = highest(below.points + from, count);

            CU_ASSERT(same_point(here.points[at++], low.time_ms < high.time_ms ? low : high));
            if (low.time_ms != high.time_ms) {
                CU_ASSERT(same_point(here.points[at++], low.time_ms < high.time_ms ? high : low));
            }
        }
        CU_ASSERT_EQUAL(at + 1, here.count);
        curve_clear(&below);
        below = here;
    }
    curve_clear(&below);
    packing_free(p);
}

/* There is another level only if it has more points than a piece. */
static void test_curve_no_level_too_many(void)
{
    struct packing *small = packing_new(2048, 1), *flat = packing_new(40000, 1);
    struct error err;

    CU_ASSERT_FATAL(packing_pack(small, &err) == 0);
    CU_ASSERT_EQUAL(small->piece_count, 1);
    CU_ASSERT_EQUAL(small->levels, 1);
    for (size_t i = 0; i < flat->count; i++) flat->equity[i] = 10000, flat->times[i] = (int64_t)i * MINUTE_MS;
    CU_ASSERT_FATAL(packing_pack(flat, &err) == 0);
    CU_ASSERT_EQUAL(flat->levels, 2);
    /* The same value and distance again and again cost nothing. */
    for (size_t i = 0; i < flat->piece_count && flat->pieces[i].level == 0; i++) {
        CU_ASSERT(flat->pieces[i].packed.len < 40);
    }
    packing_free(small);
    packing_free(flat);
}

static void test_curve_refuses_to_pack(void)
{
    struct packing *p = packing_new(5000, 3);
    struct error err;

    p->equity[4321] = NAN;
    CU_ASSERT_FATAL(packing_pack(p, &err) == -1);
    UNIT_STR(err.message, "the equity at point 4321 of its curve is not a finite number");
    p->equity[4321] = INFINITY;
    CU_ASSERT_FATAL(packing_pack(p, &err) == -1);
    p->equity[4321] = 1;
    p->times[4000] = p->times[3999];
    CU_ASSERT_FATAL(packing_pack(p, &err) == -1);
    UNIT_STR(err.message, "point 4000 of the equity's curve is not later than the one before");
    p->times[0] = INT64_MIN;
    CU_ASSERT_FATAL(packing_pack(p, &err) == -1);
    CU_ASSERT_EQUAL(p->piece_count, 0);
    packing_free(p);
}

/* A piece, byte by byte as the header has it, and what is refused with which word. */
static void test_curve_form(void)
{
#define PIECE(bytes) .data = (bytes), .len = sizeof(bytes) - 1
    /* Times 0, 60, 120, 240; values 0, 0, 0, 2^-1074. */
    static const struct slice sound = {PIECE("\x01\x03\x00\x3c\x03\x01\x04\x00\x02\x02")};
    static const struct {
        struct slice packed;
        const char *word;
    } rows[] = {
        {{PIECE("")}, "another version"},
        {{PIECE("\x02\x03\x00\x3c\x03\x01\x04\x00\x02\x02")}, "another version"},
        {{PIECE("\x01\x83\x00\x00\x3c\x03\x01\x04\x00\x02\x02")}, "cut short, or longer"},
        {{PIECE("\x01\x03\x00")}, "cut short, or longer"},
        {{PIECE("\x01\x80\x10\x00\x3c\x03\x01\x04\x00\x02\x02")}, "too many points"},
        {{PIECE("\x01\x03\x00\x00\x03\x01\x04\x00\x02\x02")}, "its unit"},
        {{PIECE("\x01\x00\x00\x01\x02")}, "its unit"},
        {{PIECE("\x01\x03\x00\x1e\x05\x01\x08\x00\x02\x02")}, "its unit"},
        {{PIECE("\x01\x03\x00\x3c\x02\x02\x04\x00\x02\x02")}, "two of its distances"},
        {{PIECE("\x01\x03\x00\x3c\x00\x01\x04\x00\x02\x02")}, "two of its distances"},
        {{PIECE("\x01\x03\x00\x3c\x03\x00\x04\x00\x02\x02")}, "a distance comes too often"},
        {{PIECE("\x01\x03\x00\x3c\x03\x03\x04\x00\x02\x02")}, "a distance comes too often"},
        {{PIECE("\x01\x03\x00\x3c\x03\x01\x04\x00\x04\x02")}, "a value comes too often"},
        {{PIECE("\x01\x03\x00\x3c\x03\x01\x04\x00\x00\x00\x00")}, "two of its values"},
        {{PIECE("\x01\x03\x00\x3c\x03\x01\x04\x00\x02")}, "cut short, or longer"},
        {{PIECE("\x01\x03\x00\x3c\x03\x01\x04\x00\x02\x02\x00")}, "more after its end"},
        {{PIECE("\x01\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\xf0\xff\x01")}, "not finite"},
        {{PIECE("\x01\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x02\x00\x01")}, "a distance is too large"},
        {{PIECE("\x01\x01\x00\x03\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x01")}, "a distance is too large"},
    };
    struct curve curve = {0};
    struct error err;

    CU_ASSERT_FATAL(curve_unpack(sound, &curve, &err) == 0);
    CU_ASSERT_EQUAL(curve.count, 4);
    CU_ASSERT_EQUAL(curve.points[3].time_ms, 240);
    CU_ASSERT_EQUAL(curve.points[2].equity, 0);
    CU_ASSERT_EQUAL(curve.points[3].equity, 0x1p-1074);
    for (size_t i = 0; i < countof(rows); i++) {
        struct curve none = {0};

        CU_ASSERT_FATAL(curve_unpack(rows[i].packed, &none, &err) == -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].word));
        if (strstr(err.message, rows[i].word) == NULL) fprintf(stderr, "row %zu: %s\n", i, err.message);
        CU_ASSERT_EQUAL(none.count, 0);
    }
    /* It is to follow what is there. */
    CU_ASSERT_EQUAL(curve_unpack(sound, &curve, &err), -1);
    CU_ASSERT_EQUAL(curve.count, 4);
    curve_clear(&curve);
#undef PIECE
}

/* Each byte of a piece changed, and each cut: what is not refused is another sound piece. */
static void test_curve_hostile_bytes(void)
{
    struct packing *p = packing_new(300, 11);
    struct error err;

    CU_ASSERT_FATAL(packing_pack(p, &err) == 0);
    const struct slice sound = p->pieces[0].packed;

    for (size_t at = 0; at < sound.len; at++) {
        char *cut = mem_strndup(sound.data, at), *bytes = mem_strndup(sound.data, sound.len);
        struct curve curve = {0};

        CU_ASSERT_EQUAL(curve_unpack((struct slice){cut, at}, &curve, &err), -1);
        for (unsigned change = 1; change < 256; change++) {
            bytes[at] = (char)(sound.data[at] ^ (char)change);
            curve.count = 0;
            if (curve_unpack((struct slice){bytes, sound.len}, &curve, &err) != 0) continue;
            check_rising(&curve);
            for (size_t i = 0; i < curve.count; i++) CU_ASSERT(isfinite(curve.points[i].equity));
        }
        curve_clear(&curve);
        free(cut);
        free(bytes);
    }
    packing_free(p);
}

static void test_curve_thin(void)
{
    static const size_t limits[] = {2, 3, 4, 5, 10, 999, 1000, 2047, 9999, 10000, 10001};
    struct error err;

    for (size_t k = 0; k < countof(limits); k++) {
        struct packing *p = packing_new(10000, 100 + k);

        p->equity[k * 997] = 1, p->equity[9999 - k * 313] = 1e9;
        CU_ASSERT_FATAL(packing_pack(p, &err) == 0);
        struct curve curve = packing_level(p, 0);

        curve_thin(&curve, limits[k]);
        CU_ASSERT(curve.count <= limits[k]);
        check_rising(&curve);
        check_ends(&curve, p);
        if (limits[k] >= 10000) CU_ASSERT_EQUAL(curve.count, 10000);
        if (limits[k] >= 4) {
            CU_ASSERT(has_value(&curve, 1));
            CU_ASSERT(has_value(&curve, 1e9));
        } else {
            CU_ASSERT_EQUAL(curve.count, 2);
        }
        curve_clear(&curve);
        packing_free(p);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_curve_round_trip),      UNIT_TEST(test_curve_any_double),
    UNIT_TEST(test_curve_levels),          UNIT_TEST(test_curve_no_level_too_many),
    UNIT_TEST(test_curve_refuses_to_pack), UNIT_TEST(test_curve_form),
    UNIT_TEST(test_curve_hostile_bytes),   UNIT_TEST(test_curve_thin),
};
const struct unit_part curve_tests = UNIT_PART(tests);
