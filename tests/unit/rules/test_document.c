#include "test_rules.h"

#include <stdlib.h>

static void whole(const char *document, const char *expected)
{
    char *found = rig_faults("rules", document);

    UNIT_STR(found, expected);
    free(found);
}

static void test_document_good(void)
{
    struct rules *r =
        rig_rules("rules", " {\"v\": 1, \"params\": {\"fast\": 10, \"slow\": 50},\n"
                           "\"let\": {\"f\": \"sma(close, $fast)\", \"s\": \"sma(close, $slow)\"},\n"
                           "\"long\": {\"enter\": \"crosses_above(f, s)\", \"exit\": \"crosses_below(f, s)\"},\n"
                           "\"short\": {\"enter\": \"crosses_below(f, s)\", \"exit\": \"crosses_above(f, s)\"},\n"
                           "\"stop\": {\"distance\": \"2 * atr(14)\"}, \"take\": {\"percent\": 4}, \"trail\": "
                           "{\"distance\": \"3 * atr(14)\"},\n"
                           "\"size\": {\"equity\": 1.0, \"at\": \"close\"}} ");

    for (enum rules_output output = 0; output <= RULES_SHORT_EXIT; output++) CU_ASSERT(rules_has(r, output));
    CU_ASSERT(rules_has(r, RULES_STOP_DISTANCE));
    CU_ASSERT(rules_has(r, RULES_TAKE_PERCENT));
    CU_ASSERT(rules_has(r, RULES_TRAIL_DISTANCE));
    CU_ASSERT(rules_has(r, RULES_SIZE));
    CU_ASSERT_FALSE(rules_has(r, RULES_STOP_PRICE));
    CU_ASSERT_EQUAL(rules_size_kind(r), RULES_SIZE_EQUITY);
    CU_ASSERT(rules_size_at_close(r));
    UNIT_INT(rules_lookback(r, 60000), 140);
    rules_free(r);
    r = rig_rules("rules", "{\"short\":{\"enter\":\"tf(\\\"4h\\\", close) > 1\"},\"size\":{\"units\":\"5\"}}");
    CU_ASSERT_FALSE(rules_has(r, RULES_LONG_ENTER));
    CU_ASSERT_FALSE(rules_size_at_close(r));
    CU_ASSERT_EQUAL(rules_size_kind(r), RULES_SIZE_UNITS);
    rules_free(r);
}

static void test_document_faults(void)
{
    whole("", "the document is empty");
    whole("[]", "the value must be an object with long, short or both, but is []");
    whole("{", "line 1, column 2: expected a member's name in double quotes, but the text ends");
    whole("{}", "long or short is missing: without one of them, and its enter, no position is ever opened");
    whole("{\"long\":{\"exit\":\"true\"}}",
          "the member enter is missing: it says when the position is opened, in long");
    whole("{\"long\":{\"enter\":\"true\",\"exti\":\"true\"}}",
          "there is no such member (did you mean exit?); the members are enter, exit, in long.exti");
    whole("{\"lng\":{}}", "there is no such member (did you mean long?); the members are v, params, let, long, short, "
                          "stop, take, trail, size, in lng");
    whole("{\"v\":2,\"long\":{\"enter\":\"true\"}}",
          "the value must be 1, the version of the language, but is 2, in v");
    whole("{\"long\":{\"enter\":true}}",
          "the value must be a number, or a string with an expression, but is true, in long.enter");
    whole("{\"long\":\"x\"}", "the value must be an object with enter, and exit if needed, but is \"x\", in long");
    whole("{\"long\":{\"enter\":\"true\"},\"stop\":{}}",
          "exactly one of distance, percent and price must be given, but there are 0, in stop");
    whole("{\"long\":{\"enter\":\"true\"},\"stop\":{\"percent\":1,\"price\":2}}",
          "exactly one of distance, percent and price must be given, but there are 2, in stop");
    whole("{\"long\":{\"enter\":\"true\"},\"trail\":{\"price\":2}}",
          "there is no such member; the members are distance, percent, in trail.price");
    whole("{\"long\":{\"enter\":\"true\"},\"size\":{\"at\":\"close\"}}",
          "one of equity, cash and units must be given, in size");
    whole("{\"long\":{\"enter\":\"true\"},\"size\":{\"cash\":1,\"units\":1}}",
          "the size is given twice; give only one of equity, cash and units, in size.units");
    whole("{\"long\":{\"enter\":\"true\"},\"size\":{\"cash\":1,\"at\":\"open\"}}",
          "the value must be \"fill\" or \"close\", but is \"open\", in size.at");
    whole("{\"long\":{\"enter\":\"true\"},\"params\":{\"a\":\"1\"}}",
          "the value must be a number, but is \"1\", in params.a");
    whole("{\"long\":{\"enter\":\"true\"},\"let\":{\"close\":\"1\",\"a b\":\"2\",\"x/~y\":\"3\"}}",
          "a name is made of letters, digits and _, does not begin with a digit, and is not a word of the language, in "
          "let.a b\n"
          "a name is made of letters, digits and _, does not begin with a digit, and is not a word of the language, in "
          "let.x~1~0y\n"
          "this name is a column or a value of the position; choose another one, in let.close");
}

static void test_document_overrides(void)
{
    static const char document[] = "{\"params\":{\"fast\":3},\"long\":{\"enter\":\"close > sma(close, $fast)\"}}";
    const struct rules_override good[] = {{SLICE_LIT("fast"), SLICE_LIT("77")}};
    const struct rules_override bad[] = {{SLICE_LIT("fsat"), SLICE_LIT("7")},
                                         {SLICE_LIT("fast"), SLICE_LIT("abc")},
                                         {SLICE_LIT("fast"), SLICE_LIT("1e999")}};
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    struct rules *r = rules_new(SLICE_LIT("rules"), slice_of(document), good, 1, &faults);

    CU_ASSERT_PTR_NOT_NULL(r);
    UNIT_INT(rules_lookback(r, 60000), 76);
    rules_free(r);
    r = rules_new(SLICE_LIT("rules"), slice_of(document), bad, 3, &faults);
    CU_ASSERT_PTR_NULL(r);
    UNIT_INT(faults.count, 3);
    UNIT_SLICE(rules_fault_text(&faults.items[0], arena),
               "there is no such parameter (did you mean fast?); the parameters are fast, in params.fsat");
    UNIT_SLICE(rules_fault_text(&faults.items[1], arena), "the value must be a number, but is abc, in params.fast");
    arena_free(arena);
}

static const struct unit_test tests[] = {UNIT_TEST(test_document_good), UNIT_TEST(test_document_faults),
                                         UNIT_TEST(test_document_overrides)};
const struct unit_part document_tests = UNIT_PART(tests);
