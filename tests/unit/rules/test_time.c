#include "test_rules.h"

#include <stdlib.h>

static void test_time_parts(void)
{
    /* 1970-01-01 00:00 Thursday, 2000-02-29 23:59 Tuesday, 2024-12-31 12:30 Tuesday, 2025-03-30 01:15 Sunday, and
     * 1969-12-31 23:45 Wednesday */
    static const int64_t times[] = {-900000, 0, 951868740000, 1735648200000, 1743297300000};
    static const double expected[][5] = {
        {23, 45, 4, 31, 12}, {0, 0, 5, 1, 1}, {23, 59, 3, 29, 2}, {12, 30, 3, 31, 12}, {1, 15, 1, 30, 3},
    };
    static const char *const names[] = {"hour", "minute()", "weekday", "day", "month()"};
    double ones[] = {1, 1, 1, 1, 1};
    const struct candles c = {5, times, ones, ones, ones, ones, ones, 60000, 1, 1, 0};

    for (size_t f = 0; f < countof(names); f++) {
        double *column = rig_column(&c, names[f]);

        for (size_t i = 0; i < countof(times); i++) CU_ASSERT_EQUAL(column[i], expected[i][f]);
        free(column);
    }
}

/* Around the two changes of the clocks in New York and London in 2024, and a zone of half hours. */
static void test_time_zones(void)
{
    /* 2024-03-10 06:59 and 07:00, 2024-03-31 00:59, 01:00, 2024-11-03 05:59, 06:00, 2024-12-31 23:30, all in UTC */
    static const int64_t times[] = {1710053940000, 1710054000000, 1711846740000, 1711846800000,
                                    1730613540000, 1730613600000, 1735687800000};
    static const struct {
        const char *text;
        double expected[7];
    } cases[] = {
        {"hour('America/New_York')", {1, 3, 20, 21, 1, 1, 18}},
        {"hour('Europe/London')", {6, 7, 0, 2, 5, 6, 23}},
        {"weekday('America/New_York')", {1, 1, 7, 7, 1, 1, 3}},
        {"day('Asia/Tokyo')", {10, 10, 31, 31, 3, 3, 1}},
        {"month('Asia/Tokyo')", {3, 3, 3, 3, 11, 11, 1}},
        {"minute('Asia/Kolkata')", {29, 30, 29, 30, 29, 30, 0}},
        {"hour('UTC')", {6, 7, 0, 1, 5, 6, 23}},
        {"hour('+02:00')", {8, 9, 2, 3, 7, 8, 1}},
        {"hour('UTC-5')", {1, 2, 19, 20, 0, 1, 18}},
        {"hour('+00:00') - hour", {0, 0, 0, 0, 0, 0, 0}},
    };
    double ones[] = {1, 1, 1, 1, 1, 1, 1};
    const struct candles c = {7, times, ones, ones, ones, ones, ones, 60000, 1, 1, 0};

    for (size_t f = 0; f < countof(cases); f++) {
        double *column = rig_column(&c, cases[f].text);

        for (size_t i = 0; i < countof(times); i++) CU_ASSERT_EQUAL(column[i], cases[f].expected[i]);
        free(column);
    }
}

static void test_time_faults(void)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"hour('America/New_Yrok') > 1",
         "hour('America/New_Yrok'): \"America/New_Yrok\" is not a known time zone (did you mean America/New_York?); "},
        {"hour('new york') > 1", " (did you mean America/New_York?); "},
        {"hour('EST') > 1", "hour('EST'): \"EST\" is not a known time zone; use UTC, an offset such as +02:00"},
        {"hour('../../etc/passwd') > 1", "\"../../etc/passwd\" is not a known time zone"},
        {"hour('') > 1", "\"\" is not a known time zone"},
        {"hour(5) > 1",
         "must be a time zone in quotes, such as 'America/New_York', but is 5, in long.enter at column 6"},
        {"hour(close) > 1", "must be a time zone in quotes"},
        {"hour(close > 1) > 1", "must be a time zone in quotes"},
        {"hour('UTC', 'UTC') > 1", "the function takes 1 argument, but 2 are given: hour(zone = 'UTC')"},
        {"sma('UTC', 3) > 1", "or a time zone, as in hour('America/New_York'), in long.enter at column 5"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char document[256];
        char *found;

        snprintf(document, sizeof(document), "{\"long\":{\"enter\":\"%s\"}}", cases[i].text);
        found = rig_faults("rules", document);
        CU_ASSERT_PTR_NOT_NULL(strstr(found, cases[i].fault));
        if (strstr(found, cases[i].fault) == NULL) puts(found);
        free(found);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_time_parts), UNIT_TEST(test_time_zones),
                                         UNIT_TEST(test_time_faults)};
const struct unit_part time_tests = UNIT_PART(tests);
