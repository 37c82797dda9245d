#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "candles/stamp.h"
#include "candles/zone.h"
#include "candles/zones.h"
#include "test_candles.h"

static int64_t moment(const char *text)
{
    struct candles_stamp stamp = {0};

    CU_ASSERT(candles_stamp_parse(slice_of(text), SLICE_NONE, &stamp));
    return stamp.time_ms;
}

static void resolved(const struct candles_zone *zone, const char *local, const char *expected)
{
    struct buf found = {0};
    char stamp[CANDLES_STAMP_BYTES];
    int64_t moments[2];
    const unsigned count = candles_zone_resolve(zone, moment(local), moments);

    for (unsigned i = 0; i < count; i++) {
        candles_stamp_format(moments[i], stamp);
        buf_printf(&found, "%s%s", i == 0 ? "" : " ", stamp);
    }
    UNIT_STR(buf_cstr(&found), expected);
    buf_clear(&found);
}

static void test_zone_resolve(void)
{
    static const struct {
        const char *local, *expected;
    } cases[] = {
        {"2024-01-15T09:30:00", "2024-01-15T14:30:00Z"},
        {"2024-07-15T09:30:00", "2024-07-15T13:30:00Z"},
        {"2024-03-10T01:59:00", "2024-03-10T06:59:00Z"},
        {"2024-03-10T02:00:00", ""},
        {"2024-03-10T02:59:59", ""},
        {"2024-03-10T03:00:00", "2024-03-10T07:00:00Z"},
        {"2024-11-03T00:59:59", "2024-11-03T04:59:59Z"},
        {"2024-11-03T01:00:00", "2024-11-03T05:00:00Z 2024-11-03T06:00:00Z"},
        {"2024-11-03T01:59:59", "2024-11-03T05:59:59Z 2024-11-03T06:59:59Z"},
        {"2024-11-03T02:00:00", "2024-11-03T07:00:00Z"},
        {"2099-07-15T09:30:00", "2099-07-15T13:30:00Z"},
    };
    struct candles_zone *zone = zone_new_york();

    for (size_t i = 0; i < countof(cases); i++) resolved(zone, cases[i].local, cases[i].expected);
    candles_zone_free(zone);
}

/* The ways to say a day: week and weekday, day of the year with and without February's 29th. */
static void test_zone_rules(void)
{
    static const struct {
        const char *tail, *time;
        int hours;
    } cases[] = {
        {"STD3", "2024-07-01T00:00:00Z", -3},
        {"<-03>3", "2024-07-01T00:00:00Z", -3},
        {"<+0530>-5:30", "2024-07-01T00:00:00Z", 5},
        {"STD0DST,J60,J300", "2024-03-01T01:59:59Z", 0}, /* J60 is March 1st, also in a leap year */
        {"STD0DST,J60,J300", "2024-03-01T02:00:00Z", 1},
        {"STD0DST,J60,J300", "2023-03-01T02:00:00Z", 1},
        {"STD0DST,59,299", "2024-02-29T02:00:00Z", 1}, /* 59 is the 60th day */
        {"STD0DST,59,299", "2023-03-01T01:59:59Z", 0},
        {"STD0DST,59,299", "2023-03-01T02:00:00Z", 1},
        {"STD0DST,M3.5.0/1,M10.5.0/-1:30", "2024-03-31T00:59:59Z", 0}, /* the last Sunday */
        {"STD0DST,M3.5.0/1,M10.5.0/-1:30", "2024-03-31T01:00:00Z", 1},
        {"STD0DST,M3.5.0/1,M10.5.0/-1:30", "2024-10-26T21:29:59Z", 1},
        {"STD0DST,M3.5.0/1,M10.5.0/-1:30", "2024-10-26T21:30:00Z", 0},
        {"STD-10DST-12,M10.1.0,M4.1.0/3", "2024-01-01T00:00:00Z", 12}, /* the south */
        {"STD-10DST-12,M10.1.0,M4.1.0/3", "2024-07-01T00:00:00Z", 10},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_zone *zone = zone_with_tail(cases[i].tail);

        UNIT_INT(candles_zone_at(zone, moment(cases[i].time) / 1000) / 3600, cases[i].hours);
        candles_zone_free(zone);
    }
}

static void test_zone_offsets(void)
{
    static const struct {
        const char *name;
        int seconds;
        bool is;
    } cases[] = {
        {"UTC", 0, true},        {"Z", 0, true},        {"+05:30", 19800, true}, {"-0500", -18000, true},
        {"UTC-5", -18000, true}, {"GMT+2", 7200, true}, {"+3", 10800, true},     {"+03", 10800, true},
        {"", 0, false},          {"EST", 0, false},     {"5", 0, false},         {"Europe/Warsaw", 0, false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_zone *zone = candles_zone_offset(slice_of(cases[i].name));

        CU_ASSERT_EQUAL(zone != NULL, cases[i].is);
        if (zone != NULL) UNIT_INT(candles_zone_at(zone, 1700000000), cases[i].seconds);
        candles_zone_free(zone);
    }
}

static void test_zone_names(void)
{
    static const struct {
        const char *name;
        bool is;
    } cases[] = {
        {"UTC", true},
        {"America/New_York", true},
        {"America/Argentina/Buenos_Aires", true},
        {"Etc/GMT+5", true},
        {"", false},
        {"/etc/passwd", false},
        {"../x", false},
        {"America/", false},
        {"a b", false},
    };

    for (size_t i = 0; i < countof(cases); i++)
        CU_ASSERT_EQUAL(candles_zone_is_name(slice_of(cases[i].name)), cases[i].is);
}

/* Against libc, wherever the machine has the database: each zone around each change of forty years. */
static void test_zone_against_libc(void)
{
    static const char *const names[] = {
        "America/New_York",  "Europe/Warsaw", "Europe/Dublin",     "Australia/Lord_Howe", "Asia/Kolkata",
        "Africa/Casablanca", "Pacific/Apia",  "America/Sao_Paulo", "Asia/Tokyo",          "UTC"};
    const char *set = getenv("TZ");
    char *before = set == NULL ? NULL : mem_strdup(set);

    for (size_t n = 0; n < countof(names); n++) {
        struct buf file = {0};
        struct error err;
        int64_t wrong = 0;

        if (!zone_bytes(names[n], &file)) continue;
        struct candles_zone *zone = candles_zone_parse(slice_of(names[n]), buf_slice(&file), &err);

        CU_ASSERT_PTR_NOT_NULL_FATAL(zone);
        setenv("TZ", names[n], 1);
        tzset();
        for (time_t t = 0; t < 2840140800; t += 10799) {
            struct tm tm;

            localtime_r(&t, &tm);
            if (candles_zone_at(zone, t) != tm.tm_gmtoff && wrong == 0) wrong = t;
        }
        UNIT_INT(wrong, 0);
        candles_zone_free(zone);
        buf_clear(&file);
    }
    if (before == NULL) {
        unsetenv("TZ");
    } else {
        setenv("TZ", before, 1);
    }
    tzset();
    free(before);
}

static void test_zone_damaged(void)
{
    static const char *const tails[] = {
        "EST",   "EST5EDT",       "EST5EDT,M13.1.0,M11.1.0", "EST5EDT,M3.2.0", "5", "<EST5", "EST5EDT,M3.6.0,M11.1.0",
        "EST25", "EST5EDT,J0,J5", "EST5EDT,M3.2.0,M11.1.0x"};
    struct error err;

    for (size_t i = 0; i < countof(tails); i++) {
        struct buf file = {0};

        zone_file(tails[i], &file);
        CU_ASSERT_PTR_NULL(candles_zone_parse(SLICE_LIT("x"), buf_slice(&file), &err));
        /* And any beginning of it. */
        for (size_t len = 0; len < file.len; len++) {
            CU_ASSERT_PTR_NULL(candles_zone_parse(SLICE_LIT("x"), (struct slice){file.data, len}, &err));
        }
        buf_clear(&file);
    }
    CU_ASSERT_PTR_NULL(candles_zone_parse(SLICE_LIT("x"), SLICE_LIT("no zone at all"), &err));
    UNIT_STR(err.message,
             "time zone x: its file is not in the format of the IANA database (TZif, without leap seconds)");
}

/* The table was made from the same version of the IANA database as the machine's files; another version may know better
 * of the past. */
static bool is_machines_version(void)
{
    const struct slice line = SLICE_LIT("# version ");
    struct buf file = {0};
    bool is_same = file_read("/usr/share/zoneinfo/tzdata.zi", 4 << 20, &file) && file.len > line.len &&
                   memcmp(file.data, line.data, line.len) == 0 &&
                   strncmp(file.data + line.len, zones_version, strlen(zones_version)) == 0 &&
                   file.data[line.len + strlen(zones_version)] == '\n';

    buf_clear(&file);
    return is_same;
}

/* The zones that the program has itself are those of the machine's files, in the years of which laws are known. */
static void test_zone_known(void)
{
    const int64_t end_s = candles_days(2025, 1, 1) * 86400;
    const bool is_same = is_machines_version();
    struct error err;
    size_t compared = 0;

    for (size_t i = 0; candles_zone_known_name(i) != NULL; i++) {
        const char *name = candles_zone_known_name(i);
        char *path = mem_printf("/usr/share/zoneinfo/%s", name);
        struct candles_zone *known = candles_zone_known(i), *there = NULL;
        struct buf file = {0};
        int64_t wrong_s = -1;

        CU_ASSERT(candles_zone_is_name(slice_of(name)));
        CU_ASSERT(i == 0 || strcmp(candles_zone_known_name(i - 1), name) < 0);
        if (is_same && file_read(path, 1 << 20, &file))
            there = candles_zone_parse(slice_of(name), buf_slice(&file), &err);
        for (int64_t time_s = 0; there != NULL && time_s < end_s && wrong_s < 0; time_s += 3 * 3600) {
            if (candles_zone_at(known, time_s) != candles_zone_at(there, time_s)) wrong_s = time_s;
        }
        UNIT_INT(wrong_s, -1);
        compared += there != NULL;
        candles_zone_free(known);
        candles_zone_free(there);
        buf_clear(&file);
        free(path);
    }
    CU_ASSERT_PTR_NULL(candles_zone_known(compared + 1000));
    if (compared == 0)
        printf("unit candles: /usr/share/zoneinfo is not of version %s, nothing to compare with\n", zones_version);
}

/* Beyond those years the rule of the table goes on. */
static void test_zone_known_later(void)
{
    size_t i = 0;

    while (strcmp(candles_zone_known_name(i), "America/New_York") != 0) i++;
    struct candles_zone *zone = candles_zone_known(i);

    UNIT_INT(candles_zone_at(zone, candles_days(2060, 3, 14) * 86400 + 7 * 3600 - 1), -18000);
    UNIT_INT(candles_zone_at(zone, candles_days(2060, 3, 14) * 86400 + 7 * 3600), -14400);
    UNIT_INT(candles_zone_at(zone, candles_days(1950, 7, 1) * 86400), -18000);
    candles_zone_free(zone);
}

static const struct unit_test tests[] = {UNIT_TEST(test_zone_resolve),      UNIT_TEST(test_zone_rules),
                                         UNIT_TEST(test_zone_offsets),      UNIT_TEST(test_zone_names),
                                         UNIT_TEST(test_zone_against_libc), UNIT_TEST(test_zone_damaged),
                                         UNIT_TEST(test_zone_known),        UNIT_TEST(test_zone_known_later)};
const struct unit_part zone_tests = UNIT_PART(tests);
