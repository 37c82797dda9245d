/* True range and what is built on it: bands, stops and directions. */
#include "rules/window.h"

/* The first bar has no close before it: its range is high - low, or NaN. */
static void volatility_true_range(const struct candles *c, double first, double *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const double range = c->high[i] - c->low[i];

        out[i] =
            i == 0 ? first : fmax(range, fmax(fabs(c->high[i] - c->close[i - 1]), fabs(c->low[i] - c->close[i - 1])));
    }
}

static void volatility_tr_into(const struct rules_call *call, double *out)
{
    const struct candles *c = call->candles;

    if (c->count > 0) volatility_true_range(c, c->high[0] - c->low[0], out);
}

static void volatility_tr(struct rules_call *call)
{
    volatility_tr_into(call, call->out);
}

static void volatility_atr(struct rules_call *call)
{
    volatility_tr_into(call, call->out);
    window_wilder(call->out, call->count, rules_whole(call, 0), call->out);
}

/* Both bands, as `way` picks: the mean and `way` deviations. */
static void volatility_bollinger(struct rules_call *call, double way)
{
    const size_t n = rules_whole(call, 1);
    double *squares = rules_scratch(call, call->count);

    window_moments(call, call->in[0], n, NULL, squares);
    window_sum(call, call->in[0], n, call->out);
    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = call->out[i] / call->constant[1] + way * sqrt(squares[i] / call->constant[1]);
    }
}

static void volatility_bb_upper(struct rules_call *call)
{
    volatility_bollinger(call, call->constant[2]);
}

static void volatility_bb_lower(struct rules_call *call)
{
    volatility_bollinger(call, -call->constant[2]);
}

static void volatility_bb_middle(struct rules_call *call)
{
    window_mean(call, call->in[0], rules_whole(call, 1), call->out);
}

static void volatility_keltner(struct rules_call *call, double way)
{
    const size_t n = rules_whole(call, 1);
    double *range = rules_scratch(call, call->count);

    volatility_tr_into(call, range);
    window_ema(range, call->count, n, range);
    window_ema(call->in[0], call->count, n, call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] += way * range[i];
}

static void volatility_kc_upper(struct rules_call *call)
{
    volatility_keltner(call, call->constant[2]);
}

static void volatility_kc_lower(struct rules_call *call)
{
    volatility_keltner(call, -call->constant[2]);
}

/* The line and the direction of supertrend; either may be NULL. The bands are kept while the close stays on their side.
 */
static void volatility_trend(struct rules_call *call, double *line, double *direction)
{
    const struct candles *c = call->candles;
    const double factor = call->constant[0];
    double *atr = rules_scratch(call, call->count);
    double upper = 0, lower = 0, before = 0; /* `before` is the line of the bar before */
    bool known = false;

    volatility_tr_into(call, atr);
    window_wilder(atr, call->count, rules_whole(call, 1), atr);
    for (size_t i = 0; i < call->count; i++) {
        const double middle = (c->high[i] + c->low[i]) / 2;
        const double next_upper = middle + factor * atr[i], next_lower = middle - factor * atr[i];
        double way = 1;

        if (atr[i] != atr[i]) {
            if (line != NULL) line[i] = (double)NAN;
            if (direction != NULL) direction[i] = (double)NAN;
            continue;
        }
        const bool was_down = known && before == upper;

        if (!known || next_lower > lower || c->close[i - 1] < lower) lower = next_lower;
        if (!known || next_upper < upper || c->close[i - 1] > upper) upper = next_upper;
        if (known) way = was_down ? (c->close[i] > upper ? -1 : 1) : (c->close[i] < lower ? 1 : -1);
        before = way < 0 ? lower : upper;
        known = true;
        if (line != NULL) line[i] = before;
        if (direction != NULL) direction[i] = way;
    }
}

static void volatility_supertrend(struct rules_call *call)
{
    volatility_trend(call, call->out, NULL);
}

static void volatility_supertrend_direction(struct rules_call *call)
{
    volatility_trend(call, NULL, call->out);
}

/* Wilder's parabolic stop and reverse. */
struct volatility_sar {
    double stop, extreme, speed;
    bool is_up;
};

static struct volatility_sar volatility_sar_begin(const struct candles *c, double start)
{
    const bool is_up = c->close[1] > c->close[0];

    return (struct volatility_sar){is_up ? c->low[0] : c->high[0], is_up ? c->high[1] : c->low[1], start, is_up};
}

static void volatility_sar(struct rules_call *call)
{
    const struct candles *c = call->candles;
    const double start = call->constant[0], step = call->constant[1], limit = call->constant[2];
    struct volatility_sar s = {0};

    rules_unknown(call->out, call->count, 1);
    for (size_t i = 1; i < c->count; i++) {
        bool turned = i == 1;

        if (i == 1) s = volatility_sar_begin(c, start);
        s.stop += s.speed * (s.extreme - s.stop);
        if (s.is_up ? s.stop > c->low[i] : s.stop < c->high[i]) {
            turned = true;
            s.stop = s.is_up ? fmax(c->high[i], s.extreme) : fmin(c->low[i], s.extreme);
            s.is_up = !s.is_up;
            s.extreme = s.is_up ? c->high[i] : c->low[i];
            s.speed = start;
        }
        if (!turned && (s.is_up ? c->high[i] > s.extreme : c->low[i] < s.extreme)) {
            s.extreme = s.is_up ? c->high[i] : c->low[i];
            s.speed = fmin(s.speed + step, limit);
        }
        for (size_t back = 1; back <= 2 && back <= i; back++) {
            s.stop = s.is_up ? fmin(s.stop, c->low[i - back]) : fmax(s.stop, c->high[i - back]);
        }
        call->out[i] = s.stop;
    }
}

static double volatility_sar_bars(const double *constants, int64_t timeframe_ms)
{
    (void)constants;
    (void)timeframe_ms;
    return 500;
}

/* The directional indices, by Wilder's averages from the second bar on. Either may be NULL. */
static void volatility_directions(struct rules_call *call, size_t n, double *plus, double *minus)
{
    const struct candles *c = call->candles;
    double *range = rules_scratch(call, call->count);

    volatility_true_range(c, (double)NAN, range);
    window_wilder(range, call->count, n, range);
    for (size_t i = 0; i < call->count; i++) {
        const double up = i == 0 ? (double)NAN : c->high[i] - c->high[i - 1];
        const double down = i == 0 ? (double)NAN : c->low[i - 1] - c->low[i];

        if (plus != NULL) plus[i] = up > down && up > 0 ? up : up - up;
        if (minus != NULL) minus[i] = down > up && down > 0 ? down : down - down;
    }
    if (plus != NULL) window_wilder(plus, call->count, n, plus);
    if (minus != NULL) window_wilder(minus, call->count, n, minus);
    for (size_t i = 0; i < call->count; i++) {
        if (plus != NULL) plus[i] = 100 * plus[i] / range[i];
        if (minus != NULL) minus[i] = 100 * minus[i] / range[i];
    }
}

static void volatility_di_plus(struct rules_call *call)
{
    volatility_directions(call, rules_whole(call, 0), call->out, NULL);
}

static void volatility_di_minus(struct rules_call *call)
{
    volatility_directions(call, rules_whole(call, 0), NULL, call->out);
}

static void volatility_adx(struct rules_call *call)
{
    double *minus = rules_scratch(call, call->count);

    volatility_directions(call, rules_whole(call, 0), call->out, minus);
    for (size_t i = 0; i < call->count; i++) {
        const double sum = call->out[i] + minus[i];

        call->out[i] = rules_finite(fabs(call->out[i] - minus[i]) / (sum == 0 ? 1 : sum));
    }
    window_wilder(call->out, call->count, rules_whole(call, 1), call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] *= 100;
}

static double volatility_adx_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 10 * (constants[0] + constants[1]);
}

/* clang-format off */
#define VOLATILITY_BANDS                              \
    {                                                 \
        RULES_X, RULES_LENGTH, RULES_MULTIPLE("mult") \
    }
#define VOLATILITY_SPEED(title)                                                \
    {                                                                          \
        .name = title, .type = RULES_CONSTANT, .minimum = 0.0001, .maximum = 1 \
    }
/* clang-format on */

static const struct rules_function functions[] = {
    {.name = "tr",
     .family = "volatility",
     .description = "True range",
     .formula = "max(high - low, abs(high - close[1]), abs(low - close[1]))",
     .seed = "high - low at the first bar",
     .lookback = "1",
     .result = RULES_NUMBER,
     .kernel = volatility_tr,
     .bars = rules_bars_one},
    {.name = "atr",
     .family = "volatility",
     .description = "Average true range",
     .formula = "rma(tr(), length)",
     .seed = "the mean of the first length true ranges",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH},
     .kernel = volatility_atr,
     .bars = rules_bars_wilder0,
     .steps = rules_steps_4},
    {.name = "supertrend",
     .family = "volatility",
     .description = "Supertrend: the line that the close must cross to turn the trend",
     .formula = "hl2 - factor * atr(length) below the close in a rising trend, hl2 + factor * atr(length) above it in "
                "a falling "
                "one; each band is kept while it would loosen and the close is on its side",
     .seed = "down, at the first bar with an ATR",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_MULTIPLE("factor"), RULES_LENGTH},
     .kernel = volatility_supertrend,
     .bars = rules_bars_wilder1,
     .steps = rules_steps_4},
    {.name = "supertrend_direction",
     .family = "volatility",
     .description = "Supertrend's direction: -1 is up, 1 is down (as on TradingView)",
     .formula = "see supertrend",
     .seed = "1",
     .lookback = "10 length",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_MULTIPLE("factor"), RULES_LENGTH},
     .kernel = volatility_supertrend_direction,
     .bars = rules_bars_wilder1,
     .steps = rules_steps_4},
    {.name = "sar",
     .family = "volatility",
     .description = "Parabolic SAR (stop and reverse)",
     .formula = "sar[1] + speed * (extreme - sar[1]), held to the last two bars; speed begins with start and grows by "
                "step up to max "
                "at each new extreme; a turn is decided before both",
     .seed = "at the second bar, in the direction of the first change of the close, from the first bar's low or high",
     .lookback = "500",
     .result = RULES_NUMBER,
     .arguments = {VOLATILITY_SPEED("start"), VOLATILITY_SPEED("step"), VOLATILITY_SPEED("max")},
     .kernel = volatility_sar,
     .bars = volatility_sar_bars,
     .steps = rules_steps_4},
    {.name = "adx",
     .family = "volatility",
     .description = "Average directional index: how strong a trend is, 0 to 100",
     .formula = "100 * rma(abs(p - m) / (p + m), smooth), p = di_plus(length), m = di_minus(length)",
     .seed = "the mean of the first smooth values",
     .lookback = "10 (length + smooth)",
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH, RULES_LENGTH_OF("smooth", 1)},
     .kernel = volatility_adx,
     .bars = volatility_adx_bars,
     .steps = rules_steps_4},
    {.name = "di_plus",
     .family = "volatility",
     .description = "Positive directional indicator, +DI, 0 to 100",
     .formula = "100 * rma(high - high[1] if it is above low[1] - low and above 0, else 0, length) / rma(tr(), length)",
     .seed = "the means of the first length values from the second bar on",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH},
     .kernel = volatility_di_plus,
     .bars = rules_bars_wilder0,
     .steps = rules_steps_4},
    {.name = "di_minus",
     .family = "volatility",
     .description = "Negative directional indicator, -DI, 0 to 100",
     .formula = "100 * rma(low[1] - low if it is above high - high[1] and above 0, else 0, length) / rma(tr(), length)",
     .seed = "the means of the first length values from the second bar on",
     .lookback = "10 length",
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH},
     .kernel = volatility_di_minus,
     .bars = rules_bars_wilder0,
     .steps = rules_steps_4},
    {.name = "bb_upper",
     .family = "volatility",
     .description = "Upper Bollinger band",
     .formula = "sma(x, length) + mult * stdev(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = VOLATILITY_BANDS,
     .kernel = volatility_bb_upper,
     .bars = rules_bars_window1,
     .steps = rules_steps_8},
    {.name = "bb_middle",
     .family = "volatility",
     .description = "Middle Bollinger band",
     .formula = "sma(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_PIECE,
     .looks_back = true,
     .result = RULES_NUMBER,
     .arguments = {RULES_X,
                   RULES_LENGTH,
                   {.name = "mult", .type = RULES_CONSTANT, .minimum = 0.001, .maximum = 1000, .fallback = "2"}},
     .kernel = volatility_bb_middle,
     .bars = rules_bars_window1,
     .steps = rules_steps_8},
    {.name = "bb_lower",
     .family = "volatility",
     .description = "Lower Bollinger band",
     .formula = "sma(x, length) - mult * stdev(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = VOLATILITY_BANDS,
     .kernel = volatility_bb_lower,
     .bars = rules_bars_window1,
     .steps = rules_steps_8},
    {.name = "kc_upper",
     .family = "volatility",
     .description = "Upper Keltner band",
     .formula = "ema(x, length) + mult * ema(tr(), length)",
     .seed = "as ema",
     .lookback = "5 length",
     .result = RULES_NUMBER,
     .arguments = VOLATILITY_BANDS,
     .kernel = volatility_kc_upper,
     .bars = rules_bars_ema1,
     .steps = rules_steps_4},
    {.name = "kc_lower",
     .family = "volatility",
     .description = "Lower Keltner band",
     .formula = "ema(x, length) - mult * ema(tr(), length)",
     .seed = "as ema",
     .lookback = "5 length",
     .result = RULES_NUMBER,
     .arguments = VOLATILITY_BANDS,
     .kernel = volatility_kc_lower,
     .bars = rules_bars_ema1,
     .steps = rules_steps_4},
};

const struct rules_family rules_volatility = {functions, countof(functions)};
