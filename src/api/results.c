/* What a backtest came to, under /api/v1/backtests/{id}: the endpoints of its trades (trades.c) and of the curve of its
 * equity (equity.c), what both have in common, and what the metrics mean. */

#include "api/results.h"
#include "api/refusal.h"
#include "api/sql.h"
#include "base/number.h"
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

struct slice results_column(const struct db_result *result, unsigned row, const char *name)
{
    const int column = db_result_column(result, name);

    return column < 0 ? SLICE_NONE : db_result_value(result, row, column);
}

bool results_are_there(struct api_call *call, const struct db_result *result)
{
    const struct slice state = results_column(result, 0, "state");

    if (slice_is(state, "succeeded")) return true;
    api_call_refuse(call, slice_is(state, "queued") || slice_is(state, "running") ? &results_not_yet : &results_never,
                    NULL, 0);
    return false;
}

/* ---- Values: as JSON, or as a field of CSV ---- */

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
void results_add_value(struct buf *out, enum results_kind kind, struct slice value, bool is_csv)
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

/* ---- The curve of the equity ---- */

static const struct json_field equity_fields[] = {
    {
        .name = "points",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .description = "So many points the whole curve has: one at the beginning, and one at the close of each bar",
        .example = "2",
    },
    {
        .name = "thinned",
        .type = JSON_TYPE_BOOLEAN,
        .description = "Whether points of the span are left out of items; false: all of them are there",
        .example = "false",
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
                      .description = "So many points at most. From 4 on the lowest and the highest of the span are "
                                     "among them; the first and the last of it always are"},
        },
    [EQUITY_START] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_TIMESTAMPTZ,
            .field = {.name = "start",
                      .type = JSON_TYPE_STRING,
                      .format = JSON_FORMAT_DATE_TIME,
                      .description = "The beginning of the span: points of then or later; of the whole curve if it is "
                                     "left out",
                      .example = "\"2024-01-01T00:00:00Z\""},
        },
    [EQUITY_END] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_TIMESTAMPTZ,
            .field = {.name = "end",
                      .type = JSON_TYPE_STRING,
                      .format = JSON_FORMAT_DATE_TIME,
                      .description = "The end of the span: points before it",
                      .example = "\"2024-02-01T00:00:00Z\""},
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
        .summary = "The trades of a backtest, in the order of their entries or another one",
        .description =
            RESULTS_ONLY_SUCCEEDED ". Of CSV the next page is in Link alone. A service that stores no trades "
                                   "has none here.",
        .method = HTTP_GET,
        .path = RESULTS_PATH "/trades",
        API_PARAMS(results_trades_params),
        .access = DB_READ,
        .produces_too = RESULTS_CSV,
        .refusals = results_refusals,
        .answer = &results_trade_schema,
        .is_list = true,
        .begin = results_trades_begin,
        API_STATEMENTS(results_trades_statements),
    },
    {
        .id = "getEquity",
        .summary = "The curve of a backtest's equity, thinned to so many points",
        .description = RESULTS_ONLY_SUCCEEDED
        ". With start and end it is that of a span, so that whoever looks closer sees more of it. If the span has no "
        "more points than are asked for, all of them are told. Else of parts of it the lowest and the highest point "
        "are. A service that stores no curve has none here.",
        .method = HTTP_GET,
        .path = RESULTS_PATH "/equity",
        API_PARAMS(equity_params),
        .access = DB_READ,
        .produces_too = RESULTS_CSV,
        .refusals = results_refusals,
        .answer = &equity_schema,
        .render = results_equity_render,
        .sql = "WITH span AS (\n"
               "    SELECT ceil(extract(epoch FROM $3::timestamptz) * 1000)::bigint AS start_ms,\n"
               "        ceil(extract(epoch FROM $4::timestamptz) * 1000)::bigint AS end_ms),\n"
               "pieces AS (\n"
               "    SELECT e.level, e.piece, e.points, e.first_ms,\n"
               "        lead(e.first_ms) OVER (PARTITION BY e.level ORDER BY e.piece) AS next_ms\n"
               "    FROM backtest_equity AS e\n"
               "    WHERE e.backtest_id = $1),\n"
               /* What can have points of the span, counted from its beginning and from its end. */
               "seen AS (\n"
               "    SELECT p.level, p.piece, p.points, s.start_ms, s.end_ms,\n"
               "        row_number() OVER (PARTITION BY p.level ORDER BY p.piece) AS place,\n"
               "        row_number() OVER (PARTITION BY p.level ORDER BY p.piece DESC) AS place_behind\n"
               "    FROM pieces AS p, span AS s\n"
               "    WHERE (s.start_ms IS NULL OR p.next_ms IS NULL OR p.next_ms > s.start_ms)\n"
               "        AND (s.end_ms IS NULL OR p.first_ms IS NULL OR p.first_ms < s.end_ms)),\n"
               /* Of the pieces at the ends some points may be of the span, or all, or none. */
               "chosen AS (\n"
               "    SELECT s.level\n"
               "    FROM seen AS s\n"
               "    GROUP BY s.level\n"
               "    HAVING s.level = 0 OR sum(s.points) FILTER (\n"
               "        WHERE (s.start_ms IS NULL OR s.place > 1) AND (s.end_ms IS NULL OR s.place_behind > 1)) >= $2\n"
               "    ORDER BY s.level DESC\n"
               "    LIMIT 1)\n"
               "SELECT b.status AS state, s.start_ms, s.end_ms,\n"
               "    (\n"
               "        SELECT coalesce(sum(w.points), 0)\n"
               "        FROM pieces AS w\n"
               "        WHERE w.level = 0) AS points,\n"
               "    p.level, p.piece,\n"
               "    CASE WHEN octet_length(p.packed) <= " EQUITY_BYTES " THEN encode(p.packed, 'hex') END AS packed\n"
               "FROM backtests AS b\n"
               "CROSS JOIN span AS s\n"
               "LEFT JOIN LATERAL (\n"
               "    SELECT e.level, e.piece, e.packed\n"
               "    FROM chosen AS c\n"
               "    JOIN seen AS n ON n.level = c.level OR n.level < c.level\n"
               "        AND (n.start_ms IS NOT NULL AND n.place <= 2 OR n.end_ms IS NOT NULL AND n.place_behind <= 2)\n"
               "    JOIN backtest_equity AS e ON e.backtest_id = b.id AND e.level = n.level AND e.piece = n.piece\n"
               "    ORDER BY e.level DESC, e.piece\n"
               "    LIMIT " EQUITY_PIECES " + 1) AS p ON true\n"
               "WHERE b.id = $1\n"
               "ORDER BY p.level DESC, p.piece",
    },
};

const struct api_resource api_results = {
    .tag = "Results",
    .tag_description = "What backtests that have succeeded came to",
    .endpoints = results_endpoints,
    .count = countof(results_endpoints),
};
