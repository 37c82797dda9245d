/* What a backtest came to: its trades and the curve of its equity, under /api/v1/backtests/{id}. */

#include "api/call.h"
#include "api/sql.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/curve.h"
#include "engine/metrics.h"
#include "engine/text.h"
#include "json/scan.h"
#include "json/write.h"

#define RESULTS_PATH "/api/v1/backtests/{id}"
#define RESULTS_CSV "text/csv"

/* ---- Only what has succeeded has results ---- */

static const struct http_refusal results_not_yet = {
    .status = 409,
    .code = "backtest_not_finished",
    .detail = "The backtest is queued or running, and has no results yet. Read it until its status is \"succeeded\".",
};
static const struct http_refusal results_never = {
    .status = 409,
    .code = "backtest_without_results",
    .detail = "The backtest has failed or was cancelled, so that it has no results. Read it to see why.",
};
static const struct http_refusal *const results_refusals[] = {&results_not_yet, &results_never, NULL};

static struct slice results_column(const struct db_result *result, unsigned row, const char *name)
{
    const int column = db_result_column(result, name);

    return column < 0 ? SLICE_NONE : db_result_value(result, row, column);
}

/* The first row has the backtest's status. False: answered. */
static bool results_are_there(struct api_call *call, const struct db_result *result)
{
    const struct slice state = results_column(result, 0, "state");

    if (slice_is(state, "succeeded")) return true;
    api_call_refuse(call, slice_is(state, "queued") || slice_is(state, "running") ? &results_not_yet : &results_never,
                    NULL, 0);
    return false;
}

/* ---- Values: as JSON, or as a field of CSV ---- */

enum results_kind { RESULTS_TEXT, RESULTS_NUMBER, RESULTS_TIME };

/* RFC 4180: in quotes if it must be. */
static void results_add_field(struct buf *out, struct slice text)
{
    bool is_plain = true;

    for (size_t i = 0; i < text.len; i++) is_plain = is_plain && strchr("\",\r\n", text.data[i]) == NULL;
    if (is_plain) {
        buf_add_slice(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"') buf_add_char(out, '"');
        buf_add_char(out, text.data[i]);
    }
    buf_add_char(out, '"');
}

/* What is not there, or not what it should be (numeric has NaN and infinities), is null in JSON and empty in CSV. */
static void results_add_value(struct buf *out, enum results_kind kind, struct slice value, bool is_csv)
{
    int64_t time_ms;

    if (value.data == NULL || (kind == RESULTS_NUMBER && json_number_length(value) != value.len) ||
        (kind == RESULTS_TIME && !number_parse_i64(value, &time_ms))) {
        buf_add_str(out, is_csv ? "" : "null");
    } else if (kind == RESULTS_NUMBER) {
        buf_add_slice(out, value);
    } else if (kind == RESULTS_TIME) {
        if (!is_csv) buf_add_char(out, '"');
        engine_time_text(time_ms, out);
        if (!is_csv) buf_add_char(out, '"');
    } else if (is_csv) {
        results_add_field(out, value);
    } else {
        buf_add_json(out, value);
    }
}

/* ---- Trades ---- */

enum { TRADES_ID, TRADES_LIMIT, TRADES_AFTER };

/* In the order of lab.md's header. */
enum {
    TRADE_N,
    TRADE_SIDE,
    TRADE_QUANTITY,
    TRADE_ENTRY_TIME,
    TRADE_ENTRY_PRICE,
    TRADE_ENTRY_REASON,
    TRADE_EXIT_TIME,
    TRADE_EXIT_PRICE,
    TRADE_EXIT_REASON,
    TRADE_PNL,
    TRADE_FEES,
    TRADE_BARS,
    TRADE_MEMBERS
};

static const char *const trade_sides[] = {"long", "short", NULL};

static const struct json_field trade_fields[TRADE_MEMBERS] = {
    [TRADE_N] = {.name = "n",
                 .type = JSON_TYPE_INTEGER,
                 .has_minimum = true,
                 .minimum = 1,
                 .description = "1, 2, and so on, in the order of the entries"},
    [TRADE_SIDE] = {.name = "side", .type = JSON_TYPE_STRING, .values = trade_sides},
    [TRADE_QUANTITY] = {.name = "quantity", .type = JSON_TYPE_NUMBER, .example = "0.25"},
    [TRADE_ENTRY_TIME] = {.name = "entry_time",
                          .type = JSON_TYPE_STRING,
                          .format = JSON_FORMAT_DATE_TIME,
                          .description = "The opening of the bar of the fill"},
    [TRADE_ENTRY_PRICE] = {.name = "entry_price",
                           .type = JSON_TYPE_NUMBER,
                           .description = "Costs included",
                           .example = "40000.5"},
    [TRADE_ENTRY_REASON] = {.name = "entry_reason",
                            .type = JSON_TYPE_STRING,
                            .description = "signal or reverse",
                            .example = "\"signal\""},
    [TRADE_EXIT_TIME] = {.name = "exit_time",
                         .type = JSON_TYPE_STRING,
                         .format = JSON_FORMAT_DATE_TIME,
                         .nullable = true,
                         .description = "This and the other two of the exit are null if it was still open at the end"},
    [TRADE_EXIT_PRICE] = {.name = "exit_price",
                          .type = JSON_TYPE_NUMBER,
                          .nullable = true,
                          .description = "Costs included"},
    [TRADE_EXIT_REASON] = {.name = "exit_reason",
                           .type = JSON_TYPE_STRING,
                           .nullable = true,
                           .description = "signal, reverse, stop, trail, take, liquidation or end"},
    [TRADE_PNL] = {.name = "pnl",
                   .type = JSON_TYPE_NUMBER,
                   .description = "Net of all costs; of an open one what it was worth at the end",
                   .example = "125.4"},
    [TRADE_FEES] = {.name = "fees",
                    .type = JSON_TYPE_NUMBER,
                    .description = "Of the entry and the exit together",
                    .example = "20.1"},
    [TRADE_BARS] = {.name = "bars",
                    .type = JSON_TYPE_INTEGER,
                    .has_minimum = true,
                    .description = "Bars from the entry to the exit"},
};

static const struct json_schema trade_schema = {
    .name = "Trade",
    .fields = trade_fields,
    .count = countof(trade_fields),
};

static enum results_kind trade_kind(size_t member)
{
    if (trade_fields[member].format == JSON_FORMAT_DATE_TIME) return RESULTS_TIME;
    return trade_fields[member].type == JSON_TYPE_STRING ? RESULTS_TEXT : RESULTS_NUMBER;
}

static void trades_add_head(struct buf *out)
{
    for (size_t i = 0; i < TRADE_MEMBERS; i++) buf_printf(out, "%s%s", i == 0 ? "" : ",", trade_fields[i].name);
    buf_add_char(out, '\n');
}

static void trades_add(const struct db_result *result, unsigned row, bool is_csv, struct buf *out)
{
    for (size_t i = 0; i < TRADE_MEMBERS; i++) {
        if (!is_csv) buf_printf(out, "%c\"%s\":", i == 0 ? '{' : ',', trade_fields[i].name);
        if (is_csv && i > 0) buf_add_char(out, ',');
        results_add_value(out, trade_kind(i), results_column(result, row, trade_fields[i].name), is_csv);
    }
    buf_add_char(out, is_csv ? '\n' : '}');
}

static bool trades_render(struct api_call *call, const struct db_result *result, struct buf *out)
{
    const bool is_csv = api_call_is_other_type(call);
    const char *const n = trade_fields[TRADE_N].name;
    struct slice next = SLICE_NONE;
    uint64_t limit = 0;
    unsigned rows = db_result_rows(result);

    if (!results_are_there(call, result)) return false;
    if (results_column(result, 0, n).data == NULL) rows = 0; /* the row of a backtest without trades */
    if (!number_parse_u64(api_call_value(call, TRADES_LIMIT), &limit)) limit = rows;
    /* The last row is only there to say that more follow. */
    if (rows > limit) {
        rows = (unsigned)limit;
        next = results_column(result, rows - 1, n);
        api_call_add_next(call, "after", next);
    }
    if (is_csv) {
        trades_add_head(out);
    } else {
        buf_add_str(out, "{\"items\":[");
    }
    for (unsigned row = 0; row < rows; row++) {
        if (!is_csv && row > 0) buf_add_char(out, ',');
        trades_add(result, row, is_csv, out);
    }
    if (!is_csv) {
        buf_add_str(out, "],\"next\":");
        if (next.data == NULL) {
            buf_add_str(out, "null}");
        } else {
            buf_printf(out, "\"%.*s\"}", SLICE_FMT(next));
        }
    }
    return true;
}

static const struct api_param trades_params[] = {
    [TRADES_ID] = API_PARAM_ID,
    [TRADES_LIMIT] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_INT8,
            .field = {.name = "limit",
                      .type = JSON_TYPE_INTEGER,
                      .has_minimum = true,
                      .minimum = 1,
                      .has_maximum = true,
                      .maximum = 1000,
                      .default_text = "100",
                      .description = "Items per page"},
        },
    [TRADES_AFTER] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_INT4,
            .field = {.name = "after",
                      .type = JSON_TYPE_INTEGER,
                      .has_minimum = true,
                      .minimum = 1,
                      .has_maximum = true,
                      .maximum = 2147483647,
                      .description = API_CURSOR_DESCRIPTION},
        },
};

/* ---- The curve of the equity ---- */

enum { EQUITY_ID, EQUITY_POINTS };

/* The coarsest level with enough points has less than 16 times as many as are asked for: its next one has too few. */
enum { EQUITY_POINTS_MAX = 10000, EQUITY_PIECES_MAX = EQUITY_POINTS_MAX * CURVE_GROUP / CURVE_PIECE_POINTS + 2 };
#define EQUITY_PIECES "80"
#define EQUITY_BYTES "65536"
_Static_assert(EQUITY_PIECES_MAX == 80 && CURVE_PACKED_MAX == 65536, "the statement has them too");

static const struct json_field equity_fields[] = {
    {
        .name = "points",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .description = "So many points the whole curve has: one at the beginning, and one at the close of each bar. If "
                       "items has fewer, it is thinned",
        .example = "2",
    },
    {
        .name = "items",
        .type = JSON_TYPE_ARRAY,
        .items =
            "{\"type\":\"object\",\"required\":[\"time\",\"equity\"],\"properties\":{\"time\":{\"type\":\"string\","
            "\"format\":\"date-time\"},\"equity\":{\"type\":\"number\"}}}",
        .description = "In the order of their times",
        .example = "[{\"time\":\"2024-01-01T00:00:00Z\",\"equity\":10000},"
                   "{\"time\":\"2024-01-02T00:00:00Z\",\"equity\":10012.5}]",
    },
};

static const struct json_schema equity_schema = {
    .name = "Equity",
    .fields = equity_fields,
    .count = countof(equity_fields),
};

static bool equity_unhex(struct slice text, struct buf *out)
{
    if (!hex_decode(text, buf_reserve(out, text.len / 2 + 1))) return false;
    out->len += text.len / 2;
    return true;
}

/* False if the rows are not pieces of a curve, one after the other. */
static bool equity_read(const struct db_result *result, struct curve *curve)
{
    const unsigned rows = db_result_rows(result);
    struct buf packed = {0};
    struct error err;
    bool is_sound = rows <= EQUITY_PIECES_MAX;

    for (unsigned row = 0; is_sound && row < rows; row++) {
        const struct slice text = results_column(result, row, "packed"), piece = results_column(result, row, "piece");
        uint64_t number;

        if (piece.data == NULL) break; /* there is no curve: the row of the backtest alone */
        buf_reset(&packed);
        is_sound = number_parse_u64(piece, &number) && number == row && text.data != NULL &&
                   equity_unhex(text, &packed) && curve_unpack(buf_slice(&packed), curve, &err) == 0;
    }
    buf_clear(&packed);
    return is_sound;
}

static void equity_write(const struct curve *curve, struct slice points, bool is_csv, struct buf *out)
{
    if (is_csv) {
        buf_add_str(out, "time,equity\n");
    } else {
        buf_add_str(out, "{\"points\":");
        results_add_value(out, RESULTS_NUMBER, points, is_csv);
        buf_add_str(out, ",\"items\":[");
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

static bool equity_render(struct api_call *call, const struct db_result *result, struct buf *out)
{
    struct curve curve = {0};
    uint64_t limit = EQUITY_POINTS_MAX;
    bool is_sound;

    if (!results_are_there(call, result)) return false;
    is_sound = equity_read(result, &curve) && number_parse_u64(api_call_value(call, EQUITY_POINTS), &limit);
    if (is_sound) {
        curve_thin(&curve, (size_t)limit);
        equity_write(&curve, results_column(result, 0, "points"), api_call_is_other_type(call), out);
    } else {
        api_call_fail(call, result);
    }
    curve_clear(&curve);
    return is_sound;
}

static const struct api_param equity_params[] = {
    [EQUITY_ID] = API_PARAM_ID,
    [EQUITY_POINTS] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_INT8,
            .field = {.name = "points",
                      .type = JSON_TYPE_INTEGER,
                      .has_minimum = true,
                      .minimum = 2,
                      .has_maximum = true,
                      .maximum = EQUITY_POINTS_MAX,
                      .default_text = "1000",
                      .description = "So many points at most. From 4 on the lowest and the highest of the whole curve "
                                     "are among them; the first and the last always are"},
        },
};

/* ---- What the metrics mean: the engine's table ---- */

static const char *const metric_units[] = {"fraction", "cash", "ratio", "count", "seconds", "flag", NULL};

static const struct json_field metric_fields[] = {
    {.name = "name", .type = JSON_TYPE_STRING, .example = "\"sharpe\""},
    {
        .name = "unit",
        .type = JSON_TYPE_STRING,
        .values = metric_units,
        .description = "0.1 of a fraction is 10 %; cash is money; a flag is true or false",
    },
    {.name = "description", .type = JSON_TYPE_STRING, .example = "\"equity at the last close\""},
};

static const struct json_schema metric_schema = {
    .name = "Metric",
    .fields = metric_fields,
    .count = countof(metric_fields),
};

static void results_make_metrics(struct buf *out)
{
    struct json_writer w = {.out = out};
    size_t count;
    const struct engine_metric *metrics = engine_metric_table(&count);

    json_open(&w, '{');
    json_key_open(&w, "items", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&w, '{');
        json_key_text(&w, "name", metrics[i].name);
        json_key_text(&w, "unit", metric_units[metrics[i].kind]);
        json_key_text(&w, "description", metrics[i].help);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_key_raw(&w, "next", "null");
    json_close(&w, '}');
}

/* ---- The endpoints ---- */

#define RESULTS_ONLY_SUCCEEDED                                                                                         \
    "As JSON, or as CSV if Accept prefers text/csv. 409 until the backtest has succeeded, so that a client that asks " \
    "too early does not take an empty answer for a result"

static const struct api_endpoint results_endpoints[] = {
    {
        .id = "listMetrics",
        .summary = "What the metrics of a result mean",
        .description = "Those that backtestd writes, in its order. They change with the program alone, and come on one "
                       "page.",
        .link = "metrics",
        .method = HTTP_GET,
        .path = "/api/v1/metrics",
        .make = results_make_metrics,
        .answer = &metric_schema,
        .is_list = true,
        .has_etag = true,
    },
    {
        .id = "listTrades",
        .summary = "The trades of a backtest, in the order of their entries",
        .description =
            RESULTS_ONLY_SUCCEEDED ". Of CSV the next page is in Link alone. A service that stores no trades "
                                   "has none here.",
        .method = HTTP_GET,
        .path = RESULTS_PATH "/trades",
        API_PARAMS(trades_params),
        .access = DB_READ,
        .produces_too = RESULTS_CSV,
        .refusals = results_refusals,
        .answer = &trade_schema,
        .is_list = true,
        .render = trades_render,
        .sql = "SELECT b.status AS state, t.n, t.side, t.quantity,\n"
               "    floor(extract(epoch FROM t.entry_time) * 1000)::bigint AS entry_time, t.entry_price,\n"
               "    t.entry_reason, floor(extract(epoch FROM t.exit_time) * 1000)::bigint AS exit_time, t.exit_price,\n"
               "    t.exit_reason, t.pnl, t.fees, t.bars\n"
               "FROM backtests AS b\n"
               "LEFT JOIN LATERAL (\n"
               "    SELECT *\n"
               "    FROM backtest_trades AS t\n"
               "    WHERE t.backtest_id = b.id\n"
               "        [? AND t.n > $3 ?]\n"
               "    ORDER BY t.n\n"
               "    LIMIT $2 + 1) AS t ON true\n"
               "WHERE b.id = $1\n"
               "ORDER BY t.n",
    },
    {
        .id = "getEquity",
        .summary = "The curve of a backtest's equity, thinned to so many points",
        .description = RESULTS_ONLY_SUCCEEDED
        ". If the curve has no more points than are asked for, all of them are told. Else of "
        "equal parts of it the lowest and the highest point are. A service that stores no "
        "curve has none here.",
        .method = HTTP_GET,
        .path = RESULTS_PATH "/equity",
        API_PARAMS(equity_params),
        .access = DB_READ,
        .produces_too = RESULTS_CSV,
        .refusals = results_refusals,
        .answer = &equity_schema,
        .render = equity_render,
        .sql = "WITH levels AS (\n"
               "    SELECT e.level, sum(e.points) AS points\n"
               "    FROM backtest_equity AS e\n"
               "    WHERE e.backtest_id = $1\n"
               "    GROUP BY e.level),\n"
               "chosen AS (\n"
               "    SELECT l.level\n"
               "    FROM levels AS l\n"
               "    WHERE l.points >= $2 OR l.level = 0\n"
               "    ORDER BY l.level DESC\n"
               "    LIMIT 1)\n"
               "SELECT b.status AS state, coalesce(a.points, 0) AS points, p.piece,\n"
               "    CASE WHEN octet_length(p.packed) <= " EQUITY_BYTES " THEN encode(p.packed, 'hex') END AS packed\n"
               "FROM backtests AS b\n"
               "LEFT JOIN levels AS a ON a.level = 0\n"
               "LEFT JOIN LATERAL (\n"
               "    SELECT e.piece, e.packed\n"
               "    FROM chosen AS c\n"
               "    JOIN backtest_equity AS e ON e.backtest_id = b.id AND e.level = c.level\n"
               "    ORDER BY e.piece\n"
               "    LIMIT " EQUITY_PIECES " + 1) AS p ON true\n"
               "WHERE b.id = $1\n"
               "ORDER BY p.piece",
    },
};

const struct api_resource api_results = {
    .tag = "Results",
    .tag_description = "What backtests that have succeeded came to",
    .endpoints = results_endpoints,
    .count = countof(results_endpoints),
};
