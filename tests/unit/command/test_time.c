#include "test_command.h"

static void test_time_valid(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"1969-12-31", -86400000},
        {"2024-02-29", INT64_C(1709164800000)},
        {"2000-02-29T00:00Z", INT64_C(951782400000)},
        {"2025-03-31T12:00Z", INT64_C(1743422400000)},
        {"2025-03-31t12:00:00z", INT64_C(1743422400000)},
        {"2025-03-31 12:00", INT64_C(1743422400000)},
        {"2025-03-31T14:00:00+02:00", INT64_C(1743422400000)},
        {"2025-03-31T06:30:00-05:30", INT64_C(1743422400000)},
        {"2025-03-31T12:00:00.25Z", INT64_C(1743422400250)},
        {"2025-03-31T12:00:00.0019999", INT64_C(1743422400001)},
        {"0001-01-01", INT64_C(-62135596800000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        int64_t ms = -1;

        CU_ASSERT_TRUE(command_time(slice_of(cases[i].text), &ms));
        UNIT_INT(ms, cases[i].ms);
    }
}

static void test_time_invalid(void)
{
    static const char *const cases[] = {
        "",
        "2024",
        "2024-1-1",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-00-01",
        "2024-13-01",
        "2024-01-00",
        "0000-01-01",
        "2024-01-01T",
        "2024-01-01T24:00",
        "2024-01-01x",
        "2024-01-01T1:00",
        "2024-01-01T10:60",
        "2024-01-01T10:00:60",
        "2024-01-01T10:00:00.",
        "2024-01-01T10:00+1",
        "2024-01-01T10:00+01:60",
        "2024-01-01T10:00Zz",
        " 2024-01-01",
        "2024-01-01 ",
        "1704067200",
    };

    for (size_t i = 0; i < countof(cases); i++) {
        int64_t ms = 7;

        CU_ASSERT_FALSE(command_time(slice_of(cases[i]), &ms));
        UNIT_INT(ms, 7);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_time_valid),
    UNIT_TEST(test_time_invalid),
};
const struct unit_part time_tests = UNIT_PART(tests);
