/* What a job refuses, and in which words. */
#include <string.h>

#include "bench.h"
#include "test_queue.h"

static void refused(struct bench *b, const char *code, const char *detail)
{
    const struct job_report *report = bench_run(b);

    UNIT_INT(report->outcome, JOB_REFUSED);
    UNIT_STR(report->code, code);
    UNIT_STR(report->detail, detail);
    CU_ASSERT_PTR_NULL(report->document.data);
}

static void test_a_strategy_is_refused_with_its_place(void)
{
    struct bench b;

    bench_begin(&b, BENCH_BARS);
    b.input.kind = SLICE_LIT("rules");
    b.input.parameters = SLICE_LIT("{\"v\": 1, \"long\": {\"enter\": \"sma(close) > 1\", \"exit\": \"open >\"}}");
    const struct job_report *report = bench_run(&b);

    UNIT_INT(report->outcome, JOB_REFUSED);
    UNIT_STR(report->code, "strategy_invalid");
    UNIT_STR(report->detail,
             "expected a value, but the expression ends, in long.exit at column 7\n"
             "sma(close): the second argument (length) is missing; write sma(x, length), in long.enter at column 1");
    UNIT_INT(report->phase, JOB_COMPILING);
    b.input.parameters = SLICE_LIT("{\"v\": 1, \"long\": {\"enter\": \"tf(\\\"90m\\\", close) > 1\"}}");
    report = bench_run(&b);
    UNIT_INT(report->outcome, JOB_REFUSED);
    UNIT_STR(report->code, "strategy_invalid");
    bench_clear(&b);
}

static void test_settings_are_refused(void)
{
    struct bench b;

    bench_begin(&b, BENCH_BARS);
    b.input.execution = SLICE_LIT("{\"fee\": {\"percnt\": 1}}");
    refused(&b, "execution_invalid", "execution.fee.percnt is not a setting (did you mean fee.percent?)");
    b.input.execution = SLICE_LIT("{\"leverage\": 0.5}");
    refused(&b, "execution_invalid", "execution.leverage must be a number from 1 to 1000, but is \"0.5\"");
    b.input.execution = SLICE_LIT("[");
    UNIT_STR(bench_run(&b)->code, "execution_invalid");
    b.input.execution = SLICE_LIT("{\"intrabar\": \"detail\"}");
    UNIT_STR(bench_run(&b)->code, "execution_invalid");
    CU_ASSERT_PTR_NOT_NULL(strstr(b.report->detail, "there are no candles of a shorter timeframe"));
    b.input.execution = SLICE_NONE;
    b.input.capital = SLICE_LIT("-5");
    UNIT_STR(bench_run(&b)->code, "execution_invalid");
    b.input.capital = SLICE_NONE;
    UNIT_INT(bench_run(&b)->outcome, JOB_DONE);
    bench_clear(&b);
}

static void test_candles_that_are_not_there(void)
{
    struct bench b;
    struct candles none = {.timeframe_ms = BENCH_HOUR_MS, .tick = 0.01, .lot = 0.001};
    int64_t times[BENCH_BARS];

    bench_begin(&b, BENCH_BARS);
    b.input.candles = &none;
    refused(&b, "no_data", "there are no candles between start and end; import some");
    b.input.candles = &b.candles;
    b.input.start_ms = b.input.end_ms;
    refused(&b, "no_data", "there are no candles between start and end; import some");
    b.input.start_ms = BENCH_START_MS;
    b.input.execution = SLICE_LIT("{\"missing\": \"error\"}");
    struct candles holed = b.candles;

    for (size_t i = 0; i < BENCH_BARS; i++) times[i] = b.candles.time_ms[i] + (i < 1000 ? 0 : 2 * BENCH_HOUR_MS);
    holed.time_ms = times;
    b.input.candles = &holed;
    UNIT_STR(bench_run(&b)->code, "data_incomplete");
    CU_ASSERT_PTR_NOT_NULL(strstr(b.report->detail, "2 candles are missing between "));
    b.input.execution = SLICE_LIT("{\"missing\": \"fill\"}");
    UNIT_INT(bench_run(&b)->outcome, JOB_DONE);
    UNIT_INT(b.report->bars, BENCH_BARS + 2);
    bench_clear(&b);
}

static void test_more_trades_than_are_kept(void)
{
    struct bench b;

    bench_begin(&b, 2 * JOB_TRADES_MAX + 300);
    b.input.kind = SLICE_LIT("rules");
    b.input.parameters = SLICE_LIT("{\"v\": 1, \"long\": {\"enter\": \"close > 0\", \"exit\": \"close > 0\"}, "
                                   "\"size\": {\"units\": 1}}");
    b.input.capital = SLICE_LIT("1000000000000");
    UNIT_STR(bench_run(&b)->code, "too_many_trades");
    CU_ASSERT_PTR_NOT_NULL(strstr(b.report->detail, "and 200000 are kept at most"));
    bench_clear(&b);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_strategy_is_refused_with_its_place),
    UNIT_TEST(test_settings_are_refused),
    UNIT_TEST(test_candles_that_are_not_there),
    UNIT_TEST(test_more_trades_than_are_kept),
};
const struct unit_part job_compute_tests = UNIT_PART_BARE(tests);
