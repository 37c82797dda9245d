#include "api/market.h"
#include "candles/format.h"
#include "test_api.h"

/* The document's list is the table that reads them. */
static void test_the_formats_are_those_of_candles(void)
{
    unsigned i = 0;

    for (; market_formats[i] != NULL; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(candles_format_at(i));
        UNIT_STR(market_formats[i], candles_format_at(i)->name);
    }
    CU_ASSERT_PTR_NULL(candles_format_at(i));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_the_formats_are_those_of_candles),
};
const struct unit_part candles_import_tests = UNIT_PART(tests);
