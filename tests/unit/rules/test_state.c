#include "test_rules.h"

#include <stdlib.h>

static double above(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)k;
    return i > 0 && x[i] > c->open[i] && x[i - 1] <= c->open[i - 1];
}

static double below(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)k;
    return i > 0 && x[i] < c->open[i] && x[i - 1] >= c->open[i - 1];
}

static double either(const struct candles *c, const double *x, size_t i, const double *k)
{
    return above(c, x, i, k) + below(c, x, i, k);
}

static double since(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    for (size_t j = 0; j <= i; j++) {
        if (x[i - j] > k[0]) return (double)j;
    }
    return (double)NAN;
}

static double when(const struct candles *c, const double *x, size_t i, const double *k)
{
    size_t times = 0;

    for (size_t j = i + 1; j-- > 0;) {
        if (!(x[j] > k[0])) continue;
        if (times++ == (size_t)k[1]) return c->volume[j];
    }
    return (double)NAN;
}

static double latched(const struct candles *c, const double *x, size_t i, const double *k)
{
    for (size_t j = i + 1; j-- > 0;) {
        if (c->volume[j] > 900) return 0;
        if (x[j] > k[0]) return 1;
    }
    return 0;
}

static double sum(const struct candles *c, const double *x, size_t i, const double *k)
{
    double all = 0;

    (void)c;
    (void)k;
    if (x[i] != x[i]) return x[i];
    for (size_t j = 0; j <= i; j++) all += x[j] == x[j] ? x[j] : 0;
    return all;
}

static void test_state_naive(void)
{
    static const struct rig_case cases[] = {
        {"crosses_above(%s, open)", above, {0}},
        {"crosses_below(%s, open)", below, {0}},
        {"crosses(%s, open)", either, {0}},
        {"barssince(%s > 120)", since, {120}},
        {"barssince(%s > 95)", since, {95}},
        {"valuewhen(%s > 100, volume)", when, {100, 0}},
        {"valuewhen(%s > 95, volume, 3)", when, {95, 3}},
        {"latch(%s > 100, volume > 900)", latched, {100}},
        {"cum(%s)", sum, {0}},
    };

    RIG_COMPARE(cases);
}

static void test_state_constant_argument(void)
{
    static struct rig rig;
    double *direct, *written;

    rig_make(&rig, 2);
    direct = rig_column(&rig.candles, "crosses_above(rsi(close, 5), 50)");
    written = rig_column(&rig.candles, "rsi(close, 5) > 50 and rsi(close, 5)[1] <= 50");
    for (size_t i = 0; i < RIG_BARS; i++) CU_ASSERT_EQUAL(direct[i], written[i]);
    free(direct);
    free(written);
}

static const struct unit_test tests[] = {UNIT_TEST(test_state_naive), UNIT_TEST(test_state_constant_argument)};
const struct unit_part state_tests = UNIT_PART(tests);
