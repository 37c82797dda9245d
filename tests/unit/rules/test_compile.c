#include "rules/internal.h"

#include <stdlib.h>

#include "base/mem.h"
#include "test_rules.h"

static size_t nodes_of(const char *document)
{
    struct rules *r = rig_rules("rules", document);
    const size_t count = r == NULL ? 0 : r->node_count;

    rules_free(r);
    return count;
}

static void test_compile_shares(void)
{
    /* close, sma, > */
    UNIT_INT(nodes_of("{\"long\":{\"enter\":\"close > sma(close, 9)\"}}"), 3);
    UNIT_INT(nodes_of("{\"params\":{\"n\":9},\"let\":{\"s\":\"sma(close, $n)\",\"t\":\"sma(close, 3 * 3)\"},"
                      "\"long\":{\"enter\":\"close > s\",\"exit\":\"close > t\"},\"short\":{\"enter\":\"close > "
                      "sma(close, 9)\"}}"),
             3);
    /* A name that nobody uses costs nothing. */
    UNIT_INT(nodes_of("{\"let\":{\"s\":\"sma(close, 5)\"},\"long\":{\"enter\":\"close > sma(close, 9)\"}}"), 3);
    /* Names of names double nothing. */
    UNIT_INT(nodes_of("{\"let\":{\"a\":\"close+close\",\"b\":\"a+a\",\"c\":\"b+b\",\"d\":\"c+c\"},\"long\":{\"enter\":"
                      "\"d > d[1]\"}}"),
             7);
}

static void test_compile_constants(void)
{
    struct rules *r = rig_rules("rules", "{\"long\":{\"enter\":\"false and close > sma(close, 9)\"},"
                                         "\"short\":{\"enter\":\"true or close > 3\"}}");

    CU_ASSERT_FALSE(rules_has(r, RULES_LONG_ENTER));
    CU_ASSERT(rules_has(r, RULES_SHORT_ENTER));
    UNIT_INT(r->node_count, 1);
    rules_free(r);
}

static void bounds(const char *first, const char *repeat, size_t times, const char *last, const char *expected)
{
    struct buf text = {0};

    buf_add_str(&text, first);
    for (size_t i = 0; i < times; i++) buf_printf(&text, "%s%zu", repeat, i + 1);
    buf_add_str(&text, last);
    char *found = rig_faults("rules", buf_cstr(&text));

    CU_ASSERT_PTR_NOT_NULL(strstr(found, expected));
    free(found);
    buf_clear(&text);
}

static void test_compile_bounds(void)
{
    struct buf text = {0};

    buf_add_str(&text, "{\"let\":{");
    for (unsigned i = 0; i < 90; i++) {
        buf_printf(&text, "%s\"a%u\":\"", i == 0 ? "" : ",", i);
        for (unsigned j = 0; j < 30; j++) buf_printf(&text, "%ssma(close, %u)", j == 0 ? "" : "+", 2 + i * 30 + j);
        buf_add_char(&text, '"');
    }
    buf_add_str(&text, "},\"long\":{\"enter\":\"0 < a0");
    for (unsigned i = 1; i < 90; i++) buf_printf(&text, "+a%u", i);
    buf_add_str(&text, "\"}}");
    char *found = rig_faults("rules", buf_cstr(&text));

    UNIT_STR(found, "the document has more than 2048 different operations; make it shorter");
    free(found);
    buf_clear(&text);
    bounds("{\"long\":{\"enter\":\"0 < 1", "+rci(close, 9000)[", 0, "\"}}", "");
    found = rig_faults("rules",
                       "{\"long\":{\"enter\":\"0 < rci(close, 9999) + rci(close, 9998) + rci(close, 9997) + rci(close, "
                       "9996) + rci(close, 9995) + rci(close, 9994) + rci(close, 9993)\"}}");
    CU_ASSERT_PTR_NOT_NULL(strstr(found, "steps a bar, more than 200000"));
    free(found);
    found = rig_faults(
        "rules", "{\"long\":{\"enter\":\"tf('1m',close)+tf('2m',close)+tf('3m',close)+tf('4m',close)+tf('5m',close)+"
                 "tf('6m',close)+tf('7m',close)+tf('8m',close) > 1\"}}");
    UNIT_STR(found, "tf('8m', ...): there are more than 7 timeframes in the document, in long.enter at column 106");
    free(found);
    found = rig_faults("rules", "{\"long\":{\"enter\":\"tf('4h', tf('3h', close)) > 1\"}}");
    UNIT_STR(found,
             "tf('3h', ...) is within a tf() of 240 minutes, and must be a multiple of it, in long.enter at column 10");
    free(found);
}

static const struct unit_test tests[] = {UNIT_TEST(test_compile_shares), UNIT_TEST(test_compile_constants),
                                         UNIT_TEST(test_compile_bounds)};
const struct unit_part compile_tests = UNIT_PART(tests);
