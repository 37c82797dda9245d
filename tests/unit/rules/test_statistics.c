#include "test_rules.h"

#include <stdlib.h>

static double total(const struct candles *c, const double *x, size_t i, const double *k)
{
    return rig_mean(c, x, i, k) * k[0];
}

static double variance(const struct candles *c, const double *x, size_t i, const double *k)
{
    const double deviation = rig_deviation(c, x, i, k);

    return deviation * deviation;
}

static int order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double window[RIG_BARS] = {0};

    if (rig_mean(c, x, i, k) != rig_mean(c, x, i, k)) return (double)NAN;
    for (size_t j = 0; j < n; j++) window[j] = x[i - j];
    qsort(window, n, sizeof(*window), order);
    return (window[(n - 1) / 2] + window[n / 2]) / 2;
}

static double percent_rank(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double count = 0;

    (void)c;
    if (i < n) return (double)NAN;
    for (size_t j = 0; j <= n; j++) {
        if (x[i - j] != x[i - j]) return (double)NAN;
        count += j > 0 && x[i - j] <= x[i];
    }
    return 100 * count / (double)n;
}

static double pearson(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

    for (size_t j = 0; j < n; j++) mx += x[j] / (double)n, my += y[j] / (double)n;
    for (size_t j = 0; j < n; j++) {
        xx += (x[j] - mx) * (x[j] - mx), yy += (y[j] - my) * (y[j] - my), xy += (x[j] - mx) * (y[j] - my);
    }
    return xx > 1e-9 && yy > 1e-9 ? xy / sqrt(xx * yy) : (double)NAN;
}

static double with_volume(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];

    if (rig_mean(c, x, i, k) != rig_mean(c, x, i, k)) return (double)NAN;
    return pearson(&x[i + 1 - n], &c->volume[i + 1 - n], n);
}

static double rank_correlation(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double rank[RIG_BARS] = {0}, time[RIG_BARS] = {0};

    if (rig_mean(c, x, i, k) != rig_mean(c, x, i, k)) return (double)NAN;
    for (size_t j = 0; j < n; j++) {
        time[j] = (double)j;
        rank[j] = 0;
        for (size_t other = 0; other < n; other++) {
            const double a = x[i + 1 - n + other], b = x[i + 1 - n + j];

            rank[j] += a < b ? 1 : a == b && other != j ? 0.5 : 0;
        }
    }
    return 100 * pearson(rank, time, n);
}

static void test_statistics_naive(void)
{
    static const struct rig_case cases[] = {
        {"sum(%s, 1)", total, {1}},
        {"sum(%s, 12)", total, {12}},
        {"stdev(%s, 1)", rig_deviation, {1}},
        {"stdev(%s, 20)", rig_deviation, {20}},
        {"variance(%s, 2)", variance, {2}},
        {"variance(%s, 33)", variance, {33}},
        {"median(%s, 1)", median, {1}},
        {"median(%s, 2)", median, {2}},
        {"median(%s, 9)", median, {9}},
        {"median(%s, 40)", median, {40}},
        {"percentrank(%s, 1)", percent_rank, {1}},
        {"percentrank(%s, 15)", percent_rank, {15}},
        {"correlation(%s, volume, 2)", with_volume, {2}},
        {"correlation(%s, volume, 20)", with_volume, {20}},
        {"rci(%s, 2)", rank_correlation, {2}},
        {"rci(%s, 9)", rank_correlation, {9}},
        {"rci(%s, 50)", rank_correlation, {50}},
    };

    RIG_COMPARE(cases);
}

static void test_statistics_degenerate(void)
{
    static struct rig rig;
    double *flat, *none;

    rig_make(&rig, 7);
    for (size_t i = 0; i < RIG_BARS; i++) rig.close[i] = 0.1;
    flat = rig_column(&rig.candles, "stdev(close, 20)");
    none = rig_column(&rig.candles, "nz(correlation(close, volume, 20), 7) + nz(rci(close, 9), 7)");
    for (size_t i = 19; i < RIG_BARS; i++) {
        CU_ASSERT_EQUAL(flat[i], 0);
        CU_ASSERT_EQUAL(none[i], 14);
    }
    free(flat);
    free(none);
}

static const struct unit_test tests[] = {UNIT_TEST(test_statistics_naive), UNIT_TEST(test_statistics_degenerate)};
const struct unit_part statistics_tests = UNIT_PART(tests);
