/* Numbers and times as text, for engine/ and for what prints its results. */
#ifndef ENGINE_TEXT_H
#define ENGINE_TEXT_H

#include <stdint.h>

#include "base/buf.h"

/* The shortest text that reads back as the same double, as JSON: what is not finite is null, and there is no -0. */
void engine_number_json(double value, struct buf *out);
/* A price with the series' digits (candles.price_digits) if they tell all of it; what costs have moved off the grid
 * needs more to read back the same. JSON too. */
void engine_price_text(double price, int digits, struct buf *out);
/* RFC 3339 in UTC: "2025-03-31T12:00:00Z", with milliseconds only if there are any. */
void engine_time_text(int64_t time_ms, struct buf *out);

#endif
