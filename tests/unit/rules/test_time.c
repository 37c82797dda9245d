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

static const struct unit_test tests[] = {UNIT_TEST(test_time_parts)};
const struct unit_part time_part = UNIT_PART(tests);
