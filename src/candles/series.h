/*
 * A series that owns its columns: bars are added one by one, oldest first, and read as a `struct candles`. Out of
 * memory ends the process (base/mem.h).
 */
#ifndef CANDLES_SERIES_H
#define CANDLES_SERIES_H

#include <stdbool.h>

#include "base/attr.h"
#include "candles/candles.h"

struct candles_series;

/* One candle; the time is that of the opening, in milliseconds UTC. */
struct candles_bar {
    int64_t time_ms;
    double open, high, low, close, volume;
};

/* Decimals beyond which a price or volume is taken for a float, and the lot if volumes have none. */
enum { CANDLES_DIGITS_MAX = 12, CANDLES_LOT_DIGITS = 8 };

/* timeframe_ms > 0. The digits are 0 and CANDLES_LOT_DIGITS until candles_series_digits says others. */
struct candles_series *candles_series_new(int64_t timeframe_ms);
void candles_series_free(struct candles_series *series); /* takes NULL */
/* The caller keeps the promise of `struct candles`: later than the last one, on the grid, sound (candles_bar_fault). */
void candles_series_add(struct candles_series *series, const struct candles_bar *bar);
/* The same of all bars of another one. */
void candles_series_add_all(struct candles_series *series, const struct candles *bars);
/* Empties it, and keeps the memory for the bars that come. */
void candles_series_reset(struct candles_series *series);
/* Tick and lot as powers of ten: 10^-digits, both 0 to CANDLES_DIGITS_MAX. */
void candles_series_digits(struct candles_series *series, int price_digits, int lot_digits);
/* The decimals of a lot or tick that is a power of ten or a multiple of one; CANDLES_DIGITS_MAX at most. */
int candles_step_digits(double step);
/* Borrowed: valid until the next change of the series. */
const struct candles *candles_series_view(const struct candles_series *series);
/* The bars from index `first` on, at most `count` of them; borrowed as the whole is. */
struct candles candles_view(const struct candles *whole, size_t first, size_t count);
struct candles_bar candles_bar_at(const struct candles *candles, size_t index);
/* The first bar whose time is `time_ms` or later; `count` if there is none. */
size_t candles_find(const struct candles *candles, int64_t time_ms);

/* What is wrong with the bar's numbers, in words that go on from "rejected: "; NULL if nothing is. The time is not
 * looked at. */
const char *candles_bar_fault(const struct candles_bar *bar);
bool candles_bar_equal(const struct candles_bar *a, const struct candles_bar *b);
/* Whether it keeps the promise of `struct candles`, with the index of the first bar that does not. */
bool candles_check(const struct candles *candles, size_t *ret_index);

/* Whether the moment is on a Saturday or Sunday of UTC. */
bool candles_is_weekend(int64_t time_ms);
/* Whether the market rests at weekends: bars of at most a day, on ten days or more and on half of the workdays of their
 * span, and none opens on a Saturday or Sunday of UTC. What is not there on these days is not missing then; holidays
 * are, as nobody can know them. */
bool candles_rests_at_weekends(const struct candles *candles);
/* How many bars are missing between those of index - 1 and index, of which `rests` says whether weekends count. */
int64_t candles_missing(const struct candles *candles, size_t index, bool rests);

/* A run of bars that are missing between two that are there. */
struct candles_gap {
    int64_t first_ms; /* opening of the first missing bar */
    int64_t last_ms;  /* and of the last one */
    int64_t bars;
};

/* The gap between the bars of index - 1 and index, if there is one. If `rests`, which is for bars of at most a day, it
 * neither begins nor ends at a weekend. */
bool candles_gap_before(const struct candles *candles, size_t index, bool rests, struct candles_gap *ret_gap);
/* Fills at most `max` gaps, the oldest first; weekends are left out if the market rests at them. Returns how many there
 * are, and the sum of their bars. */
size_t candles_gaps(const struct candles *candles, struct candles_gap *gaps, size_t max, int64_t *ret_bars);

#endif
