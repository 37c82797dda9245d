/* Candles: /api/v1/candles. What is read is decoded here; candles_import.c has what comes. */

#include <inttypes.h>
#include <stdlib.h>

#include "api/market.h"
#include "api/operation.h"
#include "api/refusal.h"
#include "api/sql.h"
#include "base/mem.h"
#include "base/number.h"
#include "candles/csv.h"
#include "candles/derive.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"
#include "json/write.h"

#define CANDLES_PATH "/api/v1/candles/{symbol}/{timeframe}"

/* So many chunks are read for one answer at most, and one that is only there to say that there are more. */
#define CANDLES_CHUNKS "32"
enum { CANDLES_CHUNKS_MAX = 32 };

/* ---- Reading ---- */

enum { CANDLES_START = 2, CANDLES_END, CANDLES_LIMIT };

/* Parameter 6 is the timeframe in milliseconds. A stored series of it wins; else the finest one whose bars make up its
 * bars. As many chunks as the limit needs if no bar is missing, and some for spans that begin and end within one. Their
 * addresses are compared as what they are, bigint: by numeric, every chunk of the series would be looked at. */
#define CANDLES_ORIGIN "(CASE WHEN s.timeframe_ms % 604800000 = 0 THEN 345600000 ELSE 0 END)"
static const struct db_statement candles_statements[] = {
    {
        .name = "getCandles:read",
        .sql = "WITH source AS (\n"
               "    SELECT s.id, s.timeframe_ms, s.price_digits, s.lot_digits, s.first_ms,\n"
               "        " CANDLES_ORIGIN " AS origin_ms, 2048::numeric * s.timeframe_ms AS chunk_ms,\n"
               "        ceil(extract(epoch FROM $3::timestamptz) * 1000)::bigint AS start_ms,\n"
               "        ceil(extract(epoch FROM $4::timestamptz) * 1000)::bigint AS end_ms\n"
               "    FROM series AS s\n"
               "    WHERE s.symbol = $1 AND (s.timeframe = $2 OR s.timeframe_ms < $6 AND $6 % s.timeframe_ms = 0)\n"
               "    ORDER BY s.timeframe = $2 DESC, s.timeframe_ms\n"
               "    LIMIT 1)\n"
               "SELECT s.timeframe_ms, s.price_digits, s.lot_digits, s.start_ms, s.end_ms, k.address, k.first_ms,\n"
               "    encode(k.sha256, 'hex') AS sha256, encode(k.packed, 'hex') AS packed\n"
               "FROM source AS s\n"
               "LEFT JOIN LATERAL (\n"
               "    SELECT c.address, c.first_ms, c.sha256, c.packed\n"
               "    FROM candle_chunks AS c\n"
               "    WHERE c.series_id = s.id\n"
               "        AND c.address >= floor((coalesce(s.start_ms, s.first_ms) - s.origin_ms) / s.chunk_ms)::bigint\n"
               "        AND c.address <= coalesce(\n"
               "            floor((s.end_ms + $6 - s.origin_ms) / s.chunk_ms)::bigint, 9223372036854775807)\n"
               "    ORDER BY c.address\n"
               "    LIMIT least(" CANDLES_CHUNKS ", ($5 + 1) * ($6 / s.timeframe_ms) / 2048 + 3) + 1) AS k ON true\n"
               "ORDER BY k.address",
        .access = DB_READ,
        .param_count = 6,
        .params = {DB_TYPE_TEXT, DB_TYPE_TEXT, DB_TYPE_TIMESTAMPTZ, DB_TYPE_TIMESTAMPTZ, DB_TYPE_INT8, DB_TYPE_INT8},
    },
};

/* What was asked for, and what was found of it. */
struct candles_read {
    int64_t timeframe_ms; /* asked for */
    int64_t start_ms, end_ms;
    size_t limit;
    struct candles_series *stored;
    struct candles_derived *derived; /* NULL: stored as it is asked for */
    bool has_more;                   /* chunks than those that were read */
    int64_t more_ms;                 /* the first bar of the next one */
    struct candles page;
    int64_t next_ms; /* INT64_MAX: this is the last page */
};

static void candles_read_clear(struct candles_read *read)
{
    candles_derived_free(read->derived);
    candles_series_free(read->stored);
}

/* The opening of the first bar that opens then or later. */
static int64_t candles_next_opening(int64_t time_ms, int64_t timeframe_ms)
{
    if (time_ms <= CANDLES_TIME_MIN_MS) time_ms = CANDLES_TIME_MIN_MS;
    if (time_ms >= CANDLES_TIME_MAX_MS) return CANDLES_TIME_MAX_MS;
    return candles_is_on_grid(time_ms, timeframe_ms)
               ? time_ms
               : candles_slot_time(candles_slot(time_ms, timeframe_ms) + 1, timeframe_ms);
}

static int candles_read_chunk(struct candles_read *read, const struct db_result *result, unsigned row, int64_t step_ms,
                              struct chunk_summary *says, struct error *err)
{
    const int column = db_result_column(result, "packed");
    const size_t len = column < 0 ? 0 : db_result_value(result, row, column).len;
    char *bytes = mem_alloc(len / 2 + 1);
    struct market_chunk chunk;
    struct chunk_summary is;
    int rc;

    if (market_chunk_read(result, row, step_ms, bytes, &chunk)) {
        rc = chunk_decode(chunk.packed, &chunk.says, read->stored, &is, err);
    } else {
        rc = error_set(err, ERROR_INVALID, "its row does not have the form of one");
    }
    *says = chunk.says;
    free(bytes);
    return rc;
}

/* The rows to bars. -1 if they are not what candles_put has written; *ret_damaged is set if a chunk is to blame. */
static int candles_read_rows(struct candles_read *read, const struct api_call *call, const struct db_result *result,
                             bool *ret_damaged)
{
    const unsigned rows = db_result_rows(result);
    int64_t step_ms, price_digits, lot_digits, address, chunks;

    if (!market_number(result, 0, "timeframe_ms", &step_ms) ||
        !market_number(result, 0, "price_digits", &price_digits) ||
        !market_number(result, 0, "lot_digits", &lot_digits) || step_ms <= 0 || read->timeframe_ms % step_ms != 0 ||
        price_digits < 0 || price_digits > CANDLES_DIGITS_MAX || lot_digits < 0 || lot_digits > CANDLES_DIGITS_MAX) {
        return -1;
    }
    if (!market_number(result, 0, "start_ms", &read->start_ms)) read->start_ms = CANDLES_TIME_MIN_MS;
    if (!market_number(result, 0, "end_ms", &read->end_ms)) read->end_ms = CANDLES_TIME_MAX_MS;
    read->stored = candles_series_new(step_ms);
    candles_series_digits(read->stored, (int)price_digits, (int)lot_digits);
    if (!market_number(result, 0, "address", &address)) return 0;
    chunks = (int64_t)(read->limit + 1) * (read->timeframe_ms / step_ms) / CHUNK_BARS + 3;
    if (chunks > CANDLES_CHUNKS_MAX) chunks = CANDLES_CHUNKS_MAX;
    read->has_more = rows > chunks;
    if (read->has_more && !market_number(result, (unsigned)chunks, "first_ms", &read->more_ms)) return -1;
    for (unsigned row = 0; row < rows && row < chunks; row++) {
        struct chunk_summary says;
        struct error err;

        if (candles_read_chunk(read, result, row, step_ms, &says, &err) == 0) continue;
        market_chunk_tell_damage(call, &says, &err);
        *ret_damaged = true;
        return -1;
    }
    return 0;
}

/* Of a bar that is made of others the last may lack those of the next chunk. */
static int candles_derive_page(struct candles_read *read, struct candles *ret_all)
{
    struct error err;

    *ret_all = *candles_series_view(read->stored);
    if (ret_all->timeframe_ms == read->timeframe_ms) return 0;
    read->derived = candles_derive(ret_all, read->timeframe_ms, &err);
    if (read->derived == NULL) return -1;
    *ret_all = *candles_derived_view(read->derived);
    if (!read->has_more || ret_all->count == 0) return 0;
    ret_all->count--;
    read->more_ms = ret_all->time_ms[ret_all->count];
    return 0;
}

/* The bars of the page, and the opening of the one after it. */
static int candles_find_page(struct candles_read *read)
{
    struct candles all;

    if (candles_derive_page(read, &all) != 0) return -1;
    const size_t first = candles_find(&all, candles_next_opening(read->start_ms, read->timeframe_ms));
    const size_t end = candles_find(&all, read->end_ms);

    read->page = candles_view(&all, first, end > first ? end - first : 0);
    read->next_ms = read->has_more && read->more_ms < read->end_ms ? read->more_ms : INT64_MAX;
    if (read->page.count <= read->limit) return 0;
    read->next_ms = read->page.time_ms[read->limit];
    read->page.count = read->limit;
    return 0;
}

/* The numbers are those of the CSV, to the last digit. */
static void candles_write_json(const struct candles_read *read, const char *next, struct buf *out)
{
    static const char *const names[] = {
        "{\"time\":\"", "\",\"open\":", ",\"high\":", ",\"low\":", ",\"close\":", ",\"volume\":"};
    struct buf lines = {0};

    candles_csv_add(&read->page, &lines);
    buf_add_str(out, "{\"items\":[");
    for (struct slice rest = buf_slice(&lines); rest.len > 0;) {
        struct slice line = slice_cut(&rest, '\n');

        if (out->data[out->len - 1] == '}') buf_add_char(out, ',');
        for (size_t i = 0; i < countof(names); i++) {
            buf_add_str(out, names[i]);
            buf_add_slice(out, slice_cut(&line, ','));
        }
        buf_add_char(out, '}');
    }
    buf_add_str(out, "],\"next\":");
    buf_printf(out, next == NULL ? "null}" : "\"%s\"}", next);
    buf_clear(&lines);
}

static void candles_answer(struct api_call *call, const struct candles_read *read)
{
    char stamp[CANDLES_STAMP_BYTES];
    const char *next = NULL;
    struct buf out = {0};

    if (read->next_ms != INT64_MAX) {
        candles_stamp_format(read->next_ms, stamp);
        next = stamp;
        api_call_add_next(call, "start", slice_of(stamp));
    }
    if (api_call_is_other_type(call)) {
        buf_add_str(&out, candles_csv_head);
        candles_csv_add(&read->page, &out);
    } else {
        candles_write_json(read, next, &out);
    }
    api_call_answer(call, 200, buf_slice(&out));
    buf_clear(&out);
}

static void candles_got(struct api_call *call, const struct db_result *result)
{
    struct candles_read read = {0};
    bool is_damaged = false;
    uint64_t limit;

    if (db_result_rows(result) == 0) {
        api_call_refuse(call, &api_refusals[API_REFUSAL_NO_ROW], NULL, 0);
        return;
    }
    if (!candles_timeframe_parse(api_call_value(call, MARKET_TIMEFRAME), &read.timeframe_ms) ||
        !number_parse_u64(api_call_value(call, CANDLES_LIMIT), &limit)) {
        abort(); /* they were checked */
    }
    read.limit = (size_t)limit;
    if (candles_read_rows(&read, call, result, &is_damaged) != 0) {
        if (is_damaged) {
            api_call_refuse(call, &api_refusals[API_REFUSAL_INTERNAL], NULL, 0);
        } else {
            api_call_fail(call, result);
        }
    } else if (candles_find_page(&read) != 0) {
        api_call_fail(call, result);
    } else {
        candles_answer(call, &read);
    }
    candles_read_clear(&read);
}

static void candles_get(struct api_call *call)
{
    struct slice *values = arena_alloc(api_call_arena(call), DB_PARAMS_MAX * sizeof(*values));
    int64_t timeframe_ms;

    if (!candles_timeframe_parse(api_call_value(call, MARKET_TIMEFRAME), &timeframe_ms)) abort();
    for (unsigned i = 0; i <= CANDLES_LIMIT; i++) values[i] = api_call_value(call, i);
    values[CANDLES_LIMIT + 1] = slice_of(arena_printf(api_call_arena(call), "%" PRId64, timeframe_ms));
    api_call_submit(call, 0, values, candles_got, NULL);
}

/* ---- The table ---- */

#define CANDLES_PRICE(of) \
    .name = of, .type = JSON_TYPE_NUMBER, .has_minimum = true, .exclusive_minimum = true, .example = "42.50"

static const struct json_field candles_fields[] = {
    {
        .name = "time",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "The bar's opening",
        .example = "\"2024-01-01T00:00:00Z\"",
    },
    {CANDLES_PRICE("open")},
    {CANDLES_PRICE("high")},
    {CANDLES_PRICE("low")},
    {CANDLES_PRICE("close")},
    {.name = "volume", .type = JSON_TYPE_NUMBER, .has_minimum = true, .example = "1250.5"},
};

static const struct json_schema candles_schema = {
    .name = "Candle",
    .fields = candles_fields,
    .count = countof(candles_fields),
};

static const struct api_param candles_get_params[] = {
    API_PARAM_SYMBOL,
    API_PARAM_TIMEFRAME,
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TIMESTAMPTZ,
        .field = {.name = "start",
                  .type = JSON_TYPE_STRING,
                  .format = JSON_FORMAT_DATE_TIME,
                  .description = "Bars that open then or later; next of the page before goes here",
                  .example = "\"2024-01-01T00:00:00Z\""},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TIMESTAMPTZ,
        .field = {.name = "end",
                  .type = JSON_TYPE_STRING,
                  .format = JSON_FORMAT_DATE_TIME,
                  .description = "Bars that open before",
                  .example = "\"2024-02-01T00:00:00Z\""},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_INT8,
        .field = {.name = "limit",
                  .type = JSON_TYPE_INTEGER,
                  .has_minimum = true,
                  .minimum = 1,
                  .has_maximum = true,
                  .maximum = 10000,
                  .default_text = "1000",
                  .description = "Bars per page. A page may have fewer, and yet not be the last"},
    },
};

static const char *const candles_stamps[] = {"open", "close", NULL};

static const struct api_param candles_import_params[] = {
    API_PARAM_SYMBOL,
    API_PARAM_TIMEFRAME,
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "format",
                  .type = JSON_TYPE_STRING,
                  .values = market_formats,
                  .description = "How the file is read; found by its header or shape if it is left out"},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "timezone",
                  .type = JSON_TYPE_STRING,
                  .min_length = 1,
                  .max_length = 64,
                  .description = "Of times that do not name one: America/New_York and those of other exchanges, UTC, "
                                 "+05:30. The format's own if it is left out, else UTC",
                  .example = "\"America/New_York\""},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "stamp",
                  .type = JSON_TYPE_STRING,
                  .values = candles_stamps,
                  .description = "Whether a row's time is that of the bar's opening or closing; open if it is left "
                                 "out"},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_BOOL,
        .field = {.name = "adjusted",
                  .type = JSON_TYPE_BOOLEAN,
                  .default_text = "false",
                  .description = "Take the prices times adjusted close / close; the file must have that column"},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_BOOL,
        .field = {.name = "replace",
                  .type = JSON_TYPE_BOOLEAN,
                  .default_text = "false",
                  .description = "Rows whose values differ from those that are stored replace them"},
    },
};

#define CANDLES_COUNT(of, words) \
    .name = of, .type = JSON_TYPE_INTEGER, .has_minimum = true, .description = words, .example = "0"

static const struct json_field candles_report_fields[] = {
    {.name = "symbol", .type = JSON_TYPE_STRING, .min_length = 1, .max_length = 32, .example = "\"BINANCE:BTCUSDT\""},
    {.name = "timeframe", .type = JSON_TYPE_STRING, .values = market_timeframes, .example = "\"1h\""},
    {.name = "format", .type = JSON_TYPE_STRING, .description = "How the file was read", .example = "\"generic\""},
    {CANDLES_COUNT("read", "Rows of data; each is counted once in what follows")},
    {CANDLES_COUNT("new", "Bars that were not there before")},
    {CANDLES_COUNT("equal", "Rows that are there already, with the same values")},
    {CANDLES_COUNT("replaced", "Rows that have taken the place of other values")},
    {CANDLES_COUNT("conflicts", "Rows with other values than those that are there: then nothing is stored, and the "
                                "answer is 409")},
    {CANDLES_COUNT("rejected", "Rows that are not sound candles of this timeframe")},
    {
        .name = "rejections",
        .type = JSON_TYPE_ARRAY,
        .items = "{\"type\":\"object\",\"required\":[\"line\",\"file\",\"reason\"],\"properties\":{"
                 "\"line\":{\"type\":\"integer\",\"minimum\":1},"
                 "\"file\":{\"description\":\"body, and a zip's member\",\"type\":\"string\"},"
                 "\"reason\":{\"type\":\"string\"}}}",
        .description = "The first 100 of these rows",
    },
    {CANDLES_COUNT("missing", "Bars that are missing between the first and the last row of the file")},
    {
        .name = "gaps",
        .type = JSON_TYPE_ARRAY,
        .items = "{\"type\":\"object\",\"required\":[\"first\",\"last\",\"bars\"],\"properties\":{"
                 "\"first\":{\"type\":\"string\",\"format\":\"date-time\"},"
                 "\"last\":{\"type\":\"string\",\"format\":\"date-time\"},"
                 "\"bars\":{\"type\":\"integer\",\"minimum\":1}}}",
        .description = "The first 100 runs of these, by the openings of their first and last bar; weekends are none if "
                       "the market rests at them",
    },
    {
        .name = "first",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "The opening of the file's first bar",
        .example = "\"2024-01-01T00:00:00Z\"",
    },
    {
        .name = "last",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "The opening of its last bar",
        .example = "\"2024-01-31T23:00:00Z\"",
    },
    {
        .name = "revision",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .minimum = 1,
        .description = "Of the series, as it is now",
    },
    {
        .name = "remarks",
        .type = JSON_TYPE_ARRAY,
        .items = "{\"type\":\"string\"}",
        .description = "What was assumed, or passed over, in words for people",
    },
};

static const struct json_schema candles_report_schema = {
    .name = "CandlesReport",
    .fields = candles_report_fields,
    .count = countof(candles_report_fields),
};

static const char *const candles_body_types[] = {"text/csv", "application/gzip", "application/zip", NULL};

static const struct api_endpoint candles_endpoints[] = {
    {
        .id = "getCandles",
        .summary = "Candles of one series, the oldest first",
        .description =
            "JSON, or CSV if Accept prefers text/csv. If there is no series of this timeframe, its bars are "
            "made from the finest series of the symbol that fits into it; the two are never mixed. The "
            "last of them may lack its end. `next` is the `start` of the next page. CSV has it in `Link` alone.",
        .method = HTTP_GET,
        .path = CANDLES_PATH,
        API_PARAMS(candles_get_params),
        .access = DB_READ,
        .produces_too = "text/csv",
        .answer = &candles_schema,
        .is_list = true,
        .begin = candles_get,
        API_STATEMENTS(candles_statements),
    },
    {
        .id = "importCandles",
        .summary = "Store candles from a file",
        .description = "A CSV file as exchanges and others give it, plain, gzip or zip; of what is packed at most 8 "
                       "MiB. Cut larger files, or use `backtestd candles import`. All sound rows are stored, or, if "
                       "one contradicts what is there, none. An import that was sent twice changes nothing.",
        .method = HTTP_POST,
        .path = CANDLES_PATH,
        API_PARAMS(candles_import_params),
        .body_types = candles_body_types,
        .body_example = "\"time,open,high,low,close,volume\\n2024-01-01T00:00:00Z,42.10,42.90,41.80,42.50,1250.5\\n\"",
        .access = DB_WRITE_ALONE,
        .answer = &candles_report_schema,
        .refusals = market_import_refusals,
        .at_once = MARKET_IMPORTS_AT_ONCE,
        .begin = market_import_begin,
        .statements = market_import_statements,
        .statement_count = MARKET_IMPORT_STATEMENTS,
    },
};

const struct api_resource api_candles = {
    .tag = "Market data",
    .endpoints = candles_endpoints,
    .count = countof(candles_endpoints),
};
