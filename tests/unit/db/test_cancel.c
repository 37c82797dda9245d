#include "rig.h"

static void test_cancel(void)
{
    struct answer a[2] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    db_cancel_running(rig.db); /* nothing runs */
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "15000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_int, "1", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    db_cancel_running(rig.db);
    CU_ASSERT(rig_until_answered(&rig, a, 2));
    UNIT_INT(a[0].outcome, DB_TIMEOUT);
    UNIT_INT(a[1].outcome, DB_OK);
    UNIT_INT(rig.state, DB_STATE_READY);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_cancel),
};
const struct unit_part cancel_tests = UNIT_PART(tests);
