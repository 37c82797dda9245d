#include "master/supervise.h"
#include "test_master.h"

static void test_backoff_starts_at_once_then_doubles_to_its_maximum(void)
{
    UNIT_INT(supervise_backoff_ms(1, 123), 0);
    for (unsigned failures = 2; failures < 40; failures++) {
        double full = SUPERVISE_BACKOFF_MIN_MS;

        for (unsigned i = 2; i < failures; i++) full *= 2;
        if (full > (double)SUPERVISE_BACKOFF_MAX_MS) full = SUPERVISE_BACKOFF_MAX_MS;
        for (uint32_t random = 0; random < 100000; random += 777) {
            double pause = (double)supervise_backoff_ms(failures, random);

            CU_ASSERT(pause >= full * 0.75 - 1 && pause <= full * 1.25 + 1);
        }
    }
    CU_ASSERT_NOT_EQUAL(supervise_backoff_ms(9, 1), supervise_backoff_ms(9, 2));
}

static void test_crash_loop_is_five_within_a_minute(void)
{
    struct supervise_crashes crashes = {.count = 0};

    for (uint64_t i = 0; i < 20; i++) CU_ASSERT_FALSE(supervise_crashed(&crashes, 100000 + i * 16000));
    /* 64 s for five of those; with one more right behind the last, at 404,000, it is 48. */
    CU_ASSERT(supervise_crashed(&crashes, 404001));

    struct supervise_crashes fresh = {.count = 0};

    for (uint64_t i = 0; i < 4; i++) CU_ASSERT_FALSE(supervise_crashed(&fresh, 5 + i));
    CU_ASSERT(supervise_crashed(&fresh, 9));
}

static void test_as_many_may_linger_as_there_are_children(void)
{
    UNIT_INT(supervise_retired_max(0), 4);
    UNIT_INT(supervise_retired_max(1), 4);
    UNIT_INT(supervise_retired_max(4), 4);
    UNIT_INT(supervise_retired_max(64), 64);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_backoff_starts_at_once_then_doubles_to_its_maximum),
    UNIT_TEST(test_crash_loop_is_five_within_a_minute),
    UNIT_TEST(test_as_many_may_linger_as_there_are_children),
};
const struct unit_part supervise_tests = UNIT_PART(tests);
