#include <string.h>

#include "rig.h"

static void test_constraints(void)
{
    char long_name[128];
    struct rig rig;
    struct answer a = {0};

    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", long_name));
    UNIT_INT(a.outcome, DB_CHECK);
    UNIT_STR(a.constraint, "item_name_short");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", NULL));
    UNIT_INT(a.outcome, DB_CHECK);
    UNIT_STR(a.sqlstate, "23502");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert_child, "77", NULL));
    UNIT_INT(a.outcome, DB_FOREIGN_KEY);
    UNIT_STR(a.constraint, "child_item");
    CU_ASSERT(strstr(a.message, "violates foreign key") != NULL);
    rig_close(&rig);
}

/* The memory of a row that is too large goes with its session; nobody else's query does. */
static void test_a_row_that_is_too_large_fails_alone(void)
{
    struct rig rig;
    struct answer fits = {0}, large = {0}, beside = {0}, later = {0};
    struct answer *const all[] = {&fits, &large, &beside};

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &fits, &st_big, "1000000", NULL));
    UNIT_INT(fits.outcome, DB_OK);
    CU_ASSERT(db_memory(rig.db) < 8U * 1024 * 1024);
    UNIT_INT(rig_submit(&rig, &large, &st_big, "40000000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &beside, &st_int, "7", NULL), DB_OK);
    for (size_t i = 1; i < countof(all); i++) CU_ASSERT(rig_until_answered(&rig, all[i], 1));
    UNIT_INT(large.outcome, DB_FAULT);
    UNIT_INT(large.rows, 0);
    CU_ASSERT(strstr(large.message, "32 MiB") != NULL);
    UNIT_INT(beside.outcome, DB_OK);
    UNIT_STR(beside.value, "7");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &later, &st_int, "8", NULL));
    UNIT_STR(later.value, "8");
    CU_ASSERT(db_memory(rig.db) < 8U * 1024 * 1024);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_constraints),
    UNIT_TEST(test_a_row_that_is_too_large_fails_alone),
};
const struct unit_part result_tests = UNIT_PART(tests);
