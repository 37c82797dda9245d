/* Candles from files, as the options of the command line say. */
#ifndef BACKTESTD_MARKET_H
#define BACKTESTD_MARKET_H

#include "base/buf.h"
#include "candles/derive.h"
#include "candles/import.h"
#include "command/command.h"

struct market {
    struct candles_series *series; /* as the files have it; owned */
    struct candles_report report;
};

/* Reads all of the files as one series. `timeframe_ms` is for the import: 0 finds it. Faults of single rows are in the
 * report alone. */
int market_read(const struct command_line *line, const char *const *paths, size_t count, int64_t timeframe_ms,
                struct market *market, struct error *err) ATTR_CHECKED;
void market_clear(struct market *market);
/* The value of --timeframe; 0 if it is not given. */
int market_timeframe(const struct command_line *line, int64_t *ret_ms, struct error *err) ATTR_CHECKED;
/* What was assumed of the files' local times, as a sentence; false if there is nothing to say. */
bool market_zone_remark(const struct candles_report *report, struct buf *out);
/* If most rows are off the grid, as daily candles of an exchange or a session that begins at half past are: what may
 * help, as a sentence; false if there is nothing to say. */
bool market_grid_remark(const struct command_line *line, const struct candles_report *report, struct buf *out);

#endif
