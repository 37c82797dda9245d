/* What the resources of market data have in common: inside the room only. */
#ifndef API_MARKET_H
#define API_MARKET_H

#include "api/call.h"
#include "candles/chunk.h"

/* The path's {symbol} and {timeframe}: parameters 0 and 1 of every one of these endpoints. */
/* clang-format off */
#define API_PARAM_SYMBOL                                                                           \
    {                                                                                              \
        .in = API_IN_PATH, .type = DB_TYPE_TEXT,                                                   \
        .field = {                                                                                 \
            .name = "symbol",                                                                      \
            .type = JSON_TYPE_STRING,                                                              \
            .min_length = 1,                                                                       \
            .max_length = 32,                                                                      \
            .required = true,                                                                      \
            .description = "By custom VENUE:SYMBOL. In a path it is percent-encoded where it must be", \
            .example = "\"BINANCE:BTCUSDT\"",                                                      \
        },                                                                                         \
    }

#define API_PARAM_TIMEFRAME                              \
    {                                                    \
        .in = API_IN_PATH, .type = DB_TYPE_TEXT,         \
        .field = {                                       \
            .name = "timeframe",                         \
            .type = JSON_TYPE_STRING,                    \
            .values = market_timeframes,                 \
            .required = true,                            \
            .description = "Length of a bar",            \
            .example = "\"1h\"",                         \
        },                                               \
    }
/* clang-format on */

enum { MARKET_SYMBOL, MARKET_TIMEFRAME };

/* Those of candles/timeframe.h, NULL-terminated. */
extern const char *const market_timeframes[];

/* A chunk as a row has it, in the columns address, sha256 and packed: the latter two in hexadecimal digits. */
struct market_chunk {
    struct chunk_summary says; /* timeframe, address and digest alone */
    struct slice packed;
};

/* `bytes` gets the packed bytes, and must have room for half of the column's characters. False if the row is not such a
 * one; a row without an address has no chunk. */
bool market_chunk_read(const struct db_result *result, unsigned row, int64_t timeframe_ms, char *bytes,
                       struct market_chunk *ret_chunk) ATTR_CHECKED;
/* The chunk cannot be unpacked, `err` says why: tells it to whoever reads the log. */
void market_chunk_tell_damage(const struct api_call *call, const struct chunk_summary *says, const struct error *err);
/* A column that is a whole number; false if it is none, or NULL. */
bool market_number(const struct db_result *result, unsigned row, const char *column, int64_t *ret_number) ATTR_CHECKED;

/* candles_import.c, for the table of candles.c. */
extern const struct db_statement market_import_statements[];
extern const struct http_refusal *const market_import_refusals[];
extern const char *const market_formats[];
enum { MARKET_IMPORT_STATEMENTS = 2, MARKET_IMPORTS_AT_ONCE = 4 };
/* The import's parameters, after the path's. */
enum { MARKET_FORMAT = 2, MARKET_TIMEZONE, MARKET_STAMP, MARKET_ADJUSTED, MARKET_REPLACE };
void market_import_begin(struct api_call *call);

/* gaps.c, for the table of series.c. */
extern const struct db_statement market_gaps_statements[];
/* Its parameters, after the path's. */
enum { MARKET_GAPS_START = 2, MARKET_GAPS_LIMIT, MARKET_GAPS_WEEKENDS };
void market_gaps_begin(struct api_call *call);

/* A page of them. */
struct market_gaps {
    int64_t timeframe_ms, start_ms;
    bool rests;
    size_t limit, count; /* count is at most one more than the limit: whether more follow */
    struct candles_gap *items;
    int64_t next_ms; /* INT64_MAX: this is the last page */
};

/* Adds those between the bars that begin at start_ms or later, until there is one too many. */
void market_gaps_add(struct market_gaps *gaps, const struct candles *bars);
/* No more are added: the bars were looked at as far as last_ms, or (INT64_MAX) to the end. */
void market_gaps_end(struct market_gaps *gaps, int64_t last_ms);

#endif
