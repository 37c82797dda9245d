/* Each metric on curves that one can reckon by hand; the rest is tests/lab/reference.py. */
#include <math.h>

#include "scene.h"
#include "test_engine.h"

/* One unit held from the open of bar 1 on: equity follows the closes. */
static void hold(struct scene *s, const double *closes, size_t count, int64_t timeframe_ms)
{
    double bars[SCENE_BARS][4];

    for (size_t i = 0; i < count; i++) {
        const double open = i == 0 ? closes[0] : closes[i - 1];

        bars[i][0] = open, bars[i][3] = closes[i];
        bars[i][1] = fmax(open, closes[i]), bars[i][2] = fmin(open, closes[i]);
    }
    scene_init(s, bars, count);
    s->candles.timeframe_ms = timeframe_ms;
    for (size_t i = 0; i < count; i++) s->time_ms[i] = s->time_ms[0] + (int64_t)i * timeframe_ms;
    scene_set(s, "capital", "100");
    scene_put(s, RULES_LONG_ENTER, 0, 1);
}

static const int64_t day = 86400000;

static void test_metrics_curve(void)
{
    static const double closes[] = {100, 110, 99, 104.5, 110, 121, 120};
    struct scene s;

    hold(&s, closes, countof(closes), day);
    scene_run(&s);
    NEAR(scene_metric(&s, "equity"), 120);
    NEAR(scene_metric(&s, "return"), 0.2);
    NEAR(scene_metric(&s, "net_profit"), 20);
    NEAR(scene_metric(&s, "buy_and_hold"), 0.2);
    NEAR(scene_metric(&s, "max_drawdown"), 0.1);
    NEAR(scene_metric(&s, "max_drawdown_cash"), 11);
    NEAR(scene_metric(&s, "max_drawdown_duration_s"), 3 * 86400);
    NEAR(scene_metric(&s, "recovered"), 1);
    NEAR(scene_metric(&s, "cagr"), pow(1.2, 365.25 / 7) - 1);
    NEAR(scene_metric(&s, "calmar"), scene_metric(&s, "cagr") / 0.1);
    NEAR(scene_metric(&s, "recovery_factor"), 20.0 / 11);
    NEAR(scene_metric(&s, "ulcer_index"), sqrt((0.01 + 0.0025 + 1.0 / 14641) / 8));
    NEAR(scene_metric(&s, "exposure"), 6.0 / 7);
    NEAR(scene_metric(&s, "turnover"), 100 / ((100 + 100 + 110 + 99 + 104.5 + 110 + 121 + 120) / 8) / (7 / 365.25));
    NEAR(scene_metric(&s, "short_sample"), 1);
    scene_clear(&s);
}

/* A loss in the first period, from which nothing recovers: measured from the capital, and to the end. */
static void test_metrics_drawdown_from_the_capital(void)
{
    static const double closes[] = {100, 90, 95, 80};
    struct scene s;

    hold(&s, closes, countof(closes), day);
    scene_run(&s);
    NEAR(scene_metric(&s, "max_drawdown"), 0.2);
    NEAR(scene_metric(&s, "max_drawdown_duration_s"), 3 * 86400);
    NEAR(scene_metric(&s, "recovered"), 0);
    scene_clear(&s);
}

static void test_metrics_daily(void)
{
    static const double closes[] = {100, 110, 99, 104.5, 110, 121, 120};
    const double r[] = {0, 0.1, -0.1, 104.5 / 99 - 1, 110 / 104.5 - 1, 0.1, 120.0 / 121 - 1};
    const size_t count = countof(r);
    const double n = (double)count;
    double mean = 0, squares = 0, below = 0, cubes = 0, fourths = 0, sr;
    struct scene s;

    for (size_t i = 0; i < countof(r); i++) mean += r[i] / n;
    for (size_t i = 0; i < countof(r); i++) {
        squares += pow(r[i] - mean, 2), cubes += pow(r[i] - mean, 3), fourths += pow(r[i] - mean, 4);
        below += pow(fmin(r[i], 0), 2);
    }
    hold(&s, closes, countof(closes), day);
    scene_run(&s);
    NEAR(scene_metric(&s, "days"), 7);
    NEAR(scene_metric(&s, "periods_per_year"), 365); /* two of seven days are a weekend */
    NEAR(scene_metric(&s, "volatility"), sqrt(squares / (n - 1) * 365));
    NEAR(scene_metric(&s, "sharpe"), mean / sqrt(squares / (n - 1)) * sqrt(365));
    NEAR(scene_metric(&s, "sortino"), mean / sqrt(below / n) * sqrt(365));
    NEAR(scene_metric(&s, "skew"), cubes / n / pow(squares / n, 1.5));
    NEAR(scene_metric(&s, "kurtosis"), fourths / n / pow(squares / n, 2));
    sr = mean / sqrt(squares / (n - 1));
    NEAR(scene_metric(&s, "psr"),
         0.5 * erfc(-sr * sqrt(n - 1) /
                    sqrt(1 - scene_metric(&s, "skew") * sr + (scene_metric(&s, "kurtosis") - 1) / 4 * sr * sr) /
                    sqrt(2)));
    /* All in, from the first bar on: the market itself. */
    NEAR(scene_metric(&s, "beta"), 1);
    NEAR(scene_metric(&s, "alpha"), 0);
    CU_ASSERT_TRUE(isnan(scene_metric(&s, "value_at_risk_95"))); /* of seven days */
    scene_set(&s, "risk_free", "0.05");
    scene_run(&s);
    NEAR(scene_metric(&s, "sharpe"), (mean - (pow(1.05, 1.0 / 365) - 1)) / sqrt(squares / (n - 1)) * sqrt(365));
    scene_set(&s, "periods_per_year", "100");
    scene_run(&s);
    NEAR(scene_metric(&s, "volatility"), sqrt(squares / (n - 1) * 100));
    scene_clear(&s);
}

/* Hours: the last bar of each UTC day counts. */
static void test_metrics_daily_of_hours(void)
{
    double closes[49];
    struct scene s;

    for (size_t i = 0; i < countof(closes); i++) closes[i] = 100 + (double)i;
    hold(&s, closes, countof(closes), 3600000);
    scene_run(&s);
    NEAR(scene_metric(&s, "days"), 3);
    NEAR(scene_metric(&s, "periods_per_year"), 252);
    NEAR(scene_metric(&s, "volatility"), sqrt((pow(0.23, 2) + pow(147.0 / 123 - 1, 2) + pow(148.0 / 147 - 1, 2) -
                                               pow(0.23 + 147.0 / 123 - 1 + 148.0 / 147 - 1, 2) / 3) /
                                              2 * 252));
    scene_clear(&s);
}

/* Longer bars than days are periods of their own. */
static void test_metrics_weeks(void)
{
    static const double closes[] = {100, 110, 99};
    struct scene s;

    hold(&s, closes, countof(closes), 7 * day);
    scene_run(&s);
    NEAR(scene_metric(&s, "periods_per_year"), 365.25 / 7);
    scene_clear(&s);
}

static void test_metrics_tail(void)
{
    double closes[41];
    struct scene s;

    /* Daily returns 0, then 1 % to 40 % in falls from day to day of a capital that is large. */
    closes[0] = 10000;
    for (size_t i = 1; i < countof(closes); i++) closes[i] = closes[i - 1] * (1 - (double)i / 1000);
    hold(&s, closes, countof(closes), day);
    scene_set(&s, "capital", "10000");
    scene_run(&s);
    NEAR(scene_metric(&s, "value_at_risk_95"), -0.038);
    NEAR(scene_metric(&s, "expected_shortfall_95"), -0.039);
    CU_ASSERT_TRUE(isnan(scene_metric(&s, "sharpe")) == false);
    scene_clear(&s);
}

static void test_metrics_trades(void)
{
    static const double bars[][4] = {{100, 100, 100, 100}, {100, 100, 100, 100}, {110, 110, 110, 110},
                                     {110, 110, 110, 110}, {104, 104, 104, 104}, {104, 104, 104, 104},
                                     {104, 104, 104, 104}, {124, 124, 124, 124}};
    struct scene s;

    scene_init(&s, bars, countof(bars));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_LONG_EXIT, 1, 1); /* +10 */
    scene_put(&s, RULES_LONG_ENTER, 2, 1);
    scene_put(&s, RULES_LONG_EXIT, 3, 1); /* -6 */
    scene_put(&s, RULES_LONG_ENTER, 4, 1);
    scene_put(&s, RULES_LONG_EXIT, 5, 1); /* even */
    scene_put(&s, RULES_LONG_ENTER, 6, 1);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 110 signal: 10\nlong 1 at 3 110 signal, 4 104 signal: -6\n"
                     "long 1 at 5 104 signal, 6 104 signal: 0\nlong 1 at 7 124 signal, 7 124 open: 0");
    NEAR(scene_metric(&s, "trades"), 3);
    NEAR(scene_metric(&s, "wins"), 1);
    NEAR(scene_metric(&s, "losses"), 1);
    NEAR(scene_metric(&s, "even"), 1);
    NEAR(scene_metric(&s, "open"), 1);
    NEAR(scene_metric(&s, "win_rate"), 1.0 / 3);
    NEAR(scene_metric(&s, "profit_factor"), 10.0 / 6);
    NEAR(scene_metric(&s, "expectancy"), 4.0 / 3);
    NEAR(scene_metric(&s, "expectancy_fraction"), (0.1 - 6.0 / 110) / 3);
    NEAR(scene_metric(&s, "avg_win"), 10);
    NEAR(scene_metric(&s, "avg_loss"), -6);
    NEAR(scene_metric(&s, "payoff"), 10.0 / 6);
    NEAR(scene_metric(&s, "best"), 10);
    NEAR(scene_metric(&s, "best_fraction"), 0.1);
    NEAR(scene_metric(&s, "worst"), -6);
    NEAR(scene_metric(&s, "worst_fraction"), -6.0 / 110);
    NEAR(scene_metric(&s, "sqn"),
         sqrt(3) * (4.0 / 3) / sqrt((pow(10 - 4.0 / 3, 2) + pow(-6 - 4.0 / 3, 2) + pow(4.0 / 3, 2)) / 2));
    NEAR(scene_metric(&s, "kelly"), 1.0 / 3 - (2.0 / 3) / (10.0 / 6));
    scene_clear(&s);
}

/* What is not defined is null, never 0 and never NaN. */
static void test_metrics_null(void)
{
    static const double bars[][4] = {{100, 100, 100, 100}, {100, 100, 100, 100}, {100, 100, 100, 100}};
    static const char *const undefined[] = {"cagr",
                                            "calmar",
                                            "recovery_factor",
                                            "volatility",
                                            "sharpe",
                                            "sortino",
                                            "skew",
                                            "kurtosis",
                                            "psr",
                                            "alpha",
                                            "beta",
                                            "win_rate",
                                            "profit_factor",
                                            "expectancy",
                                            "avg_win",
                                            "avg_loss",
                                            "payoff",
                                            "best",
                                            "worst",
                                            "sqn",
                                            "kelly",
                                            "expectancy_fraction",
                                            "expected_shortfall_95"};
    struct scene s;
    struct buf json = {0};

    scene_init(&s, bars, countof(bars));
    scene_run(&s);
    engine_metrics_json(&s.result.metrics, &json);
    for (size_t i = 0; i < countof(undefined); i++) {
        char expected[64];

        snprintf(expected, sizeof(expected), "\"%s\":null", undefined[i]);
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&json), expected));
    }
    CU_ASSERT_PTR_NULL(strstr(buf_cstr(&json), "nan"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&json), "\"max_drawdown\":0,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&json), "\"recovered\":true,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&json), "\"short_sample\":true}"));
    buf_clear(&json);
    scene_clear(&s);
}

/* Every member of the struct is in the table once. */
static void test_metrics_table(void)
{
    size_t count;
    const struct engine_metric *table = engine_metric_table(&count);

    UNIT_INT(count * sizeof(double), sizeof(struct engine_metrics));
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(table[i].offset, table[k].offset);
        CU_ASSERT_PTR_EQUAL(engine_metric_find(slice_of(table[i].name)), &table[i]);
    }
    CU_ASSERT_PTR_NULL(engine_metric_find(slice_of("sharp")));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_metrics_curve),  UNIT_TEST(test_metrics_drawdown_from_the_capital),
    UNIT_TEST(test_metrics_daily),  UNIT_TEST(test_metrics_daily_of_hours),
    UNIT_TEST(test_metrics_weeks),  UNIT_TEST(test_metrics_tail),
    UNIT_TEST(test_metrics_trades), UNIT_TEST(test_metrics_null),
    UNIT_TEST(test_metrics_table),
};
const struct unit_part metrics_tests = UNIT_PART(tests);
