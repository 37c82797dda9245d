#include "test_rules.h"

#include <stdlib.h>

static double range_at(const struct candles *c, size_t i)
{
    if (i == 0) return c->high[0] - c->low[0];
    return fmax(c->high[i], c->close[i - 1]) - fmin(c->low[i], c->close[i - 1]);
}

static double true_range(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)x;
    (void)k;
    return range_at(c, i);
}

static double average_range(const struct candles *c, const double *x, size_t i, const double *k)
{
    double range[RIG_BARS];

    (void)x;
    for (size_t j = 0; j <= i; j++) range[j] = range_at(c, j);
    return rig_wilder(c, range, i, k);
}

/* k[1] deviations from the middle. */
static double bollinger(const struct candles *c, const double *x, size_t i, const double *k)
{
    return rig_mean(c, x, i, k) + k[1] * rig_deviation(c, x, i, k);
}

static double keltner(const struct candles *c, const double *x, size_t i, const double *k)
{
    double range[RIG_BARS];

    for (size_t j = 0; j <= i; j++) range[j] = range_at(c, j);
    return rig_ema(c, x, i, k) + k[1] * rig_ema(c, range, i, k);
}

/* The line, and the direction where k[2] is 1. */
static double trend(const struct candles *c, const double *x, size_t i, const double *k)
{
    double upper = (double)NAN, lower = (double)NAN, line = (double)NAN, way = (double)NAN;

    for (size_t j = 0; j <= i; j++) {
        const double atr = average_range(c, x, j, k + 1), middle = (c->high[j] + c->low[j]) / 2;

        if (atr != atr) continue;
        const double high = middle + k[0] * atr, low = middle - k[0] * atr;

        if (way != way) {
            upper = high, lower = low, way = 1;
        } else {
            if (high < upper || c->close[j - 1] > upper) upper = high;
            if (low > lower || c->close[j - 1] < lower) lower = low;
            if (way > 0 && c->close[j] > upper) {
                way = -1;
            } else if (way < 0 && c->close[j] < lower) {
                way = 1;
            }
        }
        line = way > 0 ? upper : lower;
    }
    return k[2] == 1 ? way : line;
}

static double directional(const struct candles *c, size_t i, const double *k, bool is_plus)
{
    double moved[RIG_BARS], range[RIG_BARS];

    moved[0] = range[0] = (double)NAN;
    for (size_t j = 1; j <= i; j++) {
        const double up = c->high[j] - c->high[j - 1], down = c->low[j - 1] - c->low[j];

        moved[j] = is_plus ? (up > 0 && up > down ? up : 0) : (down > 0 && down > up ? down : 0);
        range[j] = range_at(c, j);
    }
    return 100 * rig_wilder(c, moved, i, k) / rig_wilder(c, range, i, k);
}

static double plus(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)x;
    return directional(c, i, k, true);
}

static double minus(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)x;
    return directional(c, i, k, false);
}

static double average_direction(const struct candles *c, const double *x, size_t i, const double *k)
{
    double index[RIG_BARS];

    (void)x;
    for (size_t j = 0; j <= i; j++) {
        const double p = directional(c, j, k, true), m = directional(c, j, k, false);

        index[j] = p + m == 0 ? 0 : 100 * fabs(p - m) / (p + m);
    }
    return rig_wilder(c, index, i, k + 1);
}

static void test_volatility_naive(void)
{
    static const struct rig_case cases[] = {
        {"tr()", true_range, {0}},
        {"tr", true_range, {0}},
        {"atr(1)", average_range, {1}},
        {"atr(14)", average_range, {14}},
        {"bb_upper(%s, 20, 2)", bollinger, {20, 2}},
        {"bb_lower(%s, 20, 2.5)", bollinger, {20, -2.5}},
        {"bb_middle(%s, 20, 2)", bollinger, {20, 0}},
        {"kc_upper(%s, 10, 1.5)", keltner, {10, 1.5}},
        {"kc_lower(%s, 10, 1.5)", keltner, {10, -1.5}},
        {"supertrend(3, 10)", trend, {3, 10, 0}},
        {"supertrend(1, 3)", trend, {1, 3, 0}},
        {"supertrend_direction(1, 3)", trend, {1, 3, 1}},
        {"di_plus(14)", plus, {14}},
        {"di_minus(5)", minus, {5}},
        {"adx(5, 7)", average_direction, {5, 7}},
    };

    RIG_COMPARE(cases);
}

/* By hand, after the rules that the header of lab-facts gives: start, turn, acceleration, hold. */
static void test_volatility_sar(void)
{
    double high[] = {10, 11, 12, 13, 12, 9}, low[] = {9, 10, 11, 12, 10.5, 7}, close[] = {9.5, 10.5, 11.5, 12.5, 11, 8};
    int64_t time[] = {0, 1, 2, 3, 4, 5};
    struct candles c = {6, time, close, high, low, close, close, 1, 1, 1, 0};
    double *sar = rig_column(&c, "sar(0.02, 0.02, 0.2)");

    CU_ASSERT(isnan(sar[0]));
    CU_ASSERT_DOUBLE_EQUAL(sar[1], 9, 1e-12);            /* 9 + 0.02 * 2, held to the low before */
    CU_ASSERT_DOUBLE_EQUAL(sar[2], 9, 1e-12);            /* 9.04, held to the low two bars before */
    CU_ASSERT_DOUBLE_EQUAL(sar[3], 9 + 0.04 * 3, 1e-12); /* a new high made it 0.04 */
    CU_ASSERT_DOUBLE_EQUAL(sar[4], 9.12 + 0.06 * 3.88, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(sar[5], 13, 1e-12); /* turned: from the highest high */
    free(sar);
}

static const struct unit_test tests[] = {UNIT_TEST(test_volatility_naive), UNIT_TEST(test_volatility_sar)};
const struct unit_part volatility_tests = UNIT_PART(tests);
