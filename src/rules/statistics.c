/* Sums, spread, order and likeness of the last values. */
#include "rules/sorted.h"
#include "rules/window.h"

static void statistics_sum(struct rules_call *call)
{
    window_sum(call, call->in[0], rules_whole(call, 1), call->out);
}

static void statistics_variance(struct rules_call *call)
{
    window_moments(call, call->in[0], rules_whole(call, 1), NULL, call->out);
    for (size_t i = 0; i < call->count; i++) call->out[i] /= call->constant[1];
}

static void statistics_stdev(struct rules_call *call)
{
    statistics_variance(call);
    for (size_t i = 0; i < call->count; i++) call->out[i] = sqrt(call->out[i]);
}

static void statistics_correlation(struct rules_call *call)
{
    window_correlation(call, call->in[0], call->in[1], rules_whole(call, 2), call->out);
}

static double statistics_correlation_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[2] - 1;
}

static double statistics_correlation_steps(const double *constants)
{
    (void)constants;
    return 8;
}

/* Moves the window of `n` values on to bar i. True if all of it is known. */
static bool statistics_slide(struct rules_call *call, struct sorted *window, const double *x, size_t n, size_t i)
{
    if (i >= n && x[i - n] == x[i - n]) call->steps += 16 + sorted_remove(window, x[i - n]);
    if (x[i] == x[i]) call->steps += 16 + sorted_add(window, x[i]);
    return window->count == n;
}

static void statistics_median(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    struct sorted window = {rules_scratch(call, n + 1), 0};

    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = (double)NAN;
        if (!statistics_slide(call, &window, call->in[0], n, i)) continue;
        call->out[i] = n % 2 == 1 ? window.items[n / 2] : window.items[n / 2 - 1] / 2 + window.items[n / 2] / 2;
    }
}

static void statistics_percentrank(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    const double *x = call->in[0];
    struct sorted window = {rules_scratch(call, n + 1), 0};

    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = (double)NAN;
        if (i == 0 || !statistics_slide(call, &window, x, n, i - 1) || x[i] != x[i]) continue;
        call->out[i] = 100 * (double)sorted_up_to(&window, x[i]) / (double)n;
    }
}

static double statistics_sorted_steps(const double *constants)
{
    return 2 * constants[1] + 33;
}

/*
 * Spearman's correlation with time. For each value of the window it keeps how many others are less, and how many are
 * equal: what comes and what goes changes these counts in one sweep.
 */
static void statistics_rci(struct rules_call *call)
{
    const size_t n = rules_whole(call, 1);
    const double *x = call->in[0];
    double *below = rules_scratch(call, call->count), *equal = rules_scratch(call, call->count);
    size_t known = 0;

    for (size_t i = 0; i < call->count; i++) {
        const size_t first = i + 1 < n ? 0 : i + 1 - n;
        double rank_squares = 0, shared = 0;

        call->out[i] = below[i] = equal[i] = 0;
        for (size_t j = first; j < i; j++) {
            if (i >= n) {
                below[j] -= x[i - n] < x[j];
                equal[j] -= x[i - n] == x[j];
            }
            below[j] += x[i] < x[j];
            equal[j] += x[i] == x[j];
            below[i] += x[j] < x[i];
            equal[i] += x[j] == x[i];
        }
        call->steps += 2 * n;
        call->out[i] = (double)NAN;
        known = x[i] == x[i] ? known + 1 : 0;
        if (known < n) continue;
        for (size_t j = first; j <= i; j++) {
            const double rank = below[j] + equal[j] / 2 - (double)(n - 1) / 2;

            rank_squares += rank * rank;
            shared += rank * ((double)(j - first) - (double)(n - 1) / 2);
        }
        const double time_squares = (double)n * ((double)n * (double)n - 1) / 12;

        if (rank_squares > 0) call->out[i] = 100 * shared / (sqrt(time_squares) * sqrt(rank_squares));
    }
}

static double statistics_rci_steps(const double *constants)
{
    return 3 * constants[1];
}

static const struct rules_function functions[] = {
    {.name = "sum",
     .family = "statistics",
     .description = "Sum of the last values",
     .formula = "x + x[1] + … + x[length - 1]",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_PIECE,
     .looks_back = true,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = statistics_sum,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "stdev",
     .family = "statistics",
     .description = "Population standard deviation: divided by length, not by length - 1",
     .formula = "sqrt(variance(x, length))",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = statistics_stdev,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "variance",
     .family = "statistics",
     .description = "Population variance",
     .formula = "sum((x - m)^2, length) / length, m = sma(x, length)",
     .seed = "",
     .lookback = "length - 1",
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = statistics_variance,
     .bars = rules_bars_window1,
     .steps = rules_steps_4},
    {.name = "median",
     .family = "statistics",
     .description = "Median of the last values; for an even length, the mean of the middle two",
     .formula = "the value of rank (length + 1) / 2",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = statistics_median,
     .bars = rules_bars_window1,
     .steps = statistics_sorted_steps},
    {.name = "percentrank",
     .family = "statistics",
     .description = "Percent rank: percentage of the previous values that are less than or equal to this one",
     .formula = "100 * count(x[k] <= x, k = 1 … length) / length",
     .seed = "",
     .lookback = "length",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH},
     .kernel = statistics_percentrank,
     .bars = rules_bars_back1,
     .steps = statistics_sorted_steps},
    {.name = "correlation",
     .family = "statistics",
     .description = "Pearson's correlation of two columns, -1 to 1; NaN if one of them does not vary",
     .formula = "cov(x, y) / (stdev(x, length) * stdev(y, length))",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_Y, RULES_LENGTH_OF("length", 2)},
     .kernel = statistics_correlation,
     .bars = statistics_correlation_bars,
     .steps = statistics_correlation_steps},
    {.name = "rci",
     .family = "statistics",
     .description = "Rank correlation index: Spearman's correlation of the last values with time, -100 to 100",
     .formula = "100 * correlation(rank of x, time); equal values share the mean of their ranks",
     .seed = "",
     .lookback = "length - 1",
     .shape = RULES_SHAPE_FINITE,
     .result = RULES_NUMBER,
     .arguments = {RULES_X, RULES_LENGTH_OF("length", 2)},
     .kernel = statistics_rci,
     .bars = rules_bars_window1,
     .steps = statistics_rci_steps},
};

const struct rules_family rules_statistics = {functions, countof(functions)};
