#include "rules/rules.h"
#include "test_rules.h"

/* All of them are the single ones, one after the other. */
static void test_reference_of_kinds(void)
{
    struct buf all = {0}, one = {0};
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        buf_add_char(&one, i == 0 ? '[' : ',');
        rules_kind_json(&kinds[i], &one);
    }
    buf_add_char(&one, ']');
    rules_kinds_json(&all);
    UNIT_STR(buf_cstr(&all), buf_cstr(&one));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&all), "{\"name\":\"macd\",\"description\":\""));
    buf_clear(&all);
    buf_clear(&one);
}

static void test_reference_of_functions(void)
{
    struct buf all = {0}, one = {0};
    const struct rules_function *f;

    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        buf_add_char(&one, i == 0 ? '[' : ',');
        rules_function_json(f, &one);
    }
    buf_add_char(&one, ']');
    rules_functions_json(&all);
    UNIT_STR(buf_cstr(&all), buf_cstr(&one));
    buf_reset(&one);
    rules_function_json(rules_function_find(SLICE_LIT("sma")), &one);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&one), "\"signature\":\"sma(x, length)\""));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_cstr(&one), "{\"name\":\"length\",\"type\":\"whole\",\"minimum\":1,\"maximum\":10000}"));
    buf_clear(&all);
    buf_clear(&one);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_reference_of_kinds),
    UNIT_TEST(test_reference_of_functions),
};
const struct unit_part reference_tests = UNIT_PART(tests);
