#include "test_rules.h"

#include <stdlib.h>

static double weighted(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double sum = 0;

    (void)c;
    if (i + 1 < n) return (double)NAN;
    for (size_t j = 0; j < n; j++) sum += (double)(n - j) * x[i - j];
    return sum / ((double)n * (double)(n + 1) / 2);
}

static double hull(const struct candles *c, const double *x, size_t i, const double *k)
{
    double inner[RIG_BARS];
    const double half[] = {floor(k[0] / 2)}, root[] = {floor(sqrt(k[0]))};

    for (size_t j = 0; j <= i; j++) inner[j] = 2 * weighted(c, x, j, half) - weighted(c, x, j, k);
    return weighted(c, inner, i, root);
}

static double by_volume(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double traded = 0, volume = 0;

    if (i + 1 < n) return (double)NAN;
    for (size_t j = i + 1 - n; j <= i; j++) traded += x[j] * c->volume[j], volume += c->volume[j];
    return volume > 0 ? traded / volume : (double)NAN;
}

static double kaufman(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double state = (double)NAN, found = (double)NAN;

    (void)c;
    for (size_t j = n; j <= i; j++) {
        double way = 0;

        for (size_t s = j + 1 - n; s <= j; s++) way += fabs(x[s] - x[s - 1]);
        const double efficiency = way == 0 ? 0 : fabs(x[j] - x[j - n]) / way;
        const double weight = pow(efficiency * (2.0 / 3 - 2.0 / 31) + 2.0 / 31, 2);

        found = (double)NAN;
        if (way != way) continue;
        state = state != state ? x[j] : state + weight * (x[j] - state);
        found = state;
    }
    return found;
}

static double twice(const struct candles *c, const double *x, size_t i, const double *k)
{
    double one[RIG_BARS];

    for (size_t j = 0; j <= i; j++) one[j] = rig_ema(c, x, j, k);
    return 2 * one[i] - rig_ema(c, one, i, k);
}

static double thrice(const struct candles *c, const double *x, size_t i, const double *k)
{
    double one[RIG_BARS], two[RIG_BARS];

    for (size_t j = 0; j <= i; j++) one[j] = rig_ema(c, x, j, k);
    for (size_t j = 0; j <= i; j++) two[j] = rig_ema(c, one, j, k);
    return 3 * one[i] - 3 * two[i] + rig_ema(c, two, i, k);
}

/* By the normal equations, x from 0 (oldest) to n - 1. */
static double line(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double sx = 0, sy = 0, sxx = 0, sxy = 0;

    (void)c;
    if (i + 1 < n) return (double)NAN;
    if (n == 1) return x[i];
    for (size_t j = 0; j < n; j++) {
        const double t = (double)j, value = x[i + 1 - n + j];

        sx += t, sy += value, sxx += t * t, sxy += t * value;
    }
    const double slope = ((double)n * sxy - sx * sy) / ((double)n * sxx - sx * sx);

    return (sy - slope * sx) / (double)n + slope * ((double)n - 1 - k[1]);
}

static void test_averages_naive(void)
{
    static const struct rig_case cases[] = {
        {"sma(%s, 1)", rig_mean, {1}},
        {"sma(%s, 5)", rig_mean, {5}},
        {"sma(%s, 200)", rig_mean, {200}},
        {"sma(%s, 260)", rig_mean, {260}},
        {"sma(%s, 261)", rig_mean, {261}},
        {"ema(%s, 1)", rig_ema, {1}},
        {"ema(%s, 10)", rig_ema, {10}},
        {"ema(%s, 261)", rig_ema, {261}},
        {"rma(%s, 1)", rig_wilder, {1}},
        {"rma(%s, 14)", rig_wilder, {14}},
        {"wma(%s, 1)", weighted, {1}},
        {"wma(%s, 9)", weighted, {9}},
        {"wma(%s, 64)", weighted, {64}},
        {"hma(%s, 2)", hull, {2}},
        {"hma(%s, 9)", hull, {9}},
        {"hma(%s, 16)", hull, {16}},
        {"vwma(%s, 1)", by_volume, {1}},
        {"vwma(%s, 7)", by_volume, {7}},
        {"kama(%s, 1)", kaufman, {1}},
        {"kama(%s, 10)", kaufman, {10}},
        {"dema(%s, 1)", twice, {1}},
        {"dema(%s, 8)", twice, {8}},
        {"tema(%s, 1)", thrice, {1}},
        {"tema(%s, 6)", thrice, {6}},
        {"linreg(%s, 1)", line, {1, 0}},
        {"linreg(%s, 10)", line, {10, 0}},
        {"linreg(%s, 10, 3)", line, {10, 3}},
        {"linreg(%s, 2)", line, {2, 0}},
        {"linreg(%s, 50, -2)", line, {50, -2}},
    };

    RIG_COMPARE(cases);
}

/* TA-Lib's: 252 closes are not here, but their first means can be checked by hand. */
static void test_averages_known(void)
{
    double close[] = {1, 2, 3, 4, 5, 6};
    int64_t time[] = {0, 60000, 120000, 180000, 240000, 300000};
    const struct candles c = {6, time, close, close, close, close, close, 60000, 1, 1, 0};
    double *ema = rig_column(&c, "ema(close, 3)"), *rma = rig_column(&c, "rma(close, 3)");

    CU_ASSERT(isnan(ema[1]));
    CU_ASSERT_EQUAL(ema[2], 2);
    CU_ASSERT_EQUAL(ema[3], 3);
    CU_ASSERT_EQUAL(ema[5], 5);
    CU_ASSERT(isnan(rma[1]));
    CU_ASSERT_EQUAL(rma[2], 2);
    CU_ASSERT_DOUBLE_EQUAL(rma[3], 8.0 / 3, 1e-15);
    free(ema);
    free(rma);
}

static const struct unit_test tests[] = {UNIT_TEST(test_averages_naive), UNIT_TEST(test_averages_known)};
const struct unit_part averages_tests = UNIT_PART(tests);
