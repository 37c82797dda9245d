/* A database that lacks migrations of this build: it is said, and waited for. */
#include <signal.h>
#include <string.h>

#include "rig.h"

static struct idler three = {.versions = "{1,2,3}"};

static void test_missing_migrations_are_counted_and_waited_for(void)
{
    struct rig rig;

    rig_sql_inside("INSERT INTO schema_migrations VALUES ('2'), ('9')");
    rig_open(&rig);
    rig_start(&rig, idler_run, &three);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_MISMATCH));
    CU_ASSERT(rig_hears(&rig, "R")); /* it can say so only if it serves */
    UNIT_INT(rig.cells->migrations_pending, 2);
    UNIT_INT(scoreboard_worker_health(rig.board, rig.cells), SCOREBOARD_HEALTH_STARTING);
    rig.board->phase = SCOREBOARD_SERVING;
    UNIT_INT(scoreboard_worker_health(rig.board, rig.cells), SCOREBOARD_HEALTH_SCHEMA_MISMATCH);
    CU_ASSERT(strstr(rig.said, "lacks migrations") != NULL && strstr(rig.said, "1 3") != NULL);
    rig_sql_inside("INSERT INTO schema_migrations VALUES ('1')");
    CU_ASSERT(rig_until_equal(&rig.cells->migrations_pending, 1));
    UNIT_INT(rig.cells->database, SCOREBOARD_DATABASE_MISMATCH);
    rig_sql_inside("INSERT INTO schema_migrations VALUES ('3')");
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    UNIT_INT(rig.cells->migrations_pending, 0);
    UNIT_INT(scoreboard_worker_health(rig.board, rig.cells), SCOREBOARD_OK);
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
    rig_sql_inside("TRUNCATE schema_migrations");
}

static void test_a_database_without_a_ledger_is_a_mismatch_too(void)
{
    struct rig rig;

    rig_sql_inside("ALTER TABLE schema_migrations RENAME TO elsewhere");
    rig_open(&rig);
    rig_start(&rig, idler_run, &three);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_MISMATCH));
    CU_ASSERT(rig_hears(&rig, "R"));
    rig_sql_inside("ALTER TABLE elsewhere RENAME TO schema_migrations;"
                   " INSERT INTO schema_migrations VALUES ('1'), ('2'), ('3')");
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
    rig_sql_inside("TRUNCATE schema_migrations");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_missing_migrations_are_counted_and_waited_for),
    UNIT_TEST(test_a_database_without_a_ledger_is_a_mismatch_too),
};
const struct unit_part schema_tests = UNIT_PART(tests);
