#include "web/damage.h"

#include <string.h>

#include "test_web.h"

enum { NOW = 5000 };

static void test_each_chunk_is_told_once_an_hour(void)
{
    struct damage damage = {0};
    const struct slice one = SLICE_LIT("X"), other = SLICE_LIT("X1");

    CU_ASSERT(damage_is_news(&damage, one, "1m", 5, NOW));
    CU_ASSERT(!damage_is_news(&damage, one, "1m", 5, NOW + 1));
    CU_ASSERT(damage_is_news(&damage, one, "1m", 6, NOW + 1));
    CU_ASSERT(damage_is_news(&damage, one, "1h", 5, NOW + 1));
    CU_ASSERT(damage_is_news(&damage, other, "m", 5, NOW + 1));
    CU_ASSERT(damage_is_news(&damage, one, "1m", -5, NOW + 1));
    CU_ASSERT(!damage_is_news(&damage, one, "1m", 5, NOW + DAMAGE_AGAIN_MS - 1));
    CU_ASSERT(damage_is_news(&damage, one, "1m", 5, NOW + DAMAGE_AGAIN_MS));
    CU_ASSERT(!damage_is_news(&damage, one, "1m", 5, NOW + DAMAGE_AGAIN_MS + 1));
}

static void test_very_many_are_told_one_by_one(void)
{
    struct damage damage = {0};
    unsigned told = 0;

    for (int64_t address = 0; address < 1000; address++) {
        told += damage_is_news(&damage, SLICE_LIT("X"), "1m", address, NOW) ? 1 : 0;
    }
    UNIT_INT(told, DAMAGE_CHUNKS);
    CU_ASSERT(!damage_is_news(&damage, SLICE_LIT("X"), "1m", 999, NOW + DAMAGE_PAUSE_MS - 1));
    CU_ASSERT(damage_is_news(&damage, SLICE_LIT("X"), "1m", 999, NOW + DAMAGE_PAUSE_MS));
    CU_ASSERT(!damage_is_news(&damage, SLICE_LIT("X"), "1m", 999, NOW + DAMAGE_PAUSE_MS));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_chunk_is_told_once_an_hour),
    UNIT_TEST(test_very_many_are_told_one_by_one),
};
const struct unit_part damage_tests = UNIT_PART(tests);
