#include "scene.h"
#include "test_engine.h"

static struct rules *rules_of(const char *parameters)
{
    struct rules_faults faults = {.arena = arena_new()};
    struct rules *rules = rules_new(SLICE_LIT("rules"), slice_of(parameters), NULL, 0, &faults);

    CU_ASSERT_PTR_NOT_NULL_FATAL(rules);
    arena_free(faults.arena);
    return rules;
}

static void test_backtest_of_rules(void)
{
    static const double bars[][4] = {{10, 10, 10, 10}, {10, 11, 10, 11}, {11, 12, 11, 12}, {12, 14, 12, 13},
                                     {13, 13, 11, 11}, {11, 11, 9, 9},   {9, 9, 9, 9},     {9, 9, 9, 9}};
    struct scene s;
    struct rules *rules = rules_of("{\"v\":1,\"long\":{\"enter\":\"close > close[1]\",\"exit\":\"bars_held >= 2\"},"
                                   "\"stop\":{\"distance\":1.5},\"size\":{\"units\":3}}");
    struct engine_backtest backtest = {.rules = rules, .candles = &s.candles};

    scene_init(&s, bars, countof(bars));
    backtest.execution = &s.execution;
    backtest.start_ms = INT64_MIN, backtest.end_ms = INT64_MAX;
    CU_ASSERT_EQUAL(engine_backtest(&backtest, &s.result, &s.err), 0);
    UNIT_STR(scene_trades(&s), "long 3 at 2 11 signal, 5 11 signal: 0");
    /* The bars before the start are there for the rules, not for trading. */
    backtest.start_ms = s.time_ms[3];
    CU_ASSERT_EQUAL(engine_backtest(&backtest, &s.result, &s.err), 0);
    UNIT_STR(scene_trades(&s), "long 3 at 4 13 signal, 4 11.5 stop: -4.5");
    UNIT_INT(s.result.point_count, 6);
    backtest.end_ms = s.time_ms[3];
    CU_ASSERT_EQUAL(engine_backtest(&backtest, &s.result, &s.err), -1);
    rules_free(rules);
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_backtest_of_rules),
};
const struct unit_part backtest_tests = UNIT_PART(tests);
