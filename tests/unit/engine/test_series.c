#include "scene.h"
#include "test_engine.h"

static const double bars[][4] = {{100, 101, 99, 100}, {101, 103, 100, 102}, {103, 105, 102, 104}, {105, 107, 104, 106}};

/* Three hours are missing before the bar at `index`. */
static void with_gap(struct scene *s, size_t index)
{
    scene_init(s, bars, countof(bars));
    for (size_t i = index; i < countof(bars); i++) s->time_ms[i] += 3 * s->candles.timeframe_ms;
}

static void test_series_gaps(void)
{
    struct engine_series series = {0};
    struct scene s;

    with_gap(&s, 2);
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_ERROR, &series, &s.err), -1);
    UNIT_STR(s.err.message, "3 candles are missing between 2025-01-06T01:00:00Z and 2025-01-06T05:00:00Z, and "
                            "execution.missing is error; add the missing candles, or use skip or fill");
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_SKIP, &series, &s.err), 0);
    UNIT_INT(series.candles.count, 4);
    CU_ASSERT_PTR_NULL(series.invented);
    engine_series_clear(&series);
    scene_put(&s, RULES_LONG_ENTER, 1, 1);
    SCENE_TRADES(&s, "long 1 at 2 103 signal, 3 106 open: 3");
    NEAR(scene_metric(&s, "gaps"), 1);
    scene_clear(&s);
}

/* Days of a market that rests at weekends: only the Wednesday that is not there is missing, of error and fill too. */
static void test_series_weekends(void)
{
    const int64_t day_ms = 86400000;
    struct engine_series series = {0};
    double flat[SCENE_BARS][4];
    struct scene s;
    size_t count = 0;

    for (size_t i = 0; i < 15; i++) flat[i][0] = flat[i][1] = flat[i][2] = flat[i][3] = 100;
    scene_init(&s, flat, 14);
    s.candles.timeframe_ms = day_ms;
    for (int day = 0; count < 14; day++) {
        if (day % 7 < 5 && day != 9) s.time_ms[count++] = s.time_ms[0] + day * day_ms;
    }
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_ERROR, &series, &s.err), -1);
    UNIT_STR(s.err.message, "1 candle is missing between 2025-01-14T00:00:00Z and 2025-01-16T00:00:00Z, and "
                            "execution.missing is error; add the missing candles, or use skip or fill");
    scene_run(&s);
    NEAR(scene_metric(&s, "gaps"), 1);
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_FILL, &series, &s.err), 0);
    UNIT_INT(series.candles.count, 15);
    for (size_t i = 0; i < 15; i++) {
        UNIT_INT(series.invented[i], i == 7);
        UNIT_INT(series.candles.time_ms[i], s.time_ms[0] + (int64_t)(i / 5 * 7 + i % 5) * day_ms);
    }
    engine_series_clear(&series);
    scene_clear(&s);
}

static void test_series_fill(void)
{
    struct engine_series series = {0};
    struct scene s;

    with_gap(&s, 2);
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_FILL, &series, &s.err), 0);
    UNIT_INT(series.candles.count, 7);
    for (size_t i = 2; i < 5; i++) {
        UNIT_INT(series.candles.time_ms[i], s.time_ms[0] + (int64_t)i * s.candles.timeframe_ms);
        NEAR(series.candles.high[i], 102);
        NEAR(series.candles.volume[i], 0);
        UNIT_INT(series.invented[i], 1);
    }
    UNIT_INT(series.invented[5], 0);
    s.job.candles = &series.candles, s.job.invented = series.invented, s.job.end = 7;
    scene_put(&s, RULES_LONG_ENTER, 1, 1);
    /* Nobody buys in a bar that was not there. */
    SCENE_TRADES(&s, "long 1 at 5 103 signal, 6 106 open: 3");
    NEAR(scene_metric(&s, "gaps"), 1);
    engine_series_clear(&series);
    /* Nothing is missing: the series itself. */
    scene_clear(&s);
    scene_init(&s, bars, countof(bars));
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_FILL, &series, &s.err), 0);
    CU_ASSERT_PTR_EQUAL(series.candles.open, s.open);
    engine_series_clear(&series);
    s.time_ms[3] += (int64_t)ENGINE_BARS_MAX * s.candles.timeframe_ms;
    CU_ASSERT_EQUAL(engine_series_prepare(&s.candles, ENGINE_MISSING_FILL, &series, &s.err), -1);
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_series_gaps),
    UNIT_TEST(test_series_weekends),
    UNIT_TEST(test_series_fill),
};
const struct unit_part series_tests = UNIT_PART(tests);
