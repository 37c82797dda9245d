/* The curve of a backtest's equity, or a span of it, from its stored pieces. */

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

bool results_equity_read(const struct db_result *result, struct equity *equity)
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

static void equity_keep(const struct equity *equity, struct curve *level, int64_t left, int64_t right)
{
    size_t count = 0;

    for (size_t i = 0; i < level->count; i++) {
        const int64_t at = level->points[i].time_ms;

        if (at >= equity->start_ms && at < equity->end_ms && (at <= left || at >= right)) {
            level->points[count++] = level->points[i];
        }
    }
    level->count = count;
}

/* What each level has to tell: the chosen one all of the span, a finer one what is near the ends. */
static void equity_cut(struct equity *equity)
{
    int64_t left = INT64_MAX, right = INT64_MIN;

    for (unsigned i = equity->chosen + 1; i-- > 0;) {
        struct curve *level = &equity->levels[i];

        equity_keep(equity, level, left, right);
        if (level->count < 2) continue;
        left = level->points[1].time_ms;
        right = level->points[level->count - 2].time_ms;
    }
}

/* The earliest of those that are left; what the coarser level says, if two have the same time. NULL: none is left. */
static const struct curve_point *equity_first(const struct equity *equity, const size_t at[static CURVE_LEVELS_MAX])
{
    const struct curve_point *first = NULL;

    for (unsigned i = equity->chosen + 1; i-- > 0;) {
        const struct curve *level = &equity->levels[i];

        if (at[i] == level->count) continue;
        if (first == NULL || level->points[at[i]].time_ms < first->time_ms) first = &level->points[at[i]];
    }
    return first;
}

/* A merge, as each level is in order: to sort 225,000 points takes 13 ms, in which all others would wait; this 5. */
void results_equity_gather(struct equity *equity, struct curve *points)
{
    size_t at[CURVE_LEVELS_MAX] = {0};
    const struct curve_point *first;

    equity_cut(equity);
    while ((first = equity_first(equity, at)) != NULL) {
        curve_add(points, *first);
        for (unsigned i = 0; i <= equity->chosen; i++) {
            const struct curve *level = &equity->levels[i];

            at[i] += at[i] < level->count && level->points[at[i]].time_ms == first->time_ms;
        }
    }
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
    is_sound = results_equity_read(result, &equity) && number_parse_u64(api_call_value(call, EQUITY_POINTS), &limit);
    if (is_sound) {
        results_equity_gather(&equity, &points);
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
