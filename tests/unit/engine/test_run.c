#include <math.h>

#include "scene.h"
#include "test_engine.h"

static const double rising[][4] = {{100, 101, 99, 100},  {101, 103, 100, 102}, {103, 105, 102, 104},
                                   {105, 107, 104, 106}, {107, 109, 106, 108}, {109, 111, 108, 110}};

static void test_run_fills_at_the_next_open(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_LONG_EXIT, 2, 1);
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 3 105 signal: 4");
    NEAR(s.result.equity[0], 10000);
    NEAR(s.result.equity[1], 10000);
    NEAR(s.result.equity[2], 10001); /* bought at 101, closed at 102 */
    NEAR(s.result.equity[3], 10003);
    NEAR(s.result.equity[4], 10004);
    UNIT_INT(s.result.point_count, countof(rising) + 1);
    NEAR(scene_metric(&s, "exposure"), 0.5);
    /* A decision at the last close fills nowhere. */
    scene_put(&s, RULES_LONG_ENTER, 5, 1);
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 3 105 signal: 4");
    scene_clear(&s);
}

static void test_run_reverses_at_one_fill(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_SHORT_ENTER, 2, 1);
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 3 105 reverse: 4\nshort 1 at 3 105 reverse, 5 110 open: -5");
    NEAR(scene_metric(&s, "open"), 1);
    NEAR(scene_metric(&s, "trades"), 1);
    NEAR(scene_metric(&s, "net_profit"), -1);
    scene_set(&s, "close_at_end", "true");
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 3 105 reverse: 4\nshort 1 at 3 105 reverse, 5 110 end: -5");
    /* What may not be opened may be closed. */
    scene_set(&s, "short", "false");
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 3 105 reverse: 4");
    NEAR(scene_metric(&s, "rejected_orders"), 1);
    scene_clear(&s);
}

static void test_run_precedence(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    /* Both sides at once: long. Entering what is held: nothing. */
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_SHORT_ENTER, 0, 1);
    scene_put(&s, RULES_LONG_ENTER, 1, 1);
    /* Exit and entry of the side that is held: exit. */
    scene_put(&s, RULES_LONG_ENTER, 2, 1);
    scene_put(&s, RULES_LONG_EXIT, 2, 1);
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 3 105 signal: 4");
    /* Not a number is no signal. */
    scene_put(&s, RULES_LONG_EXIT, 2, NAN);
    scene_put(&s, RULES_LONG_ENTER, 2, NAN);
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 5 110 open: 9");
    scene_clear(&s);
}

static void test_run_span(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_put_all(&s, RULES_LONG_ENTER, 1);
    s.job.first = 2, s.job.end = 5;
    SCENE_TRADES(&s, "long 1 at 3 105 signal, 4 108 open: 3");
    UNIT_INT(s.result.point_count, 4);
    UNIT_INT(engine_point_time(&s.job, 0), s.time_ms[2]);
    UNIT_INT(engine_point_time(&s.job, 3), s.time_ms[5]);
    NEAR(scene_metric(&s, "buy_and_hold"), 108.0 / 103 - 1);
    s.job.first = 5;
    CU_ASSERT_EQUAL(engine_run(&s.job, &s.result, &s.err), -1);
    UNIT_INT(s.result.trade_count, 0);
    scene_clear(&s);
}

static double held(const void *arg, enum rules_output output, size_t bar, const struct rules_position *position)
{
    (void)arg, (void)bar;
    if (output == RULES_LONG_EXIT) return position->bars_held >= 2;
    return position->entry_price - 4; /* the stop */
}

static void test_run_asks_what_depends_on_the_position(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    s.signals.has[RULES_LONG_EXIT] = s.signals.has[RULES_STOP_PRICE] = true;
    s.signals.value = held;
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 4 107 signal: 6");
    s.low[2] = 96.5;
    SCENE_TRADES(&s, "long 1 at 1 101 signal, 2 97 stop: -4");
    scene_clear(&s);
}

static void test_run_without_volume(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put_all(&s, RULES_STOP_PRICE, 102);
    s.volume[1] = s.volume[2] = 0;
    scene_set(&s, "require_volume", "true");
    /* The order waits, and so does the stop. */
    SCENE_TRADES(&s, "long 1 at 3 105 signal, 5 110 open: 5");
    s.volume[2] = 1;
    SCENE_TRADES(&s, "long 1 at 2 103 signal, 2 102 stop: -1");
    NEAR(scene_metric(&s, "buy_and_hold"), 0.1);
    s.volume[0] = 0;
    scene_run(&s);
    NEAR(scene_metric(&s, "buy_and_hold"), 110.0 / 103 - 1);
    scene_clear(&s);
}

static void test_run_refuses(void)
{
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_set(&s, "intrabar", "detail");
    CU_ASSERT_EQUAL(engine_run(&s.job, &s.result, &s.err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "shorter timeframe; add them"));
    s.detail = s.candles;
    s.job.detail = &s.detail;
    CU_ASSERT_EQUAL(engine_run(&s.job, &s.result, &s.err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "must divide that of the series"));
    scene_set(&s, "intrabar", "pessimistic");
    s.candles.tick = 0;
    CU_ASSERT_EQUAL(engine_run(&s.job, &s.result, &s.err), -1);
    scene_set(&s, "tick", "0.01");
    scene_run(&s);
    scene_clear(&s);
}

static void test_run_hash(void)
{
    /* The fills of a purchase of 1 at 101 and a sale at 105, as engine.h lays them out. */
    static const char expected[] = "6ab93b118e2f7abee79272a5b4e1b82860449c101ee99e921e9003c5f2d69e78";
    struct scene s;

    scene_init(&s, rising, countof(rising));
    scene_run(&s);
    UNIT_STR(s.result.hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"); /* of nothing */
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_LONG_EXIT, 2, 1);
    scene_run(&s);
    UNIT_STR(s.result.hash, expected);
    s.close[5] = 111; /* no fill's price */
    scene_run(&s);
    UNIT_STR(s.result.hash, expected);
    s.open[3] = 105.01;
    scene_run(&s);
    CU_ASSERT_STRING_NOT_EQUAL(s.result.hash, expected);
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_run_fills_at_the_next_open),
    UNIT_TEST(test_run_reverses_at_one_fill),
    UNIT_TEST(test_run_precedence),
    UNIT_TEST(test_run_span),
    UNIT_TEST(test_run_asks_what_depends_on_the_position),
    UNIT_TEST(test_run_without_volume),
    UNIT_TEST(test_run_refuses),
    UNIT_TEST(test_run_hash),
};
const struct unit_part run_tests = UNIT_PART(tests);
