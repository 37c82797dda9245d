/*
 * Higher timeframes out of a finer one: open of the first bar, highest high, lowest low, close of the last one, sum of
 * the volumes, on the grid in UTC. A gap in the finer series makes no bar of its own.
 */
#ifndef CANDLES_DERIVE_H
#define CANDLES_DERIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "candles/series.h"

struct candles_derived;

/* `timeframe_ms` is a multiple of the finer one (and of no finer grid: a week begins on Monday). NULL after filling
 * `err` if it is not. */
struct candles_derived *candles_derive(const struct candles *finer, int64_t timeframe_ms,
                                       struct error *err) ATTR_CHECKED;
void candles_derived_free(struct candles_derived *derived); /* takes NULL */
/* Borrowed from `derived`, as the counts are. */
const struct candles *candles_derived_view(const struct candles_derived *derived);
/* Whether every finer bar of a derived one's span is there. The last one may still be running, the first may have begun
 * before the series. */
bool candles_derived_is_complete(const struct candles_derived *derived, size_t index);
/* How many finer bars it is made of. */
uint32_t candles_derived_parts(const struct candles_derived *derived, size_t index);
/* Whether the derived bar's end is not later than the end of the finer series' last bar, or of the weekend behind it at
 * which the market rests. False of the last one only. */
bool candles_derived_is_closed(const struct candles_derived *derived, size_t index);

#endif
