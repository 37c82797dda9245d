#include "candles/sum.h"

#include <math.h>

#include "test_candles.h"

static double sum_of(const double *values, size_t count, int digits)
{
    struct candles_sum sum;

    candles_sum_begin(&sum, digits);
    for (size_t i = 0; i < count; i++) candles_sum_add(&sum, values[i]);
    return candles_sum_end(&sum);
}

static void test_sums_of_decimals_are_decimals(void)
{
    static const double tenths[] = {0.1, 0.2, 0.3, 0.1, 0.2, 0.3}, prices[] = {704.4, 704.6, 0.07, 1409.1};
    static const double large[] = {9007199254740991.0, 1, 1};

    CU_ASSERT(sum_of(NULL, 0, 8) == 0);
    for (int digits = 1; digits <= 12; digits++) CU_ASSERT(sum_of(tenths, countof(tenths), digits) == 1.2);
    for (int digits = 2; digits <= 11; digits++) CU_ASSERT(sum_of(prices, countof(prices), digits) == 2818.17);
    /* Fewer digits than they have, or more than can be counted. */
    CU_ASSERT(fabs(sum_of(tenths, countof(tenths), 0) - 1.2) < 1e-15);
    CU_ASSERT(sum_of(large, countof(large), 8) == 9007199254740993.0);
}

/* Derived candles are kept under what they were made from, whatever decimals later bars have brought. */
static void test_what_is_allowed_for_changes_nothing(void)
{
    static const double values[] = {412345.67, 999999.99, 123456.01, 7e5, 0.5, 987654.32, 3e6};

    for (int digits = 2; digits <= 22; digits++) {
        CU_ASSERT(sum_of(values, countof(values), digits) == 6223456.49);
    }
}

/* A million times what a double cannot keep. */
static void test_sums_do_not_drift(void)
{
    struct candles_sum exact, other;

    candles_sum_begin(&exact, 3);
    candles_sum_begin(&other, 2);
    for (unsigned i = 0; i < 1000000; i++) {
        candles_sum_add(&exact, 0.001);
        candles_sum_add(&other, 0.001);
    }
    CU_ASSERT(candles_sum_end(&exact) == 1000);
    CU_ASSERT(fabs(candles_sum_end(&other) - 1000) < 1e-12);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_sums_of_decimals_are_decimals),
    UNIT_TEST(test_what_is_allowed_for_changes_nothing),
    UNIT_TEST(test_sums_do_not_drift),
};
const struct unit_part sum_tests = UNIT_PART(tests);
