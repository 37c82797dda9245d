#include "candles/series.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "candles/decimal.h"
#include "candles/timeframe.h"

enum { SERIES_FIRST_CAPACITY = 1024, SERIES_WORKDAYS = 5, SERIES_DAYS_MIN = 10 };

struct candles_series {
    struct candles view; /* its columns are the ones below */
    size_t capacity;
    int64_t *time_ms;
    double *open, *high, *low, *close, *volume;
};

struct candles_series *candles_series_new(int64_t timeframe_ms)
{
    struct candles_series *series = mem_zalloc(sizeof(*series));

    series->view.timeframe_ms = timeframe_ms;
    candles_series_digits(series, 0, CANDLES_LOT_DIGITS);
    return series;
}

void candles_series_free(struct candles_series *series)
{
    if (series == NULL) return;
    free(series->time_ms);
    free(series->open);
    free(series->high);
    free(series->low);
    free(series->close);
    free(series->volume);
    free(series);
}

static void series_grow(struct candles_series *series, size_t needed)
{
    double **const prices[] = {&series->open, &series->high, &series->low, &series->close, &series->volume};

    if (needed > SIZE_MAX / 4 / sizeof(double)) mem_die(SIZE_MAX);
    while (series->capacity < needed) {
        series->capacity = series->capacity == 0 ? SERIES_FIRST_CAPACITY : series->capacity * 2;
    }
    series->time_ms = mem_realloc(series->time_ms, series->capacity * sizeof(*series->time_ms));
    for (size_t i = 0; i < countof(prices); i++) {
        *prices[i] = mem_realloc(*prices[i], series->capacity * sizeof(double));
    }
    series->view.time_ms = series->time_ms;
    series->view.open = series->open;
    series->view.high = series->high;
    series->view.low = series->low;
    series->view.close = series->close;
    series->view.volume = series->volume;
}

void candles_series_add(struct candles_series *series, const struct candles_bar *bar)
{
    const size_t at = series->view.count;

    if (at == series->capacity) series_grow(series, at + 1);
    series->time_ms[at] = bar->time_ms;
    series->open[at] = bar->open;
    series->high[at] = bar->high;
    series->low[at] = bar->low;
    series->close[at] = bar->close;
    series->volume[at] = bar->volume;
    series->view.count++;
}

void candles_series_add_all(struct candles_series *series, const struct candles *bars)
{
    const size_t at = series->view.count, bytes = bars->count * sizeof(double);

    if (bars->count == 0) return;
    if (bars->count > series->capacity - at) series_grow(series, at + bars->count);
    memcpy(series->time_ms + at, bars->time_ms, bytes);
    memcpy(series->open + at, bars->open, bytes);
    memcpy(series->high + at, bars->high, bytes);
    memcpy(series->low + at, bars->low, bytes);
    memcpy(series->close + at, bars->close, bytes);
    memcpy(series->volume + at, bars->volume, bytes);
    series->view.count += bars->count;
}

void candles_series_reset(struct candles_series *series)
{
    series->view.count = 0;
}

void candles_series_digits(struct candles_series *series, int price_digits, int lot_digits)
{
    series->view.price_digits = price_digits;
    series->view.tick = 1 / candles_power_of_ten(price_digits);
    series->view.lot = 1 / candles_power_of_ten(lot_digits);
}

int candles_step_digits(double step)
{
    for (int digits = 0; digits < CANDLES_DIGITS_MAX; digits++) {
        if (candles_decimal_is(step, digits)) return digits;
    }
    return CANDLES_DIGITS_MAX;
}

const struct candles *candles_series_view(const struct candles_series *series)
{
    return &series->view;
}

struct candles candles_view(const struct candles *whole, size_t first, size_t count)
{
    struct candles part = *whole;

    if (first > whole->count) first = whole->count;
    part.count = count < whole->count - first ? count : whole->count - first;
    if (whole->count == 0) return part;
    part.time_ms += first;
    part.open += first;
    part.high += first;
    part.low += first;
    part.close += first;
    part.volume += first;
    return part;
}

struct candles_bar candles_bar_at(const struct candles *candles, size_t index)
{
    return (struct candles_bar){candles->time_ms[index], candles->open[index],  candles->high[index],
                                candles->low[index],     candles->close[index], candles->volume[index]};
}

size_t candles_find(const struct candles *candles, int64_t time_ms)
{
    size_t low = 0, high = candles->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (candles->time_ms[middle] < time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool series_is_price(double price)
{
    return isfinite(price) && price > 0;
}

const char *candles_bar_fault(const struct candles_bar *bar)
{
    if (!series_is_price(bar->open)) return "the open is not a finite number above zero";
    if (!series_is_price(bar->high)) return "the high is not a finite number above zero";
    if (!series_is_price(bar->low)) return "the low is not a finite number above zero";
    if (!series_is_price(bar->close)) return "the close is not a finite number above zero";
    if (!isfinite(bar->volume) || bar->volume < 0) return "the volume is not a finite number of zero or more";
    if (bar->high < bar->low) return "the high is below the low";
    if (bar->high < bar->open || bar->high < bar->close) return "the high is below the open or the close";
    if (bar->low > bar->open || bar->low > bar->close) return "the low is above the open or the close";
    return NULL;
}

bool candles_bar_equal(const struct candles_bar *a, const struct candles_bar *b)
{
    return a->time_ms == b->time_ms && a->open == b->open && a->high == b->high && a->low == b->low &&
           a->close == b->close && a->volume == b->volume;
}

bool candles_check(const struct candles *candles, size_t *ret_index)
{
    for (size_t i = 0; i < candles->count; i++) {
        const struct candles_bar bar = candles_bar_at(candles, i);
        const bool is_in_range = bar.time_ms >= CANDLES_TIME_MIN_MS && bar.time_ms <= CANDLES_TIME_MAX_MS;

        *ret_index = i;
        if (!is_in_range || !candles_is_on_grid(bar.time_ms, candles->timeframe_ms)) return false;
        if (i > 0 && bar.time_ms <= candles->time_ms[i - 1]) return false;
        if (candles_bar_fault(&bar) != NULL) return false;
    }
    return true;
}

bool candles_is_weekend(int64_t time_ms)
{
    const int64_t monday_ms = candles_slot_time(candles_slot(time_ms, CANDLES_WEEK_MS), CANDLES_WEEK_MS);

    return time_ms - monday_ms >= SERIES_WORKDAYS * (int64_t)CANDLES_DAY_MS;
}

/* How much of the time since the first Monday was weekend. */
static int64_t series_weekend_ms(int64_t time_ms)
{
    const int64_t week = candles_slot(time_ms, CANDLES_WEEK_MS);
    const int64_t in_week_ms = time_ms - candles_slot_time(week, CANDLES_WEEK_MS);
    const int64_t workdays_ms = SERIES_WORKDAYS * (int64_t)CANDLES_DAY_MS;

    return week * (CANDLES_WEEK_MS - workdays_ms) + (in_week_ms > workdays_ms ? in_week_ms - workdays_ms : 0);
}

bool candles_rests_at_weekends(const struct candles *candles)
{
    const size_t count = candles->count;
    int64_t days = 0, day_end_ms = INT64_MIN;

    if (candles->timeframe_ms > CANDLES_DAY_MS || CANDLES_DAY_MS % candles->timeframe_ms != 0 || count == 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t time_ms = candles->time_ms[i];

        if (time_ms < day_end_ms) continue;
        if (candles_is_weekend(time_ms)) return false;
        day_end_ms = candles_slot_time(candles_slot(time_ms, CANDLES_DAY_MS) + 1, CANDLES_DAY_MS);
        days++;
    }
    const int64_t first_ms = candles->time_ms[0], end_ms = candles->time_ms[count - 1];
    const int64_t workdays =
        (end_ms - first_ms - (series_weekend_ms(end_ms) - series_weekend_ms(first_ms))) / CANDLES_DAY_MS + 1;

    return days >= SERIES_DAYS_MIN && days * 2 >= workdays;
}

int64_t candles_missing(const struct candles *candles, size_t index, bool rests)
{
    const int64_t step = candles->timeframe_ms, first = candles->time_ms[index - 1] + step;
    int64_t missing_ms = candles->time_ms[index] - first;

    if (missing_ms == 0) return 0;
    if (rests) missing_ms -= series_weekend_ms(candles->time_ms[index]) - series_weekend_ms(first);
    return missing_ms / step;
}

bool candles_gap_before(const struct candles *candles, size_t index, bool rests, struct candles_gap *ret_gap)
{
    const int64_t step = candles->timeframe_ms;
    struct candles_gap gap = {candles->time_ms[index - 1] + step, candles->time_ms[index] - step,
                              candles_missing(candles, index, rests)};

    if (gap.bars == 0) return false;
    while (rests && candles_is_weekend(gap.first_ms)) gap.first_ms += step;
    while (rests && candles_is_weekend(gap.last_ms)) gap.last_ms -= step;
    *ret_gap = gap;
    return true;
}

size_t candles_gaps(const struct candles *candles, struct candles_gap *gaps, size_t max, int64_t *ret_bars)
{
    const bool rests = candles_rests_at_weekends(candles);
    struct candles_gap gap;
    int64_t bars = 0;
    size_t count = 0;

    for (size_t i = 1; i < candles->count; i++) {
        if (!candles_gap_before(candles, i, rests, &gap)) continue;
        if (count < max) gaps[count] = gap;
        count++;
        bars += gap.bars;
    }
    *ret_bars = bars;
    return count;
}
