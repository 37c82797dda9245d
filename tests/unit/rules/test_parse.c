#include "rules/parse.h"

#include <stdio.h>

#include "test_rules.h"

/* The tree with brackets around everything. */
static void print(const struct parse_node *node, struct buf *out)
{
    switch (node->kind) {
    case PARSE_NUMBER:
        buf_printf(out, "%g", node->number);
        break;
    case PARSE_BOOLEAN:
        buf_add_str(out, node->number != 0 ? "true" : "false");
        break;
    case PARSE_TEXT:
        buf_printf(out, "'%.*s'", SLICE_FMT(node->name));
        break;
    case PARSE_OPERATOR:
        buf_printf(out, "(%s", rules_operators[node->op].name);
        break;
    case PARSE_BACK:
        buf_add_str(out, "([]");
        break;
    default:
        buf_printf(out, "%s%.*s%s", node->kind == PARSE_PARAM ? "$" : "", SLICE_FMT(node->name),
                   node->kind == PARSE_CALL ? "(" : "");
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind != PARSE_CALL || i > 0) buf_add_char(out, ' ');
        print(node->args[i], out);
    }
    if (node->kind >= PARSE_OPERATOR) buf_add_char(out, ')');
}

static void parsed(const char *text, const char *expected)
{
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    const struct rules_place place = {SLICE_LIT("/x"), slice_of(text)};
    const struct parse_node *node = parse_expression(arena, &place, &faults);
    struct buf out = {0};

    if (node != NULL) print(node, &out);
    if (node == NULL) buf_printf(&out, "%zu: %s", faults.items[0].column, faults.items[0].detail.data);
    CU_ASSERT_EQUAL(faults.count, node == NULL);
    UNIT_STR(buf_cstr(&out), expected);
    buf_clear(&out);
    arena_free(arena);
}

static void test_parse_priorities(void)
{
    parsed("1", "1");
    parsed(" close\n", "close");
    parsed("a + b * c", "(+ a (* b c))");
    parsed("a * b + c", "(+ (* a b) c)");
    parsed("a - b - c", "(- (- a b) c)");
    parsed("a / (b / c)", "(/ a (/ b c))");
    parsed("-a * b", "(* (- a) b)");
    parsed("a * -b", "(* a (- b))");
    parsed("-x[1]", "(- ([] x 1))");
    parsed("x[1][2]", "([] ([] x 1) 2)");
    parsed("a < b and c > d or e == f", "(or (and (< a b) (> c d)) (== e f))");
    parsed("a or b and c", "(or a (and b c))");
    parsed("not a < b and c", "(and (not (< a b)) c)");
    parsed("not not a", "(not (not a))");
    parsed("a != b", "(!= a b)");
    parsed("a <= b", "(<= a b)");
    parsed("f()", "f()");
    parsed("f(a, 2, $p)", "f(a 2 $p)");
    parsed("tf(\"4h\", x) > tf('1d', y)", "(> tf('4h' x) tf('1d' y))");
    parsed("min(a, b, c, d)", "min(min(min(a b) c) d)");
    parsed("true and false", "(and true false)");
    parsed("(a < b) == c", "(== (< a b) c)");
    parsed(".5e-1+1E2", "(+ 0.05 100)");
    parsed("android or orange", "(or android orange)");
}

static void test_parse_faults(void)
{
    parsed("", "1: the expression is empty");
    parsed("  ", "1: the expression is empty");
    parsed("a +", "4: expected a value, but the expression ends");
    parsed("a b", "3: expected an operator (+ - * / < <= > >= == != and or) or the end, but there is b");
    parsed("(a", "3: expected ), but the expression ends");
    parsed("a)", "2: expected an operator (+ - * / < <= > >= == != and or) or the end, but there is )");
    parsed("f(a,)", "5: expected an argument after the comma, but there is )");
    parsed("f(a b)", "5: expected a comma or ), but there is b");
    parsed("f(,", "3: expected a value, but there is ,");
    parsed("x[1", "4: expected ], but the expression ends");
    parsed("x[]", "3: expected a value, but there is ]");
    parsed("a < b < c", "7: comparisons do not chain: write a < b and b < c");
    parsed("a = b", "3: = is not an operator here: to compare, write ==");
    parsed("a && b", "3: && is not an operator here: write and");
    parsed("a || b", "3: || is not an operator here: write or");
    parsed("!a", "1: ! is not an operator here: write not");
    parsed("a ? b : c", "3: ? is not an operator here: write if(condition, a, b)");
    parsed("a ** 2", "3: ** is not an operator here: write pow(x, y)");
    parsed("1.2.3", "1: this is not a number; write digits, with a point or an exponent if needed");
    parsed("5x", "1: this is not a number; write digits, with a point or an exponent if needed");
    parsed("1e999", "1: the number is too large");
    parsed("$", "1: the name of a parameter must follow $");
    parsed("a + $1", "5: the name of a parameter must follow $");
    parsed("tf('4h, x)", "4: the closing quote is missing");
    parsed("a \xe2\x89\xa4 b", "3: \xe2\x89\xa4 is not an operator here: write <=");
    parsed("\xe2\x89\xaa", "1: unexpected character \"\xe2\x89\xaa\"");
    parsed("ta.sma(close, 3)", "3: . is not an operator here: write names alone, sma and not ta.sma");
    parsed("tf(\xe2\x80\x98"
           "4h\xe2\x80\x99, close)",
           "4: \xe2\x80\x98 is not an operator here: write straight quotes, '4h'");
    parsed("tf(4h, close)", "4: write a timeframe in quotes, such as '4h'");
    parsed("4hours", "1: this is not a number; write digits, with a point or an exponent if needed");
    parsed("a AND b", "3: expected an operator (+ - * / < <= > >= == != and or) or the end, but there is AND; write "
                      "and, or, not in small letters");
    parsed("a @ b", "3: unexpected character \"@\"");
    parsed("f(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)", "42: a function has at most 16 arguments");
}

static void test_parse_depth(void)
{
    static const char *const wholes[] = {"(", "-", "not ", "f(", "x[", "1+", "a and ", "a<(", "min(1,"};
    struct buf text = {0};

    for (size_t i = 0; i < countof(wholes); i++) {
        struct arena *arena = arena_new();
        struct rules_faults faults = {.arena = arena};

        buf_reset(&text);
        for (size_t n = 0; n < 20000; n++) buf_add_str(&text, wholes[i]);
        buf_add_str(&text, "1");
        const struct rules_place place = {SLICE_LIT("/x"), buf_slice(&text)};

        CU_ASSERT_PTR_NULL(parse_expression(arena, &place, &faults));
        CU_ASSERT_EQUAL(faults.count, 1);
        arena_free(arena);
    }
    buf_clear(&text);
}

static void test_parse_names(void)
{
    CU_ASSERT(parse_is_name(SLICE_LIT("fast")));
    CU_ASSERT(parse_is_name(SLICE_LIT("_a9")));
    CU_ASSERT_FALSE(parse_is_name(SLICE_LIT("")));
    CU_ASSERT_FALSE(parse_is_name(SLICE_LIT("9a")));
    CU_ASSERT_FALSE(parse_is_name(SLICE_LIT("a-b")));
    CU_ASSERT_FALSE(parse_is_name(SLICE_LIT("not")));
    CU_ASSERT_FALSE(parse_is_name(SLICE_LIT("if")));
}

static const struct unit_test tests[] = {UNIT_TEST(test_parse_priorities), UNIT_TEST(test_parse_faults),
                                         UNIT_TEST(test_parse_depth), UNIT_TEST(test_parse_names)};
const struct unit_part parse_tests = UNIT_PART(tests);
