/* A database that lacks migrations of this build: it is said, and waited for. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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
    UNIT_INT(scoreboard_worker_health(rig.board, (enum scoreboard_database)rig.cells->database), HEALTH_STARTING);
    rig.board->phase = SCOREBOARD_SERVING;
    UNIT_INT(scoreboard_worker_health(rig.board, (enum scoreboard_database)rig.cells->database),
             HEALTH_SCHEMA_MISMATCH);
    CU_ASSERT(strstr(rig.said, "lacks migrations") != NULL && strstr(rig.said, "1 3") != NULL);
    rig_sql_inside("INSERT INTO schema_migrations VALUES ('1')");
    CU_ASSERT(rig_until_equal(&rig.cells->migrations_pending, 1));
    UNIT_INT(rig.cells->database, SCOREBOARD_DATABASE_MISMATCH);
    rig_sql_inside("INSERT INTO schema_migrations VALUES ('3')");
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    UNIT_INT(rig.cells->migrations_pending, 0);
    UNIT_INT(scoreboard_worker_health(rig.board, (enum scoreboard_database)rig.cells->database), HEALTH_OK);
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

/* Between the two, every look at the ledger fails with this SQLSTATE; "" lets it pass. */
static void ledger_fails(const char *sqlstate)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "UPDATE says SET sqlstate = '%s'", sqlstate);
    UNIT_STR(rig_sql_inside(sql), "");
}

static void ledger_begin(const char *sqlstate)
{
    UNIT_STR(rig_sql_inside("ALTER TABLE schema_migrations RENAME TO elsewhere;\n"
                            "INSERT INTO elsewhere VALUES ('1'), ('2'), ('3');\n"
                            "CREATE TABLE says (sqlstate text);\n"
                            "INSERT INTO says VALUES ('');\n"
                            "CREATE FUNCTION tells() RETURNS boolean LANGUAGE plpgsql AS $$\n"
                            "DECLARE code text := (SELECT sqlstate FROM says);\n"
                            "BEGIN\n"
                            "    IF code <> '' THEN RAISE 'not for you' USING ERRCODE = code; END IF;\n"
                            "    RETURN true;\n"
                            "END $$;\n"
                            "CREATE VIEW schema_migrations AS SELECT version FROM elsewhere WHERE tells()"),
             "");
    ledger_fails(sqlstate);
}

static void ledger_end(void)
{
    UNIT_STR(rig_sql_inside("DROP VIEW schema_migrations;\n"
                            "DROP FUNCTION tells();\n"
                            "DROP TABLE says;\n"
                            "TRUNCATE elsewhere;\n"
                            "ALTER TABLE elsewhere RENAME TO schema_migrations"),
             "");
}

static void test_a_ledger_that_may_not_be_read_is_told_and_asked_again(void)
{
    struct rig rig;

    ledger_begin("42501");
    rig_open(&rig);
    rig_start(&rig, idler_run, &three);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_MISMATCH));
    CU_ASSERT(rig_hears(&rig, "R"));
    CU_ASSERT(strstr(rig.said, "SELECT on schema_migrations") != NULL && strstr(rig.said, "not for you") != NULL);
    ledger_fails("");
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
    ledger_end();
}

static void test_a_ledger_that_is_not_read_in_time_is_asked_again(void)
{
    const uint64_t deadline = clock_monotonic_ms() + RIG_PATIENCE_MS;
    struct rig rig;

    ledger_begin("57014");
    rig_open(&rig);
    rig_start(&rig, idler_run, &three);
    while (strstr(rig.said, "trying again") == NULL && clock_monotonic_ms() < deadline) {
        if (!rig_hears(&rig, "")) break; /* what is not known yet does not make it ready */
    }
    CU_ASSERT(strstr(rig.said, "does not tell which migrations it holds") != NULL);
    UNIT_INT(rig.cells->database, SCOREBOARD_DATABASE_CONNECTING);
    ledger_fails("");
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    CU_ASSERT(rig_hears(&rig, "R"));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
    ledger_end();
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_missing_migrations_are_counted_and_waited_for),
    UNIT_TEST(test_a_database_without_a_ledger_is_a_mismatch_too),
    UNIT_TEST(test_a_ledger_that_may_not_be_read_is_told_and_asked_again),
    UNIT_TEST(test_a_ledger_that_is_not_read_in_time_is_asked_again),
};
const struct unit_part schema_tests = UNIT_PART(tests);
