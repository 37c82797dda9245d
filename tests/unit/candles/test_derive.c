#include "candles/derive.h"
#include "candles/timeframe.h"
#include "test_candles.h"

static struct candles_series *hours(int64_t first, const char *present)
{
    struct candles_series *series = candles_series_new(CANDLES_HOUR_MS);

    candles_series_digits(series, 1, 2);
    for (size_t i = 0; present[i] != '\0'; i++) {
        const double price = 10 + (double)i;
        const struct candles_bar bar = {
            first + (int64_t)i * CANDLES_HOUR_MS, price, price + 5, price - 5, price + 1, 2};

        if (present[i] != '.') candles_series_add(series, &bar);
    }
    return series;
}

static void test_derive(void)
{
    static const struct {
        int first_hour;
        const char *present;
        const char *bars;
        const char *marks; /* a derived bar: its parts, c complete, o still open */
    } cases[] = {
        {0, "xxxxxxxx", "1970-01-01T00:00:00Z 10 18 5 14 8\n1970-01-01T04:00:00Z 14 22 9 18 8\n", "4c4c"},
        {2, "xxxxx", "1970-01-01T00:00:00Z 10 16 5 12 4\n1970-01-01T04:00:00Z 12 19 7 15 6\n", "23o"},
        {0, "x..x....xxx", "1970-01-01T00:00:00Z 10 18 5 14 4\n1970-01-01T08:00:00Z 18 25 13 21 6\n", "23o"},
        {-1, "xx", "1969-12-31T20:00:00Z 10 15 5 11 2\n1970-01-01T00:00:00Z 11 16 6 12 2\n", "11o"},
        {0, "", "", ""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_series *finer = hours(cases[i].first_hour * (int64_t)CANDLES_HOUR_MS, cases[i].present);
        struct error err;
        struct candles_derived *derived = candles_derive(candles_series_view(finer), 4 * CANDLES_HOUR_MS, &err);
        struct buf bars = {0}, marks = {0};

        CU_ASSERT_PTR_NOT_NULL_FATAL(derived);
        const struct candles *view = candles_derived_view(derived);
        size_t index;

        CU_ASSERT(candles_check(view, &index));
        CU_ASSERT(view->tick == 0.1 && view->lot == 0.01 && view->price_digits == 1);
        bars_print(view, &bars);
        UNIT_STR(buf_cstr(&bars), cases[i].bars);
        for (size_t j = 0; j < view->count; j++) {
            buf_printf(&marks, "%u%s%s", candles_derived_parts(derived, j),
                       candles_derived_is_complete(derived, j) ? "c" : "",
                       candles_derived_is_closed(derived, j) ? "" : "o");
        }
        UNIT_STR(buf_cstr(&marks), cases[i].marks);
        candles_derived_free(derived);
        candles_series_free(finer);
        buf_clear(&bars);
        buf_clear(&marks);
    }
}

static void test_derive_refused(void)
{
    struct candles_series *finer = hours(0, "xx");
    struct error err;

    CU_ASSERT_PTR_NULL(candles_derive(candles_series_view(finer), 15 * CANDLES_MINUTE_MS, &err));
    UNIT_STR(err.message, "bars of 15m cannot be made from bars of 1h: the timeframe is not a multiple");
    CU_ASSERT_PTR_NULL(candles_derive(candles_series_view(finer), CANDLES_HOUR_MS + 1, &err));
    candles_series_free(finer);
}

/* By way of another timeframe it is the same. */
static void test_derive_steps(void)
{
    struct candles_series *finer = candles_series_new(CANDLES_MINUTE_MS);
    uint64_t state = 11;
    struct error err;
    struct buf straight = {0}, around = {0};

    for (int64_t minute = 0; minute < 20000; minute++) {
        const double price = 100 + (double)(noise(&state) % 50);
        const struct candles_bar bar = {minute * CANDLES_MINUTE_MS, price, price + 2, price - 2, price + 1, 1};

        if (noise(&state) % 3 != 0) candles_series_add(finer, &bar);
    }
    struct candles_derived *hour = candles_derive(candles_series_view(finer), CANDLES_HOUR_MS, &err);
    struct candles_derived *week = candles_derive(candles_series_view(finer), CANDLES_WEEK_MS, &err);
    struct candles_derived *by_hour = candles_derive(candles_derived_view(hour), CANDLES_WEEK_MS, &err);

    bars_print(candles_derived_view(week), &straight);
    bars_print(candles_derived_view(by_hour), &around);
    UNIT_STR(buf_cstr(&around), buf_cstr(&straight));
    candles_derived_free(hour);
    candles_derived_free(week);
    candles_derived_free(by_hour);
    candles_series_free(finer);
    buf_clear(&straight);
    buf_clear(&around);
}

/* In pieces of any size it is the same. */
static void test_derive_in_pieces(void)
{
    struct candles_series *finer = hours(0, "xx.xxxx.....xxxxxxxx..x");
    const struct candles *view = candles_series_view(finer);
    struct error err;
    struct candles_derived *whole = candles_derive(view, 4 * CANDLES_HOUR_MS, &err);
    struct buf expected = {0}, found = {0};

    bars_print(candles_derived_view(whole), &expected);
    for (size_t piece = 1; piece <= view->count; piece++) {
        struct candles_derived *derived = candles_derive_begin(view, 4 * CANDLES_HOUR_MS, &err);

        CU_ASSERT_PTR_NOT_NULL_FATAL(derived);
        for (size_t at = 0; at < view->count; at += piece) candles_derive_add(derived, view, at, piece);
        candles_derive_end(derived, view);
        buf_reset(&found);
        bars_print(candles_derived_view(derived), &found);
        UNIT_STR(buf_cstr(&found), buf_cstr(&expected));
        for (size_t i = 0; i < candles_derived_view(derived)->count; i++) {
            UNIT_INT(candles_derived_parts(derived, i), candles_derived_parts(whole, i));
            UNIT_INT(candles_derived_is_closed(derived, i), candles_derived_is_closed(whole, i));
        }
        candles_derived_free(derived);
    }
    candles_derived_free(whole);
    candles_series_free(finer);
    buf_clear(&expected);
    buf_clear(&found);
}

static void test_derives(void)
{
    CU_ASSERT(candles_derives(CANDLES_MINUTE_MS, CANDLES_HOUR_MS));
    CU_ASSERT(candles_derives(CANDLES_DAY_MS, CANDLES_WEEK_MS));
    CU_ASSERT(candles_derives(CANDLES_HOUR_MS, CANDLES_HOUR_MS));
    CU_ASSERT(!candles_derives(CANDLES_HOUR_MS, CANDLES_MINUTE_MS));
    CU_ASSERT(!candles_derives(2 * CANDLES_MINUTE_MS, 5 * CANDLES_MINUTE_MS));
    CU_ASSERT(!candles_derives(CANDLES_WEEK_MS, 2 * (int64_t)CANDLES_WEEK_MS + 1));
}

/* 0.1 + 0.2 + 0.3 of doubles is another number. */
static void test_derive_volume(void)
{
    static const double volumes[] = {0.1, 0.2, 0.3, 0, 704.4, 704.6};
    struct candles_series *finer = candles_series_new(CANDLES_HOUR_MS);
    struct error err;

    candles_series_digits(finer, 1, 1);
    for (size_t i = 0; i < countof(volumes); i++) {
        candles_series_add(finer, &(struct candles_bar){(int64_t)i * CANDLES_HOUR_MS, 1, 1, 1, 1, volumes[i]});
    }
    struct candles_derived *derived = candles_derive(candles_series_view(finer), 4 * CANDLES_HOUR_MS, &err);
    const struct candles *view = candles_derived_view(derived);

    CU_ASSERT_FATAL(view->count == 2);
    CU_ASSERT(view->volume[0] == 0.6);
    CU_ASSERT(view->volume[1] == 1409);
    candles_derived_free(derived);
    candles_series_free(finer);
}

static const struct unit_test tests[] = {UNIT_TEST(test_derive),           UNIT_TEST(test_derive_volume),
                                         UNIT_TEST(test_derive_refused),   UNIT_TEST(test_derive_steps),
                                         UNIT_TEST(test_derive_in_pieces), UNIT_TEST(test_derives)};
const struct unit_part derive_tests = UNIT_PART(tests);
