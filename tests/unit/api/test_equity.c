/* The curve of a span from its pieces, as the statement of getEquity gives them. */
#include <libpq-fe.h>
#include <math.h>
#include <stdlib.h>

#include "api/results.h"
#include "base/mem.h"
#include "db/internal.h"
#include "test_api.h"

#define MINUTE INT64_C(60000)

enum { PIECES_MAX = 256 };

/* A curve as the database has it. */
struct stored {
    size_t count;
    double *equity;
    size_t piece_count;
    struct stored_piece {
        unsigned level;
        uint32_t piece;
        int64_t first_ms, last_ms;
        char *hex;
    } pieces[PIECES_MAX];
};

static int64_t stored_time(const void *arg, size_t point)
{
    (void)arg;
    return (int64_t)point * MINUTE;
}

static char *hex_of(struct slice bytes)
{
    char *hex = mem_alloc(2 * bytes.len + 1);

    hex[0] = '\0';
    for (size_t i = 0; i < bytes.len; i++) snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes.data[i]);
    return hex;
}

static void stored_add(void *arg, const struct curve_piece *piece)
{
    struct stored *s = arg;
    struct curve curve = {0};
    struct error err;

    CU_ASSERT_FATAL(s->piece_count < PIECES_MAX && curve_unpack(piece->packed, &curve, &err) == 0);
    if (curve.points == NULL) abort();
    s->pieces[s->piece_count++] = (struct stored_piece){piece->level, piece->piece, curve.points[0].time_ms,
                                                        curve.points[curve.count - 1].time_ms, hex_of(piece->packed)};
    curve_clear(&curve);
}

/* A walk of one point a minute. */
static struct stored *stored_new(size_t count, uint64_t seed)
{
    struct stored *s = mem_zalloc(sizeof(*s));
    struct error err;

    s->count = count;
    s->equity = mem_array(count, sizeof(double));
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        s->equity[i] = (i == 0 ? 10000 : s->equity[i - 1]) + (double)(seed >> 40) / (1 << 24) - 0.5;
    }
    CU_ASSERT_FATAL(curve_pack(&(struct curve_source){.count = count, .equity = s->equity, .time_ms = stored_time},
                               stored_add, s, &err) == 0);
    return s;
}

static void stored_free(struct stored *s)
{
    for (size_t i = 0; i < s->piece_count; i++) free(s->pieces[i].hex);
    free(s->equity);
    free(s);
}

/* ---- rows ---- */

enum { COLUMN_START, COLUMN_END, COLUMN_LEVEL, COLUMN_PIECE, COLUMN_PACKED, COLUMNS };

static PGresult *rows_new(void)
{
    static const char *const names[COLUMNS] = {"start_ms", "end_ms", "level", "piece", "packed"};
    PGresAttDesc columns[COLUMNS] = {{0}};
    PGresult *pg = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    for (int i = 0; i < COLUMNS; i++) columns[i].name = (char *)(uintptr_t)names[i];
    CU_ASSERT_FATAL(PQsetResultAttrs(pg, COLUMNS, columns) == 1);
    return pg;
}

static void rows_set(PGresult *pg, int row, int column, const char *value)
{
    CU_ASSERT_FATAL(PQsetvalue(pg, row, column, (char *)(uintptr_t)value, value == NULL ? -1 : (int)strlen(value)) ==
                    1);
}

static void rows_set_number(PGresult *pg, int row, int column, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    rows_set(pg, row, column, text);
}

/* INT64_MIN and INT64_MAX: the span has no such end. */
static void rows_add(PGresult *pg, int64_t start_ms, int64_t end_ms, int64_t level, int64_t piece, const char *hex)
{
    const int row = PQntuples(pg);

    rows_set(pg, row, COLUMN_START, NULL);
    rows_set(pg, row, COLUMN_END, NULL);
    if (start_ms != INT64_MIN) rows_set_number(pg, row, COLUMN_START, start_ms);
    if (end_ms != INT64_MAX) rows_set_number(pg, row, COLUMN_END, end_ms);
    rows_set_number(pg, row, COLUMN_LEVEL, level);
    rows_set_number(pg, row, COLUMN_PIECE, piece);
    rows_set(pg, row, COLUMN_PACKED, hex);
}

/* Of the chosen level all pieces that have points of the span or may have, of each finer one two at either end. */
static PGresult *rows_of(const struct stored *s, unsigned chosen, int64_t start_ms, int64_t end_ms)
{
    PGresult *pg = rows_new();

    for (unsigned level = chosen + 1; level-- > 0;) {
        size_t seen[PIECES_MAX], count = 0;

        for (size_t i = 0; i < s->piece_count; i++) {
            const bool is_last = i + 1 == s->piece_count || s->pieces[i + 1].level != level;

            if (s->pieces[i].level != level || s->pieces[i].first_ms >= end_ms) continue;
            if (is_last || s->pieces[i + 1].first_ms > start_ms) seen[count++] = i;
        }
        for (size_t n = 0; n < count; n++) {
            const struct stored_piece *p = &s->pieces[seen[n]];

            if (level == chosen || (n < 2 && start_ms != INT64_MIN) || (count - n <= 2 && end_ms != INT64_MAX))
                rows_add(pg, start_ms, end_ms, p->level, p->piece, p->hex);
        }
    }
    return pg;
}

static bool read_rows(PGresult *pg, struct equity *equity)
{
    const struct db_result result = {.outcome = DB_OK, .pg = pg, .message = ""};

    *equity = (struct equity){0};
    return results_equity_read(&result, equity);
}

static void equity_clear(struct equity *equity)
{
    for (unsigned i = 0; i < CURVE_LEVELS_MAX; i++) curve_clear(&equity->levels[i]);
}

static bool has_point(const struct curve *curve, struct curve_point point)
{
    for (size_t i = 0; i < curve->count; i++) {
        if (curve->points[i].time_ms == point.time_ms && curve->points[i].equity == point.equity) return true;
    }
    return false;
}

/* ---- what a span has ---- */

/* The first and the last of it, the lowest and the highest of it, all of the chosen level in it, and no others than the
 * curve has. So it stays when it is thinned, but for those between. */
static void check_span(const struct stored *s, unsigned chosen, int64_t start_ms, int64_t end_ms)
{
    PGresult *pg = rows_of(s, chosen, start_ms, end_ms);
    size_t first = SIZE_MAX, last = 0, low = 0, high = 0, of_level = 0;
    struct curve points = {0};
    struct equity equity;

    CU_ASSERT_FATAL(read_rows(pg, &equity));
    results_equity_gather(&equity, &points);
    for (size_t i = 0; i < s->count; i++) {
        if (stored_time(NULL, i) < start_ms || stored_time(NULL, i) >= end_ms) continue;
        if (first == SIZE_MAX) first = low = high = i;
        if (s->equity[i] < s->equity[low]) low = i;
        if (s->equity[i] > s->equity[high]) high = i;
        last = i;
    }
    if (first == SIZE_MAX) {
        UNIT_INT(points.count, 0);
    }
    for (size_t i = 0; i < points.count; i++) {
        CU_ASSERT(i == 0 || points.points[i].time_ms > points.points[i - 1].time_ms);
        CU_ASSERT(points.points[i].time_ms >= start_ms && points.points[i].time_ms < end_ms);
        CU_ASSERT(points.points[i].equity == s->equity[points.points[i].time_ms / MINUTE]);
    }
    for (size_t i = 0; i < equity.levels[chosen].count; i++)
        of_level += has_point(&points, equity.levels[chosen].points[i]);
    UNIT_INT(of_level, equity.levels[chosen].count);
    if (chosen == 0) UNIT_INT(points.count, first == SIZE_MAX ? 0 : last - first + 1);
    for (size_t limit = 100000; first != SIZE_MAX && limit >= 4; limit /= 7) {
        curve_thin(&points, limit);
        CU_ASSERT(points.count <= limit);
        UNIT_INT(points.points[0].time_ms, stored_time(NULL, first));
        UNIT_INT(points.points[points.count - 1].time_ms, stored_time(NULL, last));
        CU_ASSERT(has_point(&points, (struct curve_point){stored_time(NULL, low), s->equity[low]}));
        CU_ASSERT(has_point(&points, (struct curve_point){stored_time(NULL, high), s->equity[high]}));
    }
    curve_clear(&points);
    equity_clear(&equity);
    PQclear(pg);
}

static void test_spans(void)
{
    static const int64_t ends[] = {INT64_MIN,
                                   -1,
                                   0,
                                   1,
                                   MINUTE,
                                   5 * MINUTE + 1,
                                   2047 * MINUTE,
                                   2048 * MINUTE,
                                   16383 * MINUTE,
                                   20000 * MINUTE + 1,
                                   39998 * MINUTE,
                                   39999 * MINUTE,
                                   39999 * MINUTE + 1,
                                   40000 * MINUTE,
                                   INT64_MAX};
    struct stored *s = stored_new(40000, 1);
    unsigned levels = s->pieces[s->piece_count - 1].level + 1;

    UNIT_INT(levels, 2);
    for (unsigned chosen = 0; chosen < levels; chosen++) {
        for (size_t from = 0; from + 1 < countof(ends); from++) {
            for (size_t to = from + 1; to < countof(ends); to++) check_span(s, chosen, ends[from], ends[to]);
        }
    }
    stored_free(s);
}

/* Three levels, each of which the ends of the span cut in the midst of a group. */
static void test_levels_beside_each_other(void)
{
    struct stored *s = stored_new(300000, 2);

    UNIT_INT(s->pieces[s->piece_count - 1].level, 2);
    for (int64_t i = 0; i < 40; i++) {
        const int64_t start = (100 + i * 977) * MINUTE, end = (299900 - i * 1931) * MINUTE;

        check_span(s, 2, start, i % 3 == 0 ? INT64_MAX : end);
        check_span(s, 1, i % 3 == 1 ? INT64_MIN : start, end);
    }
    stored_free(s);
}

static void level_fill(struct curve *level, const struct curve_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) curve_add(level, points[i]);
}

/* By hand: of the finer level what lies before the second of the chosen one's and behind its last but one. A time that
 * both have comes once, with what the coarser one says. */
static void test_the_ends_by_hand(void)
{
    static const struct curve_point fine[] = {{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}, {6, 60}, {7, 70}, {8, 80}};
    static const struct curve_point coarse[] = {{0, 0}, {3, -30}, {5, -50}, {7, -70}, {9, 90}};
    static const struct {
        int64_t start_ms, end_ms;
        const char *told;
    } rows[] = {
        {INT64_MIN, INT64_MAX, "0=0 1=10 2=20 3=-30 5=-50 7=-70 8=80 9=90"},
        {1, INT64_MAX, "1=10 2=20 3=-30 4=40 5=-50 7=-70 8=80 9=90"},
        {1, 9, "1=10 2=20 3=-30 4=40 5=-50 6=60 7=-70 8=80"},
        {4, 5, "4=40"},
        {5, 6, "5=-50"},
        {4, 8, "4=40 5=-50 6=60 7=-70"},
        {10, 20, ""},
        {-5, 0, ""},
        {9, 9, ""},
    };

    for (size_t r = 0; r < countof(rows); r++) {
        struct equity equity = {.start_ms = rows[r].start_ms, .end_ms = rows[r].end_ms, .chosen = 1};
        struct curve points = {0};
        struct buf told = {0};

        level_fill(&equity.levels[0], fine, countof(fine));
        level_fill(&equity.levels[1], coarse, countof(coarse));
        results_equity_gather(&equity, &points);
        for (size_t i = 0; i < points.count; i++) {
            buf_printf(&told, "%s%lld=%g", i == 0 ? "" : " ", (long long)points.points[i].time_ms,
                       points.points[i].equity);
        }
        UNIT_STR(buf_cstr(&told), rows[r].told);
        buf_clear(&told);
        curve_clear(&points);
        equity_clear(&equity);
    }
}

/* ---- what is no curve ---- */

/* The row of a backtest without a curve, which says no level; and one of a single point. */
static void test_none_and_one(void)
{
    struct stored *one = stored_new(1, 3);
    PGresult *pg = rows_new();
    struct curve points = {0};
    struct equity equity;

    CU_ASSERT(read_rows(pg, &equity));
    for (int i = 0; i < COLUMNS; i++) rows_set(pg, 0, i, NULL);
    CU_ASSERT(read_rows(pg, &equity));
    results_equity_gather(&equity, &points);
    UNIT_INT(points.count, 0);
    curve_thin(&points, 2);
    UNIT_INT(points.count, 0);
    PQclear(pg);
    check_span(one, 0, INT64_MIN, INT64_MAX);
    check_span(one, 0, 0, 1);
    check_span(one, 0, 1, INT64_MAX);
    check_span(one, 0, INT64_MIN, 0);
    stored_free(one);
}

/* One point: version 1, no distances; the value 1, and one that is not finite. */
#define ONE_POINT "0100000080808080808080f87f"
#define NOT_FINITE "0100000080808080808080f0ff01"
/* One at 60 s. */
#define ANOTHER    \
    "010080a90700" \
    "80808080808080f87f"

static void test_rows_that_are_none(void)
{
    static const struct {
        int64_t start_ms, levels[3], pieces[3]; /* a level of -2: there is no such row */
        const char *packed[3];
        bool is_sound;
    } rows[] = {
        {INT64_MIN, {0, -2, -2}, {0}, {ONE_POINT}, true},
        {INT64_MIN, {0, 0, -2}, {0, 1}, {ONE_POINT, ANOTHER}, true},
        {INT64_MIN, {1, 0, -2}, {0, 7}, {ONE_POINT, ANOTHER}, true},
        {INT64_MIN, {15, -2, -2}, {0}, {ONE_POINT}, true},
        {INT64_MIN, {16, -2, -2}, {0}, {ONE_POINT}, false},
        {INT64_MIN, {-1, -2, -2}, {0}, {ONE_POINT}, false},
        {INT64_MIN, {0, 1, -2}, {0, 0}, {ONE_POINT, ANOTHER}, false},   /* finer first */
        {INT64_MIN, {0, -2, -2}, {1}, {ONE_POINT}, false},              /* not from the first one on */
        {0, {0, -2, -2}, {1}, {ONE_POINT}, true},                       /* of a span it may be */
        {0, {0, 0, -2}, {1, 3}, {ONE_POINT, ANOTHER}, false},           /* one is missing */
        {INT64_MIN, {0, 0, -2}, {0, 1}, {ANOTHER, ONE_POINT}, false},   /* backwards */
        {INT64_MIN, {0, 0, -2}, {0, 1}, {ONE_POINT, ONE_POINT}, false}, /* the same time twice */
        {INT64_MIN, {0, -2, -2}, {0}, {NOT_FINITE}, false},
        {INT64_MIN, {0, -2, -2}, {0}, {NULL}, false},
        {INT64_MIN, {0, -2, -2}, {0}, {"01000"}, false},
        {INT64_MIN, {0, -2, -2}, {0}, {"xy"}, false},
        {INT64_MIN, {0, -2, -2}, {0}, {""}, false},
    };

    for (size_t r = 0; r < countof(rows); r++) {
        PGresult *pg = rows_new();
        struct equity equity;

        for (int i = 0; i < 3 && rows[r].levels[i] != -2; i++) {
            rows_add(pg, rows[r].start_ms, INT64_MAX, rows[r].levels[i], rows[r].pieces[i], rows[r].packed[i]);
        }
        const bool is_sound = read_rows(pg, &equity);

        CU_ASSERT_EQUAL(is_sound, rows[r].is_sound);
        if (is_sound != rows[r].is_sound) fprintf(stderr, "row %zu\n", r);
        equity_clear(&equity);
        PQclear(pg);
    }
}

/* More pieces than the statement gives: 176, and one that says that there are more. */
static void test_too_many_pieces(void)
{
    struct stored *s = stored_new((size_t)177 * CURVE_PIECE_POINTS, 4);

    for (int count = 176; count <= 177; count++) {
        PGresult *pg = rows_new();
        struct equity equity;

        for (int i = 0; i < count; i++) rows_add(pg, INT64_MIN, INT64_MAX, 0, i, s->pieces[i].hex);
        CU_ASSERT_EQUAL(read_rows(pg, &equity), count == 176);
        equity_clear(&equity);
        PQclear(pg);
    }
    stored_free(s);
}

/* ---- values ---- */

/* What JSON has no number for is null, and an empty field. */
static void test_values(void)
{
    static const struct {
        enum results_kind kind;
        const char *value, *json, *csv;
    } rows[] = {
        {RESULTS_NUMBER, "1.5", "1.5", "1.5"},
        {RESULTS_NUMBER, "-0.000001", "-0.000001", "-0.000001"},
        {RESULTS_NUMBER, "NaN", "null", ""},
        {RESULTS_NUMBER, "Infinity", "null", ""},
        {RESULTS_NUMBER, "-Infinity", "null", ""},
        {RESULTS_NUMBER, "1 ", "null", ""},
        {RESULTS_NUMBER, NULL, "null", ""},
        {RESULTS_TIME, "0", "\"1970-01-01T00:00:00Z\"", "1970-01-01T00:00:00Z"},
        {RESULTS_TIME, "x", "null", ""},
        {RESULTS_TIME, NULL, "null", ""},
        {RESULTS_TEXT, "long", "\"long\"", "long"},
        {RESULTS_TEXT, "a,b", "\"a,b\"", "\"a,b\""},
        {RESULTS_TEXT, "a\"b", "\"a\\\"b\"", "\"a\"\"b\""},
        {RESULTS_TEXT, "a\r\nb", "\"a\\r\\nb\"", "\"a\r\nb\""},
        {RESULTS_TEXT, "", "\"\"", ""},
        {RESULTS_TEXT, NULL, "null", ""},
    };

    for (size_t i = 0; i < countof(rows); i++) {
        struct buf json = {0}, csv = {0};

        results_add_value(&json, rows[i].kind, slice_of(rows[i].value), false);
        results_add_value(&csv, rows[i].kind, slice_of(rows[i].value), true);
        UNIT_STR(buf_cstr(&json), rows[i].json);
        UNIT_STR(buf_cstr(&csv), rows[i].csv);
        buf_clear(&json);
        buf_clear(&csv);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_spans),        UNIT_TEST(test_levels_beside_each_other), UNIT_TEST(test_the_ends_by_hand),
    UNIT_TEST(test_none_and_one), UNIT_TEST(test_rows_that_are_none),       UNIT_TEST(test_too_many_pieces),
    UNIT_TEST(test_values),
};
const struct unit_part equity_tests = UNIT_PART(tests);
