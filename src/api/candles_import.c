/*
 * POST of candles: a file is read, compared with the chunks that it touches, and stored by candles_put, which says if
 * somebody else was faster; then it is compared again. Reading and comparing go on in turns of the loop, each of a few
 * milliseconds, so that the worker's other requests are served in between.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/market.h"
#include "api/operation.h"
#include "api/refusal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "candles/import.h"
#include "candles/revise.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"
#include "json/write.h"

enum {
    IMPORT_TURN_NS = 2000000,
    /* What is packed may be a thousand times as long as its bytes, so it is read in small pieces. */
    IMPORT_PIECE_BYTES = 1024,
    IMPORT_UNPACKED_BYTES = 8 << 20,
    IMPORT_ROWS_MAX = 100000,
    IMPORT_CHUNKS_MAX = 64, /* that the rows may touch */
    IMPORT_TRIES = 3,
};

enum { IMPORT_READ, IMPORT_PUT };

const struct db_statement market_import_statements[MARKET_IMPORT_STATEMENTS] = {
    [IMPORT_READ] =
        {
            .name = "importCandles:read",
            .sql = "SELECT s.id, s.revision, s.adjusted::int AS adjusted, s.price_digits, s.lot_digits, k.address,\n"
                   "    k.bars, k.first_ms, k.last_ms, encode(k.sha256, 'hex') AS sha256,\n"
                   "    encode(k.packed, 'hex') AS packed\n"
                   "FROM series AS s\n"
                   "LEFT JOIN candle_chunks AS k ON k.series_id = s.id AND k.address = ANY ($3)\n"
                   "WHERE s.symbol = $1 AND s.timeframe = $2\n"
                   "ORDER BY k.address",
            .access = DB_READ,
            .param_count = 3,
            .params = {DB_TYPE_TEXT, DB_TYPE_TEXT, DB_TYPE_INT8_ARRAY},
        },
    [IMPORT_PUT] =
        {
            .name = "importCandles:put",
            .sql = "SELECT candles_put($1, $2, $3, $4::json) AS revision",
            .access = DB_WRITE_ALONE,
            .param_count = 4,
            .params = {DB_TYPE_TEXT, DB_TYPE_TEXT, DB_TYPE_INT8, DB_TYPE_TEXT},
        },
};

static const struct http_refusal import_conflict = {
    .status = 409,
    .code = "candles_conflict",
    .detail = "%s of the rows have other values than the candles that are there, or than another row; nothing was "
              "stored. errors names the first of them. To store their values, send the file with replace=true.",
    .sample = {"2"},
};

static const struct http_refusal import_other_prices = {
    .status = 409,
    .code = "candles_adjusted",
    .detail = "The prices of this file are %s, and those of the stored series are not, or the other way round; nothing "
              "was stored. Use another symbol, or delete the series first.",
    .sample = {"adjusted"},
};

static const struct http_refusal import_damaged = {
    .status = 409,
    .code = "candles_damaged",
    .detail = "The %s stored candles from %s to %s are damaged; nothing was stored. To replace them, send all of that "
              "span with replace=true; or delete the series, and import it again.",
    .sample = {"2", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"},
};

static const struct http_refusal import_invalid = {
    .status = 422,
    .code = "candles_invalid",
    .detail = "The body is not a file of candles that can be stored here; errors says why.",
};

const struct http_refusal *const market_import_refusals[] = {&import_conflict, &import_other_prices, &import_damaged,
                                                             &import_invalid, NULL};

const char *const market_formats[] = {
    "binance-futures", "binance", "kraken",   "cryptodatadownload", "polygon", "alpaca",      "stooq",
    "metatrader",      "yahoo",   "yfinance", "backtrader",         "pandas",  "tradingview", "histdata",
    "histdata-mt",     "generic", "plain",    "plain-date-time",    NULL};

/* Everything of one import; kept with its call. */
struct market_import {
    struct candles_import *import;
    struct candles_zone *zone;
    size_t fed; /* bytes of the body */
    /* The file's bars, and what is said of them before they are compared. */
    struct candles_series *coming;
    struct candles_report said, report;
    struct buf addresses;
    /* What is stored, and the comparison. */
    unsigned tries;
    int64_t revision; /* 0: there is no such series */
    char known[24];
    struct buf packed;
    struct market_chunk *chunks;
    struct revise_chunk *stored_chunks;
    struct revise_stored stored;
    struct revise_options options;
    struct candles_comparison comparison;
    struct revise *revise;
    struct revision change;
    struct slice values[DB_PARAMS_MAX];
};

static void import_forget_stored(struct market_import *m)
{
    revise_free(m->revise);
    revision_clear(&m->change);
    buf_clear(&m->packed);
    free(m->chunks);
    free(m->stored_chunks);
    m->revise = NULL;
    m->chunks = NULL;
    m->stored_chunks = NULL;
    m->change = (struct revision){0};
}

static void import_free(void *state)
{
    struct market_import *m = state;

    import_forget_stored(m);
    candles_import_free(m->import);
    candles_zone_free(m->zone);
    candles_series_free(m->coming);
    buf_clear(&m->addresses);
    free(m);
}

/* ---- Refusals ---- */

static void import_refuse(struct api_call *call, const char *pointer, const char *why)
{
    const struct http_problem_item item = {slice_of(pointer), slice_of(why), 0};
    const bool is_body = pointer[0] == '\0';

    api_call_refuse(call, is_body ? &import_invalid : &api_refusals[API_REFUSAL_INVALID], &item, 1);
}

/* The rows that are noted: "line:17". */
static void import_items(struct api_call *call, const struct candles_notes *notes,
                         struct http_problem_item items[CANDLES_NOTES_MAX])
{
    for (size_t i = 0; i < notes->count; i++) {
        items[i].pointer = slice_of(arena_printf(api_call_arena(call), "line:%" PRIu64, notes->items[i].line));
        items[i].detail = arena_copy(api_call_arena(call), slice_of(notes->items[i].reason));
        items[i].column = 0;
    }
}

static void import_refuse_rows(struct api_call *call, const struct http_refusal *refusal, const char *word,
                               const struct candles_notes *notes)
{
    struct http_problem_item items[CANDLES_NOTES_MAX] = {0};
    struct http_refusal said = *refusal;

    if (word != NULL) said.detail = arena_printf(api_call_arena(call), refusal->detail, word);
    import_items(call, notes, items);
    api_call_refuse(call, &said, items, notes->count);
}

/* ---- The report ---- */

/* Of a file, whose bytes may be anything. */
static void import_key_text(struct json_writer *w, const char *name, const char *text)
{
    json_key_text(w, name, utf8_is_valid(text, strlen(text)) ? text : "(not UTF-8)");
}

static void import_key_time(struct json_writer *w, const char *name, int64_t time_ms)
{
    char stamp[CANDLES_STAMP_BYTES];

    candles_stamp_format(time_ms, stamp);
    json_key_text(w, name, stamp);
}

static void import_write_rejections(struct json_writer *w, const struct candles_notes *notes)
{
    json_key_open(w, "rejections", '[');
    for (size_t i = 0; i < notes->count; i++) {
        json_open(w, '{');
        json_key_uint(w, "line", notes->items[i].line);
        import_key_text(w, "file", notes->items[i].source);
        import_key_text(w, "reason", notes->items[i].reason);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void import_write_gaps(struct json_writer *w, const struct candles_report *report)
{
    json_key_uint(w, "missing", (uint64_t)report->gap_bars);
    json_key_open(w, "gaps", '[');
    for (size_t i = 0; i < report->gaps_listed; i++) {
        json_open(w, '{');
        import_key_time(w, "first", report->gaps[i].first_ms);
        import_key_time(w, "last", report->gaps[i].last_ms);
        json_key_uint(w, "bars", (uint64_t)report->gaps[i].bars);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void import_write_remarks(struct json_writer *w, const struct candles_report *report)
{
    struct buf text = {0};

    json_key_open(w, "remarks", '[');
    if (report->lot_was_assumed) json_text(w, "The volumes are whole numbers, so a lot of 0.00000001 is assumed.");
    if (report->has_adjusted_column) {
        json_text(w,
                  "There is a column of adjusted closes. Prices are stored as they were paid, without adjusted=true.");
    }
    if (report->local_assumed > 0) {
        buf_printf(&text, "%" PRIu64 " times do not name a zone; they were read as UTC%+03d:%02d.",
                   report->local_assumed, report->local_offset_s / 3600, abs(report->local_offset_s) / 60 % 60);
        json_text(w, buf_cstr(&text));
    }
    if (report->rests_at_weekends) json_text(w, "The market rests at weekends: their bars are not missing.");
    if (report->members_skipped > 0) {
        buf_reset(&text);
        buf_printf(&text, "%" PRIu64 " of the members hold no candles, and were passed over.", report->members_skipped);
        json_text(w, buf_cstr(&text));
    }
    json_close(w, ']');
    buf_clear(&text);
}

static void import_answer(struct api_call *call, struct market_import *m, int64_t revision)
{
    const struct candles_report *report = &m->report;
    struct buf out = {0};
    struct json_writer w = {.out = &out};

    json_open(&w, '{');
    json_key(&w, "symbol");
    json_slice(&w, api_call_value(call, MARKET_SYMBOL));
    json_key(&w, "timeframe");
    json_slice(&w, api_call_value(call, MARKET_TIMEFRAME));
    json_key_text(&w, "format", report->format);
    json_key_uint(&w, "read", report->read);
    json_key_uint(&w, "new", report->new);
    json_key_uint(&w, "equal", report->equal);
    json_key_uint(&w, "replaced", report->replaced);
    json_key_uint(&w, "conflicts", report->conflicts);
    json_key_uint(&w, "rejected", report->rejected);
    import_write_rejections(&w, &report->rejections);
    import_write_gaps(&w, report);
    import_key_time(&w, "first", report->first_ms);
    import_key_time(&w, "last", report->last_ms);
    json_key_uint(&w, "revision", (uint64_t)revision);
    import_write_remarks(&w, report);
    json_close(&w, '}');
    api_call_answer(call, 200, buf_slice(&out));
    buf_clear(&out);
}

/* ---- Storing ---- */

static void import_read_stored(struct api_call *call, struct market_import *m);

static void import_was_put(struct api_call *call, const struct db_result *result)
{
    int64_t revision;

    if (db_result_rows(result) == 0 || !market_number(result, 0, "revision", &revision)) {
        api_call_fail(call, result);
    } else {
        import_answer(call, api_call_state(call), revision);
    }
}

/* Somebody else has changed the series meanwhile. */
static void import_was_late(struct api_call *call, const struct db_result *result)
{
    struct market_import *m = api_call_state(call);

    (void)result;
    if (++m->tries == IMPORT_TRIES) {
        api_call_refuse(call, &api_refusals[API_REFUSAL_CONFLICT], NULL, 0);
    } else {
        import_read_stored(call, m);
    }
}

static void import_compared(struct api_call *call, struct market_import *m)
{
    m->change = revise_take(m->revise);
    if (m->report.conflicts > 0) {
        import_refuse_rows(call, &import_conflict, arena_printf(api_call_arena(call), "%" PRIu64, m->report.conflicts),
                           &m->report.contradictions);
        return;
    }
    if (m->change.chunks == 0) {
        import_answer(call, m, m->revision);
        return;
    }
    snprintf(m->known, sizeof(m->known), "%" PRId64, m->revision);
    m->values[2] = slice_of(m->known);
    m->values[3] = buf_slice(&m->change.change);
    api_call_submit(call, IMPORT_PUT, m->values, import_was_put, import_was_late);
}

static void import_refuse_damaged(struct api_call *call, const struct chunk_summary *says, const struct error *err)
{
    struct http_refusal said = import_damaged;
    char first[CANDLES_STAMP_BYTES], last[CANDLES_STAMP_BYTES], bars[16];

    market_chunk_tell_damage(call, says, err);
    candles_stamp_format(says->first_ms, first);
    candles_stamp_format(says->last_ms, last);
    snprintf(bars, sizeof(bars), "%u", (unsigned)says->bars);
    said.detail = arena_printf(api_call_arena(call), import_damaged.detail, bars, first, last);
    api_call_refuse(call, &said, NULL, 0);
}

static void import_compare(struct api_call *call, const struct db_result *result)
{
    struct market_import *m = api_call_state(call);
    const uint64_t begun_ns = clock_monotonic_ns();
    struct error err;
    int more;

    (void)result;
    do {
        more = revise_step(m->revise, &err);
    } while (more > 0 && clock_monotonic_ns() - begun_ns < IMPORT_TURN_NS);
    if (more > 0) {
        api_call_later(call, import_compare);
    } else if (more < 0 && revise_damaged(m->revise) != NULL) {
        import_refuse_damaged(call, revise_damaged(m->revise)->says, &err);
    } else if (more < 0) {
        api_call_fail(call, result);
    } else {
        import_compared(call, m);
    }
}

/* ---- What is there ---- */

/* False if the rows are not what candles_put has written. */
static bool import_take_chunks(struct market_import *m, const struct db_result *result, int64_t timeframe_ms)
{
    const unsigned rows = db_result_rows(result);
    const int column = db_result_column(result, "packed");
    size_t room = 0;
    int64_t bars;

    if (column < 0 || rows > IMPORT_CHUNKS_MAX) return false;
    m->chunks = mem_array(rows, sizeof(*m->chunks));
    m->stored_chunks = mem_array(rows, sizeof(*m->stored_chunks));
    for (unsigned row = 0; row < rows; row++) room += db_result_value(result, row, column).len / 2;
    char *bytes = buf_reserve(&m->packed, room + 1);

    for (unsigned row = 0; row < rows; row++) {
        struct market_chunk *chunk = &m->chunks[m->stored.count];

        if (!market_chunk_read(result, row, timeframe_ms, bytes, chunk) || !market_number(result, row, "bars", &bars) ||
            !market_number(result, row, "first_ms", &chunk->says.first_ms) ||
            !market_number(result, row, "last_ms", &chunk->says.last_ms)) {
            return false;
        }
        chunk->says.bars = (uint32_t)bars;
        m->stored_chunks[m->stored.count++] = (struct revise_chunk){&chunk->says, chunk->packed};
        bytes += chunk->packed.len;
    }
    m->stored.chunks = m->stored_chunks;
    return true;
}

static bool import_take_stored(struct market_import *m, const struct db_result *result, bool *ret_adjusted)
{
    const int64_t timeframe_ms = candles_series_view(m->coming)->timeframe_ms;
    int64_t adjusted, price_digits, lot_digits, address;

    m->stored = (struct revise_stored){0};
    m->revision = 0;
    *ret_adjusted = m->options.adjusted;
    if (db_result_rows(result) == 0) return true;
    if (!market_number(result, 0, "revision", &m->revision) || !market_number(result, 0, "adjusted", &adjusted) ||
        !market_number(result, 0, "price_digits", &price_digits) ||
        !market_number(result, 0, "lot_digits", &lot_digits)) {
        return false;
    }
    *ret_adjusted = adjusted != 0;
    m->stored =
        (struct revise_stored){.is_there = true, .price_digits = (int)price_digits, .lot_digits = (int)lot_digits};
    if (!market_number(result, 0, "id", &m->stored.id)) m->stored.id = 0;
    if (db_result_rows(result) == 1 && !market_number(result, 0, "address", &address)) return true;
    return import_take_chunks(m, result, timeframe_ms);
}

static void import_got_stored(struct api_call *call, const struct db_result *result)
{
    struct market_import *m = api_call_state(call);
    bool is_adjusted;

    if (!import_take_stored(m, result, &is_adjusted)) {
        api_call_fail(call, result);
        return;
    }
    if (is_adjusted != m->options.adjusted) {
        import_refuse_rows(call, &import_other_prices, m->options.adjusted ? "adjusted" : "not adjusted",
                           &(const struct candles_notes){0});
        return;
    }
    m->report = m->said;
    m->report.new = 0;
    m->comparison = (struct candles_comparison){m->import, &m->report};
    m->revise = revise_new(&m->stored, candles_series_view(m->coming), &m->options, NULL);
    import_compare(call, NULL);
}

static void import_read_stored(struct api_call *call, struct market_import *m)
{
    import_forget_stored(m);
    m->values[0] = api_call_value(call, MARKET_SYMBOL);
    m->values[1] = api_call_value(call, MARKET_TIMEFRAME);
    m->values[2] = buf_slice(&m->addresses);
    api_call_submit(call, IMPORT_READ, m->values, import_got_stored, NULL);
}

/* ---- The file ---- */

/* The shortest distance between neighbours, if it is a longer timeframe's and all bars are on that one's grid: then
 * they are its bars. 0 otherwise. */
static int64_t import_longer_timeframe(const struct candles *bars)
{
    enum { IMPORT_TELLING_BARS = 3 };
    int64_t step = INT64_MAX;

    if (bars->count < IMPORT_TELLING_BARS) return 0;
    for (size_t i = 1; i < bars->count; i++) {
        if (bars->time_ms[i] - bars->time_ms[i - 1] < step) step = bars->time_ms[i] - bars->time_ms[i - 1];
    }
    if (step <= bars->timeframe_ms || candles_timeframe_name(step) == NULL) return 0;
    for (size_t i = 0; i < bars->count; i++) {
        if (!candles_is_on_grid(bars->time_ms[i], step)) return 0;
    }
    return step;
}

/* With room for what is stored beside them. */
static bool import_can_add_up(const struct candles *bars)
{
    static const double volume_max = 1e300;
    double volume = 0;

    for (size_t i = 0; i < bars->count; i++) volume += bars->volume[i];
    return volume <= volume_max;
}

/* Whether the rows can be stored under the path's timeframe. */
static bool import_check(struct api_call *call, const struct market_import *m)
{
    const struct candles *bars = candles_series_view(m->coming);
    const struct candles_report *said = &m->said;
    const char *timeframe = candles_timeframe_name(bars->timeframe_ms);
    const int64_t longer_ms = import_longer_timeframe(bars);
    char *why = NULL;

    if (said->off_grid * 2 > said->read) {
        why = arena_printf(api_call_arena(call),
                           "%" PRIu64 " of %" PRIu64 " times are not ones at which a bar of %s "
                           "opens: the file has another timeframe, or its times are those of closings (stamp=close)",
                           said->off_grid, said->read, timeframe);
    } else if (!import_can_add_up(bars)) {
        why = arena_printf(api_call_arena(call), "the volumes are too large to be added up");
    } else if (longer_ms != 0) {
        why = arena_printf(api_call_arena(call), "the bars are those of the timeframe %s, not %s",
                           candles_timeframe_name(longer_ms), timeframe);
    }
    if (why != NULL) {
        import_refuse(call, "", why);
        return false;
    }
    if (bars->count > 0) return true;
    if (said->rejections.count > 0) {
        import_refuse_rows(call, &import_invalid, NULL, &said->rejections);
    } else {
        import_refuse(call, "", "the file has a header, but no rows of candles");
    }
    return false;
}

static void import_settle(struct api_call *call, const struct db_result *result)
{
    struct market_import *m = api_call_state(call);
    struct error err;

    (void)result;
    if (candles_import_end(m->import, &err) != 0 ||
        candles_import_finish(m->import, NULL, &m->coming, &m->said, &err) != 0) {
        import_refuse(call, "", err.message);
        return;
    }
    if (!import_check(call, m)) return;
    const size_t chunks = revise_addresses(candles_series_view(m->coming), &m->addresses);

    if (chunks > IMPORT_CHUNKS_MAX) {
        import_refuse(call, "",
                      arena_printf(api_call_arena(call),
                                   "the rows are spread over %zu chunks of %d bars; send at most "
                                   "%d at once, the rows in the order of time",
                                   chunks, CHUNK_BARS, IMPORT_CHUNKS_MAX));
        return;
    }
    import_read_stored(call, m);
}

static void import_feed(struct api_call *call, const struct db_result *result)
{
    struct market_import *m = api_call_state(call);
    const struct slice body = api_call_body(call);
    const uint64_t begun_ns = clock_monotonic_ns();
    struct error err;

    (void)result;
    while (m->fed < body.len && clock_monotonic_ns() - begun_ns < IMPORT_TURN_NS) {
        struct slice piece = {body.data + m->fed, body.len - m->fed};

        if (piece.len > IMPORT_PIECE_BYTES) piece.len = IMPORT_PIECE_BYTES;
        m->fed += piece.len;
        if (candles_import_feed(m->import, piece, &err) == 0) continue;
        import_refuse(call, "", err.message);
        return;
    }
    api_call_later(call, m->fed < body.len ? import_feed : import_settle);
}

/* ---- The parameters ---- */

/* NULL with no zone asked for is fine: false if there is no such zone. */
static bool import_find_zone(struct slice name, struct candles_zone **ret_zone)
{
    *ret_zone = NULL;
    if (name.data == NULL) return true;
    *ret_zone = candles_zone_offset(name);
    for (size_t i = 0; *ret_zone == NULL && candles_zone_known_name(i) != NULL; i++) {
        if (slice_is(name, candles_zone_known_name(i))) *ret_zone = candles_zone_known(i);
    }
    return *ret_zone != NULL;
}

static bool import_is_visible(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f) return false;
    }
    return true;
}

void market_import_begin(struct api_call *call)
{
    const struct slice format = api_call_value(call, MARKET_FORMAT);
    struct candles_import_options options = {.bytes_max = IMPORT_UNPACKED_BYTES, .rows_max = IMPORT_ROWS_MAX};
    struct market_import *m = mem_zalloc(sizeof(*m));
    struct error err;

    api_call_keep(call, m, import_free);
    if (!candles_timeframe_parse(api_call_value(call, MARKET_TIMEFRAME), &options.timeframe_ms)) abort();
    if (!import_is_visible(api_call_value(call, MARKET_SYMBOL))) {
        import_refuse(call, "path:symbol", "must not have control characters");
        return;
    }
    if (!import_find_zone(api_call_value(call, MARKET_TIMEZONE), &m->zone)) {
        import_refuse(call, "query:timezone",
                      "is not a known zone: name one of an exchange, such as America/New_York, or an offset, such as "
                      "+05:30");
        return;
    }
    if (format.data != NULL) options.format = arena_copy(api_call_arena(call), format).data;
    options.zone = m->zone;
    options.stamp_is_close = slice_is(api_call_value(call, MARKET_STAMP), "close");
    options.adjusted = slice_is(api_call_value(call, MARKET_ADJUSTED), "true");
    options.replace = slice_is(api_call_value(call, MARKET_REPLACE), "true");
    m->options = (struct revise_options){
        .replace = options.replace, .adjusted = options.adjusted, .met = candles_import_met, .context = &m->comparison};
    m->import = candles_import_new(&options, &err);
    if (m->import == NULL) abort(); /* they were checked */
    candles_import_begin(m->import, "body");
    import_feed(call, NULL);
}
