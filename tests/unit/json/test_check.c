#include <stdio.h>

#include "base/buf.h"
#include "test_json.h"
#include "json/json.h"
#include "json/scan.h"

static const char *const statuses[] = {"draft", "active", NULL};

static const struct json_field fields[] = {
    {.name = "id", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_UUID, .read_only = true, .required = true},
    {.name = "name", .type = JSON_TYPE_STRING, .required = true, .min_length = 1, .max_length = 5},
    {.name = "kind", .type = JSON_TYPE_STRING, .pattern = "^[a-z][a-z0-9_]*$", .max_length = 64},
    {.name = "status", .type = JSON_TYPE_STRING, .values = statuses},
    {.name = "note", .type = JSON_TYPE_STRING, .nullable = true},
    {.name = "start", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME},
    {.name = "ref", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_UUID},
    {.name = "count",
     .type = JSON_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .has_maximum = true,
     .maximum = 200},
    {.name = "big", .type = JSON_TYPE_INTEGER},
    {.name = "ratio", .type = JSON_TYPE_NUMBER, .has_minimum = true, .minimum = 0, .has_maximum = true, .maximum = 0.5},
    {.name = "capital",
     .type = JSON_TYPE_NUMBER,
     .format = JSON_FORMAT_DECIMAL,
     .has_minimum = true,
     .exclusive_minimum = true},
    {.name = "price", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DECIMAL},
    {.name = "flag", .type = JSON_TYPE_BOOLEAN},
    {.name = "parameters", .type = JSON_TYPE_OBJECT, .max_bytes = 20},
    {.name = "broken", .type = JSON_TYPE_STRING, .pattern = "("},
    {.name = "a/b~c", .type = JSON_TYPE_BOOLEAN},
};

static const struct json_schema schema = {"Thing", fields, countof(fields)};

/* Checks, and compares the faults: "<pointer> <detail>" a line. */
static void checked(struct slice body, const struct json_schema *against, enum json_mode mode,
                    enum json_verdict verdict, const char *expected)
{
    struct json_validator *validator = json_validator_new();
    struct arena *arena = arena_new();
    struct json_faults faults = {.count = 0};
    struct buf found = {0};

    UNIT_INT(json_check(validator, arena, body, against, mode, &faults, NULL), verdict);
    for (size_t i = 0; i < faults.count; i++) {
        buf_printf(&found, "%s%.*s %.*s", i == 0 ? "" : "\n", SLICE_FMT(faults.items[i].pointer),
                   SLICE_FMT(faults.items[i].detail));
    }
    UNIT_STR(buf_cstr(&found), expected);
    buf_clear(&found);
    arena_free(arena);
    json_validator_free(validator);
}

static void whole(const char *body, const char *expected)
{
    checked(slice_of(body), &schema, JSON_MODE_WHOLE, expected[0] == '\0' ? JSON_VALID : JSON_INVALID, expected);
}

static void test_check_whole_body(void)
{
    whole("{\"name\":\"a\"}", "");
    whole(" {\"name\" : \"\\u00e9\xc3\xa9"
          "abc\", \"kind\":\"sma_1\", \"status\":\"active\", \"note\":null,\n"
          "\"start\":\"2026-11-23T00:00:00Z\", \"ref\":\"0193c2d4-7f3a-7b1c-8d9e-abcdef012345\", \"count\":200,\n"
          "\"big\":-9223372036854775808, \"ratio\":5e-1, \"capital\":\"0.01\", \"price\":12.50, \"flag\":false,\n"
          "\"parameters\":{ \"a\" : [ 1 , 2 ] }, \"a/b~c\":true } ",
          "");
}

/* One member each, next to a good name. */
static void test_check_rules(void)
{
    static const struct {
        const char *member, *fault; /* "" where it passes */
    } cases[] = {
        {"\"kind\":\"a\"", ""},
        {"\"kind\":\"Foo Bar\"", "/kind must match ^[a-z][a-z0-9_]*$, but is \"Foo Bar\""},
        {"\"kind\":\"a\\n\"", "/kind must match ^[a-z][a-z0-9_]*$, but is \"a\\n\""},
        {"\"kind\":\"\"", "/kind must match ^[a-z][a-z0-9_]*$, but is \"\""},
        {"\"kind\":\"0123456789012345678901234567890123456789x\"",
         "/kind must match ^[a-z][a-z0-9_]*$, but is \"0123456789012345678901234567890123456789\"..."},
        {"\"kind\":1", "/kind must be a string, but is a number"},
        {"\"kind\":null", "/kind must be a string, but is null"},
        {"\"kind\":[\"a\"]", "/kind must be a string, but is an array"},
        {"\"kind\":{}", "/kind must be a string, but is an object"},
        {"\"kind\": \tfalse", "/kind must be a string, but is a boolean"},
        {"\"note\":null", ""},
        {"\"note\":\"\"", ""},
        {"\"status\":\"draft\"", ""},
        {"\"status\":\"Draft\"", "/status must be one of draft, active, but is \"Draft\""},
        {"\"start\":\"2024-02-29T00:00:00+01:00\"", ""},
        {"\"start\":\"2023-02-29T00:00:00Z\"",
         "/start must be a date and time (RFC 3339), but \"2023-02-29T00:00:00Z\" is a date that does not exist"},
        {"\"start\":5", "/start must be a date and time (RFC 3339), but is a number"},
        {"\"ref\":\"x\"", "/ref must be a UUID, but \"x\" is not 8-4-4-4-12 hexadecimal digits"},
        {"\"count\":1", ""},
        {"\"count\":0", "/count must be at least 1, but is 0"},
        {"\"count\":-0", "/count must be at least 1, but is -0"},
        {"\"count\":201", "/count must be at most 200, but is 201"},
        {"\"count\":1.0", "/count must be an integer of 64 bits without fraction or exponent, but is 1.0"},
        {"\"count\":1e1", "/count must be an integer of 64 bits without fraction or exponent, but is 1e1"},
        {"\"count\":\"1\"", "/count must be an integer, but is a string"},
        {"\"count\":true", "/count must be an integer, but is a boolean"},
        {"\"big\":9223372036854775807", ""},
        {"\"big\":9223372036854775808",
         "/big must be an integer of 64 bits without fraction or exponent, but is 9223372036854775808"},
        {"\"big\":-9223372036854775809",
         "/big must be an integer of 64 bits without fraction or exponent, but is -9223372036854775809"},
        {"\"big\":12345678901234567890123456789012345678901",
         "/big must be an integer of 64 bits without fraction or exponent, but is "
         "1234567890123456789012345678901234567890..."},
        {"\"ratio\":0", ""},
        {"\"ratio\":0.5", ""},
        {"\"ratio\":0.51", "/ratio must be at most 0.5, but is 0.51"},
        {"\"ratio\":-1e-3", "/ratio must be at least 0, but is -1e-3"},
        {"\"ratio\":\"0.5\"", "/ratio must be a number, but is a string"},
        {"\"capital\":0.00000000000000000000001", ""},
        {"\"capital\":123456789012345678901234567890", ""},
        {"\"capital\":\"123456789012345678901234567890.5\"", ""},
        {"\"capital\":0", "/capital must be greater than 0, but is 0"},
        {"\"capital\":\"-0.5\"", "/capital must be greater than 0, but is -0.5"},
        {"\"capital\":\"1e5\"", "/capital must be a decimal number, but \"1e5\" is not digits with an optional point"},
        {"\"capital\":true", "/capital must be a decimal number, but is a boolean"},
        {"\"price\":\"1.5\"", ""},
        {"\"price\":1.5", ""},
        {"\"price\":{}", "/price must be a decimal number, but is an object"},
        {"\"flag\":true", ""},
        {"\"flag\":1", "/flag must be true or false, but is a number"},
        {"\"flag\":\"true\"", "/flag must be true or false, but is a string"},
        {"\"parameters\":{}", ""},
        {"\"parameters\":{ \"a\" :\t[ 1,\n 2.50, \" \" ] }", ""},
        {"\"parameters\":{\"a\":\"\\\"1234567890\"}", ""},
        {"\"parameters\":{\"a\":\"\\\"12345678901\"}",
         "/parameters must have at most 20 bytes of JSON without white space, but has 21"},
        {"\"parameters\":{\"a\":12345678901234567890123}",
         "/parameters must have at most 20 bytes of JSON without white space, but has 29"},
        {"\"parameters\":{\"a\":\"             \"}",
         "/parameters must have at most 20 bytes of JSON without white space, but has 21"},
        {"\"parameters\":[]", "/parameters must be an object, but is an array"},
        {"\"parameters\":null", "/parameters must be an object, but is null"},
        {"\"broken\":\"(\"", "/broken cannot be checked: the pattern of this field is wrong"},
        {"\"id\":\"0193c2d4-7f3a-7b1c-8d9e-abcdef012345\"", "/id is set by the server"},
        {"\"id\":null", "/id is set by the server"},
        {"\"nme\":1", "/nme is not a field of Thing; did you mean \"name\"?"},
        {"\"nema\":1", "/nema is not a field of Thing; did you mean \"name\"?"},
        {"\"Kind\":1", "/Kind is not a field of Thing; did you mean \"kind\"?"},
        {"\"completely\":1", "/completely is not a field of Thing"},
        {"\"id_\":1", "/id_ is not a field of Thing"},
        {"\"\":1", "/ is not a field of Thing"},
        {"\"\\u006eote\":\"x\"", ""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char body[512];

        snprintf(body, sizeof(body), "{\"name\":\"a\",%s}", cases[i].member);
        whole(body, cases[i].fault);
    }
    whole("{}", "/name is required");
    whole("{\"name\":\"\"}", "/name must have at least 1 character, but has 0");
    whole("{\"name\":null}", "/name must be a string, but is null");
    whole("{\"name\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"}", "");
    whole("{\"name\":\"abcdef\"}", "/name must have at most 5 characters, but has 6");
}

static void test_check_many_faults(void)
{
    whole("{\"kind\":7,\"count\":0,\"nane\":\"x\",\"flag\":\"no\",\"id\":1}",
          "/kind must be a string, but is a number\n"
          "/count must be at least 1, but is 0\n"
          "/nane is not a field of Thing; did you mean \"name\"?\n"
          "/flag must be true or false, but is a string\n"
          "/id is set by the server\n"
          "/name is required");
}

static void test_check_faults_are_bounded(void)
{
    struct json_validator *validator = json_validator_new();
    struct arena *arena = arena_new();
    struct json_faults faults = {.count = 0};
    struct buf body = {0};

    buf_add_str(&body, "{\"name\":\"a\"");
    for (int i = 0; i < 1000; i++) buf_printf(&body, ",\"unknown%d\":1", i);
    buf_add_char(&body, '}');
    UNIT_INT(json_check(validator, arena, buf_slice(&body), &schema, JSON_MODE_WHOLE, &faults, NULL), JSON_INVALID);
    UNIT_INT(faults.count, JSON_FAULTS_MAX);
    UNIT_SLICE(faults.items[JSON_FAULTS_MAX - 1].pointer, "/unknown63");
    /* Full already: it is invalid all the same. */
    CU_ASSERT_FALSE(json_check_text(validator, arena, SLICE_LIT("0"), &fields[7], SLICE_LIT("query:count"), &faults));
    UNIT_INT(json_check(validator, arena, SLICE_LIT("{}"), &schema, JSON_MODE_WHOLE, &faults, NULL), JSON_INVALID);
    UNIT_INT(faults.count, JSON_FAULTS_MAX);
    buf_clear(&body);
    arena_free(arena);
    json_validator_free(validator);
}

static void test_check_gives_members(void)
{
    static const struct {
        struct slice body;
        size_t count;
        struct slice count_member;
    } cases[] = {
        {SLICE_LIT("{\"name\":\"a\", \"count\": 7 }"), 2, SLICE_LIT("7")},
        {SLICE_LIT("{\"count\":\"x\"}"), 1, SLICE_LIT("\"x\"")}, /* what is wrong too */
        {SLICE_LIT("{}"), 0, SLICE_NONE},
        {SLICE_LIT("[1]"), 0, SLICE_NONE},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct json_validator *validator = json_validator_new();
        struct arena *arena = arena_new();
        struct json_faults faults = {.count = 0};
        struct json_members members = {NULL, 99};

        CU_ASSERT(json_check(validator, arena, cases[i].body, &schema, JSON_MODE_WHOLE, &faults, &members) !=
                  JSON_MALFORMED);
        UNIT_INT(members.count, cases[i].count);
        CU_ASSERT(slice_eq(json_members_find(&members, SLICE_LIT("count")), cases[i].count_member));
        arena_free(arena);
        json_validator_free(validator);
    }
}

static void test_check_merge(void)
{
    static const struct {
        const char *body, *fault;
    } cases[] = {
        {"{}", ""},
        {"{\"kind\":\"a\"}", ""},
        {"{\"kind\":null,\"note\":null,\"parameters\":null,\"count\":null}", ""},
        {"{\"parameters\":{\"a\":null}}", ""},
        {"{\"name\":null}", "/name is required and cannot be removed"},
        {"{\"name\":\"\"}", "/name must have at least 1 character, but has 0"},
        {"{\"id\":null}", "/id is set by the server"},
        {"{\"nane\":null}", "/nane is not a field of Thing; did you mean \"name\"?"},
        {"{\"kind\":3,\"count\":0}", "/kind must be a string, but is a number\n/count must be at least 1, but is 0"},
        {"[]", " must be an object (Thing), but is an array"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        checked(slice_of(cases[i].body), &schema, JSON_MODE_MERGE,
                cases[i].fault[0] == '\0' ? JSON_VALID : JSON_INVALID, cases[i].fault);
    }
}

static void test_check_malformed(void)
{
    static const struct {
        const char *body, *fault;
    } cases[] = {
        {"", " the body is empty"},
        {"{\n\"name\":\"a\",\n\"count\":1 \"x\"}",
         " line 3, column 11: expected \",\" or \"}\" after a member of an object"},
        {"{\"name\":\"a\",\"name\":\"b\"}", " line 1, column 13: the member \"name\" is given twice"},
        {"{\"parameters\":{\"a\":1,\"a\":2}}", " line 1, column 22: the member \"a\" is given twice"},
        {"{\"ratio\":1e400}", " line 1, column 10: the number is beyond the range of an IEEE 754 double"},
        {"100% sure", " line 1, column 4: there is text after the end of the value"},
        {"\"%s%n\" x", " line 1, column 8: there is text after the end of the value"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        checked(slice_of(cases[i].body), &schema, JSON_MODE_WHOLE, JSON_MALFORMED, cases[i].fault);
    }

    struct buf deep = {0};

    buf_add_str(&deep, "{\"name\":\"a\",\"parameters\":");
    for (int i = 0; i < 31; i++) buf_add_str(&deep, i == 0 ? "{\"a\":" : "[");
    for (int i = 0; i < 31; i++) buf_add_str(&deep, i == 30 ? "}" : "]");
    buf_add_str(&deep, "}");
    /* 32 levels are read, by json-c too: what is wrong is the length. */
    checked(buf_slice(&deep), &schema, JSON_MODE_WHOLE, JSON_INVALID,
            "/parameters must have at most 20 bytes of JSON without white space, but has 66");
    buf_clear(&deep);
}

static void test_check_top_level(void)
{
    whole("[]", " must be an object (Thing), but is an array");
    whole(" \"x\"", " must be an object (Thing), but is a string");
    whole("5", " must be an object (Thing), but is a number");
    whole("-5", " must be an object (Thing), but is a number");
    whole("true", " must be an object (Thing), but is a boolean");
    whole("\nnull\n", " must be an object (Thing), but is null");
}

static void test_check_pointers(void)
{
    whole("{\"name\":\"a\",\"a/b~c\":1,\"~/\":1}",
          "/a~1b~0c must be true or false, but is a number\n/~0~1 is not a field of Thing");

    /* A name of a thousand characters is not thrown back at its sender. */
    struct buf body = {0}, expected = {0};

    buf_add_str(&body, "{\"name\":\"a\",\"x");
    buf_add_str(&expected, "/x");
    for (int i = 0; i < 1000; i++) buf_add_str(&body, "\xc3\xa9");
    for (int i = 0; i < 99; i++) buf_add_str(&expected, "\xc3\xa9");
    buf_add_str(&body, "\":1}");
    buf_add_str(&expected, "... is not a field of Thing");
    whole(buf_cstr(&body), buf_cstr(&expected));
    buf_clear(&body);
    buf_clear(&expected);
}

static void test_check_no_schema(void)
{
    checked(SLICE_LIT("[1]"), NULL, JSON_MODE_WHOLE, JSON_VALID, "");
    checked(SLICE_LIT("[1"), NULL, JSON_MODE_WHOLE, JSON_MALFORMED,
            " line 1, column 3: expected \",\" or \"]\" after an element of an array, but the text ends");
}

static void test_check_text(void)
{
    static const struct {
        const char *field;
        struct slice text;
        const char *fault; /* "" where it passes */
    } cases[] = {
        {"count", SLICE_LIT("50"), ""},
        {"count", SLICE_LIT("0"), "must be at least 1, but is 0"},
        {"count", SLICE_LIT("201"), "must be at most 200, but is 201"},
        {"count", SLICE_LIT(""), "must be an integer, but is \"\""},
        {"count", SLICE_LIT("05"), "must be an integer, but is \"05\""},
        {"count", SLICE_LIT("+5"), "must be an integer, but is \"+5\""},
        {"count", SLICE_LIT(" 5"), "must be an integer, but is \" 5\""},
        {"count", SLICE_LIT("5 "), "must be an integer, but is \"5 \""},
        {"count", SLICE_LIT("five"), "must be an integer, but is \"five\""},
        {"count", SLICE_LIT("5.0"), "must be an integer of 64 bits without fraction or exponent, but is 5.0"},
        {"count", SLICE_LIT("99999999999999999999"),
         "must be an integer of 64 bits without fraction or exponent, but is 99999999999999999999"},
        {"count", SLICE_LIT("5\0"), "holds a NUL"},
        {"ratio", SLICE_LIT("0.25"), ""},
        {"ratio", SLICE_LIT("1e400"), "is beyond the range of an IEEE 754 double"},
        {"ratio", SLICE_LIT("nan"), "must be a number, but is \"nan\""},
        {"ratio", SLICE_LIT("0x0"), "must be a number, but is \"0x0\""},
        {"capital", SLICE_LIT("10.50"), ""},
        {"capital", SLICE_LIT("0"), "must be greater than 0, but is 0"},
        {"flag", SLICE_LIT("true"), ""},
        {"flag", SLICE_LIT("false"), ""},
        {"flag", SLICE_LIT("1"), "must be true or false, but is \"1\""},
        {"flag", SLICE_LIT("TRUE"), "must be true or false, but is \"TRUE\""},
        {"name", SLICE_LIT("\xc3\xa9"), ""},
        {"name", SLICE_LIT(""), "must have at least 1 character, but has 0"},
        {"name", SLICE_LIT("a\xff"), "is not UTF-8"},
        {"name", SLICE_LIT("\xed\xa0\x80"), "is not UTF-8"},
        {"name", SLICE_LIT("a\0b"), "holds a NUL"},
        {"name", SLICE_LIT("abcdef"), "must have at most 5 characters, but has 6"},
        {"status", SLICE_LIT("active"), ""},
        {"status", SLICE_LIT("gone\n"), "must be one of draft, active, but is \"gone\\n\""},
        {"kind", SLICE_LIT("a_1"), ""},
        {"kind", SLICE_LIT("1"), "must match ^[a-z][a-z0-9_]*$, but is \"1\""},
        {"ref", SLICE_LIT("0193c2d4-7f3a-7b1c-8d9e-abcdef012345"), ""},
        {"ref", SLICE_LIT("1"), "must be a UUID, but \"1\" is not 8-4-4-4-12 hexadecimal digits"},
        {"parameters", SLICE_LIT("{}"), "must be an object, but is \"{}\""},
    };
    struct json_validator *validator = json_validator_new();
    struct arena *arena = arena_new();

    for (size_t i = 0; i < countof(cases); i++) {
        struct json_faults faults = {.count = 0};
        const struct json_field *field = NULL;

        for (size_t j = 0; j < countof(fields); j++) {
            if (strcmp(fields[j].name, cases[i].field) == 0) field = &fields[j];
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(field);
        bool ok = json_check_text(validator, arena, cases[i].text, field, SLICE_LIT("query:x"), &faults);

        CU_ASSERT_EQUAL(ok, cases[i].fault[0] == '\0');
        UNIT_INT(faults.count, ok ? 0 : 1);
        if (faults.count == 1) {
            UNIT_SLICE(faults.items[0].pointer, "query:x");
            UNIT_SLICE(faults.items[0].detail, cases[i].fault);
        }
        arena_reset(arena);
    }
    arena_free(arena);
    json_validator_free(validator);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_check_whole_body),    UNIT_TEST(test_check_rules),
    UNIT_TEST(test_check_many_faults),   UNIT_TEST(test_check_faults_are_bounded),
    UNIT_TEST(test_check_merge),         UNIT_TEST(test_check_malformed),
    UNIT_TEST(test_check_top_level),     UNIT_TEST(test_check_pointers),
    UNIT_TEST(test_check_no_schema),     UNIT_TEST(test_check_text),
    UNIT_TEST(test_check_gives_members),
};
const struct unit_part check_tests = UNIT_PART(tests);
