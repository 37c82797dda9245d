/* Momentum and oscillators. */
#include "rules/window.h"

/* x - x[k] */
static void momentum_change_into(const double *x, size_t count, size_t k, double *out)
{
    for (size_t i = 0; i < count; i++) out[i] = i < k ? (double)NAN : x[i] - x[i - k];
}

static void momentum_change(struct rules_call *call)
{
    momentum_change_into(call->in[0], call->count, rules_whole(call, 1), call->out);
}

static void momentum_roc(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    const double *x = call->in[0];

    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = i < n ? (double)NAN : 100 * (x[i] - x[i - n]) / x[i - n];
    }
}

/* Gains and losses from bar to bar, both 0 or more. */
static void momentum_split(struct rules_call *call, const double *x, double *gain, double *loss)
{
    for (size_t i = 0; i < call->count; i++) {
        const double d = i == 0 ? (double)NAN : x[i] - x[i - 1];

        gain[i] = d > 0 ? d : d - d;
        loss[i] = d < 0 ? -d : d - d;
    }
}

static void momentum_rsi_into(struct rules_call *call, const double *x, size_t n, double *out)
{
    double *loss = rules_scratch(call, call->count);

    momentum_split(call, x, out, loss);
    window_wilder(out, call->count, n, out);
    window_wilder(loss, call->count, n, loss);
    for (size_t i = 0; i < call->count; i++) {
        out[i] = loss[i] == 0 ? 100 + (out[i] - out[i]) : 100 - 100 / (1 + out[i] / loss[i]);
    }
}

static void momentum_rsi(struct rules_call *call)
{
    momentum_rsi_into(call, call->in[0], rules_whole(call, 1), call->out);
}

static void momentum_macd_line(struct rules_call *call, double *out)
{
    double *slow = rules_scratch(call, call->count);

    window_ema(call->in[0], call->count, rules_whole(call, 1), out);
    window_ema(call->in[0], call->count, rules_whole(call, 2), slow);
    for (size_t i = 0; i < call->count; i++) out[i] -= slow[i];
}

static void momentum_macd(struct rules_call *call)
{
    momentum_macd_line(call, call->out);
}

static void momentum_macd_signal(struct rules_call *call)
{
    momentum_macd_line(call, call->out);
    window_ema(call->out, call->count, rules_whole(call, 3), call->out);
}

static void momentum_macd_hist(struct rules_call *call)
{
    double *line = rules_scratch(call, call->count);

    momentum_macd_line(call, line);
    window_ema(line, call->count, rules_whole(call, 3), call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] = line[i] - call->out[i];
}

static double momentum_macd_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 5 * fmax(constants[1], constants[2]);
}

static double momentum_macd_signal_bars(const double *constants, int64_t timeframe_ms)
{
    return momentum_macd_bars(constants, timeframe_ms) + 5 * constants[3];
}

/* Where x is between the lowest `low` and the highest `high` of n bars: 0 to 100. */
static void momentum_place(struct rules_call *call, const double *x, const double *high, const double *low, size_t n,
                           double *out)
{
    double *bottom = rules_scratch(call, call->count);

    window_extreme(call, high, n, 1, out);
    window_extreme(call, low, n, -1, bottom);
    for (size_t i = 0; i < call->count; i++) out[i] = 100 * (x[i] - bottom[i]) / (out[i] - bottom[i]);
}

static void momentum_stoch_k(struct rules_call *call)
{
    momentum_place(call, call->in[0], call->in[1], call->in[2], rules_whole(call, 3), call->out);
}

static void momentum_stoch_d(struct rules_call *call)
{
    double *k = rules_scratch(call, call->count);

    momentum_place(call, call->in[0], call->in[1], call->in[2], rules_whole(call, 3), k);
    for (size_t i = 0; i < call->count; i++) k[i] = rules_finite(k[i]);
    window_sum(call, k, rules_whole(call, 4), call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] /= call->constant[4];
}

static double momentum_stoch_k_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[3] - 1;
}

static double momentum_stoch_d_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[3] + constants[4] - 2;
}

static void momentum_stochrsi(struct rules_call *call)
{
    double *rsi = rules_scratch(call, call->count);

    momentum_rsi_into(call, call->in[0], rules_whole(call, 1), rsi);
    momentum_place(call, rsi, rsi, rsi, rules_whole(call, 2), call->out);
}

static double momentum_stochrsi_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 10 * constants[1] + constants[2] - 1;
}

static double momentum_steps(const double *constants)
{
    (void)constants;
    return 8;
}

static void momentum_wpr(struct rules_call *call)
{
    momentum_place(call, call->candles->close, call->candles->high, call->candles->low, rules_whole(call, 0),
                   call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] -= 100;
}

static void momentum_cci(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    const double *x = call->in[0], length = (double)n;

    window_sum(call, x, n, call->out);
    for (size_t i = 0; i < call->count; i++) {
        const double mean = call->out[i] / length;
        double away = 0;

        if (mean != mean) continue;
        for (size_t j = i + 1 - n; j <= i; j++) away += fabs(x[j] - mean);
        call->out[i] = (x[i] - mean) / (0.015 * (away / length));
    }
    call->steps += n * call->count;
}

static double momentum_cci_steps(const double *constants)
{
    return constants[1] + 3;
}

static void momentum_cmo(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    double *gain = rules_scratch(call, call->count), *loss = rules_scratch(call, call->count);
    double *losses = rules_scratch(call, call->count);

    momentum_split(call, call->in[0], gain, loss);
    window_sum(call, gain, n, call->out);
    window_sum(call, loss, n, losses);
    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = 100 * (call->out[i] - losses[i]) / (call->out[i] + losses[i]);
    }
}

static void momentum_cog(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    double *sum = rules_scratch(call, call->count);

    /* The newest value has weight 1 here, and n in window_weighted. */
    window_weighted(call, call->in[0], n, sum, call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] = call->out[i] / sum[i] - (call->constant[1] + 1);
}

static void momentum_mfi(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    const double *x = call->in[0], *volume = call->candles->volume;
    double *in = rules_scratch(call, call->count), *out = rules_scratch(call, call->count);
    double *outs = rules_scratch(call, call->count);

    for (size_t i = 0; i < call->count; i++) {
        const double d = i == 0 ? (double)NAN : x[i] - x[i - 1];
        const double flow = x[i] * volume[i];

        in[i] = d > 0 ? flow : d - d;
        out[i] = d < 0 ? flow : d - d;
    }
    window_sum(call, in, n, call->out);
    window_sum(call, out, n, outs);
    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = outs[i] == 0 ? 100 + (call->out[i] - call->out[i]) : 100 - 100 / (1 + call->out[i] / outs[i]);
    }
}

static void momentum_tsi(struct rules_call *call)
{
    const size_t quick = rules_whole(call, 1), slow = rules_whole(call, 2);
    double *size = rules_scratch(call, call->count);

    momentum_change_into(call->in[0], call->count, 1, call->out);
    for (size_t i = 0; i < call->count; i++) size[i] = fabs(call->out[i]);
    window_ema(call->out, call->count, slow, call->out);
    window_ema(call->out, call->count, quick, call->out);
    window_ema(size, call->count, slow, size);
    window_ema(size, call->count, quick, size);
    for (size_t i = 0; i < call->count; i++) call->out[i] /= size[i];
}

static double momentum_tsi_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 5 * (constants[1] + constants[2]) + 1;
}

/* clang-format off */
#define MOMENTUM_BACK(title)                                                          \
    {                                                                                 \
        .name = title, .type = RULES_WHOLE, .minimum = 1, .maximum = RULES_LENGTH_MAX \
    }
#define MOMENTUM_MACD                                                                                 \
    {                                                                                                 \
        RULES_X, RULES_LENGTH_OF("fast", 1), RULES_LENGTH_OF("slow", 1), RULES_LENGTH_OF("signal", 1) \
    }
/* clang-format on */
#define MOMENTUM_RANGE                               \
    RULES_X, {.name = "high", .type = RULES_NUMBER}, \
    {                                                \
        .name = "low", .type = RULES_NUMBER          \
    }

static const struct rules_function functions[] = {
    {.name = "change",
     .family = "momentum",
     .description = "Difference from the value k bars ago",
     .formula = "x - x[k]",
     .seed = "",
     .lookback = "k",
     .result = RULES_NUMBER,
     .arguments = {RULES_X,
                   {.name = "k", .type = RULES_WHOLE, .minimum = 1, .maximum = RULES_LENGTH_MAX, .fallback = "1"}},
     .kernel = momentum_change,
     .bars = rules_bars_back1},
    {.name = "mom",
     .family = "momentum",
     .description = "Momentum: difference from the value length bars ago",
     .formula = "x - x[length]",
     .seed = "",
     .lookback = "length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_change,
     .bars = rules_bars_back1},
    {.name = "roc",
     .family = "momentum",
     .description = "Rate of change over length bars, in percent",
     .formula = "100 * (x - x[length]) / x[length]",
     .seed = "",
     .lookback = "length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_roc,
     .bars = rules_bars_back1},
    {.name = "rsi",
     .family = "momentum",
     .description = "Relative strength index, 0 to 100; 100 if nothing falls",
     .formula = "100 - 100 / (1 + rma(max(x - x[1], 0), length) / rma(max(x[1] - x, 0), length))",
     .seed = "the mean of the first length changes",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_rsi,
     .bars = rules_bars_wilder1,
     .steps = rules_steps_4},
    {.name = "macd",
     .family = "momentum",
     .description = "MACD (moving average convergence divergence): the line",
     .formula = "ema(x, fast) - ema(x, slow)",
     .seed = "each ema has its own",
     .lookback = "5 max(fast, slow)",
     .result = RULES_NUMBER,
     .arguments = {RULES_X,
                   RULES_LENGTH_OF("fast", 1),
                   RULES_LENGTH_OF("slow", 1),
                   {.name = "signal", .type = RULES_WHOLE, .minimum = 1, .maximum = RULES_LENGTH_MAX, .fallback = "1"}},
     .kernel = momentum_macd,
     .bars = momentum_macd_bars,
     .steps = rules_steps_4},
    {.name = "macd_signal",
     .family = "momentum",
     .description = "MACD: the signal line",
     .formula = "ema(macd(x, fast, slow), signal)",
     .seed = "the mean of the line's first signal values",
     .lookback = "5 max(fast, slow) + 5 signal",
     .result = RULES_NUMBER,
     .arguments = MOMENTUM_MACD,
     .kernel = momentum_macd_signal,
     .bars = momentum_macd_signal_bars,
     .steps = rules_steps_4},
    {.name = "macd_hist",
     .family = "momentum",
     .description = "MACD: the histogram, line minus signal",
     .formula = "macd - macd_signal",
     .seed = "as macd_signal",
     .lookback = "5 max(fast, slow) + 5 signal",
     .result = RULES_NUMBER,
     .arguments = MOMENTUM_MACD,
     .kernel = momentum_macd_hist,
     .bars = momentum_macd_signal_bars,
     .steps = rules_steps_4},
    {.name = "stoch_k",
     .family = "momentum",
     .description =
         "Stochastic %K: position of x in the range of the last bars, 0 to 100, not smoothed; NaN if the range is zero",
     .formula = "100 * (x - lowest(low, length)) / (highest(high, length) - lowest(low, length))",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {MOMENTUM_RANGE, RULES_LENGTH},
     .kernel = momentum_stoch_k,
     .bars = momentum_stoch_k_bars,
     .steps = momentum_steps},
    {.name = "stoch_d",
     .family = "momentum",
     .description = "Stochastic %D: stoch_k smoothed by a simple moving average",
     .formula = "sma(stoch_k(x, high, low, length), smooth)",
     .seed = "",
     .lookback = "length + smooth - 2",
     .result = RULES_NUMBER,
     .arguments = {MOMENTUM_RANGE, RULES_LENGTH, RULES_LENGTH_OF("smooth", 1)},
     .kernel = momentum_stoch_d,
     .bars = momentum_stoch_d_bars,
     .steps = momentum_steps},
    {.name = "stochrsi",
     .family = "momentum",
     .description = "Stochastic of the RSI, 0 to 100, not smoothed",
     .formula = "stoch_k(r, r, r, length), r = rsi(x, rsi)",
     .seed = "as rsi",
     .lookback = "10 rsi + length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH_OF("rsi", 1), RULES_LENGTH},
     .kernel = momentum_stochrsi,
     .bars = momentum_stochrsi_bars,
     .steps = momentum_steps},
    {.name = "wpr",
     .family = "momentum",
     .description = "Williams %R, -100 to 0",
     .formula = "100 * (close - highest(high, length)) / (highest(high, length) - lowest(low, length))",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH},
     .kernel = momentum_wpr,
     .bars = rules_bars_window0,
     .steps = momentum_steps},
    {.name = "cci",
     .family = "momentum",
     .description = "Commodity channel index, from the mean absolute deviation",
     .formula = "(x - m) / (0.015 * sum(abs(x - m), length) / length), m = sma(x, length) of this bar",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_cci,
     .bars = rules_bars_window1,
     .steps = momentum_cci_steps},
    {.name = "cmo",
     .family = "momentum",
     .description = "Chande momentum oscillator, -100 to 100, from sums",
     .formula = "100 * (g - l) / (g + l), g and l the sums of the last length gains and losses",
     .seed = "",
     .lookback = "length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_cmo,
     .bars = rules_bars_back1,
     .steps = rules_steps_8},
    {.name = "cog",
     .family = "momentum",
     .description = "Centre of gravity: the newest value weighs 1, the oldest length",
     .formula = "-(1 * x + 2 * x[1] + … + length * x[length - 1]) / sum(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_cog,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "mfi",
     .family = "momentum",
     .description = "Money flow index, 0 to 100; usually of hlc3; 100 if nothing flows out",
     .formula = "100 - 100 / (1 + sum(x * volume if x > x[1], length) / sum(x * volume if x < x[1], length))",
     .seed = "",
     .lookback = "length",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = momentum_mfi,
     .bars = rules_bars_back1,
     .steps = rules_steps_8},
    {.name = "tsi",
     .family = "momentum",
     .description = "True strength index, -1 to 1",
     .formula = "ema(ema(x - x[1], long), short) / ema(ema(abs(x - x[1]), long), short)",
     .seed = "as ema",
     .lookback = "5 (short + long) + 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH_OF("short", 1), RULES_LENGTH_OF("long", 1)},
     .kernel = momentum_tsi,
     .bars = momentum_tsi_bars,
     .steps = rules_steps_4},
};

const struct rules_family rules_momentum = {functions, countof(functions)};
