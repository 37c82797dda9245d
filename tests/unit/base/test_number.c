#include <math.h>

#include "base/number.h"
#include "test_base.h"

/* A value that no case expects: parsers must leave it alone where they refuse. */
#define UNTOUCHED 0xdeadbeefcafef00dULL

static void test_number_u64(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"000018446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"99999999999999999999", false, 0},
        {"340282366920938463463374607431768211456", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"-0", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1\n", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
        {"1.0", false, 0},
        {"1_000", false, 0},
        {"\xd9\xa1", false, 0}, /* an Arabic digit */
        {"/", false, 0},
        {":", false, 0},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        uint64_t value = UNTOUCHED;

        UNIT_INT(number_parse_u64(slice_of(cases[i].text), &value), cases[i].ok);
        UNIT_INT(value, cases[i].ok ? cases[i].value : UNTOUCHED);
    }
}

static void test_number_takes_the_slice_and_no_more(void)
{
    uint64_t value = UNTOUCHED;

    CU_ASSERT_TRUE(number_parse_u64((struct slice){"12345", 2}, &value));
    UNIT_INT(value, 12);
    CU_ASSERT_FALSE(number_parse_u64((struct slice){"1\0", 2}, &value));
    CU_ASSERT_FALSE(number_parse_u64(SLICE_NONE, &value));
}

static void test_number_i64(void)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"18446744073709551615", false, 0},
        {"-18446744073709551616", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"- 1", false, 0},
        {"+1", false, 0},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        int64_t value = 4711;

        UNIT_INT(number_parse_i64(slice_of(cases[i].text), &value), cases[i].ok);
        UNIT_INT(value, cases[i].ok ? cases[i].value : 4711);
    }
}

struct unit_case {
    const char *text;
    bool ok;
    uint64_t value;
};

static void check_units(bool (*parse)(struct slice, uint64_t *), const struct unit_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = UNTOUCHED;

        UNIT_INT(parse(slice_of(cases[i].text), &value), cases[i].ok);
        UNIT_INT(value, cases[i].ok ? cases[i].value : UNTOUCHED);
    }
}

static void test_number_double(void)
{
    static const struct {
        const char *text;
        bool ok;
        double value;
        const char *shortest;
    } cases[] = {
        {"0.1", true, 0.1, "0.1"},
        {"-1.5e3", true, -1500, "-1500"},
        {"+2", true, 2, "2"},
        {"1e300", true, 1e300, "1e+300"},
        {"30.339999999999918", true, 30.339999999999918, "30.339999999999918"},
        {"-0", true, -0.0, "-0"},
        {"", false, 0, NULL},
        {"1e999", false, 0, NULL},
        {"nan", false, 0, NULL},
        {"0x10", false, 0, NULL},
        {"1.2.3", false, 0, NULL},
        {" 1", false, 0, NULL},
        {"1-", false, 0, NULL},
    };
    char text[NUMBER_DOUBLE_TEXT_BYTES];

    for (size_t i = 0; i < countof(cases); i++) {
        double value = 7;

        UNIT_INT(number_parse_double(slice_of(cases[i].text), &value), cases[i].ok);
        CU_ASSERT_EQUAL(value, cases[i].ok ? cases[i].value : 7);
        if (!cases[i].ok) continue;
        number_format_double(value, text);
        UNIT_STR(text, cases[i].shortest);
    }
    CU_ASSERT_FALSE(number_parse_double((struct slice){"1\0", 2}, &(double){0}));
    number_format_double((double)NAN, text);
    UNIT_STR(text, "nan");
}

static void test_number_durations(void)
{
    static const struct unit_case cases[] = {
        {"0", true, 0},
        {"5", true, 5000},
        {"250ms", true, 250},
        {"5s", true, 5000},
        {"10min", true, 600000},
        {"2h", true, 7200000},
        {"1d", true, 86400000},
        {"18446744073709551615ms", true, UINT64_MAX},
        {"18446744073709551s", true, 18446744073709551000ULL},
        {"18446744073709552s", false, 0},
        {"18446744073709552", false, 0},
        {"213503982334d", true, 213503982334ULL * 86400000ULL},
        {"213503982335d", false, 0},
        {"18446744073709551616ms", false, 0},
        {"", false, 0},
        {"s", false, 0},
        {"5 s", false, 0},
        {" 5s", false, 0},
        {"5s ", false, 0},
        {"5S", false, 0},
        {"5m", false, 0},
        {"5sec", false, 0},
        {"1h30min", false, 0},
        {"-5s", false, 0},
        {"1.5s", false, 0},
    };

    check_units(number_parse_duration_ms, cases, countof(cases));
}

static void test_number_bytes(void)
{
    static const struct unit_case cases[] = {
        {"0", true, 0},
        {"512", true, 512},
        {"16KiB", true, 16384},
        {"1MiB", true, 1048576},
        {"2GiB", true, 2147483648ULL},
        {"16K", true, 16384},
        {"1M", true, 1048576},
        {"2G", true, 2147483648ULL},
        {"17179869183GiB", true, 17179869183ULL << 30},
        {"17179869184GiB", false, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551615K", false, 0},
        {"", false, 0},
        {"KiB", false, 0},
        {"1kB", false, 0},
        {"1KB", false, 0},
        {"1k", false, 0},
        {"1 MiB", false, 0},
        {"-1", false, 0},
    };

    check_units(number_parse_bytes, cases, countof(cases));
}

static void test_number_formats_the_shortest(void)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } durations[] = {
        {0, "0"},         {1, "1ms"},        {999, "999ms"},     {1000, "1s"},
        {1500, "1500ms"}, {60000, "1min"},   {90000, "90s"},     {3600000, "1h"},
        {86400000, "1d"}, {172800000, "2d"}, {5400000, "90min"}, {UINT64_MAX, "18446744073709551615ms"},
    };
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0"},
        {1, "1"},
        {1023, "1023"},
        {1024, "1KiB"},
        {1536, "1536"},
        {16384, "16KiB"},
        {1048576, "1MiB"},
        {1073741824, "1GiB"},
        {1049600, "1025KiB"},
        {UINT64_MAX, "18446744073709551615"},
    };
    char out[NUMBER_UNIT_TEXT_BYTES];

    for (size_t i = 0; i < countof(durations); i++) {
        number_format_duration_ms(durations[i].ms, out);
        UNIT_STR(out, durations[i].text);
    }
    for (size_t i = 0; i < countof(sizes); i++) {
        number_format_bytes(sizes[i].bytes, out);
        UNIT_STR(out, sizes[i].text);
    }
}

static void test_number_reads_back_what_it_formats(void)
{
    char out[NUMBER_UNIT_TEXT_BYTES];

    for (uint64_t n = 1; n < UINT64_MAX / 7; n = n * 3 + n / 2) {
        uint64_t back = UNTOUCHED;

        number_format_duration_ms(n, out);
        CU_ASSERT_TRUE(number_parse_duration_ms(slice_of(out), &back));
        UNIT_INT(back, n);
        number_format_bytes(n, out);
        CU_ASSERT_TRUE(number_parse_bytes(slice_of(out), &back));
        UNIT_INT(back, n);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_number_u64),
    UNIT_TEST(test_number_takes_the_slice_and_no_more),
    UNIT_TEST(test_number_i64),
    UNIT_TEST(test_number_double),
    UNIT_TEST(test_number_durations),
    UNIT_TEST(test_number_bytes),
    UNIT_TEST(test_number_formats_the_shortest),
    UNIT_TEST(test_number_reads_back_what_it_formats),
};
const struct unit_part number_tests = UNIT_PART(tests);
