/*
 * Timeframes: the length of a bar, and the grid on which bars open. Grids are in UTC: a bar of 4h opens at 00:00, 04:00
 * and so on, a day at midnight, a week on Monday.
 *
 * A slot is a bar's number on its grid, counted from the grid's first opening at or after 1970-01-01; earlier ones are
 * negative.
 */
#ifndef CANDLES_TIMEFRAME_H
#define CANDLES_TIMEFRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

enum {
    CANDLES_MINUTE_MS = 60000,
    CANDLES_HOUR_MS = 3600000,
    CANDLES_DAY_MS = 86400000,
    CANDLES_WEEK_MS = 604800000,
};

/* Times that bars may have: the years 1800 to 2261, in which nanoseconds fit 64 bits or nearly so. */
#define CANDLES_TIME_MIN_MS INT64_C(-5364662400000)
#define CANDLES_TIME_MAX_MS INT64_C(9214646400000)

/* "1m" "5m" "15m" "1h" "4h" "1d" and the others of the table, as they are written there. */
bool candles_timeframe_parse(struct slice text, int64_t *ret_ms) ATTR_CHECKED;
/* NULL if no timeframe of the table is that long. */
const char *candles_timeframe_name(int64_t timeframe_ms);
/* The table's rows, the shortest first; 0 after the last. */
int64_t candles_timeframe_at(unsigned index);
/* "1m, 5m, …" for messages. */
void candles_timeframe_list(struct buf *out);

/* timeframe_ms > 0. The grid's first opening at or after the epoch. */
int64_t candles_timeframe_origin(int64_t timeframe_ms);
int64_t candles_slot(int64_t time_ms, int64_t timeframe_ms);    /* of the bar that holds the moment */
int64_t candles_slot_time(int64_t slot, int64_t timeframe_ms);  /* its opening */
bool candles_is_on_grid(int64_t time_ms, int64_t timeframe_ms); /* whether a bar opens then */

#endif
