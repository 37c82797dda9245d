/* Backtests: /api/v1/backtests. What happens to one after it was asked for is the services' work, by the functions of
 * docs/backtests.md. */

#include "api/execution.h"
#include "api/sql.h"
#include "engine/execution.h"
#include "json/scan.h"

#define BACKTESTS_PATH "/api/v1/backtests"

/* What clients see of a row of backtests that the statement calls b: what was asked for, and what has become of it. */
#define BACKTEST_REQUEST                                                                             \
    "b.id, b.strategy_id, b.strategy_version, b.symbol, b.timeframe,\n"                              \
    "        rfc3339(b.\"start\") AS \"start\", rfc3339(b.\"end\") AS \"end\", b.initial_capital,\n" \
    "        b.execution"
/* Where the result is from. */
#define BACKTEST_ORIGIN                                                                                \
    "b.engine, encode(b.data_sha256, 'hex') AS data, encode(b.result_sha256, 'hex') AS result_hash,\n" \
    "        CASE WHEN b.data_read IS NOT NULL THEN backtest_is_stale(b.data_read) END AS stale"
#define BACKTEST_STATE                                                                                \
    "b.status, b.progress, b.metrics, b.error,\n"                                                     \
    "        " BACKTEST_ORIGIN ",\n"                                                                  \
    "        b.attempts, rfc3339(b.created_at) AS created_at, rfc3339(b.started_at) AS started_at,\n" \
    "        rfc3339(b.finished_at) AS finished_at"

/* Of a page of a list, so that a page has a bound: what has more bytes is NULL. A value's size as it is stored costs
 * nothing to know, so what is large is not even read. */
#define BACKTEST_LISTED_BYTES "4096"
#define BACKTEST_STATE_LISTED                                                                                         \
    "b.status, b.progress,\n"                                                                                         \
    "        CASE WHEN pg_column_size(b.metrics) <= " BACKTEST_LISTED_BYTES "\n"                                      \
    "                AND octet_length(b.metrics::text) <= " BACKTEST_LISTED_BYTES " THEN b.metrics END AS metrics,\n" \
    "        CASE WHEN pg_column_size(b.error) <= " BACKTEST_LISTED_BYTES "\n"                                        \
    "                AND octet_length(b.error::text) <= " BACKTEST_LISTED_BYTES " THEN b.error END AS error,\n"       \
    "        " BACKTEST_ORIGIN ",\n"                                                                                  \
    "        b.attempts, rfc3339(b.created_at) AS created_at, rfc3339(b.started_at) AS started_at,\n"                 \
    "        rfc3339(b.finished_at) AS finished_at"

/* What is larger than the schema allows was there before the schema had bounds. It fails its own request, and is not
 * even sent to us: all requests of a worker share one connection. */
#define BACKTEST_READ_BYTES "4194304"
#define BACKTEST_FITS                                                                      \
    "CASE WHEN pg_column_size(b.metrics) > " BACKTEST_READ_BYTES "\n"                      \
    "            OR pg_column_size(b.error) > " BACKTEST_READ_BYTES " THEN false\n"        \
    "        ELSE coalesce(octet_length(b.metrics::text), 0) <= " BACKTEST_READ_BYTES "\n" \
    "            AND coalesce(octet_length(b.error::text), 0) <= " BACKTEST_READ_BYTES " END"

#define BACKTEST_BODY_TEXT                      \
    "(SELECT row_to_json(j)::text\n"            \
    "     FROM (SELECT " BACKTEST_REQUEST ",\n" \
    "        " BACKTEST_STATE ") AS j)"
#define BACKTEST_BODY BACKTEST_BODY_TEXT " AS body"

/* As every backtest is at first. The answer to an Idempotency-Key that comes again is that of the first time, whatever
 * has happened to the backtest since. */
#define BACKTEST_STATE_AT_FIRST                                                                              \
    "'queued' AS status, 0 AS progress, NULL::jsonb AS metrics, NULL::jsonb AS error,\n"                     \
    "        NULL::text AS engine, NULL::text AS data, NULL::text AS result_hash, NULL::boolean AS stale,\n" \
    "        0 AS attempts, rfc3339(b.created_at) AS created_at, NULL::text AS started_at,\n"                \
    "        NULL::text AS finished_at"
#define BACKTEST_BODY_AT_FIRST                  \
    "(SELECT row_to_json(j)::text\n"            \
    "     FROM (SELECT " BACKTEST_REQUEST ",\n" \
    "        " BACKTEST_STATE_AT_FIRST ") AS j) AS body"

static const char *const backtest_timeframes[] = {"1m", "5m", "15m", "1h", "4h", "1d", NULL};
static const char *const backtest_statuses[] = {"queued", "running", "succeeded", "failed", "cancelled", NULL};

#define BACKTEST_SYMBOL .name = "symbol", .type = JSON_TYPE_STRING, .min_length = 1, .max_length = 32

static const struct json_field backtest_fields[] = {
    {.name = "id", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_UUID, .read_only = true},
    {
        .name = "strategy_id",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_UUID,
        .required = true,
        .description = "A strategy that is not archived",
        .example = "\"019360a0-7c5e-7000-8000-000000000000\"",
    },
    {
        .name = "strategy_version",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .minimum = 1,
        .description = "The version of the strategy to test; the newest if it is left out",
    },
    {
        BACKTEST_SYMBOL,
        .required = true,
        .description = "The symbol that is traded",
        .example = "\"BTCUSD\"",
    },
    {
        .name = "timeframe",
        .type = JSON_TYPE_STRING,
        .required = true,
        .values = backtest_timeframes,
        .description = "Length of a bar",
        .example = "\"1d\"",
    },
    {
        .name = "start",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .required = true,
        .description = "The beginning of the span of time that is tested",
        .example = "\"2024-01-01T00:00:00Z\"",
    },
    {
        .name = "end",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .required = true,
        .description = "The end of that span, later than its beginning",
        .example = "\"2025-01-01T00:00:00Z\"",
    },
    {
        .name = "initial_capital",
        .type = JSON_TYPE_NUMBER,
        .format = JSON_FORMAT_DECIMAL,
        .required = true,
        .max_length = 308, /* as a string: no more digits than a double can hold */
        .has_minimum = true,
        .exclusive_minimum = true,
        .description = "The money at the beginning, kept to the last digit. Write it as a number or a string; answers "
                       "have it as a number with all its digits",
        .example = "10000.00",
    },
    {
        .name = "execution",
        .type = JSON_TYPE_OBJECT,
        .max_bytes = 4096,
        .default_text = "{}",
        .description =
            "How orders are filled and what they cost. Of slippage, either percent or ticks; the product of leverage "
            "and maintenance_margin must be below 1. Answers have all settings, with the defaults of those that were "
            "left out",
        .properties = api_execution_properties,
        .example = "{\"fee\":{\"percent\":0.1},\"slippage\":{\"ticks\":1}}",
    },
    {.name = "status", .type = JSON_TYPE_STRING, .values = backtest_statuses, .read_only = true},
    {
        .name = "progress",
        .type = JSON_TYPE_NUMBER,
        .has_minimum = true,
        .has_maximum = true,
        .maximum = 1,
        .read_only = true,
        .description = "From 0 to 1",
    },
    {
        .name = "metrics",
        .type = JSON_TYPE_OBJECT,
        .nullable = true,
        .read_only = true,
        .description = "The results if it succeeded; the service that runs it decides which members they have. They "
                       "have at most 64 KiB as text. In a list they are null if they have more than 4 KiB",
    },
    {
        .name = "error",
        .type = JSON_TYPE_OBJECT,
        .nullable = true,
        .read_only = true,
        .description =
            "Why it failed, as a problem (RFC 9457), of at most 16 KiB as text. In a list it is null if it has "
            "more than 4 KiB",
    },
    {
        .name = "engine",
        .type = JSON_TYPE_STRING,
        .nullable = true,
        .read_only = true,
        .description = "The version of the engine that computed it; null until it succeeded",
    },
    {
        .name = "data",
        .type = JSON_TYPE_STRING,
        .pattern = "^[0-9a-f]{64}$",
        .nullable = true,
        .read_only = true,
        .description =
            "The fingerprint of the candles that it was computed from, and of the tick and lot of their series if "
            "something was rounded to them",
    },
    {
        .name = "result_hash",
        .type = JSON_TYPE_STRING,
        .pattern = "^[0-9a-f]{64}$",
        .nullable = true,
        .read_only = true,
        .description = "SHA-256 over the time, the side, the quantity and the price of every fill: the same strategy, "
                       "candles and execution have the same hash, whoever computes them",
    },
    {
        .name = "stale",
        .type = JSON_TYPE_BOOLEAN,
        .nullable = true,
        .read_only = true,
        .description = "Whether candles that it was computed from have changed since, or were deleted, or the tick or "
                       "lot of their series has become finer and `execution` has none of its own; null until it "
                       "succeeded, and if the service that ran it does not say what it read",
    },
    {.name = "attempts", .type = JSON_TYPE_INTEGER, .has_minimum = true, .read_only = true},
    {.name = "created_at", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME, .read_only = true},
    {
        .name = "started_at",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .nullable = true,
        .read_only = true,
        .description = "When the last attempt was started",
    },
    {
        .name = "finished_at",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .nullable = true,
        .read_only = true,
    },
};

static const struct json_schema backtest_schema = {
    .name = "Backtest",
    .fields = backtest_fields,
    .count = countof(backtest_fields),
};

static const struct api_param backtests_list_params[] = {
    API_PARAM_LIMIT,
    API_PARAM_AFTER_ID,
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_UUID,
        .field = {.name = "strategy_id",
                  .type = JSON_TYPE_STRING,
                  .format = JSON_FORMAT_UUID,
                  .description = "Only backtests of this strategy"},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "status",
                  .type = JSON_TYPE_STRING,
                  .values = backtest_statuses,
                  .description = "Only backtests with this status"},
    },
    {.in = API_IN_QUERY,
     .type = DB_TYPE_TEXT,
     .field = {BACKTEST_SYMBOL, .description = "Only backtests of this symbol"}},
};

static const struct api_param backtests_create_params[] = {
    {
        .in = API_IN_HEADER,
        .type = DB_TYPE_TEXT,
        .field =
            {
                .name = "Idempotency-Key",
                .type = JSON_TYPE_STRING,
                .min_length = 1,
                .max_length = 255,
                .pattern = "^[!-~]+$",
                .description = "For 24 hours, another request of this client (of the same token) with the same key and "
                               "the same body makes nothing new: it gets the first answer again",
                .example = "\"4b6f2d0c-run-17\"",
            },
    },
    API_PARAM_CLIENT,
    {.in = API_IN_MADE, .type = DB_TYPE_JSONB, .field = {.name = "execution"}},
};
enum { BACKTEST_CREATE_EXECUTION = 2 }; /* of these parameters */

/* ---- The execution of a request ---- */

/* Gives the execution with its defaults written out. */
static void backtest_check(struct arena *arena, const struct json_members *body, struct slice *values,
                           struct json_faults *faults)
{
    const struct slice document = json_members_find(body, SLICE_LIT("execution"));
    struct engine_execution execution;
    struct buf out = {0};

    engine_execution_init(&execution);
    /* What is not an object the schema refuses. */
    if (document.data != NULL && document.data[0] == '{') api_execution_read(arena, document, &execution, faults);
    engine_execution_json_of_backtest(&execution, &out);
    values[BACKTEST_CREATE_EXECUTION] = arena_copy(arena, buf_slice(&out));
    buf_clear(&out);
}

static const struct api_param backtests_id_params[] = {API_PARAM_ID};

static const struct api_endpoint backtests_endpoints[] = {
    {
        .id = "listBacktests",
        .summary = "Backtests, the newest first",
        .description =
            "Metrics and errors of more than 4 KiB are null in a list. Read the backtest itself to get them.",
        .link = "backtests",
        .method = HTTP_GET,
        .path = BACKTESTS_PATH,
        API_PARAMS(backtests_list_params),
        .access = DB_READ,
        .answer = &backtest_schema,
        .is_list = true,
        .sql = "WITH page AS MATERIALIZED (\n"
               "    SELECT " BACKTEST_REQUEST ",\n"
               "        " BACKTEST_STATE_LISTED "\n"
               "    FROM backtests AS b\n"
               "    WHERE true\n"
               "        [? AND b.id < $2 ?]\n"
               "        [? AND b.strategy_id = $3 ?]\n"
               "        [? AND b.status = $4 ?]\n"
               "        [? AND b.symbol = $5 ?]\n"
               "    ORDER BY b.id DESC\n"
               "    LIMIT $1 + 1)\n"
               "" API_PAGE_BODY("id", "$1"),
    },
    {
        .id = "createBacktest",
        .summary = "Ask for a backtest",
        .description = "The backtest is queued, and a service runs it. Read the path in Location to follow it.",
        .method = HTTP_POST,
        .path = BACKTESTS_PATH,
        API_PARAMS(backtests_create_params),
        .body = &backtest_schema,
        .check = backtest_check,
        .access = DB_WRITE,
        .statuses = {202},
        .answer = &backtest_schema,
        .sql = "SELECT 202 AS status, '" BACKTESTS_PATH "/' || b.id AS location,\n"
               "    " BACKTEST_BODY_AT_FIRST "\n"
               "FROM backtest_request($4, $1, $2, $3) AS b",
    },
    {
        .id = "getBacktest",
        .summary = "One backtest as it is now",
        .method = HTTP_GET,
        .path = BACKTESTS_PATH "/{id}",
        API_PARAMS(backtests_id_params),
        .access = DB_READ,
        .answer = &backtest_schema,
        .sql = "SELECT CASE WHEN f.fits THEN 200 ELSE 500 END AS status,\n"
               "    CASE WHEN f.fits THEN " BACKTEST_BODY_TEXT " END AS body\n"
               "FROM backtests AS b\n"
               "CROSS JOIN LATERAL (SELECT " BACKTEST_FITS " AS fits) AS f\n"
               "WHERE b.id = $1",
    },
    {
        .id = "cancelBacktest",
        .summary = "Cancel a backtest that is queued or running",
        .description = "A backtest that is cancelled already stays as it is. If it has finished, the answer is 409.",
        .method = HTTP_POST,
        .path = BACKTESTS_PATH "/{id}/cancel",
        API_PARAMS(backtests_id_params),
        .access = DB_WRITE,
        .answer = &backtest_schema,
        .sql = "SELECT " BACKTEST_BODY "\n"
               "FROM backtest_cancel($1) AS b",
    },
};

static const struct api_constraint backtests_constraints[] = {
    {"backtests_strategy_known", 422, "validation_failed", "/strategy_id", "There is no such strategy."},
    {"backtests_strategy_version_fkey", 422, "validation_failed", "/strategy_id", "The strategy no longer exists."},
    {"backtests_strategy_version_known", 422, "validation_failed", "/strategy_version",
     "The strategy has no such version."},
    {"backtests_strategy_not_archived", 409, "strategy_archived", "/strategy_id",
     "The strategy is archived, and archived strategies cannot be tested."},
    {"backtests_symbol_length", 422, "validation_failed", "/symbol", "must have 1 to 32 characters"},
    {"backtests_timeframe_known", 422, "validation_failed", "/timeframe", "must be one of 1m, 5m, 15m, 1h, 4h, 1d"},
    {"backtests_span", 422, "validation_failed", "/end", "must be later than start, by a microsecond or more"},
    {"backtests_start_year", 422, "validation_failed", "/start", "must not be before the year 1 (UTC)"},
    {"backtests_end_year", 422, "validation_failed", "/end", "must be before the year 10000 (UTC)"},
    {"backtests_initial_capital_positive", 422, "validation_failed", "/initial_capital", "must be greater than 0"},
    {"backtest_keys_one_request", 422, "idempotency_key_reused", "header:Idempotency-Key",
     "This key came with another request before; a new request needs a new key."},
    {"backtests_not_finished", 409, "backtest_finished", NULL, "The backtest has finished and cannot be cancelled."},
};

const struct api_resource api_backtests = {
    .tag = "Backtests",
    .tag_description = "Tests of strategies on past prices; services take them from a queue and run them",
    .endpoints = backtests_endpoints,
    .count = countof(backtests_endpoints),
    .constraints = backtests_constraints,
    .constraint_count = countof(backtests_constraints),
};
