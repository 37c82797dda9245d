/* What the results of a backtest have in common: inside the room only. */
#ifndef API_RESULTS_H
#define API_RESULTS_H

#include "api/call.h"

enum results_kind { RESULTS_TEXT, RESULTS_NUMBER, RESULTS_TIME };

/* SLICE_NONE: NULL, or there is no such column. */
struct slice results_column(const struct db_result *result, unsigned row, const char *name);
/* The first row has the backtest's status, in the column state. False: answered. */
bool results_are_there(struct api_call *call, const struct db_result *result) ATTR_CHECKED;
/* A value as JSON, or as a field of CSV; a time is in milliseconds. */
void results_add_value(struct buf *out, enum results_kind kind, struct slice value, bool is_csv);

/* ---- equity.c, for the table of results.c ---- */

enum { EQUITY_ID, EQUITY_POINTS, EQUITY_START, EQUITY_END };
enum { EQUITY_POINTS_MAX = 10000 };
/* At most so many pieces, of so many bytes, one answer is made of: equity.c says why. */
#define EQUITY_PIECES "176"
#define EQUITY_BYTES "65536"

bool results_equity_render(struct api_call *call, const struct db_result *result, struct buf *out) ATTR_CHECKED;

#endif
