#include "candles/merge.h"

static int merge_finer(double a, double b)
{
    const int one = candles_step_digits(a), other = candles_step_digits(b);

    return one > other ? one : other;
}

struct candles_series *candles_merge(const struct candles *there, const struct candles *coming, bool replace,
                                     candles_met *met, void *context)
{
    struct candles_series *merged = candles_series_new(coming->timeframe_ms);
    const struct candles *only = there->count == 0 ? coming : there;
    size_t i = 0, j = 0;

    while (i < there->count || j < coming->count) {
        const bool has_old = i < there->count, has_new = j < coming->count;
        const bool takes_old = has_old && (!has_new || there->time_ms[i] <= coming->time_ms[j]);
        const bool takes_new = has_new && (!has_old || coming->time_ms[j] <= there->time_ms[i]);
        enum candles_meeting meeting = CANDLES_NEW;
        struct candles_bar bar = {0};

        if (takes_old) bar = candles_bar_at(there, i);
        if (takes_new) {
            const struct candles_bar newer = candles_bar_at(coming, j);

            if (takes_old && candles_bar_equal(&bar, &newer)) {
                meeting = CANDLES_EQUAL;
            } else if (takes_old) {
                meeting = replace ? CANDLES_REPLACED : CANDLES_CONFLICT;
            }
            if (!takes_old || replace) bar = newer;
            if (met != NULL) met(context, j, meeting);
        }
        candles_series_add(merged, &bar);
        i += takes_old;
        j += takes_new;
    }
    if (there->count > 0 && coming->count > 0) {
        candles_series_digits(merged, merge_finer(there->tick, coming->tick), merge_finer(there->lot, coming->lot));
    } else {
        candles_series_digits(merged, candles_step_digits(only->tick), candles_step_digits(only->lot));
    }
    return merged;
}
