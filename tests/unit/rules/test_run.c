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
    UNIT_STR(err.message, "the rules look 4032080640 bars back, more than 5000000: use shorter lengths");
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
    CU_ASSERT_PTR_NULL(rules_column(run, RULES_LONG_EXIT));
    CU_ASSERT_PTR_NULL(rules_column(run, RULES_STOP_PERCENT));
    CU_ASSERT_EQUAL(rules_column(run, RULES_LONG_ENTER)[3], 1);
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

        CU_ASSERT_PTR_NOT_NULL(rules_column(run, RULES_LONG_ENTER));
        rules_run_free(run);
    }
    rules_run_free(NULL);
    rules_free(NULL);
    rules_free(r);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_run_higher), UNIT_TEST(test_run_higher_begins), UNIT_TEST(test_run_same_timeframe),
    UNIT_TEST(test_run_fits),   UNIT_TEST(test_run_lookback),      UNIT_TEST(test_run_position),
    UNIT_TEST(test_run_empty),
};
const struct unit_part run_part = UNIT_PART(tests);
