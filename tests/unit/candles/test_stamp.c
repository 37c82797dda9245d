#include "candles/stamp.h"
#include "candles/timeframe.h"
#include "test_candles.h"

/* Kinds: I an instant, L local, D a day; * what was cut off; "" no time. */
static const struct {
    const char *text, *clock, *expected;
} stamp_cases[] = {
    /* each unit for itself */
    {"1704067200", NULL, "I 2024-01-01T00:00:00Z"},
    {"1704067200000", NULL, "I 2024-01-01T00:00:00Z"},
    {"1704067200000000", NULL, "I 2024-01-01T00:00:00Z"},
    {"1704067200000000000", NULL, "I 2024-01-01T00:00:00Z"},
    {"1735689600000000", NULL, "I 2025-01-01T00:00:00Z"},
    {"0", NULL, "I 1970-01-01T00:00:00Z"},
    {"-86400", NULL, "I 1969-12-31T00:00:00Z"},
    {"9214646400", NULL, "I 2262-01-01T00:00:00Z"},
    {"9223372036", NULL, ""},
    {"9223372037", NULL, "I 1970-04-17T18:02:52.037Z"},
    {"1704067200001000", NULL, "I 2024-01-01T00:00:00.001Z"},
    {"1704067200000001", NULL, "I* 2024-01-01T00:00:00Z"},
    {"1704067200.0", NULL, "I 2024-01-01T00:00:00Z"},
    {"1704067200.5", NULL, "I 2024-01-01T00:00:00.500Z"},
    {"1704067200.0001", NULL, "I* 2024-01-01T00:00:00Z"},
    {"1704067200000.0", NULL, "I 2024-01-01T00:00:00Z"},
    {"1.7040672e+12", NULL, "I 2024-01-01T00:00:00Z"},
    {"99999999999999999999", NULL, ""},
    {"9223372036854775808", NULL, ""},
    {"-", NULL, ""},
    {"", NULL, ""},
    /* days */
    {"2024-02-29", NULL, "D 2024-02-29T00:00:00Z"},
    {"2023-02-29", NULL, ""},
    {"1900-02-29", NULL, ""},
    {"2000-02-29", NULL, "D 2000-02-29T00:00:00Z"},
    {"2024/1/5", NULL, "D 2024-01-05T00:00:00Z"},
    {"2024.01.05", NULL, "D 2024-01-05T00:00:00Z"},
    {"20240105", NULL, "D 2024-01-05T00:00:00Z"},
    {"05.01.2024", NULL, "D 2024-01-05T00:00:00Z"},
    {"1799-12-31", NULL, ""},
    {"2024-13-01", NULL, ""},
    {"2024-00-01", NULL, ""},
    {"2024-01-32", NULL, ""},
    {"2024-01/05", NULL, ""},
    {"01/05/2024", NULL, ""},
    {"2024-01-05 ", NULL, ""},
    {"2024-1", NULL, ""},
    /* local times */
    {"2024-01-05 09:30", NULL, "L 2024-01-05T09:30:00Z"},
    {"2024-01-05T09:30:15", NULL, "L 2024-01-05T09:30:15Z"},
    {"2024-01-05 09:30:15.250", NULL, "L 2024-01-05T09:30:15.250Z"},
    {"2024-01-05 09:30:15.250001", NULL, "L* 2024-01-05T09:30:15.250Z"},
    {"20240105 093000", NULL, "L 2024-01-05T09:30:00Z"},
    {"20240105093000", NULL, "L 2024-01-05T09:30:00Z"},
    {"01.02.2024 00:00:00.000", NULL, "L 2024-02-01T00:00:00Z"},
    {"2024-01-05 12-AM", NULL, "L 2024-01-05T00:00:00Z"},
    {"2024-01-05 12-PM", NULL, "L 2024-01-05T12:00:00Z"},
    {"2024-01-05 03-PM", NULL, "L 2024-01-05T15:00:00Z"},
    {"2024-01-05 13-PM", NULL, ""},
    {"2024.01.05", "09:30", "L 2024-01-05T09:30:00Z"},
    {"20240105", "093000", "L 2024-01-05T09:30:00Z"},
    {"20240105", "0930", "L 2024-01-05T09:30:00Z"},
    {"2024-01-05 09:30", "09:30", ""},
    {"2024-01-05", "", ""},
    {"2024-01-05", "24:00", ""},
    {"2024-01-05 09:60", NULL, ""},
    {"2024-01-05 09:30:60", NULL, ""},
    {"2024-01-05 09:30:15.", NULL, ""},
    {"2024-01-05x09:30", NULL, ""},
    /* with a zone */
    {"2024-01-05T09:30:00Z", NULL, "I 2024-01-05T09:30:00Z"},
    {"2024-01-05T09:30:00+01:00", NULL, "I 2024-01-05T08:30:00Z"},
    {"2024-01-05 09:30:00-05:00", NULL, "I 2024-01-05T14:30:00Z"},
    {"2024-01-05 09:30:00 -0500", NULL, "I 2024-01-05T14:30:00Z"},
    {"2024-01-05T09:30:00+05", NULL, "I 2024-01-05T04:30:00Z"},
    {"2024-01-05 09:30:00 UTC", NULL, "I 2024-01-05T09:30:00Z"},
    {"01.01.2024 00:00:00.000 GMT+0100", NULL, "I 2023-12-31T23:00:00Z"},
    {"2024-01-05T09:30:00 EST", NULL, ""},
    {"2024-01-05T09:30:00+1", NULL, ""},
    {"2024-01-05T09:30:00+19:00", NULL, ""},
    {"2024-01-05T09:30:00Zx", NULL, ""},
};

static void test_stamp_parse(void)
{
    for (size_t i = 0; i < countof(stamp_cases); i++) {
        struct candles_stamp stamp;
        char found[64] = "", time[CANDLES_STAMP_BYTES];

        if (candles_stamp_parse(slice_of(stamp_cases[i].text), slice_of(stamp_cases[i].clock), &stamp)) {
            candles_stamp_format(stamp.time_ms, time);
            snprintf(found, sizeof(found), "%c%s %s", "ILD"[stamp.kind], stamp.is_whole ? "" : "*", time);
        }
        UNIT_STR(found, stamp_cases[i].expected);
    }
}

static void test_stamp_dates(void)
{
    int64_t last = candles_days(1799, 12, 31);

    UNIT_INT(candles_days(1970, 1, 1), 0);
    UNIT_INT(candles_days(2000, 3, 1), 11017);
    for (int64_t days = candles_days(1800, 1, 1); days <= candles_days(2262, 1, 1); days++) {
        int64_t year;
        int month, day;

        candles_date(days, &year, &month, &day);
        if (candles_days(year, month, day) != days || days != last + 1 || month < 1 || month > 12 || day < 1 ||
            day > 31) {
            UNIT_INT(days, -1);
            return;
        }
        last = days;
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_stamp_parse), UNIT_TEST(test_stamp_dates)};
const struct unit_part stamp_tests = UNIT_PART(tests);
