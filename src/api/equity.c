/* The curve of a backtest's equity, or a span of it, from its stored pieces. */

#include <stdlib.h>

#include "api/results.h"
#include "base/hex.h"
#include "base/number.h"
#include "engine/curve.h"
#include "engine/text.h"

/*
 * The statement gives the pieces that may have points of the span: those of the coarsest level that has enough points
 * in it. A point of such a level stands for a group of the level below, and of a group that the span's beginning cuts
 * in two the extreme may lie outside. So at either end two pieces of each finer level come along: from these are the
 * points as far as the second one of the level above, which is behind all groups that are cut.
 *
 * The next coarser level has too few points inside: less than EQUITY_POINTS_MAX, and two pieces more that the ends of
 * the span lie in. This one has at most CURVE_GROUP times as many, and may begin and end within a piece too.
 */
enum {
    EQUITY_EDGES_MAX = 2 * 2 * (CURVE_LEVELS_MAX - 1),
    EQUITY_PIECES_MAX =
        (EQUITY_POINTS_MAX + 2 * CURVE_PIECE_POINTS) * CURVE_GROUP / CURVE_PIECE_POINTS + 6 + EQUITY_EDGES_MAX,
};
_Static_assert(EQUITY_PIECES_MAX == 176 && CURVE_PACKED_MAX == 65536, "the statement has them too");

struct equity {
    int64_t start_ms, end_ms; /* the span */
    unsigned chosen;          /* the level; those below it have points near the ends alone */
    struct curve levels[CURVE_LEVELS_MAX];
};

static bool equity_number(const struct db_result *result, unsigned row, const char *name, int64_t *ret_number)
{
    const struct slice text = results_column(result, row, name);

    return text.data != NULL && number_parse_i64(text, ret_number);
}

static bool equity_unhex(struct slice text, struct buf *out)
{
    if (text.data == NULL || !hex_decode(text, buf_reserve(out, text.len / 2 + 1))) return false;
    out->len += text.len / 2;
    return true;
}

/* False if the rows are not pieces of a curve, one after the other: from the first one on, unless the span has a
 * beginning. */
static bool equity_read(const struct db_result *result, struct equity *equity)
{
    const unsigned rows = db_result_rows(result);
    const bool is_whole = !equity_number(result, 0, "start_ms", &equity->start_ms);
    int64_t level, piece, next = 0;
    struct buf packed = {0};
    struct error err;
    bool is_sound = rows <= EQUITY_PIECES_MAX;

    if (is_whole) equity->start_ms = INT64_MIN;
    if (!equity_number(result, 0, "end_ms", &equity->end_ms)) equity->end_ms = INT64_MAX;
    for (unsigned row = 0; is_sound && row < rows; row++) {
        /* Without a piece there is no curve: the row of the backtest alone. */
        if (!equity_number(result, row, "level", &level) || !equity_number(result, row, "piece", &piece)) break;
        if (row == 0) equity->chosen = (unsigned)level;
        if (row == 0 && !is_whole) next = piece;
        buf_reset(&packed);
        is_sound = level >= 0 && level <= equity->chosen && equity->chosen < CURVE_LEVELS_MAX &&
                   (level != equity->chosen || piece == next++) &&
                   equity_unhex(results_column(result, row, "packed"), &packed) &&
                   curve_unpack(buf_slice(&packed), &equity->levels[level], &err) == 0;
    }
    buf_clear(&packed);
    return is_sound;
}

static int equity_compare(const void *a, const void *b)
{
    const int64_t x = ((const struct curve_point *)a)->time_ms, y = ((const struct curve_point *)b)->time_ms;

    return x < y ? -1 : x > y;
}

/* The points of the span, each once: those of the chosen level, and near the ends those of the finer ones. */
static void equity_gather(const struct equity *equity, struct curve *points)
{
    int64_t left = INT64_MAX, right = INT64_MIN;
    size_t count = 0;

    for (unsigned level = equity->chosen + 1; level-- > 0;) {
        const struct curve *from = &equity->levels[level];
        const size_t before = points->count;

        for (size_t i = 0; i < from->count; i++) {
            const int64_t at = from->points[i].time_ms;

            if (at >= equity->start_ms && at < equity->end_ms && (at <= left || at >= right)) {
                curve_add(points, from->points[i]);
            }
        }
        if (points->count - before < 2) continue;
        left = points->points[before + 1].time_ms;
        right = points->points[points->count - 2].time_ms;
    }
    if (points->count == 0) return;
    qsort(points->points, points->count, sizeof(*points->points), equity_compare);
    for (size_t i = 0; i < points->count; i++) {
        if (count == 0 || points->points[i].time_ms != points->points[count - 1].time_ms) {
            points->points[count++] = points->points[i];
        }
    }
    points->count = count;
}

static void equity_write(const struct curve *curve, struct slice points, bool is_thinned, bool is_csv, struct buf *out)
{
    if (is_csv) {
        buf_add_str(out, "time,equity\n");
    } else {
        buf_add_str(out, "{\"points\":");
        results_add_value(out, RESULTS_NUMBER, points, is_csv);
        buf_printf(out, ",\"thinned\":%s,\"items\":[", is_thinned ? "true" : "false");
    }
    for (size_t i = 0; i < curve->count; i++) {
        if (!is_csv) buf_add_str(out, i == 0 ? "{\"time\":\"" : ",{\"time\":\"");
        engine_time_text(curve->points[i].time_ms, out);
        buf_add_str(out, is_csv ? "," : "\",\"equity\":");
        engine_number_json(curve->points[i].equity, out);
        buf_add_char(out, is_csv ? '\n' : '}');
    }
    if (!is_csv) buf_add_str(out, "]}");
}

bool results_equity_render(struct api_call *call, const struct db_result *result, struct buf *out)
{
    struct equity equity = {0};
    struct curve points = {0};
    uint64_t limit = EQUITY_POINTS_MAX;
    bool is_sound;

    if (!results_are_there(call, result)) return false;
    is_sound = equity_read(result, &equity) && number_parse_u64(api_call_value(call, EQUITY_POINTS), &limit);
    if (is_sound) {
        equity_gather(&equity, &points);
        const bool is_thinned = equity.chosen > 0 || points.count > limit;

        curve_thin(&points, (size_t)limit);
        equity_write(&points, results_column(result, 0, "points"), is_thinned, api_call_is_other_type(call), out);
    } else {
        api_call_fail(call, result);
    }
    curve_clear(&points);
    for (unsigned level = 0; level < CURVE_LEVELS_MAX; level++) curve_clear(&equity.levels[level]);
    return is_sound;
}
