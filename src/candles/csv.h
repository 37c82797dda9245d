/* Candles as text that an import reads back as the same bars, to the last bit. */
#ifndef CANDLES_CSV_H
#define CANDLES_CSV_H

#include "base/buf.h"
#include "candles/candles.h"

/* "time,open,high,low,close,volume" and the line's end. */
extern const char candles_csv_head[];

/* Adds a line for each bar: the opening as RFC 3339 in UTC, prices with the series' digits, volumes with as many as
 * they need. A number that is not a multiple of tick or lot has all the digits that tell it from others. */
void candles_csv_add(const struct candles *candles, struct buf *out);

#endif
