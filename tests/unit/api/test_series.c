#include "api/market.h"
#include "candles/timeframe.h"
#include "test_api.h"

/* The document's list is the table that parses them. */
static void test_the_timeframes_are_those_of_candles(void)
{
    unsigned i = 0;

    for (; market_timeframes[i] != NULL; i++)
        UNIT_STR(market_timeframes[i], candles_timeframe_name(candles_timeframe_at(i)));
    UNIT_INT(candles_timeframe_at(i), 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_the_timeframes_are_those_of_candles),
};
const struct unit_part series_tests = UNIT_PART(tests);
