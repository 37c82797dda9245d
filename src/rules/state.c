/* Functions of events, and those that remember. */
#include <string.h>

#include "base/attr.h"
#include "rules/function.h"
#include "rules/wide.h"

/* A bit for each of the bars of a word: is x above y, is it at or below it? */
static inline void state_compare(const double *x, const double *y, uint64_t *ret_above, uint64_t *ret_below)
{
    rules_wide_bits above = {0}, below = {0}, bit = {1, 2, 4, 8};

    for (size_t i = 0; i < RULES_WORD_BARS; i += RULES_WIDE, bit <<= RULES_WIDE) {
        rules_wide a, b;

        memcpy(&a, &x[i], sizeof(a));
        memcpy(&b, &y[i], sizeof(b));
        above |= (a > b) & bit;
        below |= (a <= b) & bit;
    }
    *ret_above = rules_wide_any(&above);
    *ret_below = rules_wide_any(&below);
}

/* Where x has come above y. Only the bar before the piece is carried along. */
static ATTR_WIDE void state_cross(struct rules_call *call, const double *x, const double *y)
{
    double last_x[RULES_WORD_BARS] = {0}, last_y[RULES_WORD_BARS] = {0}; /* of a last word that is not full */
    uint64_t was_below = call->state[0] != 0;

    for (size_t i = 0; i < call->count; i += RULES_WORD_BARS) {
        const size_t bars = call->count - i < RULES_WORD_BARS ? call->count - i : RULES_WORD_BARS;
        uint64_t above, below, crosses;

        if (bars == RULES_WORD_BARS) {
            state_compare(x + i, y + i, &above, &below);
        } else {
            memcpy(last_x, x + i, bars * sizeof(double));
            memcpy(last_y, y + i, bars * sizeof(double));
            state_compare(last_x, last_y, &above, &below);
        }
        crosses = above & (below << 1 | was_below);
        was_below = below >> (bars - 1) & 1;
        if (call->bits != NULL) {
            call->bits[i / RULES_WORD_BARS] = crosses;
            continue;
        }
        for (size_t k = 0; k < bars; k++) call->out[i + k] = (crosses >> k & 1) != 0 ? 1.0 : 0.0;
    }
    call->state[0] = (double)was_below;
}

static void state_crosses_above(struct rules_call *call)
{
    state_cross(call, call->in[0], call->in[1]);
}

static void state_crosses_below(struct rules_call *call)
{
    state_cross(call, call->in[1], call->in[0]);
}

static void state_crosses(struct rules_call *call)
{
    const double *x = call->in[0], *y = call->in[1];
    bool was_below = call->state[0] != 0, was_above = call->state[1] != 0;

    for (size_t i = 0; i < call->count; i++) {
        const double a = x[i], b = y[i];

        call->out[i] = (((a > b) & was_below) | ((a < b) & was_above)) != 0 ? 1 : 0;
        was_below = a <= b;
        was_above = a >= b;
    }
    call->state[0] = was_below, call->state[1] = was_above;
}

static void state_barssince(struct rules_call *call)
{
    double since = call->state[0] != 0 ? call->state[1] : (double)NAN;

    for (size_t i = 0; i < call->count; i++) {
        since = call->in[0][i] != 0 ? 0 : since + 1;
        call->out[i] = since;
    }
    call->state[0] = since == since, call->state[1] = since;
}

static void state_valuewhen(struct rules_call *call)
{
    const size_t k = rules_whole(call, 2);
    double *ring = rules_scratch(call, k + 1); /* the values of the last k + 1 times */
    size_t times = 0;

    for (size_t i = 0; i < call->count; i++) {
        if (call->in[0][i] != 0) ring[times++ % (k + 1)] = call->in[1][i];
        call->out[i] = times > k ? ring[times % (k + 1)] : (double)NAN;
    }
}

static void state_latch(struct rules_call *call)
{
    double state = call->state[0];

    for (size_t i = 0; i < call->count; i++) {
        if (call->in[0][i] != 0) state = 1;
        if (call->in[1][i] != 0) state = 0;
        call->out[i] = state;
    }
    call->state[0] = state;
}

static void state_cum(struct rules_call *call)
{
    double sum = 0, lost = 0; /* what rounding took from the sum (Neumaier) */

    for (size_t i = 0; i < call->count; i++) {
        const double x = call->in[0][i];
        const double next = sum + x;

        call->out[i] = (double)NAN;
        if (x != x) continue;
        lost += fabs(sum) >= fabs(x) ? (sum - next) + x : (x - next) + sum;
        sum = next;
        call->out[i] = sum + lost;
    }
}

static const struct rules_function functions[] = {
    {.name = "crosses_above",
     .family = "state",
     .description = "True if x crosses above y: at or below it in the bar before, above it now",
     .formula = "x > y and x[1] <= y[1]",
     .seed = "false in the first bar",
     .lookback = "1",
     .shape = RULES_SHAPE_PIECE,
     .result = RULES_CONDITION,
     .arguments = {RULES_X, RULES_Y},
     .kernel = state_crosses_above,
     .packs = true,
     .bars = rules_bars_one},
    {.name = "crosses_below",
     .family = "state",
     .description = "True if x crosses below y: at or above it in the bar before, below it now",
     .formula = "x < y and x[1] >= y[1]",
     .seed = "false in the first bar",
     .lookback = "1",
     .shape = RULES_SHAPE_PIECE,
     .result = RULES_CONDITION,
     .arguments = {RULES_X, RULES_Y},
     .kernel = state_crosses_below,
     .packs = true,
     .bars = rules_bars_one},
    {.name = "crosses",
     .family = "state",
     .description = "True if x crosses y, in either direction",
     .formula = "crosses_above(x, y) or crosses_below(x, y)",
     .seed = "false in the first bar",
     .lookback = "1",
     .shape = RULES_SHAPE_PIECE,
     .result = RULES_CONDITION,
     .arguments = {RULES_X, RULES_Y},
     .kernel = state_crosses,
     .bars = rules_bars_one},
    {.name = "barssince",
     .family = "state",
     .description = "Bars since the condition was last true: 0 if it is true now, NaN if it never was",
     .formula = "0 if c, else barssince(c)[1] + 1",
     .seed = "NaN",
     .lookback = "0",
     .shape = RULES_SHAPE_PIECE,
     .result = RULES_NUMBER,
     .arguments = {{.name = "c", .type = RULES_CONDITION}},
     .kernel = state_barssince},
    {.name = "valuewhen",
     .family = "state",
     .description =
         "Value of x when the condition was last true (k = 0), or k times before that; NaN if there was no such time",
     .formula = "x at the last bar on which c was true, or k such bars before it",
     .seed = "NaN",
     .lookback = "0",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {{.name = "c", .type = RULES_CONDITION},
                   RULES_X,
                   {.name = "k", .type = RULES_WHOLE, .minimum = 0, .maximum = RULES_LENGTH_MAX, .fallback = "0"}},
     .kernel = state_valuewhen},
    {.name = "latch",
     .family = "state",
     .description = "True from the bar on which set is true until reset is true; reset wins",
     .formula = "not reset and (set or latch[1])",
     .seed = "false",
     .lookback = "0",
     .shape = RULES_SHAPE_PIECE,
     .result = RULES_CONDITION,
     .arguments = {{.name = "set", .type = RULES_CONDITION}, {.name = "reset", .type = RULES_CONDITION}},
     .kernel = state_latch},
    {.name = "cum",
     .family = "state",
     .description = "Cumulative sum of x from the first bar that is loaded; NaN if x is NaN",
     .formula = "cum[1] + x",
     .seed = "0",
     .lookback = "0",
     .result = RULES_NUMBER,
     .arguments = {RULES_X},
     .kernel = state_cum},
};

const struct rules_family rules_state = {functions, countof(functions)};
