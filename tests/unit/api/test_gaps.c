/* A page of the gaps of a series: what is added, where it ends, and where the next one begins. */
#include "api/market.h"
#include "candles/timeframe.h"
#include "test_api.h"

#define HOUR ((int64_t)CANDLES_HOUR_MS)
#define DAY ((int64_t)CANDLES_DAY_MS)
/* 2024-01-01, a Monday; the 5th is a Friday. */
#define MONDAY INT64_C(1704067200000)

enum { ITEMS_MAX = 8 };

static struct candles bars_of(int64_t *times, size_t count, int64_t timeframe_ms)
{
    return (struct candles){.count = count, .time_ms = times, .timeframe_ms = timeframe_ms};
}

static void check_gap(const struct candles_gap *gap, int64_t first_ms, int64_t last_ms, int64_t bars)
{
    UNIT_INT(gap->first_ms, first_ms);
    UNIT_INT(gap->last_ms, last_ms);
    UNIT_INT(gap->bars, bars);
}

static void test_none(void)
{
    struct candles_gap items[ITEMS_MAX] = {{0}};
    struct market_gaps gaps = {.timeframe_ms = HOUR, .start_ms = INT64_MIN, .limit = ITEMS_MAX - 1, .items = items};
    int64_t times[] = {MONDAY, MONDAY + HOUR, MONDAY + 2 * HOUR};

    for (size_t count = 0; count <= countof(times); count++) {
        const struct candles bars = bars_of(times, count, HOUR);

        market_gaps_add(&gaps, &bars);
    }
    market_gaps_end(&gaps, INT64_MAX);
    UNIT_INT(gaps.count, 0);
    CU_ASSERT(gaps.next_ms == INT64_MAX);
}

/* Between the first two bars, and the last two; of one bar, and of many. */
static void test_first_and_last(void)
{
    struct candles_gap items[ITEMS_MAX] = {{0}};
    struct market_gaps gaps = {.timeframe_ms = HOUR, .start_ms = INT64_MIN, .limit = ITEMS_MAX - 1, .items = items};
    int64_t times[] = {MONDAY, MONDAY + 2 * HOUR, MONDAY + 3 * HOUR, MONDAY + 10 * HOUR};
    const struct candles bars = bars_of(times, countof(times), HOUR);

    market_gaps_add(&gaps, &bars);
    market_gaps_end(&gaps, INT64_MAX);
    UNIT_INT(gaps.count, 2);
    check_gap(&items[0], MONDAY + HOUR, MONDAY + HOUR, 1);
    check_gap(&items[1], MONDAY + 4 * HOUR, MONDAY + 9 * HOUR, 6);
    CU_ASSERT(gaps.next_ms == INT64_MAX);
}

/* Over the end of a month, of a leap day's, and of a year. */
static void test_edges_of_the_calendar(void)
{
    static const struct {
        int64_t before_ms, behind_ms, first_ms, last_ms, bars;
    } rows[] = {
        {MONDAY - 2 * DAY, MONDAY + DAY, MONDAY - DAY, MONDAY, 2},                       /* New Year */
        {MONDAY + 58 * DAY, MONDAY + 60 * DAY, MONDAY + 59 * DAY, MONDAY + 59 * DAY, 1}, /* 29th of February */
        {MONDAY + 89 * DAY, MONDAY + 92 * DAY, MONDAY + 90 * DAY, MONDAY + 91 * DAY, 2}, /* 31st of March */
        {-2 * DAY, DAY, -DAY, 0, 2},                                                     /* the epoch */
        {CANDLES_TIME_MIN_MS, CANDLES_TIME_MIN_MS + 3 * DAY, CANDLES_TIME_MIN_MS + DAY, CANDLES_TIME_MIN_MS + 2 * DAY,
         2},
    };

    for (size_t i = 0; i < countof(rows); i++) {
        struct candles_gap items[ITEMS_MAX] = {{0}};
        struct market_gaps gaps = {.timeframe_ms = DAY, .start_ms = INT64_MIN, .limit = ITEMS_MAX - 1, .items = items};
        int64_t times[] = {rows[i].before_ms, rows[i].behind_ms};
        const struct candles bars = bars_of(times, countof(times), DAY);

        market_gaps_add(&gaps, &bars);
        UNIT_INT(gaps.count, 1);
        check_gap(&items[0], rows[i].first_ms, rows[i].last_ms, rows[i].bars);
    }
}

/* From Friday to Monday nothing is missing where the market rests; what is missing before or behind the weekend has no
 * part of it. */
static void test_weekends(void)
{
    static const struct {
        bool rests;
        int64_t from, to; /* days from the Monday on */
        size_t count;
        int64_t first, last, bars;
    } rows[] = {{true, 4, 7, 0, 0, 0, 0}, {false, 4, 7, 1, 5, 6, 2},  {true, 3, 7, 1, 4, 4, 1},
                {true, 4, 8, 1, 7, 7, 1}, {true, 3, 8, 1, 4, 7, 2},   {false, 3, 8, 1, 4, 7, 4},
                {true, 1, 3, 1, 2, 2, 1}, {true, 4, 14, 1, 7, 11, 5}, {false, 4, 14, 1, 5, 13, 9}};

    for (size_t i = 0; i < countof(rows); i++) {
        struct candles_gap items[ITEMS_MAX] = {{0}};
        struct market_gaps gaps = {
            .timeframe_ms = DAY, .start_ms = INT64_MIN, .rests = rows[i].rests, .limit = ITEMS_MAX - 1, .items = items};
        int64_t times[] = {MONDAY + rows[i].from * DAY, MONDAY + rows[i].to * DAY};
        const struct candles bars = bars_of(times, countof(times), DAY);

        market_gaps_add(&gaps, &bars);
        UNIT_INT(gaps.count, rows[i].count);
        if (gaps.count == 1)
            check_gap(&items[0], MONDAY + rows[i].first * DAY, MONDAY + rows[i].last * DAY, rows[i].bars);
    }
}

/* One that begins before the start was on the page before. */
static void test_start(void)
{
    int64_t times[] = {MONDAY, MONDAY + 3 * HOUR, MONDAY + 6 * HOUR};
    const struct candles bars = bars_of(times, countof(times), HOUR);

    for (int64_t start = 0; start < 7; start++) {
        struct candles_gap items[ITEMS_MAX] = {{0}};
        struct market_gaps gaps = {
            .timeframe_ms = HOUR, .start_ms = MONDAY + start * HOUR, .limit = ITEMS_MAX - 1, .items = items};

        market_gaps_add(&gaps, &bars);
        UNIT_INT(gaps.count, start <= 1 ? 2 : start <= 4 ? 1 : 0);
        if (gaps.count > 0) UNIT_INT(items[gaps.count - 1].first_ms, MONDAY + 4 * HOUR);
    }
}

/* Page after page, of any size, and from chunk to chunk: each gap comes once. */
static void test_pages(void)
{
    enum { BARS = 21, CHUNK = 5 };
    int64_t times[BARS];

    for (int64_t i = 0; i < BARS; i++) times[i] = MONDAY + (i + i / 2 + i / 3) * HOUR;
    for (size_t limit = 1; limit < ITEMS_MAX; limit++) {
        int64_t start_ms = INT64_MIN, before_ms = INT64_MIN, bars_missing = 0;
        size_t pages = 0, count = 0;

        while (start_ms != INT64_MAX && pages++ < BARS) {
            struct candles_gap items[ITEMS_MAX] = {{0}};
            struct market_gaps gaps = {.timeframe_ms = HOUR, .start_ms = start_ms, .limit = limit, .items = items};

            for (size_t from = 0; from < BARS; from += CHUNK - 1) {
                const size_t most = BARS - from < CHUNK ? BARS - from : CHUNK;
                const struct candles bars = bars_of(times + from, most, HOUR);

                market_gaps_add(&gaps, &bars);
                CU_ASSERT_FATAL(gaps.count <= limit + 1);
            }
            market_gaps_end(&gaps, INT64_MAX);
            CU_ASSERT(gaps.count <= limit);
            for (size_t i = 0; i < gaps.count; i++) {
                CU_ASSERT(items[i].first_ms > before_ms);
                before_ms = items[i].last_ms;
                bars_missing += items[i].bars;
            }
            count += gaps.count;
            start_ms = gaps.next_ms;
        }
        UNIT_INT(bars_missing, (times[BARS - 1] - times[0]) / HOUR - (BARS - 1));
        UNIT_INT(count, 13);
        UNIT_INT(pages, (count + limit - 1) / limit);
    }
}

/* Chunks follow that were not read: the next page begins behind those that were, even if nothing was found in them; but
 * with the one gap too many if there is one. */
static void test_more_chunks(void)
{
    struct candles_gap items[ITEMS_MAX] = {{0}};
    struct market_gaps gaps = {.timeframe_ms = HOUR, .start_ms = INT64_MIN, .limit = 1, .items = items};
    int64_t times[] = {MONDAY, MONDAY + 2 * HOUR, MONDAY + 4 * HOUR};
    const struct candles bars = bars_of(times, countof(times), HOUR);

    market_gaps_end(&gaps, MONDAY);
    UNIT_INT(gaps.next_ms, MONDAY + HOUR);
    market_gaps_add(&gaps, &(struct candles){.count = 2, .time_ms = times, .timeframe_ms = HOUR});
    market_gaps_end(&gaps, MONDAY + 2 * HOUR);
    UNIT_INT(gaps.count, 1);
    UNIT_INT(gaps.next_ms, MONDAY + 3 * HOUR);
    gaps.count = 0;
    market_gaps_add(&gaps, &bars);
    UNIT_INT(gaps.count, 2);
    market_gaps_end(&gaps, MONDAY + 9 * HOUR);
    UNIT_INT(gaps.count, 1);
    UNIT_INT(gaps.next_ms, MONDAY + 3 * HOUR);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_none),        UNIT_TEST(test_first_and_last), UNIT_TEST(test_edges_of_the_calendar),
    UNIT_TEST(test_weekends),    UNIT_TEST(test_start),          UNIT_TEST(test_pages),
    UNIT_TEST(test_more_chunks),
};
const struct unit_part gaps_tests = UNIT_PART(tests);
