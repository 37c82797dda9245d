#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/number.h"
#include "test_base.h"

#include <stdlib.h>

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

static const struct {
    uint64_t seconds;
    unsigned micros;
    const char *rfc3339;
    const char *http;
} clock_cases[] = {
    {0, 0, "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {784111777, 1, "1994-11-06T08:49:37.000001Z", "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110's own example */
    {951782400, 999999, "2000-02-29T00:00:00.999999Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
    {1795442632, 123456, "2026-11-23T14:03:52.123456Z", "Mon, 23 Nov 2026 14:03:52 GMT"},
    {2147483648, 0, "2038-01-19T03:14:08.000000Z", "Tue, 19 Jan 2038 03:14:08 GMT"},
    {4107542400, 0, "2100-03-01T00:00:00.000000Z", "Mon, 01 Mar 2100 00:00:00 GMT"}, /* 2100 is no leap year */
    {253402300799, 999999, "9999-12-31T23:59:59.999999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
};

static void test_clock_formats(void)
{
    char rfc3339[CLOCK_RFC3339_BYTES];
    char http[CLOCK_HTTP_DATE_BYTES];

    for (size_t i = 0; i < countof(clock_cases); i++) {
        uint64_t wall_us = clock_cases[i].seconds * 1000000U + clock_cases[i].micros;

        clock_format_rfc3339(wall_us, rfc3339);
        UNIT_STR(rfc3339, clock_cases[i].rfc3339);
        clock_format_http_date(wall_us, http);
        UNIT_STR(http, clock_cases[i].http);
    }
}

static void test_clock_ignores_the_time_zone(void)
{
    char text[CLOCK_RFC3339_BYTES];
    const char *set = getenv("TZ");
    char *saved = set == NULL ? NULL : mem_strdup(set);

    setenv("TZ", "XYZ-05:30", 1);
    clock_format_rfc3339(0, text);
    UNIT_STR(text, "1970-01-01T00:00:00.000000Z");
    if (saved == NULL) {
        unsetenv("TZ");
    } else {
        setenv("TZ", saved, 1);
    }
    free(saved);
}

static void test_clock_goes_forward(void)
{
    uint64_t ms = clock_monotonic_ms();
    uint64_t before = clock_monotonic_ns();
    uint64_t after = clock_monotonic_ns();

    CU_ASSERT_TRUE(after >= before);
    CU_ASSERT_TRUE(before / 1000000U >= ms);
    CU_ASSERT_TRUE(clock_wall_us() > 1700000000ULL * 1000000ULL);
}

static void test_digest_of_nist_vectors(void)
{
    static const struct {
        const char *text;
        const char *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "s"
         "tu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char hex[DIGEST_SHA256_HEX_BYTES];

    for (size_t i = 0; i < countof(cases); i++) {
        digest_sha256_hex(cases[i].text, strlen(cases[i].text), hex);
        UNIT_STR(hex, cases[i].hex);

        /* The same in parts. */
        struct digest *parts = digest_sha256_begin();

        for (size_t k = 0; cases[i].text[k] != '\0'; k++) digest_sha256_add(parts, &cases[i].text[k], 1);
        digest_sha256_end_hex(parts, hex);
        UNIT_STR(hex, cases[i].hex);
    }

    char base64[DIGEST_SHA256_BASE64_BYTES];

    digest_sha256_base64("abc", 3, base64);
    UNIT_STR(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

static void test_digest_of_a_million(void)
{
    enum { MILLION = 1000000 };
    char *text = memset(mem_alloc(MILLION), 'a', MILLION);
    unsigned char bytes[DIGEST_SHA256_BYTES];
    char hex[DIGEST_SHA256_HEX_BYTES];

    digest_sha256_hex(text, MILLION, hex);
    UNIT_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    digest_sha256(text, MILLION, bytes);
    UNIT_INT(bytes[0], 0xcd);
    UNIT_INT(bytes[DIGEST_SHA256_BYTES - 1], 0xd0);
    free(text);
}

static void test_error_is_filled(void)
{
    struct error err = {0};

    UNIT_INT(error_set(&err, ERROR_SETTINGS, "%s=%d is wrong", "workers", -1), -1);
    UNIT_INT(err.code, ERROR_SETTINGS);
    UNIT_STR(err.message, "workers=-1 is wrong");
    UNIT_INT(error_prefix(&err, "line %d", 3), -1);
    UNIT_STR(err.message, "line 3: workers=-1 is wrong");
    UNIT_INT(err.code, ERROR_SETTINGS);
}

static void test_error_takes_null(void)
{
    errno = EPERM;
    UNIT_INT(error_set(NULL, ERROR_USAGE, "x"), -1);
    UNIT_INT(error_set_errno(NULL, "x"), -1);
    UNIT_INT(error_prefix(NULL, "x"), -1);
    UNIT_INT(errno, EPERM);
}

static void test_error_of_the_system(void)
{
    struct error err = {0};

    errno = ENOENT;
    UNIT_INT(error_set_errno(&err, "open %s", "/nowhere"), -1);
    UNIT_INT(errno, ENOENT);
    UNIT_INT(err.code, ERROR_SYSTEM);
    UNIT_STR(err.message, "open /nowhere: No such file or directory");
}

static void test_error_that_is_too_long_is_cut(void)
{
    struct error err = {0};
    char *text = mem_zalloc(ERROR_MESSAGE_MAX * 2);

    memset(text, 'x', ERROR_MESSAGE_MAX * 2 - 1);
    error_set(&err, ERROR_FAILED, "%s", text);
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    error_prefix(&err, "migration");
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    UNIT_INT(strncmp(err.message, "migration: xxx", 14), 0);
    error_prefix(&err, "%s", text);
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    errno = EACCES;
    error_set_errno(&err, "%s", text);
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    free(text);
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
    UNIT_TEST(test_clock_formats),
    UNIT_TEST(test_clock_ignores_the_time_zone),
    UNIT_TEST(test_clock_goes_forward),
    UNIT_TEST(test_digest_of_nist_vectors),
    UNIT_TEST(test_digest_of_a_million),
    UNIT_TEST(test_error_is_filled),
    UNIT_TEST(test_error_takes_null),
    UNIT_TEST(test_error_of_the_system),
    UNIT_TEST(test_error_that_is_too_long_is_cut),
};
const struct unit_part value_tests = UNIT_PART(tests);
