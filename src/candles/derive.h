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

/* Whether bars of `timeframe_ms` can be made from those of `step_ms`: they are a multiple, on the same grid (a week
 * begins on Monday). True of the timeframe itself. */
bool candles_derives(int64_t step_ms, int64_t timeframe_ms);
/* NULL after filling `err` if they cannot. */
struct candles_derived *candles_derive(const struct candles *finer, int64_t timeframe_ms,
                                       struct error *err) ATTR_CHECKED;
/* The same in steps, for whoever cannot wait for the whole of a long series: begin, add the bars from `first` on, at
 * most `count` of them, each bar once and in their order, and end. The derived bars are looked at after that only. */
struct candles_derived *candles_derive_begin(const struct candles *finer, int64_t timeframe_ms,
                                             struct error *err) ATTR_CHECKED;
void candles_derive_add(struct candles_derived *derived, const struct candles *finer, size_t first, size_t count);
void candles_derive_end(struct candles_derived *derived, const struct candles *finer);
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
