/*
 * Market data in memory: the one form in which every room takes candles. Prices are in the quote currency, volumes in
 * the base currency (or shares, or contracts).
 */
#ifndef CANDLES_CANDLES_H
#define CANDLES_CANDLES_H

#include <stddef.h>
#include <stdint.h>

/* A series in memory, borrowed columns of the same length: oldest first, times strictly increasing and on the
 * timeframe's grid. A gap is a bar that is missing. Prices are finite and > 0, low <= min(open, close), high >=
 * max(open, close), volume finite and >= 0. */
struct candles {
    size_t count;
    const int64_t *time_ms; /* of the opening, milliseconds since 1970-01-01 UTC */
    const double *open, *high, *low, *close, *volume;
    int64_t timeframe_ms;
    double tick;      /* smallest step of a price, > 0 */
    double lot;       /* smallest step of a quantity, > 0 */
    int price_digits; /* decimals of a price as they are printed */
};

#endif
