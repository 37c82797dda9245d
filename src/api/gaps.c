/* The gaps of a stored series. Of a chunk without one its summary is enough: only the others are unpacked. */

#include <stdlib.h>

#include "api/market.h"
#include "api/operation.h"
#include "api/refusal.h"
#include "base/number.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"
#include "json/write.h"

/* So many chunks with a gap in them, or before them, are read for one answer at most, and one that is only there to say
 * that there are more. */
#define GAPS_CHUNKS "32"
enum { GAPS_CHUNKS_MAX = 32 };

const struct db_statement market_gaps_statements[] = {
    {
        .name = "listGaps:read",
        .sql = "WITH of AS (\n"
               "    SELECT s.id, s.timeframe_ms, s.price_digits, s.lot_digits,\n"
               "        ceil(extract(epoch FROM $3::timestamptz) * 1000)::bigint AS start_ms\n"
               "    FROM series AS s\n"
               "    WHERE s.symbol = $1 AND s.timeframe = $2),\n"
               "chunks AS (\n"
               "    SELECT c.address, c.first_ms, c.last_ms,\n"
               "        lag(c.last_ms) OVER (ORDER BY c.address) AS before_ms,\n"
               "        (c.last_ms - c.first_ms) / s.timeframe_ms + 1 > c.bars AS is_broken\n"
               "    FROM of AS s\n"
               "    JOIN candle_chunks AS c ON c.series_id = s.id)\n"
               "SELECT s.timeframe_ms, s.price_digits, s.lot_digits, s.start_ms, k.address, k.first_ms, k.last_ms,\n"
               "    k.before_ms, encode(k.sha256, 'hex') AS sha256, encode(k.packed, 'hex') AS packed\n"
               "FROM of AS s\n"
               "LEFT JOIN LATERAL (\n"
               "    SELECT n.address, n.first_ms, n.last_ms, n.before_ms, c.sha256,\n"
               "        CASE WHEN n.is_broken THEN c.packed END AS packed\n"
               "    FROM chunks AS n\n"
               "    JOIN candle_chunks AS c ON c.series_id = s.id AND c.address = n.address\n"
               "    WHERE (n.is_broken OR n.first_ms - n.before_ms > s.timeframe_ms)\n"
               "        AND (s.start_ms IS NULL OR n.last_ms >= s.start_ms)\n"
               "    ORDER BY n.address\n"
               "    LIMIT " GAPS_CHUNKS " + 1) AS k ON true\n"
               "ORDER BY k.address",
        .access = DB_READ,
        .param_count = 3,
        .params = {DB_TYPE_TEXT, DB_TYPE_TEXT, DB_TYPE_TIMESTAMPTZ},
    },
};

void market_gaps_add(struct market_gaps *gaps, const struct candles *bars)
{
    struct candles_gap gap;

    for (size_t i = 1; i < bars->count && gaps->count <= gaps->limit; i++) {
        if (candles_gap_before(bars, i, gaps->rests, &gap) && gap.first_ms >= gaps->start_ms) {
            gaps->items[gaps->count++] = gap;
        }
    }
}

/* What follows the bars that were looked at begins behind them, or with the one gap too many. */
void market_gaps_end(struct market_gaps *gaps, int64_t last_ms)
{
    gaps->next_ms = last_ms == INT64_MAX ? INT64_MAX : last_ms + gaps->timeframe_ms;
    if (gaps->count <= gaps->limit) return;
    gaps->count = gaps->limit;
    gaps->next_ms = gaps->items[gaps->limit].first_ms;
}

/* Those before the chunk and in it. False: answered. */
static bool gaps_add_chunk(struct market_gaps *gaps, struct api_call *call, const struct db_result *result,
                           unsigned row, struct candles_series *series)
{
    const int column = db_result_column(result, "packed");
    const struct slice packed = column < 0 ? SLICE_NONE : db_result_value(result, row, column);
    int64_t around[2];
    struct market_chunk chunk;
    struct chunk_summary is;
    struct error err;

    if (!market_number(result, row, "first_ms", &around[1])) {
        api_call_fail(call, result);
        return false;
    }
    if (market_number(result, row, "before_ms", &around[0])) {
        market_gaps_add(gaps, &(struct candles){.count = 2, .time_ms = around, .timeframe_ms = gaps->timeframe_ms});
    }
    if (packed.data == NULL) return true;

    char *bytes = arena_alloc(api_call_arena(call), packed.len / 2 + 1);

    if (!market_chunk_read(result, row, gaps->timeframe_ms, bytes, &chunk)) {
        api_call_fail(call, result);
        return false;
    }
    candles_series_reset(series);
    if (chunk_decode(chunk.packed, &chunk.says, series, &is, &err) != 0) {
        market_chunk_tell_damage(call, &chunk.says, &err);
        api_call_refuse(call, &api_refusals[API_REFUSAL_INTERNAL], NULL, 0);
        return false;
    }
    market_gaps_add(gaps, candles_series_view(series));
    return true;
}

/* False: answered. */
static bool gaps_read(struct market_gaps *gaps, struct api_call *call, const struct db_result *result,
                      struct candles_series *series)
{
    unsigned rows = db_result_rows(result);
    int64_t address, last_ms = 0;
    const bool has_more = rows > GAPS_CHUNKS_MAX;

    if (!market_number(result, 0, "address", &address)) rows = 0;
    if (has_more) rows = GAPS_CHUNKS_MAX;
    for (unsigned row = 0; row < rows && gaps->count <= gaps->limit; row++) {
        if (!gaps_add_chunk(gaps, call, result, row, series)) return false;
        if (!market_number(result, row, "last_ms", &last_ms)) last_ms = 0;
    }
    market_gaps_end(gaps, has_more ? last_ms : INT64_MAX);
    return true;
}

static void gaps_key_time(struct json_writer *w, const char *key, int64_t time_ms)
{
    char stamp[CANDLES_STAMP_BYTES];

    candles_stamp_format(time_ms, stamp);
    json_key_text(w, key, stamp);
}

static void gaps_answer(struct api_call *call, const struct market_gaps *gaps)
{
    struct buf out = {0};
    struct json_writer w = {.out = &out};
    char next[CANDLES_STAMP_BYTES];

    json_open(&w, '{');
    json_key_open(&w, "items", '[');
    for (size_t i = 0; i < gaps->count; i++) {
        json_open(&w, '{');
        gaps_key_time(&w, "first", gaps->items[i].first_ms);
        gaps_key_time(&w, "last", gaps->items[i].last_ms);
        json_key_uint(&w, "bars", (uint64_t)gaps->items[i].bars);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    if (gaps->next_ms == INT64_MAX) {
        json_key_raw(&w, "next", "null");
    } else {
        candles_stamp_format(gaps->next_ms, next);
        json_key_text(&w, "next", next);
        api_call_add_next(call, "start", slice_of(next));
    }
    json_close(&w, '}');
    api_call_answer(call, 200, buf_slice(&out));
    buf_clear(&out);
}

static void gaps_got(struct api_call *call, const struct db_result *result)
{
    int64_t price_digits, lot_digits;
    struct market_gaps gaps = {.start_ms = INT64_MIN};
    uint64_t limit;

    if (db_result_rows(result) == 0) {
        api_call_refuse(call, &api_refusals[API_REFUSAL_NO_ROW], NULL, 0);
        return;
    }
    if (!number_parse_u64(api_call_value(call, MARKET_GAPS_LIMIT), &limit)) abort(); /* it was checked */
    if (!market_number(result, 0, "timeframe_ms", &gaps.timeframe_ms) || gaps.timeframe_ms <= 0 ||
        !market_number(result, 0, "price_digits", &price_digits) ||
        !market_number(result, 0, "lot_digits", &lot_digits) || price_digits < 0 || price_digits > CANDLES_DIGITS_MAX ||
        lot_digits < 0 || lot_digits > CANDLES_DIGITS_MAX) {
        api_call_fail(call, result);
        return;
    }
    if (!market_number(result, 0, "start_ms", &gaps.start_ms)) gaps.start_ms = INT64_MIN;
    gaps.limit = (size_t)limit;
    gaps.rests = slice_is(api_call_value(call, MARKET_GAPS_WEEKENDS), "false") && gaps.timeframe_ms <= CANDLES_DAY_MS;
    gaps.items = arena_alloc(api_call_arena(call), (gaps.limit + 1) * sizeof(*gaps.items));

    struct candles_series *series = candles_series_new(gaps.timeframe_ms);

    candles_series_digits(series, (int)price_digits, (int)lot_digits);
    if (gaps_read(&gaps, call, result, series)) gaps_answer(call, &gaps);
    candles_series_free(series);
}

void market_gaps_begin(struct api_call *call)
{
    struct slice *values = arena_alloc(api_call_arena(call), DB_PARAMS_MAX * sizeof(*values));

    for (unsigned i = 0; i <= MARKET_GAPS_START; i++) values[i] = api_call_value(call, i);
    api_call_submit(call, 0, values, gaps_got, NULL);
}
