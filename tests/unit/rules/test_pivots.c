#include "test_rules.h"

#include <stdlib.h>

static double pivot(const double *x, size_t i, const double *k, double sign)
{
    const size_t left = (size_t)k[0], right = (size_t)k[1];

    if (i < left + right) return (double)NAN;
    const size_t at = i - right;

    for (size_t j = at - left; j <= i; j++) {
        if (j < at && !(sign * x[j] <= sign * x[at])) return (double)NAN;
        if (j > at && !(sign * x[j] < sign * x[at])) return (double)NAN;
    }
    return x[at];
}

static double high(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return pivot(x, i, k, 1);
}

static double low(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return pivot(x, i, k, -1);
}

static void test_pivots_naive(void)
{
    static const struct rig_case cases[] = {
        {"pivot_high(%s, 1, 1)", high, {1, 1}}, {"pivot_high(%s, 5, 2)", high, {5, 2}},
        {"pivot_low(%s, 3, 4)", low, {3, 4}},   {"pivot_low(%s, 1, 2)", low, {1, 2}},
        {"pivot_high(%s, 0, 3)", high, {0, 3}}, {"pivot_low(%s, 4, 0)", low, {4, 0}},
        {"pivot_high(%s, 0, 0)", high, {0, 0}},
    };

    RIG_COMPARE(cases);
}

/* Equals on the left are allowed, those on the right are not. */
static void test_pivots_equal(void)
{
    double x[] = {1, 3, 3, 1, 1};
    int64_t time[] = {0, 1, 2, 3, 4};
    const struct candles c = {5, time, x, x, x, x, x, 1, 1, 1, 0};
    double *found = rig_column(&c, "pivot_high(close, 1, 1)");

    CU_ASSERT(isnan(found[2]));
    CU_ASSERT_EQUAL(found[3], 3);
    CU_ASSERT(isnan(found[4]));
    free(found);
}

static const struct unit_test tests[] = {UNIT_TEST(test_pivots_naive), UNIT_TEST(test_pivots_equal)};
const struct unit_part pivots_tests = UNIT_PART(tests);
