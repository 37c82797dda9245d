/* Series of candles: /api/v1/series. */

#include "api/market.h"
#include "api/sql.h"
#include "base/hex.h"
#include "base/number.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"

#define SERIES_PATH "/api/v1/series"

/* What clients see of a row of series that the statement calls s. */
#define SERIES_COLUMNS                                                                         \
    "s.id, s.symbol, s.timeframe, s.adjusted, ('1e-' || s.price_digits)::numeric AS tick,\n"   \
    "        ('1e-' || s.lot_digits)::numeric AS lot, s.bars,\n"                               \
    "        (s.last_ms - s.first_ms) / s.timeframe_ms + 1 - s.bars AS missing,\n"             \
    "        rfc3339(timestamptz 'epoch' + s.first_ms * interval '1 millisecond') AS first,\n" \
    "        rfc3339(timestamptz 'epoch' + s.last_ms * interval '1 millisecond') AS last,\n"   \
    "        s.bytes, s.revision, rfc3339(s.created_at) AS created_at, rfc3339(s.updated_at) AS updated_at"

const char *const market_timeframes[] = {"1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h",
                                         "3h", "4h", "6h", "8h", "12h", "1d",  "1w",  NULL};

static const struct json_field series_fields[] = {
    {
        .name = "id",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .minimum = 1,
        .description = "A series that was deleted and imported again has another one",
    },
    {.name = "symbol", .type = JSON_TYPE_STRING, .min_length = 1, .max_length = 32, .example = "\"BINANCE:BTCUSDT\""},
    {.name = "timeframe", .type = JSON_TYPE_STRING, .values = market_timeframes, .example = "\"1h\""},
    {
        .name = "adjusted",
        .type = JSON_TYPE_BOOLEAN,
        .description = "Whether prices are adjusted for splits and dividends",
        .example = "false",
    },
    {
        .name = "tick",
        .type = JSON_TYPE_NUMBER,
        .has_minimum = true,
        .exclusive_minimum = true,
        .description = "The smallest step of a price, found from the data",
        .example = "0.01",
    },
    {
        .name = "lot",
        .type = JSON_TYPE_NUMBER,
        .has_minimum = true,
        .exclusive_minimum = true,
        .description = "The smallest step of a volume, found from the data; 0.00000001 if they are whole numbers",
        .example = "0.00001",
    },
    {.name = "bars", .type = JSON_TYPE_INTEGER, .has_minimum = true, .minimum = 1, .example = "8737"},
    {
        .name = "missing",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .description = "Bars between the first and the last one that are not there, at weekends too",
        .example = "24",
    },
    {
        .name = "first",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "The opening of the first bar",
        .example = "\"2024-01-01T00:00:00.000000Z\"",
    },
    {
        .name = "last",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "The opening of the last bar",
        .example = "\"2024-12-31T00:00:00.000000Z\"",
    },
    {
        .name = "bytes",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .description = "What the packed candles take",
        .example = "87370",
    },
    {
        .name = "revision",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .minimum = 1,
        .description = "One more with every import that changed something",
    },
    {.name = "created_at", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME},
    {.name = "updated_at", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME},
};

static const struct json_schema series_schema = {
    .name = "Series",
    .fields = series_fields,
    .count = countof(series_fields),
};

static const struct api_param series_list_params[] = {
    API_PARAM_LIMIT,
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_INT8,
        .field = {.name = "after",
                  .type = JSON_TYPE_INTEGER,
                  .has_minimum = true,
                  .minimum = 1,
                  .description = API_CURSOR_DESCRIPTION},
    },
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "symbol",
                  .type = JSON_TYPE_STRING,
                  .min_length = 1,
                  .max_length = 32,
                  .description = "Only series of this symbol"},
    },
};

static const struct api_param series_params[] = {API_PARAM_SYMBOL, API_PARAM_TIMEFRAME};

static const struct api_param series_gaps_params[] = {
    API_PARAM_SYMBOL,
    API_PARAM_TIMEFRAME,
    [MARKET_GAPS_START] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_TIMESTAMPTZ,
            .field = {.name = "start",
                      .type = JSON_TYPE_STRING,
                      .format = JSON_FORMAT_DATE_TIME,
                      .description = "Gaps that begin then or later; next of the page before goes here",
                      .example = "\"2024-01-01T00:00:00Z\""},
        },
    [MARKET_GAPS_LIMIT] =
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
                      .description = "Gaps per page. A page may have fewer, or none, and yet not be the last"},
        },
    [MARKET_GAPS_WEEKENDS] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_BOOL,
            .field = {.name = "weekends",
                      .type = JSON_TYPE_BOOLEAN,
                      .default_text = "true",
                      .description = "false: for a market that rests at weekends. What is not there on a Saturday or "
                                     "Sunday (UTC) is not missing then; of bars of a week it changes nothing"},
        },
};

static const struct json_field series_gap_fields[] = {
    {
        .name = "first",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "When the first bar that is missing would have opened",
        .example = "\"2024-01-06T00:00:00Z\"",
    },
    {
        .name = "last",
        .type = JSON_TYPE_STRING,
        .format = JSON_FORMAT_DATE_TIME,
        .description = "And the last one",
        .example = "\"2024-01-06T23:00:00Z\"",
    },
    {.name = "bars",
     .type = JSON_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .description = "So many are missing",
     .example = "24"},
};

static const struct json_schema series_gap_schema = {
    .name = "Gap",
    .fields = series_gap_fields,
    .count = countof(series_gap_fields),
};

static const struct api_endpoint series_endpoints[] = {
    {
        .id = "listSeries",
        .summary = "Series of candles, the newest first",
        .link = "series",
        .method = HTTP_GET,
        .path = SERIES_PATH,
        API_PARAMS(series_list_params),
        .access = DB_READ,
        .answer = &series_schema,
        .is_list = true,
        .sql = "WITH page AS MATERIALIZED (\n"
               "    SELECT " SERIES_COLUMNS "\n"
               "    FROM series AS s\n"
               "    WHERE true\n"
               "        [? AND s.id < $2 ?]\n"
               "        [? AND s.symbol = $3 ?]\n"
               "    ORDER BY s.id DESC\n"
               "    LIMIT $1 + 1)\n"
               "" API_PAGE_BODY("id", "$1"),
    },
    {
        .id = "getSeries",
        .summary = "What there is of one series",
        .method = HTTP_GET,
        .path = SERIES_PATH "/{symbol}/{timeframe}",
        API_PARAMS(series_params),
        .access = DB_READ,
        .answer = &series_schema,
        .has_etag = true,
        .sql = "SELECT s.id || '-' || s.revision AS etag,\n"
               "    (SELECT row_to_json(j)::text\n"
               "     FROM (SELECT " SERIES_COLUMNS ") AS j) AS body\n"
               "FROM series AS s\n"
               "WHERE s.symbol = $1 AND s.timeframe = $2",
    },
    {
        .id = "listGaps",
        .summary = "The gaps of one series: runs of bars that are missing between two that are there",
        .description = "The oldest first. Their bars together are `missing` of the series, unless weekends are left "
                       "out. Holidays are gaps, as nobody can know them. `next` is the `start` of the next page.",
        .method = HTTP_GET,
        .path = SERIES_PATH "/{symbol}/{timeframe}/gaps",
        API_PARAMS(series_gaps_params),
        .access = DB_READ,
        .answer = &series_gap_schema,
        .is_list = true,
        .begin = market_gaps_begin,
        .statements = market_gaps_statements,
        .statement_count = 1,
    },
    {
        .id = "deleteSeries",
        .summary = "Remove a series and all of its candles",
        .description = "Backtests that have read it keep their results, and are stale from then on.",
        .method = HTTP_DELETE,
        .path = SERIES_PATH "/{symbol}/{timeframe}",
        API_PARAMS(series_params),
        .access = DB_WRITE_ALONE,
        .statuses = {204},
        .sql = "DELETE FROM series AS s\n"
               "WHERE s.symbol = $1 AND s.timeframe = $2\n"
               "RETURNING 204 AS status",
    },
};

const struct api_resource api_series = {
    .tag = "Market data",
    .tag_description = "Candles, by symbol and timeframe",
    .endpoints = series_endpoints,
    .count = countof(series_endpoints),
};

/* ---- Rows with chunks ---- */

static struct slice market_column(const struct db_result *result, unsigned row, const char *name)
{
    const int column = db_result_column(result, name);

    return column < 0 ? SLICE_NONE : db_result_value(result, row, column);
}

bool market_number(const struct db_result *result, unsigned row, const char *column, int64_t *ret_number)
{
    const struct slice text = market_column(result, row, column);

    return text.data != NULL && number_parse_i64(text, ret_number);
}

bool market_chunk_read(const struct db_result *result, unsigned row, int64_t timeframe_ms, char *bytes,
                       struct market_chunk *ret_chunk)
{
    const struct slice digest = market_column(result, row, "sha256"), packed = market_column(result, row, "packed");

    *ret_chunk = (struct market_chunk){.says.timeframe_ms = timeframe_ms, .packed = {bytes, packed.len / 2}};
    return market_number(result, row, "address", &ret_chunk->says.address) &&
           digest.len == (size_t)2 * DIGEST_SHA256_BYTES && hex_decode(digest, ret_chunk->says.sha256) &&
           packed.len > 0 && hex_decode(packed, bytes);
}

void market_chunk_tell_damage(const struct api_call *call, const struct chunk_summary *says, const struct error *err)
{
    const char *timeframe = candles_timeframe_name(says->timeframe_ms);
    char from[CANDLES_STAMP_BYTES];
    const struct api_damage damage = {.symbol = api_call_value(call, MARKET_SYMBOL),
                                      .timeframe = timeframe == NULL ? "" : timeframe,
                                      .address = says->address,
                                      .from = from,
                                      .error = err->message};

    candles_stamp_format(candles_slot_time(says->address * CHUNK_BARS, says->timeframe_ms), from);
    api_call_tell_damage(call, &damage);
}
