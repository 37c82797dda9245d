/* Statements that fail on a connection that lives. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

/* One read fails: those before it have their answers, those behind it are skipped by the server and sent again. */
static void test_failing_neighbour(void)
{
    static const char *const values[] = {"5", "0", "4", "2", "0", "1"};
    static const char *const expected[] = {"20", "(null)", "25", "50", "(null)", "100"};
    struct answer a[countof(values)] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(rig_submit(&rig, &a[i], &st_divide, values[i], NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, values[i][0] == '0' ? DB_INVALID_VALUE : DB_OK);
        UNIT_STR(a[i].sqlstate, values[i][0] == '0' ? "22012" : "");
        UNIT_STR(a[i].value, expected[i]);
    }
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static void test_failure_storm(void)
{
    static struct answer a[300];
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++)
        UNIT_INT(rig_submit(&rig, &a[i], &st_divide, i % 3 == 1 ? "10" : "0", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, i % 3 == 1 ? DB_OK : DB_INVALID_VALUE);
    }
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static void test_abandoned_among_aborted(void)
{
    struct answer a[4] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "200", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_int, "2", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_int, "3", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    db_abandon(a[2].query);
    CU_ASSERT(rig_until_answered(&rig, &a[3], 1));
    UNIT_STR(a[3].value, "3");
    UNIT_INT(a[2].calls, 0);
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

/* Writes between failing reads and failing writes: each stands alone. */
static void test_write_isolation(void)
{
    struct answer a[7] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_insert, "1", "again"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_insert, "2", "two"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[5], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[6], &st_int, "6", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(a[1].outcome, DB_OK);
    UNIT_STR(a[1].value, "1");
    UNIT_INT(a[3].outcome, DB_UNIQUE);
    UNIT_STR(a[3].constraint, "item_pkey");
    UNIT_INT(a[4].outcome, DB_OK);
    UNIT_INT(a[6].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(name, ',' ORDER BY id) FROM item"), "one,two");
    rig_close(&rig);
}

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

/* The statement succeeds and its commit fails: the error comes at the Sync, and it is the write's. */
static void test_deferred_constraint(void)
{
    struct answer a[3] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert_late, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_late, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert_late, "2", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_INT(a[1].outcome, DB_UNIQUE);
    UNIT_STR(a[1].constraint, "late_once");
    UNIT_INT(a[2].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',' ORDER BY id) FROM late"), "1,2");
    rig_close(&rig);
}

static void test_statement_timeout(void)
{
    struct answer a[2] = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.statement_timeout_ms = 100;
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "10000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_int, "1", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, 2));
    UNIT_INT(a[0].outcome, DB_TIMEOUT);
    UNIT_STR(a[0].sqlstate, "57014");
    UNIT_INT(a[1].outcome, DB_OK);
    UNIT_INT(rig.state, DB_STATE_READY);
    UNIT_INT(db_reconnects(rig.db), 0);
    rig_close(&rig);
}

static void test_lock_timeout(void)
{
    struct answer a = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.lock_timeout_ms = 100;
    CU_ASSERT(rig_start_ready(&rig));
    rig_sql(&rig, "BEGIN; LOCK TABLE item IN EXCLUSIVE MODE");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", "one"));
    UNIT_INT(a.outcome, DB_CONFLICT);
    rig_sql(&rig, "ROLLBACK");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", "one"));
    UNIT_INT(a.outcome, DB_OK);
    rig_close(&rig);
}

static void test_read_only(void)
{
    char suffix[] = " options='-c default_transaction_read_only=on -c search_path=db_test_0123456789'";
    struct answer a = {0};
    struct rig rig;
    char conninfo[1024];

    rig_open(&rig);
    snprintf(suffix, sizeof(suffix), " options='-c default_transaction_read_only=on -c search_path=db_test_%d'",
             getpid());
    snprintf(conninfo, sizeof(conninfo), "%s%s", rig.conninfo, suffix);
    rig_use_conninfo(&rig, strdup(conninfo));
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", "one"));
    UNIT_INT(a.outcome, DB_READ_ONLY);
    rig_close(&rig);
}

static void test_denied(void)
{
    char role[64], sql[256];
    struct answer a = {0};
    struct rig rig;

    rig_open(&rig);
    snprintf(role, sizeof(role), "db_test_role_%d", getpid());
    snprintf(sql, sizeof(sql), "CREATE ROLE %s LOGIN; GRANT USAGE ON SCHEMA db_test_%d TO %s", role, getpid(), role);
    rig_sql(&rig, sql);
    rig_use_conninfo(&rig, rig_conninfo(NULL, NULL, role, PQdb(rig.control)));
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", "one"));
    UNIT_INT(a.outcome, DB_DENIED);
    db_free(rig.db);
    rig.db = NULL;
    snprintf(sql, sizeof(sql), "DROP OWNED BY %s; DROP ROLE %s", role, role);
    UNIT_STR(rig_sql(&rig, sql), "");
    rig_close(&rig);
}

static const struct db_statement st_star = {"star", "SELECT * FROM star", DB_READ, 0, {0}};
static const struct db_statement st_star_add = {
    "star_add", "INSERT INTO star VALUES ($1) RETURNING *", DB_WRITE, 1, {DB_TYPE_INT4}};
static const struct db_statement st_star_b = {"star \"b\"", "SELECT b FROM star", DB_READ, 0, {0}};

/* A migration changes what a prepared statement returns: it is prepared again, and nobody notices. */
static void test_migration_under_statements(void)
{
    static const struct db_statement *const all[] = {&st_star, &st_star_add, &st_star_b, &st_int};
    struct answer a[5] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_sql(&rig, "CREATE TABLE star (a int, b int); INSERT INTO star VALUES (1, 2)");
    rig.options.statements = all;
    rig.options.statement_count = countof(all);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a[0], &st_star, NULL, NULL));
    CU_ASSERT(rig_ask(&rig, &a[1], &st_star_add, "2", NULL));
    CU_ASSERT(rig_ask(&rig, &a[2], &st_star_b, NULL, NULL));
    UNIT_STR(a[2].value, "2");

    rig_sql(&rig, "ALTER TABLE star ADD COLUMN c int; ALTER TABLE star ALTER COLUMN b TYPE text USING 'two'");
    UNIT_INT(rig_submit(&rig, &a[0], &st_star_b, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_star, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_star_add, "3", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_star_add, "4", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_int, "5", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].outcome, DB_OK);
        UNIT_INT(a[i].calls, 1);
    }
    UNIT_STR(a[0].value, "two");
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(a::text, ',' ORDER BY a) FROM star"), "1,2,3,4");

    rig_sql(&rig, "ALTER TABLE star DROP COLUMN b");
    CU_ASSERT(rig_ask(&rig, &a[0], &st_star_b, NULL, NULL));
    UNIT_INT(a[0].outcome, DB_FAULT);
    CU_ASSERT(rig_ask(&rig, &a[1], &st_star, NULL, NULL));
    UNIT_INT(a[1].outcome, DB_OK);
    rig_sql(&rig, "ALTER TABLE star ADD COLUMN b text DEFAULT 'back'");
    CU_ASSERT(rig_ask(&rig, &a[0], &st_star_b, NULL, NULL));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_STR(a[0].value, "back");
    UNIT_INT(db_reconnects(rig.db), 0);
    rig_sql(&rig, "DROP TABLE star");
    rig_close(&rig);
}

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

/* All that is under way ends soon, whatever its kind and wherever it stands; nothing new is taken. */
static void test_wind_up(void)
{
    struct answer a[6] = {0}, late = {0}, abandoned = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    db_drain(rig.db);
    UNIT_INT(rig_submit(&rig, &late, &st_int, "1", NULL), DB_UNAVAILABLE);
    rig_close(&rig);

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "15000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_sleep, "15000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &abandoned, &st_sleep, "15000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert_slow, "1", "15000"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_insert_slow, "2", "15000"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_sleep, "15000", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    db_abandon(abandoned.query);
    UNIT_INT(rig_submit(&rig, &a[5], &st_sleep, "15000", NULL), DB_OK);
    for (unsigned i = 0; i < 1000 && db_queue_depth(rig.db) > 0; i++) {
        db_drain(rig.db);
        UNIT_INT(rig_submit(&rig, &late, &st_int, "1", NULL), DB_UNAVAILABLE);
        rig_turn(&rig, 20);
    }
    for (unsigned i = 0; i < 6; i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, DB_TIMEOUT);
    }
    UNIT_INT(db_queue_depth(rig.db), 0);
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    rig_close(&rig);
}

/* A server that says nothing any more does not hold up the end. */
static void test_hang_up(void)
{
    struct answer read = {0}, write = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    proxy_mute(&rig, true);
    UNIT_INT(rig_submit(&rig, &read, &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &write, &st_insert, "1", "one"), DB_OK);
    rig_turn(&rig, 20);
    db_abort(rig.db);
    UNIT_INT(read.outcome, DB_UNAVAILABLE);
    UNIT_INT(write.outcome, DB_UNKNOWN);
    UNIT_INT(read.calls + write.calls, 2);
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_failing_neighbour),
    UNIT_TEST(test_failure_storm),
    UNIT_TEST(test_abandoned_among_aborted),
    UNIT_TEST(test_write_isolation),
    UNIT_TEST(test_constraints),
    UNIT_TEST(test_deferred_constraint),
    UNIT_TEST(test_statement_timeout),
    UNIT_TEST(test_lock_timeout),
    UNIT_TEST(test_read_only),
    UNIT_TEST(test_denied),
    UNIT_TEST(test_migration_under_statements),
    UNIT_TEST(test_cancel),
    UNIT_TEST(test_wind_up),
    UNIT_TEST(test_hang_up),
};
const struct unit_part error_tests = UNIT_PART(tests);
