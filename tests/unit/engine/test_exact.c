#include "engine/exact.h"
#include "test_engine.h"

static void test_exact_sums(void)
{
    struct exact sum = exact_of(1e16);

    for (int i = 0; i < 1000; i++) sum = exact_add(sum, 0.1);
    sum = exact_add(sum, -1e16);
    CU_ASSERT_DOUBLE_EQUAL(sum.high, 100, 1e-12);
    /* One rounding in all. */
    sum = exact_add(exact_of(1), 0x1p-60);
    CU_ASSERT_EQUAL(exact_plus(sum, -1), 0x1p-60);
    CU_ASSERT_EQUAL(sum.high, 1);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_exact_sums),
};
const struct unit_part exact_tests = UNIT_PART(tests);
