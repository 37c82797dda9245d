#include "candles/derive.h"

#include <stdlib.h>

#include "base/mem.h"
#include "candles/sum.h"
#include "candles/timeframe.h"

struct candles_derived {
    struct candles_series *series;
    uint32_t *parts; /* a count a bar */
    size_t capacity;
    uint32_t parts_max; /* of a complete bar */
    int64_t end_ms;     /* of the finer series */
    /* The one that is made, and of how many. */
    struct candles_bar bar;
    struct candles_sum volume;
    uint32_t bar_parts;
};

bool candles_derives(int64_t step_ms, int64_t timeframe_ms)
{
    return timeframe_ms >= step_ms && timeframe_ms % step_ms == 0 && timeframe_ms / step_ms <= UINT32_MAX &&
           candles_is_on_grid(candles_timeframe_origin(timeframe_ms), step_ms);
}

static void derive_flush(struct candles_derived *derived)
{
    const size_t at = candles_series_view(derived->series)->count;

    if (derived->bar_parts == 0) return;
    if (at == derived->capacity) {
        derived->capacity = derived->capacity == 0 ? 256 : derived->capacity * 2;
        derived->parts = mem_realloc(derived->parts, derived->capacity * sizeof(*derived->parts));
    }
    derived->parts[at] = derived->bar_parts;
    derived->bar.volume = candles_sum_end(&derived->volume);
    candles_series_add(derived->series, &derived->bar);
}

struct candles_derived *candles_derive_begin(const struct candles *finer, int64_t timeframe_ms, struct error *err)
{
    const int64_t step = finer->timeframe_ms;

    if (!candles_derives(step, timeframe_ms)) {
        const char *from = candles_timeframe_name(step), *to = candles_timeframe_name(timeframe_ms);

        error_set(err, ERROR_INVALID, "bars of %s cannot be made from bars of %s: the timeframe is not a multiple",
                  to == NULL ? "this timeframe" : to, from == NULL ? "that one" : from);
        return NULL;
    }
    struct candles_derived *derived = mem_zalloc(sizeof(*derived));

    derived->series = candles_series_new(timeframe_ms);
    candles_series_digits(derived->series, finer->price_digits, candles_step_digits(finer->lot));
    derived->parts_max = (uint32_t)(timeframe_ms / step);
    return derived;
}

void candles_derive_add(struct candles_derived *derived, const struct candles *finer, size_t first, size_t count)
{
    const int64_t timeframe_ms = candles_series_view(derived->series)->timeframe_ms;
    const size_t end = count < finer->count - first ? first + count : finer->count;
    struct candles_bar *bar = &derived->bar;

    for (size_t i = first; i < end; i++) {
        const struct candles_bar part = candles_bar_at(finer, i);

        if (derived->bar_parts > 0 && part.time_ms < bar->time_ms + timeframe_ms) {
            if (part.high > bar->high) bar->high = part.high;
            if (part.low < bar->low) bar->low = part.low;
            bar->close = part.close;
            candles_sum_add(&derived->volume, part.volume);
            derived->bar_parts++;
            continue;
        }
        derive_flush(derived);
        *bar = part;
        bar->time_ms = candles_slot_time(candles_slot(part.time_ms, timeframe_ms), timeframe_ms);
        candles_sum_begin(&derived->volume, candles_step_digits(finer->lot));
        candles_sum_add(&derived->volume, part.volume);
        derived->bar_parts = 1;
    }
}

void candles_derive_end(struct candles_derived *derived, const struct candles *finer)
{
    derive_flush(derived);
    derived->bar_parts = 0;
    derived->end_ms = finer->count == 0 ? 0 : finer->time_ms[finer->count - 1] + finer->timeframe_ms;
    /* Behind a Friday nothing comes any more in that week. */
    if (candles_is_weekend(derived->end_ms) && candles_rests_at_weekends(finer)) {
        derived->end_ms = candles_slot_time(candles_slot(derived->end_ms, CANDLES_WEEK_MS) + 1, CANDLES_WEEK_MS);
    }
}

struct candles_derived *candles_derive(const struct candles *finer, int64_t timeframe_ms, struct error *err)
{
    struct candles_derived *derived = candles_derive_begin(finer, timeframe_ms, err);

    if (derived == NULL) return NULL;
    candles_derive_add(derived, finer, 0, finer->count);
    candles_derive_end(derived, finer);
    return derived;
}

void candles_derived_free(struct candles_derived *derived)
{
    if (derived == NULL) return;
    candles_series_free(derived->series);
    free(derived->parts);
    free(derived);
}

const struct candles *candles_derived_view(const struct candles_derived *derived)
{
    return candles_series_view(derived->series);
}

bool candles_derived_is_complete(const struct candles_derived *derived, size_t index)
{
    return derived->parts[index] == derived->parts_max;
}

uint32_t candles_derived_parts(const struct candles_derived *derived, size_t index)
{
    return derived->parts[index];
}

bool candles_derived_is_closed(const struct candles_derived *derived, size_t index)
{
    const struct candles *view = candles_series_view(derived->series);

    return view->time_ms[index] + view->timeframe_ms <= derived->end_ms;
}
