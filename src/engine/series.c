#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "candles/series.h"
#include "engine/engine.h"
#include "engine/text.h"

static int series_refuse_gap(const struct candles *c, size_t i, int64_t missing, struct error *err)
{
    struct buf from = {0}, to = {0};

    engine_time_text(c->time_ms[i - 1], &from);
    engine_time_text(c->time_ms[i], &to);
    error_set(err, ERROR_INVALID,
              "%lld %s missing between %s and %s, and execution.missing is error; add the missing candles, or use skip "
              "or fill",
              (long long)missing, missing == 1 ? "candle is" : "candles are", buf_cstr(&from), buf_cstr(&to));
    buf_clear(&from);
    buf_clear(&to);
    return -1;
}

/* The columns of a series that is filled, in one piece of memory. */
struct series_columns {
    int64_t *time_ms;
    double *open, *high, *low, *close, *volume;
    unsigned char *invented;
};

static struct series_columns series_columns_make(size_t count, void **ret_memory)
{
    double *memory = mem_array(count, 6 * sizeof(double) + 1);

    _Static_assert(sizeof(int64_t) == sizeof(double), "times and prices take the same room");
    *ret_memory = memory;
    return (struct series_columns){.time_ms = (int64_t *)(void *)memory,
                                   .open = memory + count,
                                   .high = memory + 2 * count,
                                   .low = memory + 3 * count,
                                   .close = memory + 4 * count,
                                   .volume = memory + 5 * count,
                                   .invented = (unsigned char *)(memory + 6 * count)};
}

/* The opening behind `time_ms`. */
static int64_t series_next(const struct candles *c, int64_t time_ms, bool rests)
{
    time_ms += c->timeframe_ms;
    while (rests && candles_is_weekend(time_ms)) time_ms += c->timeframe_ms;
    return time_ms;
}

static void series_fill(const struct candles *c, size_t count, bool rests, struct engine_series *series)
{
    const struct series_columns to = series_columns_make(count, &series->memory);
    size_t from = 0;

    for (size_t i = 0; i < count; i++) {
        to.time_ms[i] = i == 0 ? c->time_ms[0] : series_next(c, to.time_ms[i - 1], rests);
        if (to.time_ms[i] == c->time_ms[from]) {
            to.open[i] = c->open[from], to.high[i] = c->high[from], to.low[i] = c->low[from];
            to.close[i] = c->close[from], to.volume[i] = c->volume[from];
            from++;
        } else {
            to.open[i] = to.high[i] = to.low[i] = to.close[i] = to.close[i - 1];
            to.invented[i] = 1;
        }
    }
    series->candles.count = count;
    series->candles.time_ms = to.time_ms;
    series->candles.open = to.open, series->candles.high = to.high, series->candles.low = to.low;
    series->candles.close = to.close, series->candles.volume = to.volume;
    series->invented = to.invented;
}

int engine_series_prepare(const struct candles *candles, enum engine_missing missing, struct engine_series *ret_series,
                          struct error *err)
{
    struct engine_series series = {.candles = *candles};
    int64_t count = (int64_t)candles->count;
    bool rests;

    if (candles->timeframe_ms <= 0) return error_set(err, ERROR_INVALID, "the series has no timeframe");
    rests = missing != ENGINE_MISSING_SKIP && candles_rests_at_weekends(candles);
    for (size_t i = 1; i < candles->count && missing != ENGINE_MISSING_SKIP; i++) {
        const int64_t lacks = candles_missing(candles, i, rests);

        if (lacks > 0 && missing == ENGINE_MISSING_ERROR) return series_refuse_gap(candles, i, lacks, err);
        count += lacks;
    }
    if (missing == ENGINE_MISSING_FILL) {
        if (count > ENGINE_BARS_MAX) {
            return error_set(err, ERROR_INVALID,
                             "execution.missing is fill, which would make %lld candles; at most %d are allowed",
                             (long long)count, ENGINE_BARS_MAX);
        }
        if ((size_t)count > candles->count) series_fill(candles, (size_t)count, rests, &series);
    }
    *ret_series = series;
    return 0;
}

void engine_series_clear(struct engine_series *series)
{
    free(series->memory);
    *series = (struct engine_series){0};
}
