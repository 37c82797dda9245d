/*
 * Merges a series that is there and one that comes. If both have a bar of the same time, it is equal if the values are
 * the same, else a conflict: what was there stays, or is replaced if that is asked for.
 */
#ifndef CANDLES_MERGE_H
#define CANDLES_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "candles/series.h"

enum candles_meeting { CANDLES_NEW, CANDLES_EQUAL, CANDLES_REPLACED, CANDLES_CONFLICT, CANDLES_MEETINGS };

/* Hears of each bar that comes, by its index. */
typedef void candles_met(void *context, size_t index, enum candles_meeting meeting);

/* Both of one timeframe. Tick and lot become the finer ones of the two; of an empty side they do not count. `met` may
 * be NULL. The result is the caller's. */
struct candles_series *candles_merge(const struct candles *there, const struct candles *coming, bool replace,
                                     candles_met *met, void *context) ATTR_CHECKED;

#endif
