#include <math.h>

#include "engine/text.h"
#include "scene.h"
#include "test_engine.h"

static void test_text_numbers(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.1, "0.1"},  {-0.0, "0"},        {1e300, "1e+300"}, {30.339999999999918, "30.339999999999918"},
                {NAN, "null"}, {-INFINITY, "null"}};
    struct buf out = {0};

    for (size_t i = 0; i < countof(rows); i++) {
        buf_reset(&out);
        engine_number_json(rows[i].value, &out);
        UNIT_STR(buf_cstr(&out), rows[i].text);
    }
    buf_reset(&out);
    engine_time_text(-1, &out);
    UNIT_STR(buf_cstr(&out), "1969-12-31T23:59:59.999Z");
    buf_clear(&out);
}

static void test_text_csv(void)
{
    static const double bars[][4] = {
        {100, 101, 99, 100}, {101, 103, 100, 102}, {103, 105, 102, 104}, {105, 107, 104, 106}};
    struct scene s;
    struct buf out = {0};

    scene_init(&s, bars, countof(bars));
    scene_put(&s, RULES_LONG_ENTER, 0, 1);
    scene_put(&s, RULES_SHORT_ENTER, 1, 1);
    scene_set(&s, "fee.percent", "0.1");
    scene_run(&s);
    engine_trades_csv(&s.result, &s.candles, &out);
    UNIT_STR(
        buf_cstr(&out),
        "n,side,quantity,entry_time,entry_price,entry_reason,exit_time,exit_price,exit_reason,pnl,fees,bars\n"
        "1,long,1,2025-01-06T01:00:00Z,101.00,signal,2025-01-06T02:00:00Z,103.00,reverse,1.796,0.20400000000000001,1\n"
        "2,short,1,2025-01-06T02:00:00Z,103.00,reverse,,,,-3.103,0.10300000000000001,1\n");
    /* Costs move prices off the grid: all of their digits are told then. */
    scene_set(&s, "slippage.percent", "0.0123");
    scene_run(&s);
    buf_reset(&out);
    engine_trades_csv(&s.result, &s.candles, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), ",101.012423,signal,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), ",102.987331,reverse,"));
    scene_set(&s, "slippage.percent", "0");
    scene_run(&s);
    buf_reset(&out);
    engine_equity_csv(&s.result, &s.job, &out);
    UNIT_STR(buf_cstr(&out), "time,equity\n2025-01-06T00:00:00Z,10000\n2025-01-06T01:00:00Z,10000\n"
                             "2025-01-06T02:00:00Z,10000.899\n2025-01-06T03:00:00Z,10000.693\n"
                             "2025-01-06T04:00:00Z,9998.693\n");
    buf_clear(&out);
    scene_clear(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_text_numbers),
    UNIT_TEST(test_text_csv),
};
const struct unit_part text_tests = UNIT_PART(tests);
