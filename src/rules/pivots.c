/* Pivots: highs and lows that later bars confirm. */
#include "rules/window.h"

enum { PIVOTS_SIDE_MAX = 5000 };

static void pivots_find(struct rules_call *call, int sign)
{
    const size_t left = rules_whole(call, 1), right = rules_whole(call, 2);
    const double *x = call->in[0];
    double *later = rules_scratch(call, call->count);

    window_extreme(call, x, left + 1 + right, sign, call->out);
    if (right > 0) window_extreme(call, x, right, sign, later);
    for (size_t i = 0; i < call->count; i++) {
        const bool is_pivot =
            i >= left + right && x[i - right] == call->out[i] && (right == 0 || x[i - right] != later[i]);

        call->out[i] = is_pivot ? x[i - right] : (double)NAN;
    }
}

static void pivots_high(struct rules_call *call)
{
    pivots_find(call, 1);
}

static void pivots_low(struct rules_call *call)
{
    pivots_find(call, -1);
}

static double pivots_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[1] + constants[2];
}

/* clang-format off */
#define PIVOTS_SIDE(title)                                                           \
    {                                                                                \
        .name = title, .type = RULES_WHOLE, .minimum = 0, .maximum = PIVOTS_SIDE_MAX \
    }
/* clang-format on */

static const struct rules_function functions[] = {
    {.name = "pivot_high",
     .family = "pivots",
     .description = "Pivot high: a high with `left` bars before it that are not above it and `right` bars after it "
                    "that are below it; its value at the bar that confirms it, else NaN",
     .formula = "x[right] if it is highest(x, left + right + 1) and above highest(x, right)",
     .seed = "",
     .lookback = "left + right",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, PIVOTS_SIDE("left"), PIVOTS_SIDE("right")},
     .kernel = pivots_high,
     .bars = pivots_bars,
     .steps = rules_steps_8},
    {.name = "pivot_low",
     .family = "pivots",
     .description = "Pivot low: a low with `left` bars before it that are not below it and `right` bars after it that "
                    "are above it; its value at the bar that confirms it, else NaN",
     .formula = "x[right] if it is lowest(x, left + right + 1) and below lowest(x, right)",
     .seed = "",
     .lookback = "left + right",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, PIVOTS_SIDE("left"), PIVOTS_SIDE("right")},
     .kernel = pivots_low,
     .bars = pivots_bars,
     .steps = rules_steps_8},
};

const struct rules_family rules_pivots = {functions, countof(functions)};
