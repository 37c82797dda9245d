#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "queue/failure.h"
#include "test_queue.h"
#include "json/json.h"

/* What backtest_fail takes at most, as jsonb::text, which has some spaces more. */
enum { ERROR_BYTES_MAX = 16384 - 1024 };

static bool is_json(struct slice text)
{
    struct arena *arena = arena_new();
    struct slice detail;
    const bool is = json_scan(arena, text, JSON_DEPTH_MAX, &detail);

    arena_free(arena);
    return is;
}

static void test_codes_are_known_by_name(void)
{
    size_t count = 0;

    for (; failure_code_at(count) != NULL; count++) {
        const struct failure_code *code = failure_code_at(count);

        CU_ASSERT_PTR_EQUAL(failure_code_find(code->code), code);
        CU_ASSERT(strlen(code->title) > 0);
    }
    CU_ASSERT(count > 8);
    CU_ASSERT_STRING_EQUAL(failure_code_find("never_heard_of")->code, "internal");
}

/* What depends on the input alone fails again. */
static void test_only_chance_is_tried_again(void)
{
    CU_ASSERT(failure_code_find("crashed")->retry && failure_code_find("database")->retry);
    CU_ASSERT(!failure_code_find("no_data")->retry && !failure_code_find("strategy_invalid")->retry);
    CU_ASSERT(!failure_code_find("out_of_memory")->retry && !failure_code_find("out_of_time")->retry);
}

static void test_an_error_is_bounded_and_json(void)
{
    struct buf out = {0};
    char *detail = mem_alloc(100000);

    for (size_t i = 0; i < 100000; i += 2) memcpy(detail + i, "\xc3\xa9", 2);
    failure_json(failure_code_find("crashed"), (struct slice){detail + 1, 99999}, &out);
    CU_ASSERT(is_json(buf_slice(&out)) && out.len < ERROR_BYTES_MAX);
    buf_reset(&out);
    failure_json(failure_code_find("no_data"), SLICE_LIT("There is no series \"X\"."), &out);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&out), "{\"type\":\"about:blank\",\"title\":\"No candles\",\"code\":\"no_data\","
                                           "\"detail\":\"There is no series \\\"X\\\".\"}");
    buf_clear(&out);
    free(detail);
}

static void test_each_fault_of_a_strategy_has_its_place(void)
{
    struct rules_faults faults = {.arena = arena_new()};
    struct buf out = {0};

    CU_ASSERT_PTR_NULL(rules_new(SLICE_LIT("rules"), SLICE_LIT("{\"v\":1,\"long\":{\"enter\":\"sma(close) > 1\"}}"),
                                 NULL, 0, &faults));
    failure_strategy_json(&faults, &out);
    CU_ASSERT(is_json(buf_slice(&out)));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_cstr(&out), "{\"pointer\":\"/parameters/long/enter\",\"column\":1,\"detail\":\"sma"));
    buf_clear(&out);
    arena_free(faults.arena);
}

static void test_many_long_faults_are_bounded(void)
{
    struct rules_faults *faults = mem_zalloc(sizeof(*faults));
    char *text = mem_alloc(5000);
    struct buf out = {0};

    faults->arena = arena_new();
    memset(text, '\x01', 5000); /* six bytes each as JSON */
    for (faults->count = 0; faults->count < RULES_FAULTS_MAX; faults->count++) {
        faults->items[faults->count] =
            (struct rules_fault){.pointer = {text, 5000}, .column = 7, .detail = {text, 5000}};
    }
    failure_strategy_json(faults, &out);
    CU_ASSERT(is_json(buf_slice(&out)));
    CU_ASSERT(out.len < ERROR_BYTES_MAX);
    buf_clear(&out);
    arena_free(faults->arena);
    free(faults);
    free(text);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_codes_are_known_by_name),      UNIT_TEST(test_only_chance_is_tried_again),
    UNIT_TEST(test_an_error_is_bounded_and_json), UNIT_TEST(test_each_fault_of_a_strategy_has_its_place),
    UNIT_TEST(test_many_long_faults_are_bounded),
};
const struct unit_part failure_tests = UNIT_PART(tests);
