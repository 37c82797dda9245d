#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "test_json.h"
#include "json/scan.h"

/* "" where the text passes. */
static void scanned(struct slice text, const char *expected)
{
    struct arena *arena = arena_new();
    struct slice detail = SLICE_LIT("");
    bool ok = json_scan(arena, text, JSON_DEPTH_MAX, &detail);

    CU_ASSERT_EQUAL(ok, expected[0] == '\0');
    UNIT_SLICE(detail, expected);
    arena_free(arena);
}

static void test_scan_valid(void)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"\"",
        "0",
        "true",
        "false",
        "null",
        " {} ",
        "\t\r\n[\t]\n",
        "[[]]",
        "[{}]",
        "{\"\":0}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "{\"a\":1,\"b\":1}",
        "{ \"a\" : 1 , \"b\" : 2 }",
        "[1,2,3]",
        "[ 1 , 2 ]",
        "[true,false,null]",
        "[\"a\",\"a\"]",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":{\"b\":1},\"b\":1}",
        "{\"A\":1,\"a\":1}",
        "{\"a\":1,\"a \":1}",
        /* numbers */
        "-0",
        "-1",
        "10",
        "1234567890",
        "0.0",
        "-0.5",
        "1.5e0",
        "1e5",
        "1E5",
        "1e+5",
        "1e-5",
        "1E-05",
        "0e0",
        "0e+1",
        "0E-0",
        "123.456e78",
        "-4.9e-324",
        "0e-400",
        "0.000e+400",
        "1e308",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "0.00000000000000000000000000000000000000000000000000000000001e366",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "0.1234567890123456789012345678901234567890123456789012345678901234567890",
        "20e1",
        "[0,0]",
        "[-0,0.1]",
        /* strings */
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0041\"",
        "\"\\u00e9\\u00E9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\udbff\\udfff\"",
        "\"\\ud800\\udc00\"",
        "\"\\u0001\"",
        "\"\\u001f\"",
        "\"\\uffff\"",
        "\"\\ufdd0\"",
        "\"\xc3\xa9\"",
        "\"\xe2\x82\xac\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "\"\xef\xbf\xbf\"",
        "\"\xef\xbb\xbf\"",
        "\"\x7f\"",
        "\"\xe2\x80\xa8\"",
        "\"/\"",
        "\"'\"",
        "\"{[,:]}\"",
        "\"\\\\\"",
        "\"\\\\\\\"\"",
        "\"\\\\u0000\"",
        "{\"\\u0061\":1}",
        "{\"\\\"\":1,\"\\\\\":2}",
    };

    for (size_t i = 0; i < countof(texts); i++) scanned(slice_of(texts[i]), "");
}

static void test_scan_invalid(void)
{
    static const char value[] = "expected a value", ends[] = "expected a value, but the text ends";
    static const char name[] = "expected a member's name in double quotes";
    static const char member[] = "expected \",\" or \"}\" after a member of an object";
    static const char element[] = "expected \",\" or \"]\" after an element of an array";
    static const char behind[] = "there is text after the end of the value";
    static const char number[] =
        "this is not a number as JSON writes it: without a leading zero, and with digits after a point or an exponent";
    static const char minus[] = "expected a digit after \"-\"";
    static const char open[] = "the string is not closed";
    static const char escape[] = "this escape does not exist";
    static const char hex[] = "\\u must be followed by four hexadecimal digits";
    static const char high[] = "the high surrogate has no low one after it",
                      low[] = "the low surrogate has no high one before it";
    static const char range[] = "the number is beyond the range of an IEEE 754 double";
    static const struct {
        const char *text;
        unsigned column;
        const char *what;
    } cases[] = {
        /* literals */
        {"True", 1, value},
        {"TRUE", 1, value},
        {"tru", 1, value},
        {"nul", 1, value},
        {"nulll", 5, behind},
        {"truefalse", 5, behind},
        {"undefined", 1, value},
        {"NaN", 1, value},
        {"Infinity", 1, value},
        {"-Infinity", 1, minus},
        {"-NaN", 1, minus},
        {"[nan]", 2, value},
        {"a", 1, value},
        {"'a'", 1, value},
        {"#", 1, value},
        {"\x0c[]", 1, value},
        {"\x0b", 1, value},
        {"\xc2\xa0[]", 1, value},
        {"\xe2\x81\xa0", 1, value},
        {"\xef\xbb\xbf", 1, "a byte order mark is not allowed"},
        {"\xef\xbb\xbf{}", 1, "a byte order mark is not allowed"},
        {" \xef\xbb\xbf{}", 2, value},
        {"\xff\xfe{\x01", 1, value},
        /* numbers */
        {"+1", 1, value},
        {".5", 1, value},
        {"-.5", 1, minus},
        {"-", 1, minus},
        {"--1", 1, minus},
        {"- 1", 1, minus},
        {"-a", 1, minus},
        {"01", 1, number},
        {"-01", 1, number},
        {"00", 1, number},
        {"1.", 1, number},
        {"1.e5", 1, number},
        {"1.a", 1, number},
        {"0.", 1, number},
        {"1e", 1, number},
        {"1e+", 1, number},
        {"1E-", 1, number},
        {"1e5.5", 1, number},
        {"1e5e5", 1, number},
        {"1.2.3", 1, number},
        {"1-2", 1, number},
        {"1+2", 1, number},
        {"0e", 1, number},
        {"0x1", 2, behind},
        {"1_000", 2, behind},
        {"1a", 2, behind},
        {"1 2", 3, behind},
        {"[1 2]", 4, element},
        {"[01]", 2, number},
        {"[1.]", 2, number},
        {"1e309", 1, range},
        {"-1e309", 1, range},
        {"1e400", 1, range},
        {"-1e-400", 1, range},
        {"2e-324", 1, range},
        {"1e-999999", 1, range},
        {"0e999999", 1, range},
        {"0e-401", 1, range},
        {"1e99999999999999999999", 1, range},
        {"1e-99999999999999999999", 1, range},
        {"1.7976931348623159e308", 1, range},
        {"1e99999999999999999999", 1, range},
        {"[1,1e400]", 4, range},
        {"\xef\xbc\x91", 1, value},
        /* strings */
        {"\"", 1, open},
        {"\"a", 1, open},
        {"[\"a", 2, open},
        {"\"\\\"", 1, open},
        {"\"\\", 2, escape},
        {"\"\\a\"", 2, escape},
        {"\"\\'\"", 2, escape},
        {"\"\\x41\"", 2, escape},
        {"\"\\0\"", 2, escape},
        {"\"\\U0041\"", 2, escape},
        {"\"\\\n\"", 2, escape},
        {"\"\\\xc3\xa9\"", 2, escape},
        {"\"\\u\"", 2, hex},
        {"\"\\u004\"", 2, hex},
        {"\"\\u004g\"", 2, hex},
        {"\"\\u+041\"", 2, hex},
        {"\"\\u 041\"", 2, hex},
        {"\"\\u004", 2, hex},
        {"\"\\ud800\"", 2, high},
        {"\"\\ud800\\u0041\"", 2, high},
        {"\"\\ud800\\ud800\"", 2, high},
        {"\"\\ud800\\udc0\"", 2, high},
        {"\"\\ud800\\n\"", 2, high},
        {"\"\\ud800", 2, high},
        {"\"\\ud800\\", 2, high},
        {"\"\\ud800\\u", 2, high},
        {"\"\\ud800abc\"", 2, high},
        {"\"\\udbff\"", 2, high},
        {"\"\\udc00\"", 2, low},
        {"\"\\udfff\\ud800\"", 2, low},
        {"\"\\ud83d\\ude00\\ude00\"", 14, low},
        {"\"a\\u0000\"", 3, "the character NUL is not allowed"},
        {"{\"\\u0000\":1}", 3, "the character NUL is not allowed"},
        {"\"\x01\"", 2, "the control character 0x01 must be escaped in a string"},
        {"\"\t\"", 2, "the control character 0x09 must be escaped in a string"},
        {"\"a\nb\"", 3, "the control character 0x0a must be escaped in a string"},
        {"\"\x1f\"", 2, "the control character 0x1f must be escaped in a string"},
        {"{\"a\n\":1}", 4, "the control character 0x0a must be escaped in a string"},
        {"\"\x80\"", 2, "the byte 0x80 is not UTF-8"},
        {"\"\xff\"", 2, "the byte 0xff is not UTF-8"},
        {"\"\xc0\xaf\"", 2, "the byte 0xc0 is not UTF-8"},
        {"\"\xc1\xbf\"", 2, "the byte 0xc1 is not UTF-8"},
        {"\"\xc3\"", 2, "the byte 0xc3 is not UTF-8"},
        {"\"\xc3", 2, "the byte 0xc3 is not UTF-8"},
        {"\"\xe0\x80\xaf\"", 2, "the byte 0xe0 is not UTF-8"},
        {"\"\xed\xa0\x80\"", 2, "the byte 0xed is not UTF-8"},
        {"\"\xed\xbf\xbf\"", 2, "the byte 0xed is not UTF-8"},
        {"\"\xf0\x80\x80\xaf\"", 2, "the byte 0xf0 is not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 2, "the byte 0xf4 is not UTF-8"},
        {"\"\xf5\x80\x80\x80\"", 2, "the byte 0xf5 is not UTF-8"},
        {"\"\xe9t\xe9\"", 2, "the byte 0xe9 is not UTF-8"},
        {"{\"\xff\":1}", 3, "the byte 0xff is not UTF-8"},
        {"\"\" \"\"", 4, behind},
        {"\"a\"b", 4, behind},
        /* arrays */
        {"[", 2, ends},
        {"[1", 3, "expected \",\" or \"]\" after an element of an array, but the text ends"},
        {"[1,", 4, ends},
        {"[,", 2, value},
        {"[,1]", 2, value},
        {"[1,]", 4, value},
        {"[1,,2]", 4, value},
        {"[,]", 2, value},
        {"]", 1, value},
        {"[]]", 3, behind},
        {"[1]]", 4, behind},
        {"[}", 2, value},
        {"[1}", 3, element},
        {"[\"a\":1]", 5, element},
        {"[1;2]", 3, element},
        {"[][]", 3, behind},
        {"[]a", 3, behind},
        {"[1]x", 4, behind},
        {"[*]", 2, value},
        {"[<null>]", 2, value},
        {"[[1]", 5, "expected \",\" or \"]\" after an element of an array, but the text ends"},
        /* objects */
        {"{", 2, "expected a member's name in double quotes, but the text ends"},
        {"{]", 2, name},
        {"}", 1, value},
        {"{}}", 3, behind},
        {"{a:1}", 2, name},
        {"{'a':1}", 2, name},
        {"{1:1}", 2, name},
        {"{null:1}", 2, name},
        {"{,}", 2, name},
        {"{\"a\"", 5, "expected \":\" after a member's name, but the text ends"},
        {"{\"a\"}", 5, "expected \":\" after a member's name"},
        {"{\"a\" 1}", 6, "expected \":\" after a member's name"},
        {"{\"a\",1}", 5, "expected \":\" after a member's name"},
        {"{\"a\"=1}", 5, "expected \":\" after a member's name"},
        {"{\"a\"::1}", 6, value},
        {"{\"a\":", 6, ends},
        {"{\"a\":}", 6, value},
        {"{\"a\":1", 7, "expected \",\" or \"}\" after a member of an object, but the text ends"},
        {"{\"a\":1,", 8, "expected a member's name in double quotes, but the text ends"},
        {"{\"a\":1,}", 8, name},
        {"{\"a\":1,,\"b\":1}", 8, name},
        {"{\"a\":1 \"b\":1}", 8, member},
        {"{\"a\":1]", 7, member},
        {"{\"a\":1;}", 7, member},
        {"{\"a\":1}{", 8, behind},
        {"{\"a\":1}}", 8, behind},
        {"{\"a\":1} // comment", 9, behind},
        {"{\"a\":/**/1}", 6, value},
        {"/**/{}", 1, value},
        {"{}#", 3, behind},
        {"{\"a", 2, open},
        {"{\"a\\", 4, escape},
        {"{\"a\\\"", 2, open},
        {"{\"a\\\\", 2, open},
        {"{[1]:1}", 2, name},
        {"{\"a\":a}", 6, value},
        {"{\"a\":'b'}", 6, value},
        {"{\"a\":1,\"b\"}", 11, "expected \":\" after a member's name"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char expected[256];

        snprintf(expected, sizeof(expected), "line 1, column %u: %s", cases[i].column, cases[i].what);
        scanned(slice_of(cases[i].text), expected);
    }
    scanned(SLICE_LIT(""), "the body is empty");
    scanned(SLICE_NONE, "the body is empty");
    scanned(SLICE_LIT(" \n"), "the body is empty");
    scanned(SLICE_LIT("\0"), "line 1, column 1: expected a value");
    scanned(SLICE_LIT("{}\0"), "line 1, column 3: there is text after the end of the value");
    scanned(SLICE_LIT("[1\0]"), "line 1, column 3: expected \",\" or \"]\" after an element of an array");
    scanned(SLICE_LIT("\"a\0b\""), "line 1, column 3: the control character 0x00 must be escaped in a string");
    scanned(SLICE_LIT("\"\\\0\""), "line 1, column 2: this escape does not exist");
    scanned((struct slice){"[1,2]", 4},
            "line 1, column 5: expected \",\" or \"]\" after an element of an array, but the "
            "text ends");
    scanned((struct slice){"true", 3}, "line 1, column 1: expected a value");
}

static void nested(struct buf *text, char open, char close, int depth)
{
    buf_reset(text);
    for (int i = 0; i < depth; i++) buf_add_str(text, open == '[' ? "[" : "{\"a\":");
    if (open == '{') buf_add_str(text, "1");
    for (int i = 0; i < depth; i++) buf_add_char(text, close);
}

static void test_scan_depth(void)
{
    struct buf text = {0};
    struct arena *arena = arena_new();
    struct slice detail = SLICE_LIT("");

    nested(&text, '[', ']', 32);
    scanned(buf_slice(&text), "");
    nested(&text, '[', ']', 33);
    scanned(buf_slice(&text), "line 1, column 33: the text is nested deeper than 32 levels");
    nested(&text, '{', '}', 32);
    scanned(buf_slice(&text), "");
    nested(&text, '{', '}', 33);
    scanned(buf_slice(&text), "line 1, column 161: the text is nested deeper than 32 levels");
    nested(&text, '[', ']', 500000);
    scanned(buf_slice(&text), "line 1, column 33: the text is nested deeper than 32 levels");
    CU_ASSERT(json_scan(arena, buf_slice(&text), 500000, &detail));
    CU_ASSERT(json_scan(arena, SLICE_LIT("1"), 0, &detail));
    CU_ASSERT_FALSE(json_scan(arena, SLICE_LIT("[]"), 0, &detail));
    arena_free(arena);
    buf_clear(&text);
}

static void test_scan_positions(void)
{
    scanned(SLICE_LIT("{\n  \"a\": 1,\n  \"b\": \"\xc3\xa9\xf0\x9f\x98\x80\" 2\n}"),
            "line 3, column 13: expected \",\" or \"}\" after a member of an object");
    scanned(SLICE_LIT("[\r\n1\r\n2]"), "line 3, column 1: expected \",\" or \"]\" after an element of an array");
    scanned(SLICE_LIT("\n\n\n["), "line 4, column 2: expected a value, but the text ends");
}

static void test_scan_duplicates(void)
{
    scanned(SLICE_LIT("{\"a\":1,\"a\":1}"), "line 1, column 8: the member \"a\" is given twice");
    scanned(SLICE_LIT("{\"a\":1,\"\\u0061\":1}"), "line 1, column 8: the member \"a\" is given twice");
    scanned(SLICE_LIT("{\"\\u0061\":1,\"a\":1}"), "line 1, column 13: the member \"a\" is given twice");
    scanned(SLICE_LIT("{\"\":1,\"\":1}"), "line 1, column 7: the member \"\" is given twice");
    scanned(SLICE_LIT("{\"/\":1,\"\\/\":1}"), "line 1, column 8: the member \"/\" is given twice");
    scanned(SLICE_LIT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}"),
            "line 1, column 19: the member \"\xf0\x9f\x98\x80\" is given twice");
    scanned(SLICE_LIT("[{\"x\":{\"b\":[],\"a\":{},\n\"b\":1}}]"), "line 2, column 1: the member \"b\" is given twice");
    scanned(SLICE_LIT("{\"o\":{\"o\":1},\"p\":{\"o\":1},\"o\":2}"),
            "line 1, column 26: the member \"o\" is given twice");
    /* The first that repeats is named, not the first in the alphabet. */
    scanned(SLICE_LIT("{\"z\":1,\"a\":1,\"z\":1,\"a\":1}"), "line 1, column 14: the member \"z\" is given twice");
    scanned(SLICE_LIT("{\"a\":1,\"a\":1,\"a\":1}"), "line 1, column 8: the member \"a\" is given twice");
    scanned(
        SLICE_LIT(
            "{\"\\n0123456789012345678901234567890123456789\":1,\"\\n0123456789012345678901234567890123456789\":1}"),
        "line 1, column 49: the member \"\\n012345678901234567890123456789012345678\"... is given twice");
}

static void test_scan_many_members(void)
{
    enum { MEMBERS = 100000 };
    struct buf text = {0};

    buf_add_char(&text, '{');
    for (unsigned i = 0; i < MEMBERS; i++) buf_printf(&text, "%s\"%05x\":1", i == 0 ? "" : ",", i);
    buf_add_char(&text, '}');
    scanned(buf_slice(&text), "");
    text.len--;
    buf_add_str(&text, ",\"0c350\":1}");
    CU_ASSERT(text.len > 1000000);
    scanned(buf_slice(&text), "line 1, column 1000002: the member \"0c350\" is given twice");
    buf_clear(&text);
}

static void test_scan_long_number(void)
{
    struct buf text = {0};

    buf_add_str(&text, "0.");
    while (text.len < 1000) buf_add_char(&text, '7');
    scanned(buf_slice(&text), "");
    buf_add_char(&text, '7');
    scanned(buf_slice(&text), "line 1, column 1: the number has more than 1000 characters");
    buf_clear(&text);
}

static void test_scan_long_key(void)
{
    struct buf text = {0};

    buf_add_str(&text, "{\"");
    for (int i = 0; i < 500000; i++) buf_add_str(&text, "\\n");
    buf_add_str(&text, "\":1}");
    scanned(buf_slice(&text), "");
    buf_clear(&text);
}

enum { MUTATION_ROUNDS = 20000, MUTATION_CHANGES_MAX = 4, MUTATION_BYTES_MAX = 256 };

static uint64_t mutation_next(uint64_t *state)
{
    /* xorshift64: the same numbers everywhere. */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t mutate(uint64_t *state, const char *seed, char *out)
{
    static const char interesting[] = "{}[]\",:\\u0eE+-.1 \n\tdD8cfnrtb/\x80\xc3\xed\xa0\xf0\xff\x01";
    size_t len = strlen(seed), changes = 1 + mutation_next(state) % MUTATION_CHANGES_MAX;

    memcpy(out, seed, len);
    for (size_t i = 0; i < changes && len > 0; i++) {
        size_t at = mutation_next(state) % len;
        char c = interesting[mutation_next(state) % sizeof(interesting)]; /* its NUL included */

        switch (mutation_next(state) % 4) {
        case 0:
            out[at] = c;
            break;
        case 1:
            memmove(out + at + 1, out + at, len - at);
            out[at] = c;
            len++;
            break;
        case 2:
            memmove(out + at, out + at + 1, len - at - 1);
            len--;
            break;
        default:
            out[at] = out[mutation_next(state) % len];
            break;
        }
    }
    return len;
}

static bool json_c_accepts(struct slice text)
{
    char terminated[MUTATION_BYTES_MAX];
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
    bool ok;

    memcpy(terminated, text.data, text.len);
    terminated[text.len] = '\0';
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    json_object_put(json_tokener_parse_ex(tokener, terminated, (int)text.len + 1));
    ok = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    return ok;
}

/* Random changes to good documents: the scanner must not crash, and what it lets pass json-c must let pass, too. */
static void test_mutation(void)
{
    static const char *const seeds[] = {
        "{\"name\":\"a\",\"kind\":\"sma\",\"parameters\":{\"fast\":10,\"slow\":[1,2.5,-3e-4]}}",
        "[\"\\ud83d\\ude00\",\"\\u0041\\n\",\"\xc3\xa9\xf0\x9f\x98\x80\",true,false,null]",
        "{\"a\":{\"a\":{\"a\":[[[{}]]]}},\"b\":\"\\\\\\\"\"}",
        "[0,-0,1.0,1E+2,123456789012345678901234567890,1e308]",
        " \n{ \"x\" : [ ] , \"y\" : { } }\t",
    };
    uint64_t state = 0x9e3779b97f4a7c15U;
    struct arena *arena = arena_new();
    unsigned accepted = 0, refused = 0;

    for (int i = 0; i < MUTATION_ROUNDS; i++) {
        char text[MUTATION_BYTES_MAX];
        struct slice detail = SLICE_LIT("");
        size_t len = mutate(&state, seeds[(unsigned)i % countof(seeds)], text);

        if (json_scan(arena, (struct slice){text, len}, JSON_DEPTH_MAX, &detail)) {
            accepted++;
            if (!json_c_accepts((struct slice){text, len})) UNIT_SLICE(((struct slice){text, len}), "(json-c refuses)");
        } else {
            refused++;
            CU_ASSERT(detail.len > 0);
        }
        arena_reset(arena);
    }
    /* Both ways are really taken. */
    CU_ASSERT(accepted > 500);
    CU_ASSERT(refused > 500);
    arena_free(arena);
}

static void test_scan_unquotes(void)
{
    struct arena *arena = arena_new();

    UNIT_SLICE(json_unquote(arena, SLICE_LIT("\"a\\u0062\\n\"")), "ab\n");
    UNIT_SLICE(json_unquote(arena, SLICE_LIT("\"\"")), "");
    UNIT_SLICE(json_unquote(arena, SLICE_LIT("\"na\xc3\xafve\"")), "na\xc3\xafve");
    CU_ASSERT_PTR_NULL(json_unquote(arena, SLICE_LIT("\"a\"b\"")).data);
    CU_ASSERT_PTR_NULL(json_unquote(arena, SLICE_LIT("\"a\nb\"")).data);
    CU_ASSERT_PTR_NULL(json_unquote(arena, SLICE_LIT("\"\xc3\"")).data);
    CU_ASSERT_PTR_NULL(json_unquote(arena, SLICE_LIT("\"")).data);
    CU_ASSERT_PTR_NULL(json_unquote(arena, SLICE_LIT("12")).data);
    CU_ASSERT_PTR_NULL(json_unquote(arena, SLICE_NONE).data);
    arena_free(arena);
}

static void test_scan_points(void)
{
    struct arena *arena = arena_new();

    UNIT_SLICE(json_pointer_add(arena, SLICE_LIT(""), SLICE_LIT("long")), "/long");
    UNIT_SLICE(json_pointer_add(arena, SLICE_LIT("/let"), SLICE_LIT("a/b~c")), "/let/a~1b~0c");
    arena_free(arena);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_scan_valid),     UNIT_TEST(test_scan_invalid),     UNIT_TEST(test_scan_depth),
    UNIT_TEST(test_scan_positions), UNIT_TEST(test_scan_duplicates),  UNIT_TEST(test_scan_many_members),
    UNIT_TEST(test_scan_long_key),  UNIT_TEST(test_scan_long_number), UNIT_TEST(test_mutation),
    UNIT_TEST(test_scan_unquotes),  UNIT_TEST(test_scan_points),
};
const struct unit_part scan_tests = UNIT_PART(tests);
