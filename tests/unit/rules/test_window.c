/* Moving sums do not drift: after a million bars they are what a sum of the window alone is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "test_rules.h"

enum { WINDOW_BARS = 1000000 };

struct window_series {
    struct candles candles;
    double *close;
};

static struct window_series window_make(void)
{
    struct window_series s = {.close = mem_array(WINDOW_BARS, sizeof(double))};
    int64_t *time = mem_array(WINDOW_BARS, sizeof(int64_t));
    uint64_t state = 88172645463325252U;
    double price = 1e6;

    for (size_t i = 0; i < WINDOW_BARS; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        /* Some enormous bars: a running sum would keep their rounding for ever. */
        price = price + (double)(state % 2001) / 1000 - 1;
        s.close[i] = i % 100003 == 50000 ? price * 1e9 : price / (i > WINDOW_BARS / 2 ? 1e6 : 1);
        time[i] = (int64_t)i * 60000;
    }
    s.candles = (struct candles){WINDOW_BARS, time, s.close, s.close, s.close, s.close, s.close, 60000, 1, 1, 0};
    return s;
}

static void window_clear(struct window_series *s)
{
    free(s->close);
    free((void *)s->candles.time_ms);
}

static void window_check(const struct window_series *s, const char *expression, size_t n, bool is_deviation)
{
    double *found = rig_column(&s->candles, expression);

    for (size_t i = WINDOW_BARS - 200; i < WINDOW_BARS; i++) {
        long double mean = 0, squares = 0;

        for (size_t j = i + 1 - n; j <= i; j++) mean += s->close[j];
        mean /= (long double)n;
        for (size_t j = i + 1 - n; j <= i; j++) squares += (s->close[j] - mean) * (s->close[j] - mean);
        const double expected = is_deviation ? (double)sqrtl(squares / (long double)n) : (double)mean;

        /* Of a deviation that is much smaller than the values, the values' own rounding is a part. */
        const double bound = 1e-12 * fabs(expected) + (is_deviation ? 1e-15 * (double)fabsl(mean) : 0);
        const bool near = fabs(found[i] - expected) <= bound;

        if (!near) printf("%s at %zu: %.17g, expected %.17g\n", expression, i, found[i], expected);
        CU_ASSERT(near);
    }
    free(found);
}

static void test_window_drift(void)
{
    struct window_series s = window_make();

    window_check(&s, "sma(close, 20)", 20, false);
    window_check(&s, "sma(close, 1000)", 1000, false);
    window_check(&s, "sma(close, 10000)", 10000, false);
    window_check(&s, "bb_middle(close, 200)", 200, false);
    window_check(&s, "stdev(close, 20)", 20, true);
    window_check(&s, "stdev(close, 5000)", 5000, true);
    window_clear(&s);
}

/* Prices times a power of two scale to the last bit. */
static void test_window_scale(void)
{
    static const char *const linear[] = {
        "sma(close, 9)",
        "ema(close, 9)",
        "rma(close, 9)",
        "wma(close, 9)",
        "hma(close, 9)",
        "kama(close, 9)",
        "linreg(close, 9)",
        "stdev(close, 9)",
        "median(close, 8)",
        "atr(9)",
        "vwap",
        "supertrend(2, 9)",
        "sar(0.02, 0.02, 0.2)",
        "kc_upper(close, 9, 2)",
        "macd_hist(close, 3, 7, 4)",
    };
    static struct rig rig, scaled;

    rig_make(&rig, 5);
    rig_make(&scaled, 5);
    for (size_t i = 0; i < RIG_BARS; i++) {
        scaled.open[i] *= 64, scaled.high[i] *= 64, scaled.low[i] *= 64, scaled.close[i] *= 64;
    }
    for (size_t f = 0; f < countof(linear); f++) {
        double *one = rig_column(&rig.candles, linear[f]), *other = rig_column(&scaled.candles, linear[f]);

        for (size_t i = 0; i < RIG_BARS; i++) CU_ASSERT(other[i] == 64 * one[i] || (isnan(one[i]) && isnan(other[i])));
        free(one);
        free(other);
    }
}

/* In a market that stands still averages do, so that none crosses another by rounding. */
static void test_window_flat(void)
{
    static const double prices[] = {0.1, 1812.51, 0.07, 3.3, 100.01};
    static struct rig rig;

    for (size_t p = 0; p < countof(prices); p++) {
        rig_make(&rig, 5);
        for (size_t i = 0; i < RIG_BARS; i++) rig.close[i] = prices[p];
        for (unsigned n = 2; n < 60; n++) {
            char expression[40];

            snprintf(expression, sizeof(expression), "sma(close, %u)", n);
            double *mean = rig_column(&rig.candles, expression);

            for (size_t i = n; i < RIG_BARS; i++) {
                if (mean[i] != mean[n]) printf("%s of %.17g: %.17g\n", expression, prices[p], mean[i]);
                CU_ASSERT_EQUAL(mean[i], mean[n]);
                CU_ASSERT(fabs(mean[i] - prices[p]) <= 2.3e-16 * prices[p]);
            }
            free(mean);
        }
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_window_drift), UNIT_TEST(test_window_scale),
                                         UNIT_TEST(test_window_flat)};
const struct unit_part window_tests = UNIT_PART(tests);
