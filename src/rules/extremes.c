/* Highs, lows and channels. */
#include "rules/window.h"

static void extremes_highest(struct rules_call *call)
{
    window_extreme(call, call->in[0], rules_whole(call, 1), 1, call->out);
}

static void extremes_lowest(struct rules_call *call)
{
    window_extreme(call, call->in[0], rules_whole(call, 1), -1, call->out);
}

static void extremes_highestbars(struct rules_call *call)
{
    window_extreme_age(call, call->in[0], rules_whole(call, 1), 1, call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] = 0 - call->out[i];
}

static void extremes_lowestbars(struct rules_call *call)
{
    window_extreme_age(call, call->in[0], rules_whole(call, 1), -1, call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] = 0 - call->out[i];
}

static void extremes_donchian_upper(struct rules_call *call)
{
    window_extreme(call, call->candles->high, rules_whole(call, 0), 1, call->out);
}

static void extremes_donchian_lower(struct rules_call *call)
{
    window_extreme(call, call->candles->low, rules_whole(call, 0), -1, call->out);
}

/* `back` bars in a row, each above (sign 1) or below the one before. */
static void extremes_run(struct rules_call *call, double sign)
{
    const double *x = call->in[0];
    const size_t n = rules_whole(call, 1);
    size_t steps = 0;

    for (size_t i = 0; i < call->count; i++) {
        steps = i > 0 && sign * x[i] > sign * x[i - 1] ? steps + 1 : 0;
        call->out[i] = steps >= n ? 1 : 0;
    }
}

static void extremes_rising(struct rules_call *call)
{
    extremes_run(call, 1);
}

static void extremes_falling(struct rules_call *call)
{
    extremes_run(call, -1);
}

static const struct rules_function functions[] = {
    {.name = "highest",
     .family = "extremes",
     .description = "Highest of the last values",
     .formula = "max(x, x[1], …, x[length - 1])",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = extremes_highest,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "lowest",
     .family = "extremes",
     .description = "Lowest of the last values",
     .formula = "min(x, x[1], …, x[length - 1])",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = extremes_lowest,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "highestbars",
     .family = "extremes",
     .description =
         "Offset of the highest of the last values: 0, or minus the number of bars ago; of equal values, the oldest",
     .formula = "-k, x[k] = highest(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = extremes_highestbars,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "lowestbars",
     .family = "extremes",
     .description =
         "Offset of the lowest of the last values: 0, or minus the number of bars ago; of equal values, the oldest",
     .formula = "-k, x[k] = lowest(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = extremes_lowestbars,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "donchian_upper",
     .family = "extremes",
     .description = "Upper edge of the Donchian channel, this bar included (for a breakout, compare with "
                    "donchian_upper(length)[1])",
     .formula = "highest(high, length)",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH},
     .kernel = extremes_donchian_upper,
     .bars = rules_bars_window0,
     .steps = rules_steps_4},
    {.name = "donchian_lower",
     .family = "extremes",
     .description = "Lower edge of the Donchian channel, this bar included",
     .formula = "lowest(low, length)",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_LENGTH},
     .kernel = extremes_donchian_lower,
     .bars = rules_bars_window0,
     .steps = rules_steps_4},
    {.name = "rising",
     .family = "extremes",
     .description = "True if x rose in each of the last length bars",
     .formula = "x > x[1] and x[1] > x[2] and …, length times",
     .seed = "false",
     .lookback = "length",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_CONDITION,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = extremes_rising,
     .bars = rules_bars_back1},
    {.name = "falling",
     .family = "extremes",
     .description = "True if x fell in each of the last length bars",
     .formula = "x < x[1] and x[1] < x[2] and …, length times",
     .seed = "false",
     .lookback = "length",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_CONDITION,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = extremes_falling,
     .bars = rules_bars_back1},
};

const struct rules_family rules_extremes = {functions, countof(functions)};
