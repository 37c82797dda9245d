/* What a statement that failed has come to. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/internal.h"
#include "rig.h"

static void test_outcome_table(void)
{
    static const struct {
        const char *sqlstate;
        enum db_outcome outcome;
    } cases[] = {
        {"00000", DB_OK},
        {"08006", DB_UNAVAILABLE},
        {"22001", DB_INVALID_VALUE},
        {"22P02", DB_INVALID_VALUE},
        {"23505", DB_UNIQUE},
        {"23503", DB_FOREIGN_KEY},
        {"23001", DB_FOREIGN_KEY},
        {"23514", DB_CHECK},
        {"23502", DB_CHECK},
        {"25006", DB_READ_ONLY},
        {"08007", DB_UNKNOWN},
        {"40001", DB_CONFLICT},
        {"40002", DB_CONFLICT},
        {"40003", DB_UNKNOWN},
        {"40P01", DB_CONFLICT},
        {"42501", DB_DENIED},
        {"53300", DB_UNAVAILABLE},
        {"53100", DB_RESOURCES},
        {"54001", DB_RESOURCES},
        {"55P03", DB_BUSY},
        {"55006", DB_BUSY},
        {"55000", DB_FAULT},
        {"72000", DB_CONFLICT},
        {"44000", DB_CHECK},
        {"25P03", DB_TIMEOUT},
        {"25P04", DB_TIMEOUT},
        {"57014", DB_TIMEOUT},
        {"57P01", DB_UNAVAILABLE},
        {"57P03", DB_UNAVAILABLE},
        {"57P04", DB_FAULT},
        {"42P01", DB_FAULT},
        {"XX000", DB_FAULT},
        {"23", DB_FAULT},
        {"235051", DB_FAULT},
        {"", DB_FAULT},
    };

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(db_outcome_of(cases[i].sqlstate), cases[i].outcome);
    UNIT_INT(db_outcome_of(NULL), DB_FAULT);
    for (int i = 0; i < DB_OUTCOME_COUNT; i++) {
        for (int j = 0; j < i; j++)
            CU_ASSERT(strcmp(db_outcome_name((enum db_outcome)i), db_outcome_name((enum db_outcome)j)) != 0);
    }
    UNIT_STR(db_outcome_name(DB_UNIQUE), "unique");
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
    UNIT_INT(a.outcome, DB_BUSY);
    rig_sql(&rig, "ROLLBACK");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", "one"));
    UNIT_INT(a.outcome, DB_OK);
    rig_close(&rig);
}

/* Lets a number of calls fail with this SQLSTATE. What a sequence gives is not rolled back. */
#define GIVES_WAY                                                                                                \
    "CREATE SEQUENCE calls; CREATE FUNCTION gives_way(times bigint, code text) RETURNS bigint LANGUAGE plpgsql " \
    "AS $$ DECLARE n constant bigint := nextval('calls'); BEGIN IF n <= times THEN RAISE EXCEPTION 'not now' "   \
    "USING ERRCODE = code; END IF; RETURN n; END $$"

static const struct db_statement st_read_that_gives_way = {
    "readThatGivesWay", "SELECT gives_way($1::bigint, $2)", DB_READ, 2, {DB_TYPE_TEXT, DB_TYPE_TEXT}, false};
static const struct db_statement st_write_that_gives_way = {
    "writeThatGivesWay", "SELECT gives_way($1::bigint, $2)", DB_WRITE, 2, {DB_TYPE_TEXT, DB_TYPE_TEXT}, false};

/* A deadlock, a serialization failure, a standby that replays: a read is sent again, and a write is told. */
static void test_reads_that_give_way_are_sent_again(void)
{
    static const struct db_statement *const two[] = {&st_read_that_gives_way, &st_write_that_gives_way};
    static const struct {
        const struct db_statement *statement;
        const char *times, *sqlstate;
        enum db_outcome outcome;
        const char *calls;
    } cases[] = {
        {&st_read_that_gives_way, "1", "40001", DB_OK, "2"},
        {&st_read_that_gives_way, "3", "40P01", DB_OK, "4"},
        {&st_read_that_gives_way, "1000", "40001", DB_BUSY, "4"},
        {&st_read_that_gives_way, "1000", "40003", DB_BUSY, "4"},
        {&st_read_that_gives_way, "1000", "55P03", DB_BUSY, "1"},
        {&st_write_that_gives_way, "1", "40001", DB_CONFLICT, "1"},
        {&st_write_that_gives_way, "1", "40P01", DB_CONFLICT, "1"},
        {&st_write_that_gives_way, "1", "40003", DB_UNKNOWN, "1"},
        {&st_write_that_gives_way, "1", "55P03", DB_BUSY, "1"},
    };
    struct answer a = {0};
    struct rig rig;

    rig_open(&rig);
    rig_sql(&rig, GIVES_WAY);
    rig.options.limits.statement_timeout_ms = 60000; /* a read is not sent again when that has passed */
    rig.options.statements = two;
    rig.options.statement_count = countof(two);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(cases); i++) {
        rig_sql(&rig, "SELECT setval('calls', 1, false)");
        CU_ASSERT(rig_ask(&rig, &a, cases[i].statement, cases[i].times, cases[i].sqlstate));
        UNIT_INT(a.outcome, cases[i].outcome);
        UNIT_STR(rig_sql(&rig, "SELECT last_value FROM calls"), cases[i].calls);
    }
    rig_sql(&rig, "DROP FUNCTION gives_way; DROP SEQUENCE calls");
    UNIT_INT(db_reconnects(rig.db), 0);
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_outcome_table), UNIT_TEST(test_statement_timeout),
    UNIT_TEST(test_lock_timeout),  UNIT_TEST(test_read_only),
    UNIT_TEST(test_denied),        UNIT_TEST(test_reads_that_give_way_are_sent_again),
};
const struct unit_part outcome_tests = UNIT_PART(tests);
