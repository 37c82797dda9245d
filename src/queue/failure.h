/* Why an attempt failed: the codes, and the error that the backtest then has (docs/backtests.md). */
#ifndef QUEUE_FAILURE_H
#define QUEUE_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "rules/rules.h"

struct failure_code {
    const char *code;
    const char *title;
    bool retry; /* another attempt may go well */
};

/* NULL after the last one. */
const struct failure_code *failure_code_at(size_t index);
/* The row of a code; that of "internal" for one that the table does not have. */
const struct failure_code *failure_code_find(const char *code);

/* The error as JSON; less than 16 KiB, whatever the detail. */
void failure_json(const struct failure_code *code, struct slice detail, struct buf *out);
/* The same for a strategy that is wrong: each fault with its place in `parameters`. */
void failure_strategy_json(const struct rules_faults *faults, struct buf *out);

#endif
