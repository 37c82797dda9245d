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

static const struct unit_test tests[] = {
    UNIT_TEST(test_constraints),
};
const struct unit_part result_tests = UNIT_PART(tests);
