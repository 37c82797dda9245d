#include "test_rules.h"

#include <stdio.h>
#include <stdlib.h>

/* By hand: the higher bars whose end is not after the end of bar i. */
static void test_run_higher(void)
{
    static struct rig rig;
    double *close, *high, *low, *volume, *open;
    const int64_t hour = 3600000;

    rig_make(&rig, 8);
    open = rig_column(&rig.candles, "tf('1h', open)");
    high = rig_column(&rig.candles, "tf('1h', high)");
    low = rig_column(&rig.candles, "tf('1h', low)");
    close = rig_column(&rig.candles, "tf('1h', close)");
    volume = rig_column(&rig.candles, "tf('1h', volume)");
    for (size_t i = 0; i < RIG_BARS; i++) {
        const int64_t now = rig.time_ms[i] + 900000;
        double o = (double)NAN, h = 0, l = INFINITY, c = (double)NAN, v = 0;
        int64_t last = -1;

        for (size_t j = 0; j <= i; j++) {
            const int64_t bucket = rig.time_ms[j] / hour;

            if ((bucket + 1) * hour > now) continue;
            if (bucket != last) o = rig.open[j], h = 0, l = INFINITY, v = 0;
            last = bucket;
            h = fmax(h, rig.high[j]), l = fmin(l, rig.low[j]), c = rig.close[j], v += rig.volume[j];
        }
        if (last < 0) {
            CU_ASSERT(isnan(close[i]));
            continue;
        }
        CU_ASSERT_EQUAL(open[i], o);
        CU_ASSERT_EQUAL(high[i], h);
        CU_ASSERT_EQUAL(low[i], l);
        CU_ASSERT_EQUAL(close[i], c);
        CU_ASSERT_EQUAL(volume[i], v);
    }
    free(open);
    free(high);
    free(low);
    free(close);
    free(volume);
}

/* A series that begins within a higher bar does not show that bar. */
static void test_run_higher_begins(void)
{
    double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    int64_t time[8];
    const struct candles c = {8, time, x, x, x, x, x, 900000, 1, 1, 0};

    for (size_t i = 0; i < 8; i++) time[i] = 1800000 + (int64_t)i * 900000;
    double *hour = rig_column(&c, "tf('1h', close)"), *week = rig_column(&c, "tf('1w', close)");

    double *condition = rig_column(&c, "tf('1h', close > 0)");

    CU_ASSERT_EQUAL(condition[4], 0);
    CU_ASSERT_EQUAL(condition[5], 1);
    free(condition);
    CU_ASSERT(isnan(hour[4]));
    CU_ASSERT_EQUAL(hour[5], 6);
    CU_ASSERT_EQUAL(hour[7], 6);
    CU_ASSERT(isnan(week[7]));
    free(hour);
    free(week);
}

/* 0.1 + 0.2 + 0.3 of doubles is another number. */
static void test_run_higher_volume(void)
{
    double x[] = {1, 1, 1, 1, 1}, traded[] = {0.1, 0.2, 0.3, 704.4, 704.6};
    const int64_t time[] = {0, 900000, 1800000, 3600000, 4500000};
    const struct candles c = {5, time, x, x, x, x, traded, 900000, 1, 0.1, 0};
    double *volume = rig_column(&c, "tf('1h', volume)");
    CU_ASSERT_EQUAL(volume[3], 0.6);
    free(volume);
}

static void test_run_same_timeframe(void)
{
    static struct rig rig;
    double *own, *plain;

    rig_make(&rig, 9);
    own = rig_column(&rig.candles, "tf('15m', sma(close, 4))");
    plain = rig_column(&rig.candles, "sma(close, 4)");
    for (size_t i = 0; i < RIG_BARS; i++) CU_ASSERT(own[i] == plain[i] || (isnan(own[i]) && isnan(plain[i])));
    free(own);
    free(plain);
}

static void test_run_fits(void)
{
    static struct rig rig;
    struct error err = {.message = ""};
    struct rules *r = rig_rules("rules", "{\"long\":{\"enter\":\"tf('10m', close) > 1\"}}");

    rig_make(&rig, 1);
    CU_ASSERT_PTR_NULL(rules_run_new(r, &rig.candles, &err));
    UNIT_STR(err.message,
             "tf() asks for a timeframe of 10 minutes, but the series has bars of 900 seconds: tf() takes the "
             "timeframe of the series or a multiple of it");
    CU_ASSERT(rules_fits(r, 300000, &err));
    UNIT_INT(rules_lookback(r, 900000), 0);
    UNIT_INT(rules_lookback(r, 300000), 4);
    CU_ASSERT_FALSE(rules_fits(r, 0, &err));
    rules_free(r);
    r = rig_rules("rules", "{\"long\":{\"enter\":\"tf('4w', rsi(close, 10000)) > 1\"}}");
    CU_ASSERT_FALSE(rules_fits(r, 60000, &err));
    UNIT_STR(err.message,
             "the rules need a look-back of 4032080640 bars, and at most 5000000 are allowed; use shorter lengths");
    rules_free(r);
}

static void test_run_lookback(void)
{
    static const struct {
        const char *expression;
        size_t bars;
    } cases[] = {
        {"close > 1", 0},
        {"close[3] > 1", 3},
        {"sma(close, 20) > 1", 19},
        {"sma(ema(close, 10), 20)[2] > 1", 71},
        {"crosses_above(sma(close, 5), sma(close, 9))", 9},
        {"rsi(close, 14) > 1", 140},
        {"tf('1h', sma(close, 20)) > 1", 84},
        {"tf('1h', sma(close, 20))[1] > sma(close, 200)", 199},
        {"vwap > 1", 95},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char document[200];

        snprintf(document, sizeof(document), "{\"long\":{\"enter\":\"%s\"}}", cases[i].expression);
        struct rules *r = rig_rules("rules", document);

        UNIT_INT(rules_lookback(r, 900000), cases[i].bars);
        rules_free(r);
    }
}

static void test_run_position(void)
{
    static struct rig rig;
    struct error err;
    struct rules *r = rig_rules(
        "rules", "{\"let\":{\"gain\":\"close / entry_price - 1\"},\"long\":{\"enter\":\"true\",\"exit\":\"gain > 0.02 "
                 "or bars_held >= 5 "
                 "and close < sma(close, 3)\"},\"stop\":{\"price\":\"min(entry_price * 0.9, lowest(low, 5))\"},"
                 "\"take\":{\"distance\":\"if(equity > 100, 2, 3)\"}}");
    struct rules_run *run;

    rig_make(&rig, 10);
    run = rules_run_new(r, &rig.candles, &err);
    CU_ASSERT(rules_is_dynamic(r, RULES_LONG_EXIT));
    CU_ASSERT_FALSE(rules_is_dynamic(r, RULES_LONG_ENTER));
    CU_ASSERT_PTR_NULL(rules_condition(run, RULES_LONG_EXIT));
    CU_ASSERT_PTR_NULL(rules_condition(run, RULES_SHORT_ENTER));
    CU_ASSERT_PTR_NULL(rules_column(run, RULES_LONG_ENTER));
    CU_ASSERT_PTR_NULL(rules_column(run, RULES_STOP_PERCENT));
    CU_ASSERT(rules_bit(rules_condition(run, RULES_LONG_ENTER), 3));
    CU_ASSERT_PTR_NULL(rules_column(run, RULES_SIZE));
    CU_ASSERT_EQUAL(rules_value(run, RULES_SIZE, 3, NULL), 1);
    for (size_t i = 10; i < RIG_BARS; i++) {
        const struct rules_position p = {rig.close[i - 5], 5, i % 2 == 0 ? 50 : 150};
        const double mean = (rig.close[i] + rig.close[i - 1] + rig.close[i - 2]) / 3;
        const bool leaves = rig.close[i] / p.entry_price - 1 > 0.02 || rig.close[i] < mean;
        double lowest = INFINITY;

        for (size_t j = 0; j < 5; j++) lowest = fmin(lowest, rig.low[i - j]);
        CU_ASSERT_EQUAL(rules_value(run, RULES_LONG_EXIT, i, &p), leaves);
        CU_ASSERT_EQUAL(rules_value(run, RULES_STOP_PRICE, i, &p), fmin(p.entry_price * 0.9, lowest));
        CU_ASSERT_EQUAL(rules_value(run, RULES_TAKE_DISTANCE, i, &p), i % 2 == 0 ? 3 : 2);
    }
    CU_ASSERT_EQUAL(rules_value(run, RULES_LONG_EXIT, 20, NULL), 0);
    CU_ASSERT(isnan(rules_value(run, RULES_STOP_PRICE, 20, NULL)));
    CU_ASSERT(isnan(rules_value(run, RULES_TRAIL_PERCENT, 20, NULL)));
    CU_ASSERT_EQUAL(rules_value(run, RULES_SHORT_ENTER, 20, NULL), 0);
    rules_run_free(run);
    rules_free(r);
}

static void test_run_empty(void)
{
    static struct rig rig;
    struct error err;
    struct rules *r =
        rig_rules("rules", "{\"long\":{\"enter\":\"tf('1h', rsi(close, 3)) > sar(0.02, 0.02, 0.2) + atr(3)\"}}");

    rig_make(&rig, 10);
    for (size_t count = 0; count < 3; count++) {
        const struct candles cut = rig_cut(&rig, count);
        struct rules_run *run = rules_run_new(r, &cut, &err);

        CU_ASSERT_PTR_NOT_NULL(rules_condition(run, RULES_LONG_ENTER));
        rules_run_free(run);
    }
    rules_run_free(NULL);
    rules_free(NULL);
    rules_free(r);
}

/* Bars enough for some pieces, of an odd number. */
enum { LONG_BARS = 5003 };

struct long_series {
    int64_t time_ms[LONG_BARS];
    double open[LONG_BARS], close[LONG_BARS], volume[LONG_BARS];
    struct candles candles;
};

static void long_make(struct long_series *s)
{
    uint64_t state = 7;

    for (size_t i = 0; i < LONG_BARS; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        s->time_ms[i] = (int64_t)i * 900000;
        s->open[i] = i == 0 ? 100 : s->close[i - 1];
        s->close[i] = s->open[i] + ((double)(state >> 33 & 255) - 127.5) / 64;
        s->volume[i] = (double)(state >> 42 & 3);
    }
    s->candles =
        (struct candles){LONG_BARS, s->time_ms, s->open, s->close, s->open, s->close, s->volume, 900000, 0.01, 0.01, 2};
}

/* Prices are of few bits, so that a sum has no rounding: naive means give the same doubles. */
static double long_mean(const double *x, size_t i, size_t n)
{
    double sum = 0;

    if (i + 1 < n) return (double)NAN;
    for (size_t k = 0; k < n; k++) sum += x[i - k];
    return sum / (double)n;
}

/* What goes over the bars in pieces is what it would be if it went over them at once; so with windows that are longer
 * than a piece, and where one operation's column is another's. */
static void test_run_pieces(void)
{
    static struct long_series s;
    static const size_t lengths[] = {1, 2, 7, 64, 200, 999, 1024, 1025, 3000, 5003, 6000};
    double latched = 0, since = (double)NAN;

    long_make(&s);
    for (size_t k = 0; k < countof(lengths); k++) {
        char expression[64];

        snprintf(expression, sizeof(expression), "sma(close, %zu)", lengths[k]);
        double *mean = rig_column(&s.candles, expression);

        for (size_t i = 0; i < LONG_BARS; i += i % 1024 < 1000 && i > 10 ? 13 : 1) {
            const double wanted = long_mean(s.close, i, lengths[k]);

            CU_ASSERT(mean[i] == wanted || (isnan(mean[i]) && isnan(wanted)));
        }
        free(mean);
    }
    double *latch = rig_column(&s.candles, "latch(crosses_above(close, sma(close, 7)), close > 110)"),
           *count = rig_column(&s.candles, "barssince(crosses_above(close, sma(close, 7)))"),
           *both = rig_column(&s.candles, "crosses(close, sma(close, 7))"),
           *nested = rig_column(&s.candles, "sma(close - sma(close, 2), 4)");

    for (size_t i = 0; i < LONG_BARS; i++) {
        const double now = long_mean(s.close, i, 7), was = i == 0 ? (double)NAN : long_mean(s.close, i - 1, 7);
        const bool up = i > 0 && s.close[i] > now && s.close[i - 1] <= was;
        const bool down = i > 0 && s.close[i] < now && s.close[i - 1] >= was;
        double sum = 0;

        latched = s.close[i] > 110 ? 0 : up ? 1 : latched;
        since = up ? 0 : since + 1;
        for (size_t k = 0; k < 4 && i >= 4; k++) sum += s.close[i - k] - long_mean(s.close, i - k, 2);
        CU_ASSERT_EQUAL(latch[i], latched);
        CU_ASSERT(count[i] == since || (isnan(count[i]) && isnan(since)));
        CU_ASSERT_EQUAL(both[i], up || down);
        CU_ASSERT(i < 4 ? i == 4 || isnan(nested[i]) : nested[i] == sum / 4);
    }
    free(latch);
    free(count);
    free(both);
    free(nested);
}

/* Windows are looked at some together: few of them, and a rest of any number, are the same means. */
static void test_run_short(void)
{
    static struct long_series s;

    long_make(&s);
    for (size_t bars = 1; bars <= 24; bars++) {
        for (size_t length = 1; length <= 9; length++) {
            char expression[64];

            snprintf(expression, sizeof(expression), "sma(close, %zu)", length);
            s.candles.count = bars;
            double *mean = rig_column(&s.candles, expression);

            for (size_t i = 0; i < bars; i++) {
                const double wanted = long_mean(s.close, i, length);

                CU_ASSERT(mean[i] == wanted || (isnan(mean[i]) && isnan(wanted)));
            }
            free(mean);
        }
    }
}

/* A value that is too fine, too large or not known has its piece summed in another way: windows without it stay the
 * same doubles. */
static void test_run_sums(void)
{
    static struct long_series s, odd;
    static const double values[] = {3e-40, 1e200, -7e-9, (double)NAN, INFINITY, 0};

    long_make(&s);
    for (size_t i = 0; i < LONG_BARS; i++) s.close[i] = s.close[i] / 3 + 0.01;
    double *wanted = rig_column(&s.candles, "sma(close, 50)"), *sum = rig_column(&s.candles, "sum(close, 50)");

    for (size_t v = 0; v < countof(values); v++) {
        odd = s;
        odd.candles.open = odd.candles.low = odd.open, odd.candles.high = odd.candles.close = odd.close;
        for (size_t i = 500; i < LONG_BARS; i += 700) odd.close[i] = values[v];
        double *mean = rig_column(&odd.candles, "sma(close, 50)"), *total = rig_column(&odd.candles, "sum(close, 50)");

        for (size_t i = 0; i < LONG_BARS; i++) {
            const bool is_touched = i >= 500 && (i - 500) % 700 < 50;

            if (is_touched && isfinite(values[v])) CU_ASSERT(isfinite(mean[i]));
            if (is_touched && !isfinite(values[v])) CU_ASSERT(isnan(mean[i]) && isnan(total[i]));
            if (is_touched) continue;
            CU_ASSERT(i < 49 ? isnan(mean[i]) : mean[i] == wanted[i]);
            CU_ASSERT(i < 49 ? isnan(total[i]) : total[i] == sum[i]);
        }
        free(mean);
        free(total);
    }
    free(wanted);
    free(sum);
}

/* Sums look back at the beginning of each piece; that is in their cost too. */
static void test_run_steps(void)
{
    static struct long_series s;
    static const char *const sums[] = {"sma(close, 127)",
                                       "sum(close, 129)",
                                       "vwma(close, 200)",
                                       "cmo(close, 200)",
                                       "mfi(hlc3, 300)",
                                       "kama(close, 130)",
                                       "stoch_d(close, high, low, 9, 200)",
                                       "cog(close, 200)",
                                       "close[200]",
                                       "bb_middle(close, 500, 2)"};
    struct error err;

    long_make(&s);
    for (size_t i = 0; i < countof(sums); i++) {
        char document[200];

        snprintf(document, sizeof(document), "{\"long\":{\"enter\":\"true\"},\"stop\":{\"price\":\"%s\"}}", sums[i]);
        struct rules *r = rig_rules("rules", document);
        struct rules_run *run = rules_run_new(r, &s.candles, &err);

        CU_ASSERT(rules_run_steps(run) <= rules_cost(r) * (LONG_BARS + 1));
        rules_run_free(run);
        rules_free(r);
    }
}

/* Averages of several lengths share sums of one column, those of another column do not; nor are they of those of a
 * group before, whose memory another column may have. */
static void test_run_shared(void)
{
    static struct long_series s;
    static const char *const columns[] = {
        "sma(close, 7) + 2 * sma(close, 64)",
        "sma(close, 64) + 2 * sma(open, 7) + 4 * sma(close, 7)",
        "sma(close, 7) + 2 * sma(close, 200) + 4 * sma(close, 1)",
        "sma(close, 2) + 2 * sma(close, 2000)",
        "sma(highest(close, 1), 7) + 2 * sma(highest(sma(lowest(open, 1), 7), 1), 1)",
    };
    static const struct {
        size_t count;
        struct {
            bool is_open;
            size_t n;
        } means[3];
    } wanted[] = {{2, {{false, 7}, {false, 64}}},
                  {3, {{false, 64}, {true, 7}, {false, 7}}},
                  {3, {{false, 7}, {false, 200}, {false, 1}}},
                  {2, {{false, 2}, {false, 2000}}},
                  {2, {{false, 7}, {true, 7}}}};

    long_make(&s);
    for (size_t bars = 900; bars <= LONG_BARS; bars += LONG_BARS - 900) {
        s.candles.count = bars;
        for (size_t c = 0; c < countof(columns); c++) {
            double *found = rig_column(&s.candles, columns[c]);

            for (size_t i = 0; i < bars; i++) {
                double sum = 0;

                for (size_t k = 0; k < wanted[c].count; k++) {
                    const double *x = wanted[c].means[k].is_open ? s.open : s.close;

                    sum += (double)(1 << k) * long_mean(x, i, wanted[c].means[k].n);
                }
                CU_ASSERT(found[i] == sum || (isnan(found[i]) && isnan(sum)));
            }
            free(found);
        }
    }
}

/* A constant is as good as a column, also for what looks back further than a piece of it. */
static void test_run_constants(void)
{
    static struct long_series s;
    static const char *const columns[] = {"sma(5, 100)", "sum(5, 100) / 100", "bb_middle(5, 100, 2)",
                                          "sma(5, 100) + 0 * sma(close, 100)", "sma(5, 100) + 0 * highest(5, 2)"};

    long_make(&s);
    for (size_t c = 0; c < countof(columns); c++) {
        double *found = rig_column(&s.candles, columns[c]);

        for (size_t i = 0; i < LONG_BARS; i++) CU_ASSERT(i < 99 ? isnan(found[i]) : found[i] == 5);
        free(found);
    }
}

/* A condition that is asked for only as bits is what it is as doubles, whichever the number of bars. */
static void test_run_bits(void)
{
    static struct long_series s;
    static const char *const conditions[] = {"crosses_above(close, sma(close, 7))",
                                             "crosses_below(close, sma(close, 7))", "crosses(close, sma(close, 7))",
                                             "close > sma(close, 7)"};
    struct error err;

    long_make(&s);
    for (size_t c = 0; c < countof(conditions); c++) {
        char document[200];

        snprintf(document, sizeof(document), "{\"long\":{\"enter\":\"%s\"}}", conditions[c]);
        struct rules *r = rig_rules("rules", document);

        for (size_t bars = 1; bars <= LONG_BARS; bars = bars < 200 ? bars + 1 : 5 * bars) {
            s.candles.count = bars;
            struct rules_run *run = rules_run_new(r, &s.candles, &err);
            double *values = rig_column(&s.candles, conditions[c]);

            for (size_t i = 0; i < bars; i++) {
                CU_ASSERT_EQUAL(rules_bit(rules_condition(run, RULES_LONG_ENTER), i), values[i] != 0);
            }
            free(values);
            rules_run_free(run);
        }
        rules_free(r);
    }
}

/* All sorts of conditions, each as bits and as its value. */
static void test_run_conditions(void)
{
    static struct long_series s;
    static const char *const conditions[] = {"true",
                                             "close > open",
                                             "rising(close, 2)",
                                             "tf('1h', close > open)",
                                             "crosses(close, 100) or (close > open)[1]",
                                             "crosses_above(close, sma(close, 7))",
                                             "not known(close[5])"};
    struct error err;

    long_make(&s);
    for (size_t c = 0; c < countof(conditions); c++) {
        char document[200];

        snprintf(document, sizeof(document), "{\"long\":{\"enter\":\"%s\",\"exit\":\"not (%s)\"}}", conditions[c],
                 conditions[c]);
        struct rules *r = rig_rules("rules", document);
        struct rules_run *run = rules_run_new(r, &s.candles, &err);
        double *values = rig_column(&s.candles, conditions[c]);

        for (size_t i = 0; i < LONG_BARS; i++) {
            CU_ASSERT_EQUAL(rules_bit(rules_condition(run, RULES_LONG_ENTER), i), values[i] != 0);
            CU_ASSERT_EQUAL(rules_value(run, RULES_LONG_ENTER, i, NULL), values[i]);
            CU_ASSERT_EQUAL(rules_value(run, RULES_LONG_EXIT, i, NULL), 1 - values[i]);
        }
        CU_ASSERT(rules_run_steps(run) <= rules_cost(r) * (LONG_BARS + 1));
        free(values);
        rules_run_free(run);
        rules_free(r);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_run_higher),         UNIT_TEST(test_run_higher_begins), UNIT_TEST(test_run_higher_volume),
    UNIT_TEST(test_run_same_timeframe), UNIT_TEST(test_run_fits),          UNIT_TEST(test_run_lookback),
    UNIT_TEST(test_run_position),       UNIT_TEST(test_run_empty),         UNIT_TEST(test_run_pieces),
    UNIT_TEST(test_run_short),          UNIT_TEST(test_run_conditions),    UNIT_TEST(test_run_sums),
    UNIT_TEST(test_run_steps),          UNIT_TEST(test_run_shared),        UNIT_TEST(test_run_constants),
    UNIT_TEST(test_run_bits),
};
const struct unit_part run_tests = UNIT_PART(tests);
