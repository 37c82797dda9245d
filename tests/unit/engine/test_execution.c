#include <math.h>

#include "engine/execution.h"
#include "test_engine.h"

static void set(struct engine_execution *x, const char *name, const char *value, const char *error)
{
    struct error err = {.message = ""};
    const int status = engine_execution_set(x, slice_of(name), slice_of(value), &err);

    UNIT_INT(status, error[0] == '\0' ? 0 : -1);
    UNIT_STR(err.message, error);
}

static void test_execution_defaults(void)
{
    struct engine_execution x;
    struct error err;
    struct buf out = {0};

    engine_execution_init(&x);
    CU_ASSERT_EQUAL(engine_execution_check(&x, &err), 0);
    engine_execution_json(&x, &out);
    UNIT_STR(buf_cstr(&out),
             "{\"capital\":10000,\"fee\":{\"percent\":0,\"fixed\":0,\"minimum\":0},\"slippage\":{\"percent\":0,"
             "\"ticks\":0},\"spread\":0,\"lot\":0,\"tick\":0,\"leverage\":1,\"maintenance_margin\":0,\"short\":true,"
             "\"intrabar\":\"pessimistic\",\"limit_fill\":\"touch\",\"missing\":\"skip\",\"risk_free\":0,"
             "\"periods_per_year\":0,\"close_at_end\":false,\"require_volume\":false}");
    buf_clear(&out);
}

static void test_execution_set(void)
{
    struct engine_execution x;

    engine_execution_init(&x);
    set(&x, "fee.percent", "0.075", "");
    CU_ASSERT_EQUAL(x.fee_percent, 0.075);
    set(&x, "intrabar", "detail", "");
    CU_ASSERT_EQUAL(x.intrabar, ENGINE_INTRABAR_DETAIL);
    set(&x, "short", "false", "");
    CU_ASSERT_EQUAL(x.short_allowed, false);
    set(&x, "capital", "1e6", "");
    CU_ASSERT_EQUAL(x.capital, 1e6);
    set(&x, "fee.percent", "99", "execution.fee.percent must be a number from -1 to 50, but is \"99\"");
    set(&x, "capital", "0", "execution.capital must be a number above 0 and at most 1e+15, but is \"0\"");
    set(&x, "leverage", "1x", "execution.leverage must be a number from 1 to 1000, but is \"1x\"");
    set(&x, "leverage", "nan", "execution.leverage must be a number from 1 to 1000, but is \"nan\"");
    set(&x, "leverage", "", "execution.leverage must be a number from 1 to 1000, but is \"\"");
    set(&x, "short", "yes", "execution.short must be true or false, but is \"yes\"");
    set(&x, "intrabar", "ohlc", "execution.intrabar must be pessimistic, tradingview or detail, but is \"ohlc\"");
    set(&x, "fee.percnt", "1", "execution.fee.percnt is not a setting (did you mean fee.percent?)");
    set(&x, "fee", "0.1",
        "execution.fee must be an object, such as {\"percent\": 0.1}; its members are percent, fixed, minimum");
    CU_ASSERT_EQUAL(x.leverage, 1);
}

static void test_execution_check(void)
{
    struct engine_execution x;
    struct error err;

    engine_execution_init(&x);
    x.slippage_percent = 0.1, x.slippage_ticks = 1;
    CU_ASSERT_EQUAL(engine_execution_check(&x, &err), -1);
    UNIT_STR(err.message, "execution.slippage has both percent and ticks; set only one of them");
    x.slippage_ticks = 0, x.leverage = 20, x.maintenance_margin = 0.05;
    CU_ASSERT_EQUAL(engine_execution_check(&x, &err), -1);
    UNIT_STR(err.message,
             "execution.maintenance_margin 0.05 would liquidate every position at once; with a leverage of "
             "20 it must be below 0.05");
    engine_execution_init(&x);
    x.risk_free = NAN;
    CU_ASSERT_EQUAL(engine_execution_check(&x, &err), -1);
    UNIT_STR(err.message, "execution.risk_free must be a number from -0.5 to 10, but is nan");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_execution_defaults),
    UNIT_TEST(test_execution_set),
    UNIT_TEST(test_execution_check),
};
const struct unit_part execution_tests = UNIT_PART(tests);
