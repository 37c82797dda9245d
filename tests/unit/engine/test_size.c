#include <math.h>

#include "scene.h"
#include "test_engine.h"

static const double flat[][4] = {{80, 80, 80, 80}, {100, 100, 100, 100}, {100, 100, 100, 100}, {125, 125, 125, 125}};

static void sized(struct scene *s, enum rules_size kind, double value)
{
    scene_init(s, flat, countof(flat));
    scene_put(s, RULES_LONG_ENTER, 0, 1);
    s->signals.size_kind = kind;
    scene_put_all(s, RULES_SIZE, value);
}

static void test_size_kinds(void)
{
    struct scene s;

    sized(&s, RULES_SIZE_EQUITY, 0.5);
    SCENE_TRADES(&s, "long 50 at 1 100 signal, 3 125 open: 1250");
    s.signals.size_kind = RULES_SIZE_CASH;
    SCENE_TRADES(&s, "long 50 at 1 100 signal, 3 125 open: 1250");
    s.signals.size_kind = RULES_SIZE_UNITS;
    scene_put_all(&s, RULES_SIZE, 2.0009);
    SCENE_TRADES(&s, "long 2 at 1 100 signal, 3 125 open: 50");
    /* All of the equity by default. */
    s.signals.has[RULES_SIZE] = false;
    s.signals.size_kind = RULES_SIZE_EQUITY;
    SCENE_TRADES(&s, "long 100 at 1 100 signal, 3 125 open: 2500");
    scene_clear(&s);
}

static void test_size_at_close(void)
{
    struct scene s;

    sized(&s, RULES_SIZE_EQUITY, 0.5);
    s.signals.size_at_close = true;
    SCENE_TRADES(&s, "long 62.5 at 1 100 signal, 3 125 open: 1562.5");
    /* More than the cash pays by then: as much as it pays. */
    scene_put_all(&s, RULES_SIZE, 1);
    SCENE_TRADES(&s, "long 100 at 1 100 signal, 3 125 open: 2500");
    scene_clear(&s);
}

static void test_size_is_what_the_cash_pays(void)
{
    struct scene s;

    sized(&s, RULES_SIZE_EQUITY, 1);
    scene_set(&s, "fee.percent", "0.1");
    SCENE_TRADES(&s, "long 99.9 at 1 100 signal, 3 125 open: 2487.51"); /* 9990 + 9.99 of 10,000 */
    scene_set(&s, "fee.fixed", "10");
    SCENE_TRADES(&s, "long 99.8 at 1 100 signal, 3 125 open: 2475.02");
    scene_set(&s, "fee.minimum", "100");
    SCENE_TRADES(&s, "long 99 at 1 100 signal, 3 125 open: 2375");
    /* So many units or none. */
    s.signals.size_kind = RULES_SIZE_UNITS;
    scene_put_all(&s, RULES_SIZE, 99.001);
    SCENE_TRADES(&s, "");
    NEAR(scene_metric(&s, "rejected_orders"), 1);
    scene_set(&s, "leverage", "3");
    SCENE_TRADES(&s, "long 99.001 at 1 100 signal, 3 125 open: 2375.025");
    scene_clear(&s);
}

static void test_size_lots(void)
{
    struct scene s;

    sized(&s, RULES_SIZE_UNITS, 0.3); /* 0.3 / 0.1 is 2.9999999999999996 */
    scene_set(&s, "lot", "0.1");
    SCENE_TRADES(&s, "long 0.3 at 1 100 signal, 3 125 open: 7.5");
    scene_put_all(&s, RULES_SIZE, 0.09);
    SCENE_TRADES(&s, "");
    NEAR(scene_metric(&s, "rejected_orders"), 1);
    scene_put_all(&s, RULES_SIZE, NAN);
    SCENE_TRADES(&s, "");
    scene_put_all(&s, RULES_SIZE, -5);
    SCENE_TRADES(&s, "");
    scene_clear(&s);
    /* All of it, to the last unit, though the product of the doubles is more than there is. */
    sized(&s, RULES_SIZE_EQUITY, 1);
    scene_set(&s, "lot", "1");
    scene_set(&s, "tick", "0.00001");
    scene_set(&s, "capital", "19.75824");
    s.open[1] = s.low[1] = 0.00006;
    scene_run(&s);
    NEAR(s.result.trades[0].quantity, 329304);
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_size_kinds),
    UNIT_TEST(test_size_at_close),
    UNIT_TEST(test_size_is_what_the_cash_pays),
    UNIT_TEST(test_size_lots),
};
const struct unit_part size_tests = UNIT_PART(tests);
