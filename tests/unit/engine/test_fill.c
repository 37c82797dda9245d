#include "scene.h"
#include "test_engine.h"

static const double flat[][4] = {
    {100, 100, 100, 100}, {100, 100, 100, 100}, {100, 110, 100, 100}, {100, 100, 100, 100}};

static void round_trip(struct scene *s)
{
    scene_init(s, flat, countof(flat));
    scene_put(s, RULES_LONG_ENTER, 0, 1);
    scene_put(s, RULES_LONG_EXIT, 1, 1);
}

static void test_fill_fees(void)
{
    struct scene s;

    round_trip(&s);
    scene_set(&s, "fee.percent", "0.1");
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 100 signal: -0.2");
    NEAR(scene_metric(&s, "fees"), 0.2);
    NEAR(s.result.equity[2], 9999.9); /* the entry's fee is paid at the entry */
    scene_set(&s, "fee.fixed", "1");
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 100 signal: -2.2");
    scene_set(&s, "fee.minimum", "3");
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 100 signal: -6");
    scene_set(&s, "fee.minimum", "0");
    scene_set(&s, "fee.fixed", "0");
    scene_set(&s, "fee.percent", "-0.1"); /* a rebate */
    SCENE_TRADES(&s, "long 1 at 1 100 signal, 2 100 signal: 0.2");
    scene_clear(&s);
}

/* Commission fixed 10 and 1 %, size 100, from 1 to 4: 10 + 1 at the entry, 10 + 4 at the exit (lab-facts.md 7.2). */
static void test_fill_fees_each_on_its_own(void)
{
    struct scene s;

    round_trip(&s);
    s.open[1] = s.low[1] = 1;
    s.open[2] = s.low[2] = 4;
    scene_put_all(&s, RULES_SIZE, 100);
    scene_set(&s, "fee.percent", "1");
    scene_set(&s, "fee.fixed", "10");
    SCENE_TRADES(&s, "long 100 at 1 1 signal, 2 4 signal: 275");
    NEAR(scene_metric(&s, "fees"), 25);
    scene_clear(&s);
}

static void test_fill_slippage_and_spread(void)
{
    struct scene s;

    round_trip(&s);
    scene_set(&s, "slippage.percent", "0.5");
    SCENE_TRADES(&s, "long 1 at 1 100.5 signal, 2 99.5 signal: -1");
    NEAR(scene_metric(&s, "slippage_cost"), 1);
    scene_set(&s, "slippage.percent", "0");
    scene_set(&s, "slippage.ticks", "3");
    SCENE_TRADES(&s, "long 1 at 1 100.03 signal, 2 99.97 signal: -0.06");
    scene_set(&s, "spread", "0.02"); /* half of it each time */
    SCENE_TRADES(&s, "long 1 at 1 100.04 signal, 2 99.96 signal: -0.08");
    NEAR(scene_metric(&s, "spread_cost"), 0.02);
    NEAR(scene_metric(&s, "slippage_cost"), 0.06);
    /* A take is a limit: it does not slip. */
    s.signals.has[RULES_LONG_EXIT] = false;
    scene_put_all(&s, RULES_TAKE_PRICE, 105);
    SCENE_TRADES(&s, "long 1 at 1 100.04 signal, 2 104.99 take: 4.95");
    scene_put_all(&s, RULES_STOP_PRICE, 100);
    SCENE_TRADES(&s, "long 1 at 1 100.04 signal, 1 99.96 stop: -0.08");
    scene_clear(&s);
    scene_init(&s, flat, countof(flat));
    scene_put(&s, RULES_SHORT_ENTER, 0, 1);
    scene_put(&s, RULES_SHORT_EXIT, 1, 1);
    scene_set(&s, "slippage.ticks", "3");
    scene_set(&s, "spread", "0.02");
    SCENE_TRADES(&s, "short 1 at 1 99.96 signal, 2 100.04 signal: -0.08");
    scene_clear(&s);
}

static void test_fill_excursions(void)
{
    static const double bars[][4] = {
        {100, 100, 100, 100}, {100, 110, 95, 100}, {100, 120, 90, 100}, {100, 130, 80, 100}};
    struct scene s;

    scene_init(&s, bars, countof(bars));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_LONG_EXIT, 2, 1);
    scene_run(&s);
    NEAR(s.result.trades[0].favourable, 0.2);
    NEAR(s.result.trades[0].adverse, 0.1);
    NEAR(scene_metric(&s, "max_drawdown_intrabar"), 10.0 / 10000);
    NEAR(scene_metric(&s, "max_drawdown"), 0);
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_fill_fees),
    UNIT_TEST(test_fill_fees_each_on_its_own),
    UNIT_TEST(test_fill_slippage_and_spread),
    UNIT_TEST(test_fill_excursions),
};
const struct unit_part fill_tests = UNIT_PART(tests);
