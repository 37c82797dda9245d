#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "test_base.h"

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_clock_formats),
    UNIT_TEST(test_clock_ignores_the_time_zone),
    UNIT_TEST(test_clock_goes_forward),
};
const struct unit_part clock_tests = UNIT_PART(tests);
