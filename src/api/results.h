/* What the results of a backtest have in common: inside the room only. */
#ifndef API_RESULTS_H
#define API_RESULTS_H

#include "api/call.h"
#include "engine/curve.h"

enum results_kind { RESULTS_TEXT, RESULTS_NUMBER, RESULTS_TIME };

/* SLICE_NONE: NULL, or there is no such column. */
struct slice results_column(const struct db_result *result, unsigned row, const char *name);
/* The first row has the backtest's status, in the column state. False: answered. */
bool results_are_there(struct api_call *call, const struct db_result *result) ATTR_CHECKED;
/* A value as JSON, or as a field of CSV; a time is in milliseconds. */
void results_add_value(struct buf *out, enum results_kind kind, struct slice value, bool is_csv);

/* ---- trades.c, for the table of results.c ---- */

enum { RESULTS_TRADES_PARAMS = 6, RESULTS_TRADES_STATEMENTS = 2 };

extern const struct json_schema results_trade_schema;
extern const struct api_param results_trades_params[RESULTS_TRADES_PARAMS];
extern const struct db_statement results_trades_statements[RESULTS_TRADES_STATEMENTS];

void results_trades_begin(struct api_call *call);

/* ---- equity.c, for the table of results.c ---- */

enum { EQUITY_ID, EQUITY_POINTS, EQUITY_START, EQUITY_END };
enum { EQUITY_POINTS_MAX = 10000 };
/* At most so many pieces, of so many bytes, one answer is made of: equity.c says why. */
#define EQUITY_PIECES "176"
#define EQUITY_BYTES "65536"

struct equity {
    int64_t start_ms, end_ms; /* the span */
    unsigned chosen;          /* the level; those below it have points near the ends alone */
    struct curve levels[CURVE_LEVELS_MAX];
};

/* False if the rows are not pieces of a curve, one after the other: from the first one on, unless the span has a
 * beginning. `equity` is all zero before, and its levels are the caller's (curve_clear) whatever is returned. */
bool results_equity_read(const struct db_result *result, struct equity *equity) ATTR_CHECKED;
/* Adds the points of the span to the empty `points`, each once: those of the chosen level, and near the ends those of
 * the finer ones. The levels keep what is of use alone. */
void results_equity_gather(struct equity *equity, struct curve *points);
bool results_equity_render(struct api_call *call, const struct db_result *result, struct buf *out) ATTR_CHECKED;

#endif
