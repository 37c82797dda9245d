/* The trades of a backtest: their members, their orders, and a page of them. */

#include "api/refusal.h"
#include "api/results.h"
#include "api/sql.h"
#include "base/number.h"

enum { TRADES_ID, TRADES_LIMIT, TRADES_AFTER, TRADES_SORT, TRADES_START, TRADES_END };

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

const struct json_schema results_trade_schema = {
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

static void trades_render(struct api_call *call, const struct db_result *result, struct buf *out)
{
    const bool is_csv = api_call_is_other_type(call);
    const char *const n = trade_fields[TRADE_N].name;
    struct slice next = SLICE_NONE;
    uint64_t limit = 0;
    unsigned rows = db_result_rows(result);

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
}

static void trades_got(struct api_call *call, const struct db_result *result)
{
    struct buf out = {0};

    if (db_result_rows(result) == 0) {
        api_call_refuse(call, &api_refusals[API_REFUSAL_NO_ROW], NULL, 0);
        return;
    }
    if (!results_are_there(call, result)) return;
    trades_render(call, result, &out);
    api_call_answer(call, 200, buf_slice(&out));
    buf_clear(&out);
}

/* ---- Their orders ---- */

#define TRADES_COLUMNS                                                                                        \
    "b.status AS state, t.n, t.side, t.quantity,\n"                                                           \
    "    floor(extract(epoch FROM t.entry_time) * 1000)::bigint AS entry_time, t.entry_price,\n"              \
    "    t.entry_reason, floor(extract(epoch FROM t.exit_time) * 1000)::bigint AS exit_time, t.exit_price,\n" \
    "    t.exit_reason, t.pnl, t.fees, t.bars"
#define TRADES_SEEN \
    "        AND ($5 IS NULL OR t.exit_time IS NULL OR t.exit_time >= $5) AND ($6 IS NULL OR t.entry_time < $6)"

/* What the trade is sorted by, always upwards: $7 is -1 for downwards, and $4 the number of the order's pair in
 * trades_orders, as 200,000 comparisons of texts take their time. NULL and what cannot be told come last either way.
 * The reasons are in the order of the alphabet. */
#define TRADES_KEY                                                                                    \
    "        coalesce($7 * CASE $4\n"                                                                 \
    "            WHEN 0 THEN t.n\n"                                                                   \
    "            WHEN 1 THEN t.pnl\n"                                                                 \
    "            WHEN 2 THEN trim_scale(t.pnl) / nullif(trim_scale(t.quantity * t.entry_price), 0)\n" \
    "            WHEN 3 THEN t.bars\n"                                                                \
    "            WHEN 4 THEN extract(epoch FROM t.exit_time)\n"                                       \
    "            WHEN 5 THEN t.quantity\n"                                                            \
    "            WHEN 6 THEN t.entry_price\n"                                                         \
    "            WHEN 7 THEN t.exit_price\n"                                                          \
    "            WHEN 8 THEN t.fees\n"                                                                \
    "            WHEN 9 THEN (t.side = 'short')::integer\n"                                           \
    "            WHEN 10 THEN array_position(\n"                                                      \
    "                '{end,liquidation,reverse,signal,stop,take,trail}'::text[], t.exit_reason) END, 'Infinity')"

/* In the order of the primary key a page costs the same wherever it is. Any other order sorts the trades of this one
 * backtest for each page, which needs no index that every trade would have to be put into. The cursor is the number of
 * the trade that a page ends with: its key is read again, for trades do not change. */
enum { TRADES_BY_N, TRADES_SORTED };

const struct db_statement results_trades_statements[RESULTS_TRADES_STATEMENTS] = {
    [TRADES_BY_N] =
        {
            .name = "listTrades:by_n",
            .sql = "SELECT " TRADES_COLUMNS "\n"
                   "FROM backtests AS b\n"
                   "LEFT JOIN LATERAL (\n"
                   "    SELECT *\n"
                   "    FROM backtest_trades AS t\n"
                   "    WHERE t.backtest_id = b.id AND t.n > coalesce($3, 0)\n"
                   "" TRADES_SEEN "\n"
                   "    ORDER BY t.n\n"
                   "    LIMIT $2 + 1) AS t ON true\n"
                   "WHERE b.id = $1\n"
                   "ORDER BY t.n",
            .access = DB_READ,
            .param_count = 6,
            .params = {DB_TYPE_UUID, DB_TYPE_INT8, DB_TYPE_INT4, DB_TYPE_INT8, DB_TYPE_TIMESTAMPTZ,
                       DB_TYPE_TIMESTAMPTZ},
        },
    [TRADES_SORTED] =
        {
            .name = "listTrades:sorted",
            .sql = "WITH keyed AS (\n"
                   "    SELECT t.n,\n"
                   "" TRADES_KEY " AS key\n"
                   "    FROM backtest_trades AS t\n"
                   "    WHERE t.backtest_id = $1\n"
                   "" TRADES_SEEN "),\n"
                   "after AS (\n"
                   "    SELECT t.n,\n"
                   "" TRADES_KEY " AS key\n"
                   "    FROM backtest_trades AS t\n"
                   "    WHERE t.backtest_id = $1 AND t.n = $3),\n"
                   "page AS (\n"
                   "    SELECT k.n, k.key\n"
                   "    FROM keyed AS k\n"
                   "    WHERE $3 IS NULL OR (k.key, k.n) > (\n"
                   "        SELECT a.key, a.n\n"
                   "        FROM after AS a)\n"
                   "    ORDER BY k.key, k.n\n"
                   "    LIMIT $2 + 1)\n"
                   "SELECT " TRADES_COLUMNS "\n"
                   "FROM backtests AS b\n"
                   "LEFT JOIN page AS p ON true\n"
                   "LEFT JOIN backtest_trades AS t ON t.backtest_id = $1 AND t.n = p.n\n"
                   "WHERE b.id = $1\n"
                   "ORDER BY p.key, p.n",
            .access = DB_READ,
            .param_count = 7,
            .params = {DB_TYPE_UUID, DB_TYPE_INT8, DB_TYPE_INT4, DB_TYPE_INT8, DB_TYPE_TIMESTAMPTZ, DB_TYPE_TIMESTAMPTZ,
                       DB_TYPE_INT8},
        },
};

/* In pairs: upwards and downwards. */
static const char *const trades_orders[] = {
    "n",         "-n",         "pnl",      "-pnl",      "return",      "-return",      "bars",       "-bars",
    "exit_time", "-exit_time", "quantity", "-quantity", "entry_price", "-entry_price", "exit_price", "-exit_price",
    "fees",      "-fees",      "side",     "-side",     "exit_reason", "-exit_reason", NULL,
};

void results_trades_begin(struct api_call *call)
{
    const struct slice sort = api_call_value(call, TRADES_SORT);
    struct slice *values = arena_alloc(api_call_arena(call), DB_PARAMS_MAX * sizeof(*values));
    unsigned order = 0;

    while (sort.data != NULL && !slice_is(sort, trades_orders[order])) order++; /* it was checked */
    for (unsigned i = 0; i <= TRADES_END; i++) values[i] = api_call_value(call, i);
    values[TRADES_SORT] = slice_of(arena_printf(api_call_arena(call), "%u", order / 2));
    values[TRADES_END + 1] = slice_of(order % 2 == 0 ? "1" : "-1");
    api_call_submit(call, order == 0 ? TRADES_BY_N : TRADES_SORTED, values, trades_got, NULL);
}

const struct api_param results_trades_params[RESULTS_TRADES_PARAMS] = {
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
    [TRADES_SORT] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_TEXT,
            .field = {.name = "sort",
                      .type = JSON_TYPE_STRING,
                      .values = trades_orders,
                      .description = "The order: upwards, or downwards with a minus before it; n if it is left out. Of "
                                     "equal ones the lower n "
                                     "comes first; what is not there, such as the exit of an open trade, comes last "
                                     "either way. return is pnl / (quantity * entry_price). Of an exit_reason that is "
                                     "not one of the engine's, the order is that of n",
                      .example = "\"-pnl\""},
        },
    [TRADES_START] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_TIMESTAMPTZ,
            .field = {.name = "start",
                      .type = JSON_TYPE_STRING,
                      .format = JSON_FORMAT_DATE_TIME,
                      .description = "Only trades that were still open then, or opened later",
                      .example = "\"2024-01-01T00:00:00Z\""},
        },
    [TRADES_END] =
        {
            .in = API_IN_QUERY,
            .type = DB_TYPE_TIMESTAMPTZ,
            .field = {.name = "end",
                      .type = JSON_TYPE_STRING,
                      .format = JSON_FORMAT_DATE_TIME,
                      .description = "Only trades that opened before",
                      .example = "\"2024-02-01T00:00:00Z\""},
        },
};
