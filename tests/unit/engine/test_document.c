#include "engine/document.h"

#include "test_engine.h"

/* "" if the document passes; else each fault as "pointer: detail; at the value". */
static void reads(const char *text, const char *expected)
{
    struct arena *arena = arena_new();
    struct engine_faults faults = {.arena = arena};
    struct engine_execution execution;
    struct buf found = {0};

    engine_execution_init(&execution);
    CU_ASSERT_EQUAL(engine_execution_read(slice_of(text), &execution, &faults), expected[0] == '\0');
    for (size_t i = 0; i < faults.count; i++) {
        const struct engine_fault *f = &faults.items[i];

        buf_printf(&found, "%s%.*s: %.*s [%.*s]", i == 0 ? "" : "\n", SLICE_FMT(f->pointer), SLICE_FMT(f->detail),
                   SLICE_FMT(f->value));
    }
    UNIT_STR(buf_cstr(&found), expected);
    buf_clear(&found);
    arena_free(arena);
}

static void test_document_sets(void)
{
    struct arena *arena = arena_new();
    struct engine_faults faults = {.arena = arena};
    struct engine_execution execution;
    struct buf out = {0};

    engine_execution_init(&execution);
    CU_ASSERT(engine_execution_read(
        SLICE_LIT(" {\"fee\": {\"percent\": 0.1, \"fixed\": 2}, \"slippage.ticks\": 3, \"sh\\u006frt\": false,"
                  " \"intrabar\": \"detail\"} "),
        &execution, &faults));
    engine_execution_json_of_backtest(&execution, &out);
    UNIT_STR(
        buf_cstr(&out),
        "{\"fee\":{\"percent\":0.1,\"fixed\":2,\"minimum\":0},\"slippage\":{\"percent\":0,\"ticks\":3},\"spread\":0,"
        "\"lot\":0,\"tick\":0,\"leverage\":1,\"maintenance_margin\":0,\"short\":false,\"intrabar\":\"detail\","
        "\"limit_fill\":\"touch\",\"missing\":\"skip\",\"risk_free\":0,\"periods_per_year\":0,\"close_at_end\":false,"
        "\"require_volume\":false}");
    /* What it wrote it reads, and it is the same then. */
    struct buf again = {0};

    CU_ASSERT(engine_execution_read(buf_slice(&out), &execution, &faults));
    engine_execution_json_of_backtest(&execution, &again);
    UNIT_STR(buf_cstr(&again), buf_cstr(&out));
    buf_clear(&out);
    buf_clear(&again);
    arena_free(arena);
}

static void test_document_faults(void)
{
    reads("{}", "");
    reads("[]", ": the settings must be an object, such as {\"fee\": {\"percent\": 0.1}} [[]]");
    reads("{\"leverage\": 0.5, \"fee\": {\"percent\": \"0.1\", \"fixd\": 1}}",
          "/leverage: execution.leverage must be a number from 1 to 1000, but is \"0.5\" [0.5]\n"
          "/fee/fixd: execution.fee.fixd is not a setting (did you mean fee.fixed?) [1]");
    reads("{\"fee\": 1}", "/fee: execution.fee must be an object, such as {\"percent\": 0.1}; its members are percent, "
                          "fixed, minimum [1]");
    reads("{\"fee.percent\": 1, \"fee\": {\"percent\": 1}}",
          "/fee/percent: execution.fee.percent is given twice; remove one of them [1]");
    reads("{\"fee\": {\"a/b~\": 1}}",
          "/fee/a~1b~0: execution.fee.a/b~ is not a setting; the settings are capital, fee.percent, fee.fixed, "
          "fee.minimum, slippage.percent, slippage.ticks, spread, lot, tick, leverage, maintenance_margin, short, "
          "intrabar, limit_fill, missing, risk_free, periods_per_year, close_at_end, require_volume [1]");
}

/* What only all of them together can be wrong in. */
static void test_document_faults_of_all(void)
{
    reads("{\"slippage\": {\"percent\": 1, \"ticks\": 1}}", "/slippage: execution.slippage has both percent and ticks; "
                                                            "set only one of them [{\"percent\": 1, \"ticks\": 1}]");
    reads(
        "{\"leverage\": 10, \"maintenance_margin\": 0.2}",
        "/maintenance_margin: execution.maintenance_margin 0.2 would liquidate every position at once; with a leverage "
        "of 10 it must be below 0.1 [0.2]");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_document_sets),
    UNIT_TEST(test_document_faults),
    UNIT_TEST(test_document_faults_of_all),
};
const struct unit_part document_tests = UNIT_PART(tests);
