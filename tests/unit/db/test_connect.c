/* Getting a connection, and being told why there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "rig.h"

static void test_missing_role(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_use_conninfo(&rig, rig_conninfo(NULL, NULL, "db_test_nobody", "postgres"));
    rig_start(&rig);
    UNIT_INT(db_state(rig.db), DB_STATE_CONNECTING);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_REFUSED));
    CU_ASSERT(strstr(rig.reason, "role \"db_test_nobody\" does not exist") != NULL);
    CU_ASSERT(strchr(rig.reason, '\n') == NULL);
    rig_close(&rig);
}

/* Refused, and tried again all the same: somebody mends it, and it works. */
static void test_missing_database(void)
{
    char name[64], sql[160];
    struct rig rig;

    rig_open(&rig);
    snprintf(name, sizeof(name), "db_test_%d_late", getpid());
    rig_use_conninfo(&rig, rig_conninfo(NULL, NULL, NULL, name));
    rig.options.statement_count = 1;
    rig_start(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_REFUSED));
    CU_ASSERT(strstr(rig.reason, name) != NULL);
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0", name);
    UNIT_STR(rig_sql(&rig, sql), "");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    db_free(rig.db);
    rig.db = NULL;
    snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", name);
    UNIT_STR(rig_sql(&rig, sql), "");
    rig_close(&rig);
}

#define FATAL(len, code, text) "E\0\0\0" len "SFATAL\0VFATAL\0C" code "\0M" text "\0Fauth.c\0L1\0Rauth\0\0"

/* What a server says, from a server that says nothing else. */
static void test_answers_at_login(void)
{
    static const char wrong_password[] = FATAL("\x39", "28P01", "no such luck");
    static const char starting[] = FATAL("\x39", "57P03", "starting now");
    static const char full[] = FATAL("\x39", "53300", "too many now");
    static const char asks_password[] = "R\0\0\0\x08\0\0\0\x03";
    static const struct {
        const char *bytes;
        size_t len;
        enum db_state state;
        const char *reason;
    } cases[] = {
        {wrong_password, sizeof(wrong_password) - 1, DB_STATE_REFUSED, "no such luck"},
        {asks_password, sizeof(asks_password) - 1, DB_STATE_REFUSED, "no password supplied"},
        {starting, sizeof(starting) - 1, DB_STATE_DOWN, "starting now"},
        {full, sizeof(full) - 1, DB_STATE_DOWN, "too many now"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct rig rig;

        rig_open(&rig);
        rig_use_proxy(&rig);
        proxy_answer(&rig, cases[i].bytes, cases[i].len);
        char *plain = mem_printf("%s sslmode=disable gssencmode=disable", rig.conninfo);

        rig_use_conninfo(&rig, plain);
        rig_start(&rig);
        CU_ASSERT(rig_until_state(&rig, cases[i].state));
        if (strstr(rig.reason, cases[i].reason) == NULL) UNIT_STR(rig.reason, cases[i].reason);
        rig_close(&rig);
    }
}

static void test_unreachable_then_there(void)
{
    struct answer a = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    proxy_close(&rig);
    rig_start(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    CU_ASSERT(strstr(rig.reason, "refused") != NULL);
    UNIT_INT(rig_submit(&rig, &a, &st_int, "1", NULL), DB_UNAVAILABLE);
    rig_turn(&rig, 200);
    UNIT_INT(rig.states[DB_STATE_DOWN], 1); /* said once, not at each attempt */
    proxy_reopen(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &a, &st_int, "1", NULL));
    UNIT_INT(a.outcome, DB_OK);
    rig_close(&rig);
}

static void test_silent_peer(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    proxy_answer(&rig, NULL, 0);
    rig.options.limits.connect_timeout_ms = 100;
    rig_start(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    CU_ASSERT(strstr(rig.reason, "no answer in time") != NULL);
    rig_close(&rig);
}

static void test_silent_while_preparing(void)
{
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.connect_timeout_ms = 1000;
    rig.options.limits.statement_timeout_ms = 200;
    rig.options.limits.lock_timeout_ms = 0;
    rig_sql(&rig, "BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE");
    rig_start(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    CU_ASSERT(strstr(rig.reason, "statement \"insert\" cannot be prepared") != NULL);
    rig_sql(&rig, "ROLLBACK");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    rig_close(&rig);
}

static const struct db_statement st_future = {
    "future", "SELECT n FROM future WHERE n = $1", DB_READ, 1, {DB_TYPE_INT4}};

static void test_bad_statement(void)
{
    static const struct db_statement *const both[] = {&st_int, &st_future};
    struct answer a = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.statements = both;
    rig.options.statement_count = countof(both);
    rig_start(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_UNFIT));
    UNIT_STR(rig.reason, "statement \"future\" cannot be prepared: relation \"future\" does not exist (42P01)");
    UNIT_INT(rig_submit(&rig, &a, &st_int, "1", NULL), DB_UNAVAILABLE);
    rig_sql(&rig, "CREATE TABLE future AS SELECT 4 AS n");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &a, &st_future, "4", NULL));
    UNIT_STR(a.value, "4");
    rig_sql(&rig, "DROP TABLE future");
    rig_close(&rig);
}

static void test_bad_conninfo(void)
{
    static const char *const cases[] = {
        "postgresql://user:s3cret@and@127.0.0.1:1/db",
        "postgresql://user:s3cret/more@127.0.0.1:1/db",
        "postgresql://user:s3cret%zz@127.0.0.1:1/db",
        "user=x password='s3cret",
        "s3cret",
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct rig rig;

        rig_open(&rig);
        rig_use_conninfo(&rig, mem_strdup(cases[i]));
        rig_start(&rig);
        CU_ASSERT(rig_until_state(&rig, DB_STATE_REFUSED));
        CU_ASSERT(strstr(rig.reason, "connection string") != NULL);
        CU_ASSERT(strstr(rig.reason, "s3cret") == NULL);
        CU_ASSERT(strstr(rig.reason, "and@") == NULL && strstr(rig.reason, "more") == NULL);
        rig_close(&rig);
    }
}

static const struct db_statement st_setting = {"setting", "SELECT current_setting($1)", DB_READ, 1, {DB_TYPE_TEXT}};

/* Ours and the connection string's own stand side by side; ours win where both name one. */
static void test_session_settings(void)
{
    static const struct db_statement *const only[] = {&st_setting};
    static const char *const settings[][2] = {
        {"TimeZone", "UTC"},
        {"client_encoding", "UTF8"},
        {"statement_timeout", "1234ms"},
        {"lock_timeout", "321ms"},
        {"idle_in_transaction_session_timeout", "777ms"},
        {"client_connection_check_interval", "2s"},
        {"work_mem", "5MB"},
    };
    struct answer a = {0};
    struct rig rig;
    char *conninfo;

    rig_open(&rig);
    conninfo = mem_printf("%s options='-c work_mem=5MB -c TimeZone=Asia/Tokyo -c statement_timeout=9s'", rig.conninfo);
    rig_use_conninfo(&rig, conninfo);
    rig.options.statements = only;
    rig.options.statement_count = 1;
    rig.options.limits.statement_timeout_ms = 1234;
    rig.options.limits.lock_timeout_ms = 321;
    rig.options.limits.idle_in_transaction_timeout_ms = 777;
    rig.options.client_check_interval_ms = 2000;
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(settings); i++) {
        CU_ASSERT(rig_ask(&rig, &a, &st_setting, settings[i][0], NULL));
        UNIT_STR(a.value, settings[i][1]);
    }
    CU_ASSERT(rig_ask(&rig, &a, &st_setting, "application_name", NULL));
    UNIT_STR(a.value, rig.name);
    rig_close(&rig);
}

/* A first host that refuses: libpq goes on to the second, with another socket. */
static void test_second_host(void)
{
    char hosts[64], ports[32];
    struct answer a = {0};
    struct rig rig, other;

    rig_open(&rig);
    rig_open(&other);
    rig_use_proxy(&other);
    proxy_close(&other);
    const char *port = strstr(other.conninfo, "port='") + strlen("port='");

    snprintf(hosts, sizeof(hosts), "127.0.0.1,%s", PQhost(rig.control));
    snprintf(ports, sizeof(ports), "%.*s,%s", (int)strspn(port, "0123456789"), port, PQport(rig.control));
    rig_use_conninfo(&rig, rig_conninfo(hosts, ports, NULL, NULL));
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a, &st_int, "1", NULL));
    UNIT_INT(a.outcome, DB_OK);
    rig_close(&rig);
    rig_close(&other);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_missing_role),     UNIT_TEST(test_missing_database),
    UNIT_TEST(test_answers_at_login), UNIT_TEST(test_unreachable_then_there),
    UNIT_TEST(test_silent_peer),      UNIT_TEST(test_silent_while_preparing),
    UNIT_TEST(test_bad_statement),    UNIT_TEST(test_bad_conninfo),
    UNIT_TEST(test_session_settings), UNIT_TEST(test_second_host),
};
const struct unit_part connect_tests = UNIT_PART(tests);
