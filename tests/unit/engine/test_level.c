#include <math.h>

#include "scene.h"
#include "test_engine.h"

/* Bought at the open of bar 1, at 100. */
static const double calm[][4] = {{100, 100, 100, 100}, {100, 101, 99, 100},  {100, 104, 96, 100}, {100, 100, 100, 100},
                                 {100, 100, 100, 100}, {100, 100, 100, 100}, {100, 100, 100, 100}};

static void enter(struct scene *s, enum rules_output side)
{
    scene_init(s, calm, countof(calm));
    scene_put(s, side, 0, 1);
}

static void test_level_stop(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, 2);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 98 stop: -2");
    s.low[2] = 98; /* a touch is enough */
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 98 stop: -2");
    s.low[2] = 98.01;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 6 100 open: 0");
    s.low[1] = 97; /* in the bar of the entry */
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 1 98 stop: -2");
    scene_clear(&s);
    enter(&s, RULES_SHORT_ENTER);
    scene_put_all(&s, RULES_STOP_PERCENT, 3);
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 103 stop: -3");
    scene_clear(&s);
}

static void test_level_gap(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_PRICE, 98);
    scene_put_all(&s, RULES_TAKE_PRICE, 103);
    s.open[2] = 97.5;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97.5 stop: -2.5");
    NEAR(scene_metric(&s, "ambiguous_bars"), 0);
    s.open[2] = 103.5;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 103.5 take: 3.5");
    scene_clear(&s);
    enter(&s, RULES_SHORT_ENTER);
    scene_put_all(&s, RULES_STOP_PRICE, 102);
    scene_put_all(&s, RULES_TAKE_PRICE, 97);
    s.open[2] = 102.5;
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 102.5 stop: -2.5");
    s.open[2] = 96.5;
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 96.5 take: 3.5");
    scene_clear(&s);
}

static void test_level_both_in_a_bar(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, 3);
    scene_put_all(&s, RULES_TAKE_DISTANCE, 3);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97 stop: -3");
    NEAR(scene_metric(&s, "ambiguous_bars"), 1);
    scene_set(&s, "intrabar", "tradingview");
    s.open[2] = 101; /* nearer to the high */
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 103 take: 3");
    s.open[2] = 99;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97 stop: -3");
    /* Not in force in the bar of the entry. */
    s.low[1] = 90;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97 stop: -3");
    scene_clear(&s);
    enter(&s, RULES_SHORT_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, 3);
    scene_put_all(&s, RULES_TAKE_DISTANCE, 3);
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 103 stop: -3");
    scene_set(&s, "intrabar", "tradingview");
    s.open[2] = 99;
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 97 take: 3");
    s.open[2] = 101;
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 103 stop: -3");
    scene_clear(&s);
}

/* As far from the one as from the other, in decimals: 100.1 - 100 and 100 - 99.9 differ as doubles. */
static void test_level_tie(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_PRICE, 99.95);
    scene_put_all(&s, RULES_TAKE_PRICE, 100.05);
    scene_set(&s, "intrabar", "tradingview");
    s.high[2] = 100.1, s.low[2] = 99.9;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 99.95 stop: -0.05");
    s.signals.has[RULES_LONG_ENTER] = false;
    scene_put(&s, RULES_SHORT_ENTER, 0, 1);
    scene_put_all(&s, RULES_STOP_PRICE, 100.05);
    scene_put_all(&s, RULES_TAKE_PRICE, 99.95);
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 99.95 take: 0.05");
    scene_clear(&s);
}

static void test_level_trail(void)
{
    static const double bars[][4] = {{100, 100, 100, 100}, {100, 106, 98, 104},  {104, 112, 104, 108},
                                     {108, 109, 103, 105}, {105, 106, 102, 102}, {102, 102, 102, 102}};
    struct scene s;

    scene_init(&s, bars, countof(bars));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put_all(&s, RULES_TRAIL_DISTANCE, 8);
    /* 92, then 98 after 106, then 104 after 112: bar 2 raises the level and does not meet it. */
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 3 104 trail: 4");
    scene_put_all(&s, RULES_STOP_DISTANCE, 1);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 1 99 stop: -1");
    s.signals.has[RULES_STOP_DISTANCE] = s.signals.has[RULES_TRAIL_DISTANCE] = false;
    scene_put_all(&s, RULES_TRAIL_PERCENT, 1);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 1 99 trail: -1"); /* from the fill on */
    scene_clear(&s);
    scene_init(&s, bars, countof(bars));
    scene_put(&s, RULES_SHORT_ENTER, 0, 1);
    scene_put_all(&s, RULES_TRAIL_DISTANCE, 8);
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 106 trail: -6");
    scene_clear(&s);
}

static void test_level_rounds_to_the_tick(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, 2.004); /* 97.996: the stop goes down, the take up */
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97.99 stop: -2.01");
    s.signals.has[RULES_STOP_DISTANCE] = false;
    scene_put_all(&s, RULES_TAKE_PERCENT, 2.001);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 102.01 take: 2.01");
    scene_clear(&s);
    enter(&s, RULES_SHORT_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, 2.004);
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 102.01 stop: -2.01");
    s.signals.has[RULES_STOP_DISTANCE] = false;
    scene_put_all(&s, RULES_TAKE_PERCENT, 2.001);
    SCENE_TRADES(&s, "short 1 at 1 100 signal, 2 97.99 take: 2.01");
    scene_clear(&s);
}

static void test_level_limit_through(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_TAKE_PRICE, 104);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 104 take: 4");
    scene_set(&s, "limit_fill", "through");
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 6 100 open: 0");
    s.high[2] = 104.01;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 104 take: 4");
    scene_clear(&s);
}

static void test_level_that_is_none(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, NAN);
    scene_put_all(&s, RULES_TAKE_PRICE, INFINITY);
    scene_put_all(&s, RULES_TRAIL_PERCENT, NAN);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 6 100 open: 0");
    /* On the wrong side of the open it is met at once. */
    scene_put_all(&s, RULES_STOP_DISTANCE, -1);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 1 100 stop: 0");
    scene_clear(&s);
}

/* The levels are those of the bar that decided, not of the bar that filled. */
static void test_level_of_the_signal(void)
{
    struct scene s;

    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_STOP_DISTANCE, 1);
    scene_put(&s, RULES_STOP_DISTANCE, 0, 3);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97 stop: -3");
    scene_clear(&s);
}

static void test_level_detail(void)
{
    /* Half hours: bar 2 goes up first. */
    static const double up[][4] = {{100, 100, 100, 100}, {100, 100, 100, 100}, {100, 101, 99, 100},
                                   {100, 100, 100, 100}, {100, 104, 100, 102}, {102, 102, 96, 100}};
    int64_t times[countof(up)];
    struct scene s, fine;

    enter(&s, RULES_LONG_ENTER);
    scene_init(&fine, up, countof(up));
    for (size_t i = 0; i < countof(up); i++) times[i] = s.time_ms[0] + (int64_t)i * 1800000;
    fine.candles.time_ms = times;
    fine.candles.timeframe_ms = 1800000;
    s.job.detail = &fine.candles;
    scene_set(&s, "intrabar", "detail");
    scene_put_all(&s, RULES_STOP_DISTANCE, 3);
    scene_put_all(&s, RULES_TAKE_DISTANCE, 3);
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 103 take: 3");
    NEAR(scene_metric(&s, "ambiguous_bars"), 0);
    UNIT_INT(s.result.trades[0].exit_time, times[4]);
    /* Without finer bars the bar itself decides. */
    fine.candles.count = 4;
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 97 stop: -3");
    NEAR(scene_metric(&s, "ambiguous_bars"), 1);
    scene_clear(&fine);
    scene_clear(&s);
}

static void test_level_liquidation(void)
{
    struct scene s;

    /* 1,000 units of 100 on 10,000: nothing is left at 90. */
    enter(&s, RULES_LONG_ENTER);
    scene_put_all(&s, RULES_SIZE, 1000);
    scene_set(&s, "leverage", "10");
    s.low[2] = 89;
    SCENE_TRADES(&s, "long 1000 at 1 100 signal, 2 90 liquidation: -10000");
    NEAR(s.result.equity[3], 0);
    NEAR(scene_metric(&s, "liquidations"), 1);
    /* The margin is too small from 91.85 on (100 - 10 + 0.02 P): filled at the worst price of the bar. */
    scene_set(&s, "maintenance_margin", "0.02");
    s.low[2] = 91;
    SCENE_TRADES(&s, "long 1000 at 1 100 signal, 2 91 liquidation: -9000");
    s.low[2] = 92;
    SCENE_TRADES(&s, "long 1000 at 1 100 signal, 6 100 open: 0");
    /* A stop that is nearer comes first. */
    s.low[2] = 80;
    scene_put_all(&s, RULES_STOP_PRICE, 95);
    SCENE_TRADES(&s, "long 1000 at 1 100 signal, 2 95 stop: -5000");
    s.signals.has[RULES_STOP_PRICE] = false;
    /* A gap costs more than there is. */
    s.open[2] = 85;
    SCENE_TRADES(&s, "long 1000 at 1 100 signal, 2 85 liquidation: -15000");
    NEAR(s.result.equity[3], -5000);
    scene_clear(&s);
    /* A short without leverage: at twice the price. */
    enter(&s, RULES_SHORT_ENTER);
    scene_put_all(&s, RULES_SIZE, 100);
    s.high[2] = 230;
    SCENE_TRADES(&s, "short 100 at 1 100 signal, 2 200 liquidation: -10000");
    s.high[2] = 199.99;
    SCENE_TRADES(&s, "short 100 at 1 100 signal, 6 100 open: 0");
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_level_stop),          UNIT_TEST(test_level_gap),          UNIT_TEST(test_level_both_in_a_bar),
    UNIT_TEST(test_level_tie),           UNIT_TEST(test_level_trail),        UNIT_TEST(test_level_rounds_to_the_tick),
    UNIT_TEST(test_level_limit_through), UNIT_TEST(test_level_that_is_none), UNIT_TEST(test_level_of_the_signal),
    UNIT_TEST(test_level_detail),        UNIT_TEST(test_level_liquidation),
};
const struct unit_part level_tests = UNIT_PART(tests);
