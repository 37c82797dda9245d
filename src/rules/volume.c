/* Volume. The sums begin with the first bar that is loaded: their level means nothing, their changes do. */
#include "rules/function.h"

static void volume_obv(struct rules_call *call)
{
    const struct candles *c = call->candles;
    double sum = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (i > 0 && c->close[i] > c->close[i - 1]) sum += c->volume[i];
        if (i > 0 && c->close[i] < c->close[i - 1]) sum -= c->volume[i];
        call->out[i] = sum;
    }
}

static void volume_pvt(struct rules_call *call)
{
    const struct candles *c = call->candles;
    double sum = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (i > 0) sum += (c->close[i] - c->close[i - 1]) / c->close[i - 1] * c->volume[i];
        call->out[i] = sum;
    }
}

/* Follows the close over the bars whose volume is less (sign -1) or more than that of the bar before. */
static void volume_index(struct rules_call *call, double sign)
{
    const struct candles *c = call->candles;
    double index = 1;

    for (size_t i = 0; i < c->count; i++) {
        if (i > 0 && sign * c->volume[i] > sign * c->volume[i - 1]) {
            index += (c->close[i] - c->close[i - 1]) / c->close[i - 1] * index;
        }
        call->out[i] = index;
    }
}

static void volume_nvi(struct rules_call *call)
{
    volume_index(call, -1);
}

static void volume_pvi(struct rules_call *call)
{
    volume_index(call, 1);
}

static void volume_accdist(struct rules_call *call)
{
    const struct candles *c = call->candles;
    double sum = 0;

    for (size_t i = 0; i < c->count; i++) {
        const double range = c->high[i] - c->low[i];

        if (range > 0) sum += ((c->close[i] - c->low[i]) - (c->high[i] - c->close[i])) / range * c->volume[i];
        call->out[i] = sum;
    }
}

enum { VOLUME_DAY_MS = 86400000 };

static int64_t volume_day(int64_t time_ms)
{
    return time_ms / VOLUME_DAY_MS - (time_ms % VOLUME_DAY_MS < 0);
}

static void volume_vwap(struct rules_call *call)
{
    const struct candles *c = call->candles;
    double traded = 0, volume = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (i > 0 && volume_day(c->time_ms[i]) != volume_day(c->time_ms[i - 1])) traded = volume = 0;
        traded += (c->high[i] + c->low[i] + c->close[i]) / 3 * c->volume[i];
        volume += c->volume[i];
        call->out[i] = traded / volume;
    }
}

static double volume_vwap_bars(const double *constants, int64_t timeframe_ms)
{
    (void)constants;
    return timeframe_ms >= VOLUME_DAY_MS ? 0 : ceil((double)VOLUME_DAY_MS / (double)timeframe_ms) - 1;
}

#define VOLUME_FIRST "0 at the first bar that is loaded"

static const struct rules_function functions[] = {
    {.name = "obv",
     .family = "volume",
     .description = "On-balance volume",
     .formula = "cum(sign(close - close[1]) * volume)",
     .seed = VOLUME_FIRST,
     .lookback = "0",
     .result = RULES_NUMBER,
     .kernel = volume_obv},
    {.name = "pvt",
     .family = "volume",
     .description = "Price volume trend",
     .formula = "cum((close - close[1]) / close[1] * volume)",
     .seed = VOLUME_FIRST,
     .lookback = "0",
     .result = RULES_NUMBER,
     .kernel = volume_pvt},
    {.name = "nvi",
     .family = "volume",
     .description = "Negative volume index: follows the close when volume falls",
     .formula = "nvi[1] * (1 + (close - close[1]) / close[1]) if volume < volume[1], else nvi[1]",
     .seed = "1 at the first bar that is loaded",
     .lookback = "0",
     .result = RULES_NUMBER,
     .kernel = volume_nvi},
    {.name = "pvi",
     .family = "volume",
     .description = "Positive volume index: follows the close when volume rises",
     .formula = "pvi[1] * (1 + (close - close[1]) / close[1]) if volume > volume[1], else pvi[1]",
     .seed = "1 at the first bar that is loaded",
     .lookback = "0",
     .result = RULES_NUMBER,
     .kernel = volume_pvi},
    {.name = "accdist",
     .family = "volume",
     .description = "Accumulation/distribution line",
     .formula = "cum(((close - low) - (high - close)) / (high - low) * volume), 0 if high = low",
     .seed = "the first bar that is loaded",
     .lookback = "0",
     .result = RULES_NUMBER,
     .kernel = volume_accdist},
    {.name = "vwap",
     .family = "volume",
     .description = "Volume-weighted average price, starting anew each UTC day; NaN until something is traded",
     .formula = "cum(hlc3 * volume) / cum(volume), from the day's first bar",
     .seed = "",
     .lookback = "a day",
     .result = RULES_NUMBER,
     .kernel = volume_vwap,
     .bars = volume_vwap_bars},
};

const struct rules_family rules_volume = {functions, countof(functions)};
