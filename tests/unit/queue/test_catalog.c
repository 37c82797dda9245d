#include "queue/catalog.h"

#include "test_queue.h"

enum { HOUR = 60 * MINUTE };

static const struct catalog stored = {.items = {{1, MINUTE, 0, 599 * MINUTE},
                                                {2, 15 * MINUTE, 0, 900 * MINUTE},
                                                {3, 4 * (int64_t)HOUR, 0, 96 * (int64_t)HOUR}},
                                      .count = 3};

static void test_catalog_choose(void)
{
    static const struct {
        size_t skipped; /* series of those above */
        int64_t timeframe_ms;
        bool wants_detail;
        int64_t source, detail; /* their ids; 0: none */
        bool is_derived;
        int64_t to_ms, bars_end_ms;
    } cases[] = {
        {0, MINUTE, false, 1, 0, false, 130 * MINUTE, 130 * MINUTE},
        {0, 15 * MINUTE, false, 2, 0, false, 130 * MINUTE, 135 * MINUTE},
        {0, 15 * MINUTE, true, 2, 1, false, 130 * MINUTE, 135 * MINUTE},
        {0, 4 * (int64_t)HOUR, true, 3, 1, false, 130 * MINUTE, 240 * MINUTE},
        {1, 4 * (int64_t)HOUR, true, 3, 2, false, 130 * MINUTE, 240 * MINUTE},
        {2, 4 * (int64_t)HOUR, true, 3, 0, false, 130 * MINUTE, 240 * MINUTE},
        {0, HOUR, true, 1, 0, true, 180 * MINUTE, 180 * MINUTE},
        {1, HOUR, false, 2, 0, true, 180 * MINUTE, 180 * MINUTE},
        {1, 10 * MINUTE, true, 0, 0, false, 130 * MINUTE, 130 * MINUTE},
        {2, HOUR, false, 0, 0, false, 130 * MINUTE, 180 * MINUTE},
        {3, HOUR, false, 0, 0, false, 130 * MINUTE, 180 * MINUTE},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct load_request request = {.timeframe_ms = cases[i].timeframe_ms,
                                             .start_ms = 10 * MINUTE,
                                             .end_ms = 130 * MINUTE,
                                             .detail = cases[i].wants_detail};
        struct catalog catalog = {.count = stored.count - cases[i].skipped};
        struct catalog_choice choice;

        memcpy(catalog.items, stored.items + cases[i].skipped, catalog.count * sizeof(catalog.items[0]));
        catalog_choose(&catalog, &request, &choice);
        UNIT_INT(choice.source == NULL ? 0 : choice.source->id, cases[i].source);
        UNIT_INT(choice.detail == NULL ? 0 : choice.detail->id, cases[i].detail);
        UNIT_INT(choice.is_derived, cases[i].is_derived);
        UNIT_INT(choice.from_ms, 10 * MINUTE);
        UNIT_INT(choice.to_ms, cases[i].to_ms);
        UNIT_INT(choice.bars_end_ms, cases[i].bars_end_ms);
    }
}

static void test_catalog_explain(void)
{
    static const struct {
        size_t count;
        int64_t timeframe_ms;
        const char *text;
    } cases[] = {
        {0, HOUR, "there are no candles of DEMO:X; import some first"},
        {1, 15 * MINUTE,
         "there are no candles of DEMO:X in 15m (made from those in 1m) that open from 1970-01-01T00:10:00Z to "
         "1970-01-01T02:10:00Z; there are 1m from 1970-01-01T00:00:00Z to 1970-01-01T09:59:00Z"},
        {2, 15 * MINUTE,
         "there are no candles of DEMO:X in 15m that open from 1970-01-01T00:10:00Z to 1970-01-01T02:10:00Z; there are "
         "1m from 1970-01-01T00:00:00Z to 1970-01-01T09:59:00Z, 15m from 1970-01-01T00:00:00Z to 1970-01-01T15:00:00Z"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct load_request request = {.symbol = SLICE_LIT("DEMO:X"),
                                             .timeframe_ms = cases[i].timeframe_ms,
                                             .start_ms = 10 * MINUTE,
                                             .end_ms = 130 * MINUTE};
        struct catalog catalog = stored;
        struct catalog_choice choice;
        struct buf text = {0};

        catalog.count = cases[i].count;
        catalog_choose(&catalog, &request, &choice);
        catalog_explain(&catalog, &choice, &request, &text);
        UNIT_STR(buf_cstr(&text), cases[i].text);
        buf_clear(&text);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_catalog_choose), UNIT_TEST(test_catalog_explain)};
const struct unit_part catalog_tests = UNIT_PART(tests);
