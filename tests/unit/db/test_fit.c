#include <stdio.h>
#include <string.h>

#include "db/internal.h"
#include "rig.h"

static void test_plans(void)
{
    static const struct {
        const char *sqlstate;
        enum db_plan plan;
    } cases[] = {
        {"26000", DB_PLAN_STALE},  {"3F000", DB_PLAN_STALE}, {"42804", DB_PLAN_STALE}, {"42883", DB_PLAN_STALE},
        {"42P01", DB_PLAN_STALE},  {"42703", DB_PLAN_STALE}, {"42601", DB_PLAN_STALE}, {"55000", DB_PLAN_STALE},
        {"42501", DB_PLAN_DENIED}, {"0A000", DB_PLAN_KEPT},  {"XX000", DB_PLAN_KEPT},  {"23505", DB_PLAN_KEPT},
        {"22P02", DB_PLAN_KEPT},   {"40P01", DB_PLAN_KEPT},  {"57014", DB_PLAN_KEPT},  {"", DB_PLAN_KEPT},
    };

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(db_plan_of(cases[i].sqlstate), cases[i].plan);
}

static const struct db_statement st_list = {"list", "SELECT b FROM fit ORDER BY a", DB_READ, 0, {0}, false};
static const struct db_statement st_add = {"add", "INSERT INTO fit VALUES ($1, $2)", DB_WRITE,
                                           2,     {DB_TYPE_INT4, DB_TYPE_TEXT},      false};
static const struct db_statement st_forget = {"forget", "DEALLOCATE ALL", DB_READ, 0, {0}, false};
static const struct db_statement *const all[] = {&st_list, &st_add, &st_forget, &st_int};

/* The function keeps the type of NEW.b in a plan of its own. */
static void fit_open(struct rig *rig)
{
    rig_open(rig);
    rig_sql(rig, "CREATE TABLE fit (a int PRIMARY KEY, b text); CREATE TABLE kept (b text);"
                 "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$\n"
                 "BEGIN INSERT INTO kept VALUES (NEW.b); RETURN NULL; END $$;"
                 "CREATE TRIGGER keep AFTER INSERT ON fit FOR EACH ROW EXECUTE FUNCTION keep()");
    rig->options.statements = all;
    rig->options.statement_count = countof(all);
    CU_ASSERT(rig_start_ready(rig));
}

static void fit_close(struct rig *rig)
{
    rig_sql(rig, "DROP TABLE IF EXISTS fit, kept; DROP FUNCTION keep()");
    rig_close(rig);
}

/* A function's own plan is of another type: only another session helps. Nobody notices, and nothing happens twice. */
static void test_plan_of_a_function(void)
{
    struct answer a[6] = {0};
    struct rig rig;

    fit_open(&rig);
    CU_ASSERT(rig_ask(&rig, &a[0], &st_add, "1", "one"));
    UNIT_INT(a[0].outcome, DB_OK);
    rig_sql(&rig, "ALTER TABLE fit ALTER COLUMN b TYPE varchar(9)");
    UNIT_INT(rig_submit(&rig, &a[0], &st_add, "2", "two"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_list, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_add, "3", "three"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_add, "4", "four"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_int, "5", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[5], &st_add, "2", "again"), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        if (i > 0 && i < 5) UNIT_INT(a[i].outcome, DB_OK);
    }
    /* Which of the two that are in each other's way is sent again first is not promised. */
    UNIT_INT((a[0].outcome == DB_OK) + (a[5].outcome == DB_OK), 1);
    UNIT_INT((a[0].outcome == DB_UNIQUE) + (a[5].outcome == DB_UNIQUE), 1);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(a::text, ',' ORDER BY a) FROM fit"), "1,2,3,4");
    UNIT_INT(db_reconnects(rig.db), 1);
    UNIT_INT(rig.states[DB_STATE_RENEWING], 1);
    UNIT_INT(rig.states[DB_STATE_DOWN] + rig.states[DB_STATE_MISFIT], 0);
    UNIT_INT(rig.state, DB_STATE_READY);
    fit_close(&rig);
}

/* All prepared statements are gone, as after a pooler has given us another session. */
static void test_statements_are_gone(void)
{
    struct answer a[4] = {0};
    struct rig rig;

    fit_open(&rig);
    CU_ASSERT(rig_ask(&rig, &a[0], &st_forget, NULL, NULL));
    UNIT_INT(rig_submit(&rig, &a[0], &st_list, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_add, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_int, "5", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_add, "2", "two"), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(a::text, ',' ORDER BY a) FROM fit"), "1,2");
    UNIT_INT(db_reconnects(rig.db), 0);
    fit_close(&rig);
}

/* What neither a new plan nor a new session mends fails, and is said; the rest is served, and nothing goes in circles.
 */
static void test_fault_that_stays(void)
{
    struct answer write = {0}, read = {0};
    struct rig rig;

    fit_open(&rig);
    rig_sql(&rig, "DROP TABLE kept");
    CU_ASSERT(rig_ask(&rig, &write, &st_add, "1", "one"));
    UNIT_INT(write.outcome, DB_FAULT);
    UNIT_STR(write.sqlstate, "42P01");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_MISFIT));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.reason, "statement \"add\" fails"));
    UNIT_INT(db_reconnects(rig.db), 1);
    for (unsigned i = 0; i < 20; i++) {
        CU_ASSERT(rig_ask(&rig, &write, &st_add, "1", "one"));
        UNIT_INT(write.outcome, DB_FAULT);
        CU_ASSERT(rig_ask(&rig, &read, &st_list, NULL, NULL));
        UNIT_INT(read.outcome, DB_OK);
    }
    CU_ASSERT(db_reconnects(rig.db) <= 3); /* one in five seconds */
    UNIT_INT(rig.state, DB_STATE_MISFIT);
    rig_sql(&rig, "CREATE TABLE kept (b text)");
    CU_ASSERT(rig_ask(&rig, &write, &st_add, "1", "one"));
    UNIT_INT(write.outcome, DB_OK);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(a::text, ',') FROM fit"), "1");
    fit_close(&rig);
}

/* A statement that cannot be prepared is tried again without anybody's asking. */
static void test_refused_statement(void)
{
    struct answer a[2] = {0};
    struct rig rig;

    fit_open(&rig);
    rig_sql(&rig, "ALTER TABLE fit RENAME COLUMN b TO c");
    CU_ASSERT(rig_ask(&rig, &a[0], &st_list, NULL, NULL));
    UNIT_INT(a[0].outcome, DB_FAULT);
    CU_ASSERT_PTR_NOT_NULL(strstr(a[0].message, "statement \"list\" cannot be prepared"));
    CU_ASSERT_PTR_NOT_NULL(strstr(a[0].message, "(42703)"));
    UNIT_STR(a[0].sqlstate, "42703");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_MISFIT));
    UNIT_STR(rig.reason, a[0].message);
    CU_ASSERT(rig_ask(&rig, &a[1], &st_int, "5", NULL));
    UNIT_INT(a[1].outcome, DB_OK);
    rig_sql(&rig, "ALTER TABLE fit RENAME COLUMN c TO b");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &a[0], &st_list, NULL, NULL));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_INT(db_reconnects(rig.db), 0);
    fit_close(&rig);
}

/* The query that fails and the clock may both have it prepared again, before the first answer is there. */
static void test_refused_statement_is_prepared_twice(void)
{
    struct answer list = {0}, other = {0};
    struct rig rig;

    fit_open(&rig);
    rig_sql(&rig, "ALTER TABLE fit RENAME COLUMN b TO c");
    CU_ASSERT(rig_ask(&rig, &list, &st_list, NULL, NULL));
    CU_ASSERT(rig_until_state(&rig, DB_STATE_MISFIT));
    rig_sql(&rig, "ALTER TABLE fit RENAME COLUMN c TO b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig.db->fits[0].refusal);
    CU_ASSERT(db_pipeline_prepare(rig.db, 0) && db_pipeline_prepare(rig.db, 0));
    db_pipeline_push(rig.db);
    CU_ASSERT(rig_ask(&rig, &other, &st_int, "5", NULL)); /* its answer comes after theirs */
    CU_ASSERT_PTR_NULL(rig.db->fits[0].refusal);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &list, &st_list, NULL, NULL));
    UNIT_INT(list.outcome, DB_OK);
    UNIT_INT(rig.states[DB_STATE_MISFIT], 1);
    UNIT_INT(db_reconnects(rig.db), 0);
    fit_close(&rig);
}

/* The session that takes the place of a living one serves what can be served. */
static void test_new_session_with_a_misfit(void)
{
    struct answer write = {0}, read = {0}, other = {0};
    struct rig rig;

    fit_open(&rig);
    CU_ASSERT(rig_ask(&rig, &write, &st_add, "1", "one"));
    rig_sql(&rig, "ALTER TABLE fit ADD COLUMN d text; ALTER TABLE fit ALTER COLUMN b TYPE varchar(9);"
                  "CREATE VIEW gone AS SELECT 1");
    rig_sql(&rig, "ALTER TABLE fit RENAME COLUMN a TO z"); /* the list does not fit, the insert does */
    CU_ASSERT(rig_ask(&rig, &write, &st_add, "2", "two"));
    UNIT_INT(write.outcome, DB_OK);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_MISFIT));
    UNIT_INT(db_reconnects(rig.db), 1);
    CU_ASSERT(rig_ask(&rig, &read, &st_list, NULL, NULL));
    UNIT_INT(read.outcome, DB_FAULT);
    CU_ASSERT(rig_ask(&rig, &other, &st_int, "5", NULL));
    UNIT_INT(other.outcome, DB_OK);
    UNIT_INT(rig.states[DB_STATE_UNFIT] + rig.states[DB_STATE_DOWN], 0);
    rig_sql(&rig, "DROP VIEW gone");
    fit_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_plans),
    UNIT_TEST(test_plan_of_a_function),
    UNIT_TEST(test_statements_are_gone),
    UNIT_TEST(test_fault_that_stays),
    UNIT_TEST(test_refused_statement),
    UNIT_TEST(test_refused_statement_is_prepared_twice),
    UNIT_TEST(test_new_session_with_a_misfit),
};
const struct unit_part fit_tests = UNIT_PART(tests);
