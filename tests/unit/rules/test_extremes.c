#include "test_rules.h"

static double age(const double *x, size_t i, size_t n, double extreme)
{
    if (extreme != extreme) return extreme;
    for (size_t j = n; j-- > 0;) {
        if (x[i - j] == extreme) return -(double)j;
    }
    return (double)NAN;
}

static double highest_age(const struct candles *c, const double *x, size_t i, const double *k)
{
    return age(x, i, (size_t)k[0], rig_highest(c, x, i, k));
}

static double lowest_age(const struct candles *c, const double *x, size_t i, const double *k)
{
    return age(x, i, (size_t)k[0], rig_lowest(c, x, i, k));
}

static double upper(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)x;
    return rig_highest(c, c->high, i, k);
}

static double lower(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)x;
    return rig_lowest(c, c->low, i, k);
}

static double rises(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    for (size_t j = 0; j < (size_t)k[0]; j++) {
        if (i < j + 1 || !(x[i - j] > x[i - j - 1])) return 0;
    }
    return 1;
}

static double falls(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    for (size_t j = 0; j < (size_t)k[0]; j++) {
        if (i < j + 1 || !(x[i - j] < x[i - j - 1])) return 0;
    }
    return 1;
}

static void test_extremes_naive(void)
{
    static const struct rig_case cases[] = {
        {"highest(%s, 1)", rig_highest, {1}},
        {"highest(%s, 20)", rig_highest, {20}},
        {"highest(%s, 500)", rig_highest, {500}},
        {"lowest(%s, 1)", rig_lowest, {1}},
        {"lowest(%s, 13)", rig_lowest, {13}},
        {"highestbars(%s, 1)", highest_age, {1}},
        {"highestbars(%s, 11)", highest_age, {11}},
        {"lowestbars(%s, 11)", lowest_age, {11}},
        {"lowestbars(%s, 2)", lowest_age, {2}},
        {"donchian_upper(20)", upper, {20}},
        {"donchian_lower(5)", lower, {5}},
        {"rising(%s, 1)", rises, {1}},
        {"rising(%s, 3)", rises, {3}},
        {"falling(%s, 2)", falls, {2}},
    };

    RIG_COMPARE(cases);
}

static const struct unit_test tests[] = {UNIT_TEST(test_extremes_naive)};
const struct unit_part extremes_tests = UNIT_PART(tests);
