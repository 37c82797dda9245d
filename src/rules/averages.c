/* Moving averages. */
#include "rules/window.h"

static void averages_sma(struct rules_call *call)
{
    window_mean(call, call->in[0], rules_whole(call, 1), call->out);
}

static void averages_ema(struct rules_call *call)
{
    window_ema(call->in[0], call->count, rules_whole(call, 1), call->out);
}

static void averages_rma(struct rules_call *call)
{
    window_wilder(call->in[0], call->count, rules_whole(call, 1), call->out);
}

/* The average with weights 1 to n of `x`. */
static void averages_weigh(struct rules_call *call, const double *x, size_t n, double *out)
{
    double *sum = rules_scratch(call, call->count);
    const double weights = (double)n * ((double)n + 1) / 2;

    window_weighted(call, x, n, sum, out);
    for (size_t i = 0; i < call->count; i++) out[i] /= weights;
}

static void averages_wma(struct rules_call *call)
{
    averages_weigh(call, call->in[0], rules_whole(call, 1), call->out);
}

static void averages_hma(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    double *half = rules_scratch(call, call->count), *full = rules_scratch(call, call->count);

    averages_weigh(call, call->in[0], n / 2, half);
    averages_weigh(call, call->in[0], n, full);
    for (size_t i = 0; i < call->count; i++) half[i] = 2 * half[i] - full[i];
    averages_weigh(call, half, (size_t)floor(sqrt((double)n)), call->out);
}

static double averages_hma_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[1] - 1 + floor(sqrt(constants[1])) - 1;
}

static double averages_hma_steps(const double *constants)
{
    (void)constants;
    return 16;
}

static void averages_vwma(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    double *traded = rules_scratch(call, call->count), *volume = rules_scratch(call, call->count);

    for (size_t i = 0; i < call->count; i++) traded[i] = call->in[0][i] * call->candles->volume[i];
    window_sum(call, traded, n, call->out);
    window_sum(call, call->candles->volume, n, volume);
    for (size_t i = 0; i < call->count; i++) call->out[i] /= volume[i];
}

/*
 * Kaufman's: an average whose weight for the new value is the square of a mix of 2/3 and 2/31, by how much of the way
 * that the values went in n bars they got ahead.
 */
static void averages_kama(struct rules_call *call)
{
    static const double fast = 2.0 / 3, slow = 2.0 / 31;
    const size_t n = rules_whole(call, 1);
    const double *x = call->in[0];
    double *way = rules_scratch(call, call->count), *ways = rules_scratch(call, call->count);
    double state = (double)NAN;

    for (size_t i = 0; i < call->count; i++) way[i] = i == 0 ? (double)NAN : fabs(x[i] - x[i - 1]);
    window_sum(call, way, n, ways);
    for (size_t i = 0; i < call->count; i++) {
        const double ahead = i < n ? (double)NAN : fabs(x[i] - x[i - n]);
        const double efficiency = ways[i] > 0 ? ahead / ways[i] : ahead - ahead;
        const double mix = efficiency * (fast - slow) + slow;

        call->out[i] = (double)NAN;
        if (mix != mix || ways[i] != ways[i]) continue;
        state = state == state ? state + mix * mix * (x[i] - state) : x[i];
        call->out[i] = state;
    }
}

static double averages_kama_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 5 * constants[1] + 500;
}

static void averages_dema(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    double *one = rules_scratch(call, call->count), *two = rules_scratch(call, call->count);

    window_ema(call->in[0], call->count, n, one);
    window_ema(one, call->count, n, two);
    for (size_t i = 0; i < call->count; i++) call->out[i] = 2 * one[i] - two[i];
}

static void averages_tema(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    double *one = rules_scratch(call, call->count), *two = rules_scratch(call, call->count);

    window_ema(call->in[0], call->count, n, one);
    window_ema(one, call->count, n, two);
    window_ema(two, call->count, n, call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] = 3 * one[i] - 3 * two[i] + call->out[i];
}

static double averages_dema_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 10 * constants[1];
}

static double averages_tema_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 15 * constants[1];
}

/* The line of least squares through the last n values, at its end or `offset` bars before. */
static void averages_linreg(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    const double length = (double)n, middle = (length + 1) / 2, offset = call->constant[2];
    double *sum = rules_scratch(call, call->count);

    window_weighted(call, call->in[0], n, sum, call->out);
    for (size_t i = 0; i < call->count; i++) {
        const double mean = sum[i] / length;
        const double slope = n == 1 ? 0 : (call->out[i] - middle * sum[i]) * 12 / (length * (length * length - 1));

        call->out[i] = mean + slope * (length - offset - middle);
    }
}

static const struct rules_function functions[] = {
    {.name = "sma",
     .family = "averages",
     .description = "Simple moving average: the mean of the last values",
     .formula = "sum(x, length) / length",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_PIECE,
     .looks_back = true,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_sma,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "ema",
     .family = "averages",
     .description = "Exponential moving average",
     .formula = "ema[1] + 2 / (length + 1) * (x - ema[1])",
     .seed = "the mean of the first length values",
     .lookback = "5 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_ema,
     .bars = rules_bars_ema1},
    {.name = "wma",
     .family = "averages",
     .description = "Weighted moving average: the newest value counts most",
     .formula = "(length * x + (length - 1) * x[1] + … + 1 * x[length - 1]) / (length * (length + 1) / 2)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_wma,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "rma",
     .family = "averages",
     .description = "Wilder's moving average, as RSI and ATR use it",
     .formula = "(rma[1] * (length - 1) + x) / length",
     .seed = "the mean of the first length values",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_rma,
     .bars = rules_bars_wilder1},
    {.name = "hma",
     .family = "averages",
     .description = "Hull moving average: smooth, with little lag",
     .formula = "wma(2 * wma(x, floor(length / 2)) - wma(x, length), floor(sqrt(length)))",
     .seed = "",
     .lookback = "length + floor(sqrt(length)) - 2",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH_OF("length", 2)},
     .kernel = averages_hma,
     .bars = averages_hma_bars,
     .steps = averages_hma_steps},
    {.name = "vwma",
     .family = "averages",
     .description = "Volume-weighted moving average; NaN if nothing was traded",
     .formula = "sum(x * volume, length) / sum(volume, length)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_vwma,
     .bars = rules_bars_window1,
     .steps = rules_steps_8},
    {.name = "kama",
     .family = "averages",
     .description = "Kaufman's adaptive moving average: fast in a trend, slow without one",
     .formula = "kama[1] + (e * (2/3 - 2/31) + 2/31)^2 * (x - kama[1]), e = abs(x - x[length]) / sum(abs(x - x[1]), "
                "length), 0 if nothing moves",
     .seed = "the value itself, at the first bar with length changes",
     .lookback = "5 length + 500",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_kama,
     .bars = averages_kama_bars,
     .steps = rules_steps_4},
    {.name = "dema",
     .family = "averages",
     .description = "Double exponential moving average",
     .formula = "2 * ema(x, length) - ema(ema(x, length), length)",
     .seed = "as ema",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_dema,
     .bars = averages_dema_bars,
     .steps = rules_steps_4},
    {.name = "tema",
     .family = "averages",
     .description = "Triple exponential moving average",
     .formula = "3 * e - 3 * ema(e, length) + ema(ema(e, length), length), e = ema(x, length)",
     .seed = "as ema",
     .lookback = "15 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = averages_tema,
     .bars = averages_tema_bars,
     .steps = rules_steps_4},
    {.name = "linreg",
     .family = "averages",
     .description = "Linear regression: the least-squares line through the last values, offset bars before its end",
     .formula = "mean + slope * ((length - 1) / 2 - offset)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X,
                   RULES_LENGTH,
                   {.name = "offset",
                    .type = RULES_WHOLE,
                    .minimum = -RULES_LENGTH_MAX,
                    .maximum = RULES_LENGTH_MAX,
                    .fallback = "0"}},
     .kernel = averages_linreg,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
};

const struct rules_family rules_averages = {functions, countof(functions)};
