/* Moving sums do not drift: after a million bars they are what a sum of the window alone is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rules/window.h"
#include "test_rules.h"

enum { WINDOW_BARS = 1000000, WINDOW_ROUNDS = 400, WINDOW_FEW = 2600, WINDOW_CALLS = 3 };

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

static uint64_t window_draw(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1dU >> 11;
}

/* One of 2^least to 2^most, with all bits of a double. */
static double window_between(uint64_t *state, int least, int most)
{
    const double bits = 1 + (double)window_draw(state) * 0x1p-53;

    return ldexp(bits, least + (int)(window_draw(state) % (uint64_t)(most - least)));
}

enum window_sort {
    WINDOW_TICKS,
    WINDOW_ALL_BITS,
    WINDOW_ANY,      /* from the smallest double to the largest */
    WINDOW_DENORMAL, /* and some that are not */
    WINDOW_HUGE,
    WINDOW_OUTLIERS,
    WINDOW_SIGNS, /* zeros of both, too */
    WINDOW_HOLES,
    WINDOW_LATE, /* not known at first */
    WINDOW_NEAR_LIMIT,
    WINDOW_SORTS
};

static double window_value(enum window_sort sort, size_t i, uint64_t *state)
{
    const double ticks = (double)(window_draw(state) % 100000) / 100;

    switch (sort) {
    case WINDOW_ALL_BITS:
        return window_between(state, 0, 3);
    case WINDOW_ANY:
        return window_between(state, -1074, 1023);
    case WINDOW_DENORMAL:
        return window_draw(state) % 4 > 0 ? ldexp(ticks, -1068) : window_between(state, -1022, -1000);
    case WINDOW_HUGE:
        return window_between(state, 1000, 1023);
    case WINDOW_OUTLIERS:
        return i == 0 || window_draw(state) % 300 == 0 ? window_between(state, 20, 60) : ticks;
    case WINDOW_SIGNS:
        return (window_draw(state) % 2 == 0 ? -1 : 1) * (double)(window_draw(state) % 3);
    case WINDOW_HOLES:
        return window_draw(state) % 300 == 0 ? (double)NAN : ticks;
    case WINDOW_LATE:
        return i < 100 ? (double)NAN : window_between(state, -30, 30);
    case WINDOW_NEAR_LIMIT:
        return window_between(state, 690, 705);
    default:
        return ticks;
    }
}

static void window_add(double x, double *sum, double *lost)
{
    const double before = *sum, after = before + x, part = after - before;

    *lost += (before - (after - part)) + (x - part);
    *sum = after;
}

/* The mean as window.h defines it: compensated sums of the end of one block and of the beginning of the next. */
static double window_compensated(const double *x, size_t i, size_t n)
{
    double sum = 0, lost = 0, begin = 0, begin_lost = 0, mean;

    if (i + 1 < n) return (double)NAN;
    for (size_t k = i - i % n; k <= i; k++) window_add(x[k], &begin, &begin_lost);
    for (size_t k = i - i % n; k-- > i + 1 - n;) window_add(x[k], &sum, &lost);
    window_add(begin, &sum, &lost);
    mean = (sum + (lost + begin_lost)) / (double)n;
    return isfinite(mean) ? mean : (double)NAN;
}

static bool window_is_same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

/* Whatever the values are, however the bars are cut into pieces, and whoever shares the sums: the same doubles. */
static void test_window_shared(void)
{
    static double x[WINDOW_FEW], means[WINDOW_CALLS][WINDOW_FEW];
    struct arena *scratch = arena_new();
    uint64_t state = 88172645463325252U;
    size_t exact = 0, summed = 0;

    for (unsigned round = 0; round < WINDOW_ROUNDS; round++) {
        const enum window_sort sort = (enum window_sort)(round % WINDOW_SORTS);
        const size_t count = 1 + window_draw(&state) % WINDOW_FEW, piece = 1 + window_draw(&state) % count;
        struct window_sums sums = {0};
        size_t n[WINDOW_CALLS], wrong = 0;

        for (size_t i = 0; i < count; i++) x[i] = window_value(sort, i, &state);
        for (size_t c = 0; c < WINDOW_CALLS; c++) n[c] = 1 + window_draw(&state) % (c == 0 ? 300 : 40);
        for (size_t at = 0; at < count; at += piece) {
            for (size_t c = 0; c < WINDOW_CALLS; c++) {
                struct rules_call call = {
                    .count = count - at < piece ? count - at : piece, .before = at, .scratch = scratch, .sums = &sums};

                window_mean(&call, x + at, n[c], means[c] + at);
                arena_reset(scratch);
                *(sums.is_exact ? &exact : &summed) += 1;
            }
        }
        window_sums_clear(&sums);
        for (size_t c = 0; c < WINDOW_CALLS; c++) {
            for (size_t i = 0; i < count; i++) wrong += !window_is_same(means[c][i], window_compensated(x, i, n[c]));
        }
        if (wrong > 0) printf("round %u, values %d, pieces of %zu: %zu means differ\n", round, (int)sort, piece, wrong);
        CU_ASSERT_EQUAL(wrong, 0);
    }
    CU_ASSERT(exact > 1000 && summed > 1000); /* both ways were gone */
    arena_free(scratch);
}

static const struct unit_test tests[] = {UNIT_TEST(test_window_drift), UNIT_TEST(test_window_scale),
                                         UNIT_TEST(test_window_flat), UNIT_TEST(test_window_shared)};
const struct unit_part window_tests = UNIT_PART(tests);
