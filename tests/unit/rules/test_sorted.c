#include "rules/sorted.h"
#include "test_rules.h"

static void test_sorted_window(void)
{
    double items[8];
    struct sorted s = {items, 0};

    CU_ASSERT_EQUAL(sorted_below(&s, 1), 0);
    UNIT_INT(sorted_add(&s, 3), 0);
    UNIT_INT(sorted_add(&s, 1), 1);
    UNIT_INT(sorted_add(&s, 2), 1);
    UNIT_INT(sorted_add(&s, 2), 2);
    UNIT_INT(s.count, 4);
    UNIT_INT(sorted_below(&s, 2), 1);
    UNIT_INT(sorted_up_to(&s, 2), 3);
    UNIT_INT(sorted_up_to(&s, 9), 4);
    UNIT_INT(sorted_remove(&s, 2), 2);
    UNIT_INT(sorted_remove(&s, 3), 0);
    CU_ASSERT_EQUAL(items[0], 1);
    CU_ASSERT_EQUAL(items[1], 2);
    UNIT_INT(s.count, 2);
}

static const struct unit_test tests[] = {UNIT_TEST(test_sorted_window)};
const struct unit_part sorted_tests = UNIT_PART(tests);
