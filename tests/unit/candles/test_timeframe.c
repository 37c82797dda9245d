#include "candles/stamp.h"
#include "candles/timeframe.h"
#include "test_candles.h"

static void test_timeframe_names(void)
{
    static const struct {
        const char *name;
        int64_t ms; /* 0: not one */
    } cases[] = {
        {"1m", 60000},    {"5m", 300000},    {"15m", 900000},  {"1h", 3600000}, {"4h", 14400000},
        {"1d", 86400000}, {"1w", 604800000}, {"30m", 1800000}, {"", 0},         {"1M", 0},
        {"1D", 0},        {"7m", 0},         {"1", 0},         {" 1m", 0},      {"1m ", 0},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        int64_t ms = 0;

        CU_ASSERT_EQUAL(candles_timeframe_parse(slice_of(cases[i].name), &ms), cases[i].ms != 0);
        UNIT_INT(ms, cases[i].ms);
        if (cases[i].ms != 0) UNIT_STR(candles_timeframe_name(cases[i].ms), cases[i].name);
    }
    CU_ASSERT_PTR_NULL(candles_timeframe_name(1));
    for (unsigned i = 1; candles_timeframe_at(i) != 0; i++) {
        CU_ASSERT(candles_timeframe_at(i) > candles_timeframe_at(i - 1));
    }
    struct buf list = {0};

    candles_timeframe_list(&list);
    CU_ASSERT(strncmp(buf_cstr(&list), "1m, 2m, ", 8) == 0);
    buf_clear(&list);
}

static void test_timeframe_grid(void)
{
    static const struct {
        const char *time, *timeframe, *opening;
    } cases[] = {
        {"2024-01-03T10:07:30Z", "1m", "2024-01-03T10:07:00Z"},
        {"2024-01-03T10:07:30Z", "4h", "2024-01-03T08:00:00Z"},
        {"2024-01-03T10:07:30Z", "1d", "2024-01-03T00:00:00Z"},
        {"2024-01-03T10:07:30Z", "1w", "2024-01-01T00:00:00Z"}, /* a Monday */
        {"2024-01-01T00:00:00Z", "1w", "2024-01-01T00:00:00Z"},
        {"2023-12-31T23:59:59Z", "1w", "2023-12-25T00:00:00Z"},
        {"1969-12-31T23:59:59Z", "1m", "1969-12-31T23:59:00Z"},
        {"1969-12-31T23:59:59Z", "1d", "1969-12-31T00:00:00Z"},
        {"1969-12-28T12:00:00Z", "1w", "1969-12-22T00:00:00Z"},
        {"1970-01-01T00:00:00Z", "1w", "1969-12-29T00:00:00Z"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_stamp time = {0}, opening = {0};
        int64_t step = 1;

        CU_ASSERT(candles_timeframe_parse(slice_of(cases[i].timeframe), &step));
        CU_ASSERT(candles_stamp_parse(slice_of(cases[i].time), SLICE_NONE, &time));
        CU_ASSERT(candles_stamp_parse(slice_of(cases[i].opening), SLICE_NONE, &opening));
        UNIT_INT(candles_slot_time(candles_slot(time.time_ms, step), step), opening.time_ms);
        CU_ASSERT(candles_is_on_grid(opening.time_ms, step));
        CU_ASSERT_EQUAL(candles_is_on_grid(time.time_ms, step), time.time_ms == opening.time_ms);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_timeframe_names), UNIT_TEST(test_timeframe_grid)};
const struct unit_part timeframe_tests = UNIT_PART(tests);
