#include "test_rules.h"

#include <stdlib.h>

static double change(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return i < (size_t)k[0] ? (double)NAN : x[i] - x[i - (size_t)k[0]];
}

static double rate(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return i < (size_t)k[0] ? (double)NAN : (x[i] / x[i - (size_t)k[0]] - 1) * 100;
}

static double strength(const struct candles *c, const double *x, size_t i, const double *k)
{
    double up[RIG_BARS], down[RIG_BARS];

    for (size_t j = 0; j <= i; j++) {
        const double d = j == 0 ? (double)NAN : x[j] - x[j - 1];

        up[j] = d > 0 ? d : d == d ? 0 : d;
        down[j] = d < 0 ? -d : d == d ? 0 : d;
    }
    const double gain = rig_wilder(c, up, i, k), loss = rig_wilder(c, down, i, k);

    if (loss == 0) return 100;
    return 100 * gain / (gain + loss);
}

static double macd(const struct candles *c, const double *x, size_t i, const double *k)
{
    return rig_ema(c, x, i, k) - rig_ema(c, x, i, k + 1);
}

static double macd_signal(const struct candles *c, const double *x, size_t i, const double *k)
{
    double line[RIG_BARS];

    for (size_t j = 0; j <= i; j++) line[j] = macd(c, x, j, k);
    return rig_ema(c, line, i, k + 2);
}

static double macd_hist(const struct candles *c, const double *x, size_t i, const double *k)
{
    return macd(c, x, i, k) - macd_signal(c, x, i, k);
}

static double place(const struct candles *c, double x, const double *high, const double *low, size_t i, const double *k)
{
    const double top = rig_highest(c, high, i, k), bottom = rig_lowest(c, low, i, k);

    return top > bottom ? (x - bottom) / (top - bottom) * 100 : (double)NAN;
}

static double stochastic(const struct candles *c, const double *x, size_t i, const double *k)
{
    return place(c, x[i], c->high, c->low, i, k);
}

static double stochastic_smooth(const struct candles *c, const double *x, size_t i, const double *k)
{
    double raw[RIG_BARS];

    for (size_t j = 0; j <= i; j++) raw[j] = stochastic(c, x, j, k);
    return rig_mean(c, raw, i, k + 1);
}

static double stochastic_rsi(const struct candles *c, const double *x, size_t i, const double *k)
{
    double rsi[RIG_BARS];

    for (size_t j = 0; j <= i; j++) rsi[j] = strength(c, x, j, k);
    return place(c, rsi[i], rsi, rsi, i, k + 1);
}

static double williams(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)x;
    return stochastic(c, c->close, i, k) - 100;
}

static double channel(const struct candles *c, const double *x, size_t i, const double *k)
{
    const double mean = rig_mean(c, x, i, k);
    double away = 0;

    if (mean != mean) return mean;
    for (size_t j = 0; j < (size_t)k[0]; j++) away += fabs(x[i - j] - mean) / k[0];
    return away > 0 ? (x[i] - mean) / 0.015 / away : (double)NAN;
}

static double chande(const struct candles *c, const double *x, size_t i, const double *k)
{
    double up = 0, down = 0;

    (void)c;
    for (size_t j = 0; j < (size_t)k[0]; j++) {
        if (i < j + 1) return (double)NAN;
        const double d = x[i - j] - x[i - j - 1];

        if (d != d) return (double)NAN;
        up += d > 0 ? d : 0;
        down += d < 0 ? -d : 0;
    }
    return up + down > 0 ? 100 * (up - down) / (up + down) : (double)NAN;
}

static double gravity(const struct candles *c, const double *x, size_t i, const double *k)
{
    double weighted = 0, sum = 0;

    (void)c;
    if (i + 1 < (size_t)k[0]) return (double)NAN;
    for (size_t j = 0; j < (size_t)k[0]; j++) weighted += x[i - j] * (double)(j + 1), sum += x[i - j];
    return -weighted / sum;
}

static double money_flow(const struct candles *c, const double *x, size_t i, const double *k)
{
    double in = 0, out = 0;

    for (size_t j = 0; j < (size_t)k[0]; j++) {
        if (i < j + 1) return (double)NAN;
        const double d = x[i - j] - x[i - j - 1];

        if (d != d) return (double)NAN;
        in += d > 0 ? x[i - j] * c->volume[i - j] : 0;
        out += d < 0 ? x[i - j] * c->volume[i - j] : 0;
    }
    return out > 0 ? 100 * in / (in + out) : 100;
}

static double true_strength(const struct candles *c, const double *x, size_t i, const double *k)
{
    double d[RIG_BARS], size[RIG_BARS], once[RIG_BARS], once_size[RIG_BARS];

    for (size_t j = 0; j <= i; j++) d[j] = j == 0 ? (double)NAN : x[j] - x[j - 1], size[j] = fabs(d[j]);
    for (size_t j = 0; j <= i; j++) once[j] = rig_ema(c, d, j, k + 1), once_size[j] = rig_ema(c, size, j, k + 1);
    return rig_ema(c, once, i, k) / rig_ema(c, once_size, i, k);
}

static void test_momentum_naive(void)
{
    static const struct rig_case cases[] = {
        {"change(%s)", change, {1}},
        {"change(%s, 5)", change, {5}},
        {"mom(%s, 10)", change, {10}},
        {"roc(%s, 9)", rate, {9}},
        {"rsi(%s, 1)", strength, {1}},
        {"rsi(%s, 14)", strength, {14}},
        {"macd(%s, 12, 26)", macd, {12, 26}},
        {"macd(%s, 12, 26, 9)", macd, {12, 26}},
        {"macd_signal(%s, 12, 26, 9)", macd_signal, {12, 26, 9}},
        {"macd_hist(%s, 5, 3, 4)", macd_hist, {5, 3, 4}},
        {"stoch_k(%s, high, low, 14)", stochastic, {14}},
        {"stoch_d(%s, high, low, 14, 3)", stochastic_smooth, {14, 3}},
        {"stochrsi(%s, 14, 9)", stochastic_rsi, {14, 9}},
        {"wpr(14)", williams, {14}},
        {"cci(%s, 20)", channel, {20}},
        {"cmo(%s, 9)", chande, {9}},
        {"cog(%s, 10)", gravity, {10}},
        {"mfi(%s, 14)", money_flow, {14}},
        {"tsi(%s, 5, 13)", true_strength, {5, 13}},
    };

    RIG_COMPARE(cases);
}

static void test_momentum_only_up(void)
{
    static struct rig rig;
    double *rsi, *mfi;

    rig_make(&rig, 3);
    for (size_t i = 0; i < RIG_BARS; i++) rig.close[i] = 1 + (double)i, rig.volume[i] = 1;
    rsi = rig_column(&rig.candles, "rsi(close, 14)");
    mfi = rig_column(&rig.candles, "mfi(close, 14)");
    CU_ASSERT(isnan(rsi[13]));
    CU_ASSERT_EQUAL(rsi[14], 100);
    CU_ASSERT(isnan(mfi[13]));
    CU_ASSERT_EQUAL(mfi[14], 100);
    free(rsi);
    free(mfi);
}

static const struct unit_test tests[] = {UNIT_TEST(test_momentum_naive), UNIT_TEST(test_momentum_only_up)};
const struct unit_part momentum_tests = UNIT_PART(tests);
