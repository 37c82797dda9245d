/* The results of a backtest as a table for people. */
#ifndef BACKTESTD_TABLE_H
#define BACKTESTD_TABLE_H

#include "base/buf.h"
#include "engine/engine.h"

struct table_subject {
    const char *title;            /* of the strategy */
    const char *file;             /* of the candles */
    const struct engine_job *job; /* as it was computed */
    bool lot_was_assumed;         /* the volumes have no decimals */
    const struct engine_result *result;
};

void table_print(const struct table_subject *subject, struct buf *out);
/* "12,345.60"; "-" for what is not finite. */
void table_money(double value, struct buf *out);

#endif
