#include <math.h>

#include "candles/series.h"
#include "candles/timeframe.h"
#include "test_candles.h"

static void test_series_bars(void)
{
    static const int days[] = {0, 1, 4, 5, 9};
    struct candles_series *series = candles_series_new(CANDLES_DAY_MS);
    const struct candles *view = candles_series_view(series);
    struct candles_gap gaps[1];
    int64_t missing;
    size_t index;

    UNIT_INT(view->count, 0);
    CU_ASSERT(candles_check(view, &index));
    UNIT_INT(candles_find(view, 0), 0);
    for (size_t i = 0; i < countof(days); i++) {
        const struct candles_bar bar = {days[i] * (int64_t)CANDLES_DAY_MS, 1, 2, 1, 2, (double)i};

        candles_series_add(series, &bar);
    }
    UNIT_INT(view->count, countof(days));
    CU_ASSERT(candles_check(view, &index));
    UNIT_INT(candles_gaps(view, gaps, countof(gaps), &missing), 2);
    UNIT_INT(missing, 5);
    UNIT_INT(gaps[0].bars, 2);
    UNIT_INT(gaps[0].first_ms, 2 * (int64_t)CANDLES_DAY_MS);
    UNIT_INT(gaps[0].last_ms, 3 * (int64_t)CANDLES_DAY_MS);
    UNIT_INT(candles_find(view, -1), 0);
    UNIT_INT(candles_find(view, 2 * (int64_t)CANDLES_DAY_MS), 2);
    UNIT_INT(candles_find(view, 4 * (int64_t)CANDLES_DAY_MS), 2);
    UNIT_INT(candles_find(view, 10 * (int64_t)CANDLES_DAY_MS), 5);
    const struct candles part = candles_view(view, 3, 100);

    UNIT_INT(part.count, 2);
    CU_ASSERT(candles_bar_at(&part, 1).volume == 4);
    UNIT_INT(candles_view(view, 100, 1).count, 0);
    candles_series_digits(series, 2, 3);
    CU_ASSERT(view->tick == 0.01 && view->lot == 0.001 && view->price_digits == 2);
    candles_series_free(series);
    candles_series_free(NULL);
}

/* Three weeks of workdays from Monday 2024-01-01 on, without Wednesday the 10th, and Friday the 19th to Monday the
 * 22nd.
 */
static void test_series_weekends(void)
{
    const int64_t first_ms = INT64_C(1704067200000), day_ms = CANDLES_DAY_MS;
    struct candles_series *series = candles_series_new(CANDLES_DAY_MS);
    const struct candles *view = candles_series_view(series);
    struct candles_gap gaps[4];
    int64_t missing;

    for (int day = 0; day < 26; day++) {
        const struct candles_bar bar = {first_ms + day * day_ms, 1, 2, 1, 2, 0};

        if (day % 7 > 4 || day == 9 || (day >= 18 && day <= 21)) continue;
        candles_series_add(series, &bar);
    }
    CU_ASSERT(candles_is_weekend(first_ms + 5 * day_ms) && candles_is_weekend(first_ms + 7 * day_ms - 1));
    CU_ASSERT(!candles_is_weekend(first_ms + 5 * day_ms - 1) && !candles_is_weekend(first_ms - 3 * day_ms));
    CU_ASSERT(candles_rests_at_weekends(view));
    UNIT_INT(candles_gaps(view, gaps, countof(gaps), &missing), 2);
    UNIT_INT(missing, 3);
    CU_ASSERT(gaps[0].first_ms == first_ms + 9 * day_ms && gaps[0].last_ms == gaps[0].first_ms && gaps[0].bars == 1);
    UNIT_INT(gaps[1].first_ms, first_ms + 18 * day_ms);
    UNIT_INT(gaps[1].last_ms, first_ms + 21 * day_ms);
    UNIT_INT(gaps[1].bars, 2);
    /* Less than ten days tell nothing, and one bar on a weekend tells that it is open. */
    const struct candles few = candles_view(view, 0, 8);

    CU_ASSERT(!candles_rests_at_weekends(&few));
    const struct candles_bar sunday = {first_ms + 27 * day_ms, 1, 2, 1, 2, 0};

    candles_series_add(series, &sunday);
    CU_ASSERT(!candles_rests_at_weekends(view));
    UNIT_INT(candles_gaps(view, gaps, countof(gaps), &missing), 5);
    UNIT_INT(missing, 1 + 2 + 2 + 4 + 1);
    candles_series_free(series);
}

static void test_series_checks(void)
{
    static const struct {
        struct candles_bar bar;
        bool is_sound;
    } cases[] = {
        {{0, 1, 1, 1, 1, 0}, true},
        {{0, 1, 2, 0.5, 1, 0}, true},
        {{0, 0, 1, 0, 1, 0}, false},
        {{0, 1, 2, 1.5, 2, 0}, false},
        {{0, 2, 1.5, 1, 1, 0}, false},
        {{0, 1, INFINITY, 1, 1, 0}, false},
        {{0, NAN, 1, 1, 1, 0}, false},
        {{0, 1, 1, 1, 1, -1}, false},
        {{0, 1, 1, 1, 1, NAN}, false},
        {{0, 1, 1, 1, 1, INFINITY}, false},
        {{0, 1, 1, 2, 1, 0}, false},
        {{1, 1, 1, 1, 1, 0}, false},
        {{-86400000, 1, 1, 1, 1, 0}, true},
        {{CANDLES_TIME_MAX_MS, 1, 1, 1, 1, 0}, true},
        {{CANDLES_TIME_MAX_MS + 86400000, 1, 1, 1, 1, 0}, false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_bar *bar = &cases[i].bar;
        const struct candles one = {
            1, &bar->time_ms, &bar->open, &bar->high, &bar->low, &bar->close, &bar->volume, CANDLES_DAY_MS, 1, 1, 0};
        size_t index;

        CU_ASSERT_EQUAL(candles_check(&one, &index), cases[i].is_sound);
        if (cases[i].is_sound) CU_ASSERT_PTR_NULL(candles_bar_fault(bar));
    }
    const int64_t times[] = {CANDLES_DAY_MS, 0};
    const double ones[] = {1, 1};
    const struct candles backward = {2, times, ones, ones, ones, ones, ones, CANDLES_DAY_MS, 1, 1, 0};
    size_t index;

    CU_ASSERT_FALSE(candles_check(&backward, &index));
    UNIT_INT(index, 1);
}

static void test_series_steps(void)
{
    static const struct {
        double step;
        int digits;
    } cases[] = {{1, 0}, {0.01, 2}, {0.25, 2}, {0.5, 1}, {1e-8, 8}, {10, 0}, {1e-12, 12}, {1e-15, 12}};

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(candles_step_digits(cases[i].step), cases[i].digits);
}

static const struct unit_test tests[] = {UNIT_TEST(test_series_bars), UNIT_TEST(test_series_weekends),
                                         UNIT_TEST(test_series_checks), UNIT_TEST(test_series_steps)};
const struct unit_part series_tests = UNIT_PART(tests);
