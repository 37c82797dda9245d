#include "base/random.h"
#include "test_base.h"

static void test_random_keeps_its_bounds(void)
{
    bool seen[3] = {false};

    UNIT_INT(random_between(7, 7), 7);
    UNIT_INT(random_between(0, 0), 0);
    CU_ASSERT_EQUAL(random_between(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    (void)random_between(0, UINT64_MAX); /* must not divide by a count of 0 */
    /* That one of three does not come in 1,000 draws has a chance of 1 in 10^175. */
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = random_between(5, 7);

        CU_ASSERT_FATAL(drawn >= 5 && drawn <= 7);
        seen[drawn - 5] = true;
    }
    CU_ASSERT_TRUE(seen[0] && seen[1] && seen[2]);
}

static void test_random_is_not_the_same_twice(void)
{
    CU_ASSERT_NOT_EQUAL(random_u64(), random_u64());
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_random_keeps_its_bounds),
    UNIT_TEST(test_random_is_not_the_same_twice),
};
const struct unit_part random_tests = UNIT_PART(tests);
