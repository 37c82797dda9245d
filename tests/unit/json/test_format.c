#include "test_json.h"
#include "json/format.h"

struct format_case {
    const char *text;
    const char *wrong; /* NULL: it is fine */
};

static void formats(const char *(*check)(struct slice), const struct format_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = check(slice_of(cases[i].text));

        CU_ASSERT_EQUAL(found == NULL, cases[i].wrong == NULL);
        if ((found == NULL) != (cases[i].wrong == NULL)) UNIT_STR(cases[i].text, "(other verdict)");
        if (found != NULL && cases[i].wrong != NULL) UNIT_STR(found, cases[i].wrong);
    }
}

static void test_format_uuid(void)
{
    static const char wrong[] = "is not 8-4-4-4-12 hexadecimal digits";
    static const struct format_case cases[] = {
        {"00000000-0000-0000-0000-000000000000", NULL},
        {"0193c2d4-7f3a-7B1c-8D9e-AbCdEf012345", NULL},
        {"", wrong},
        {"0193c2d4-7f3a-7b1c-8d9e-abcdef01234", wrong},
        {"0193c2d4-7f3a-7b1c-8d9e-abcdef0123456", wrong},
        {"0193c2d4-7f3a-7b1c-8d9e-abcdef01234g", wrong},
        {"0193c2d4x7f3a-7b1c-8d9e-abcdef012345", wrong},
        {"0193c2d47f3a7b1c8d9eabcdef012345", wrong},
        {"{193c2d4-7f3a-7b1c-8d9e-abcdef01234}", wrong},
        {"0193c2d4-7f3a-7b1c-8d9e-abcdef01234 ", wrong},
        {"-193c2d4-7f3a-7b1c-8d9e-abcdef012345", wrong},
    };

    formats(json_format_uuid, cases, countof(cases));
}

static void test_format_date_time(void)
{
    static const char shape[] = "is not like 2026-11-23T14:03:52Z";
    static const char date[] = "is a date that does not exist", time[] = "is a time that does not exist";
    static const char none[] = "has no offset (Z, +01:00)", offset[] = "has no offset like Z or +01:00 at its end";
    static const struct format_case cases[] = {
        {"2026-11-23T14:03:52Z", NULL},
        {"2026-11-23t14:03:52z", NULL},
        {"2026-11-23T14:03:52.1Z", NULL},
        {"2026-11-23T14:03:52.123456789+15:59", NULL},
        {"2026-11-23T14:03:52-00:00", NULL},
        {"2024-02-29T00:00:00Z", NULL},
        {"2000-02-29T00:00:00Z", NULL},
        {"0001-01-01T00:00:00Z", NULL},
        {"9999-12-31T23:59:59Z", NULL},
        {"2026-04-30T23:59:59+05:45", NULL},
        {"2023-02-29T00:00:00Z", date},
        {"1900-02-29T00:00:00Z", date},
        {"2026-04-31T00:00:00Z", date},
        {"2026-00-01T00:00:00Z", date},
        {"2026-13-01T00:00:00Z", date},
        {"2026-01-00T00:00:00Z", date},
        {"2026-01-32T00:00:00Z", date},
        {"0000-01-01T00:00:00Z", date},
        {"2026-01-01T24:00:00Z", time},
        {"2026-01-01T00:60:00Z", time},
        {"2026-01-01T00:00:60Z", time},
        {"2026-06-30T23:59:60Z", time},
        {"2026-11-23T14:03:52", none},
        {"2026-11-23T14:03:52.5", none},
        {"2026-11-23T14:03:52 Z", offset},
        {"2026-11-23T14:03:52+0100", offset},
        {"2026-11-23T14:03:52+01", offset},
        {"2026-11-23T14:03:52+01:000", offset},
        {"2026-11-23T14:03:52Zx", offset},
        {"2026-11-23T14:03:52,5Z", offset},
        {"2026-11-23T14:03:52+16:00", "has an offset that does not exist"},
        {"2026-11-23T14:03:52+01:60", "has an offset that does not exist"},
        {"2026-11-23T14:03:52.Z", "has no digits after the point"},
        {"2026-11-23T14:03:52.1234567890Z", "has more than nine digits after the point"},
        {"", shape},
        {"2026-11-23", shape},
        {"2026-11-23 14:03:52Z", shape},
        {"2026-11-23T14:03Z", shape},
        {"26-11-23T14:03:52Z", shape},
        {"2026-1-23T14:03:52Z", shape},
        {"+2026-11-23T14:03:52Z", shape},
        {"now", shape},
        {" 2026-11-23T14:03:52Z", shape},
    };

    formats(json_format_date_time, cases, countof(cases));
}

static void test_format_decimal(void)
{
    static const char wrong[] = "is not digits with an optional point";
    static const struct format_case cases[] = {
        {"0", NULL},     {"1000000", NULL}, {"0.00000000000000000000000000000001", NULL},
        {"-1.50", NULL}, {"", wrong},       {"-", wrong},
        {".5", wrong},   {"5.", wrong},     {"+5", wrong},
        {"1e5", wrong},  {"1,000", wrong},  {" 1", wrong},
        {"1 ", wrong},   {"NaN", wrong},    {"Infinity", wrong},
        {"0x10", wrong}, {"1.2.3", wrong},  {"--1", wrong},
    };

    formats(json_format_decimal, cases, countof(cases));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_format_uuid),
    UNIT_TEST(test_format_date_time),
    UNIT_TEST(test_format_decimal),
};
const struct unit_part format_tests = UNIT_PART(tests);
