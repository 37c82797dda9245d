/* Getting a connection, being told why there is none, and what becomes of queries when it is lost. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
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

static const struct db_statement st_future = {"future", "SELECT n FROM future WHERE n = $1", DB_READ, 1, {DB_TYPE_INT4},
                                              false};

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

static void terminate(struct rig *rig, const char *pid)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%.20s)", pid);
    UNIT_STR(rig_sql(rig, sql), "t");
}

static void test_idle_terminated(void)
{
    struct answer pid = {0}, again = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &pid, &st_pid, NULL, NULL));
    terminate(&rig, pid.value);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    UNIT_STR(rig.reason, "terminating connection due to administrator command");
    UNIT_INT(rig_submit(&rig, &again, &st_int, "1", NULL), DB_UNAVAILABLE);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &again, &st_pid, NULL, NULL));
    CU_ASSERT(strcmp(pid.value, again.value) != 0);
    UNIT_INT(db_reconnects(rig.db), 1);
    rig_close(&rig);
}

/* Reads run again on the next connection. The write behind them was sent, and nobody said what became of it. */
static void test_terminated_in_flight(void)
{
    struct answer pid = {0}, reads[2] = {0}, write = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &pid, &st_pid, NULL, NULL));
    UNIT_INT(rig_submit(&rig, &reads[0], &st_sleep, "300", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &reads[1], &st_int, "5", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &write, &st_insert, "1", "one"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    terminate(&rig, pid.value);
    CU_ASSERT(rig_until_answered(&rig, &write, 1));
    UNIT_INT(write.outcome, DB_UNKNOWN);
    CU_ASSERT(rig_until_answered(&rig, reads, 2));
    UNIT_INT(reads[0].outcome, DB_OK);
    UNIT_STR(reads[1].value, "5");
    UNIT_INT(reads[0].calls + reads[1].calls + write.calls, 3);
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

/* The server's farewell came in the place of the write's own result: it was rolled back, and that is certain. */
static void test_write_terminated(void)
{
    struct answer pid = {0}, write = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &pid, &st_pid, NULL, NULL));
    UNIT_INT(rig_submit(&rig, &write, &st_insert_slow, "1", "10000"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    terminate(&rig, pid.value);
    CU_ASSERT(rig_until_answered(&rig, &write, 1));
    UNIT_INT(write.outcome, DB_UNAVAILABLE);
    UNIT_STR(write.sqlstate, "57P01");
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    rig_close(&rig);
}

/* The other half of the truth: it was committed, and we never heard. It is not repeated. */
static void test_write_answer_lost(void)
{
    struct answer write = {0}, read = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    proxy_mute(&rig, true);
    UNIT_INT(rig_submit(&rig, &write, &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &read, &st_int, "2", NULL), DB_OK);
    CU_ASSERT(rig_until_sql(&rig, "SELECT count(*) FROM item", "1"));
    proxy_cut(&rig);
    proxy_mute(&rig, false);
    CU_ASSERT(rig_until_answered(&rig, &write, 1));
    UNIT_INT(write.outcome, DB_UNKNOWN);
    CU_ASSERT(strlen(write.message) > 0);
    CU_ASSERT(rig_until_answered(&rig, &read, 1));
    UNIT_STR(read.value, "2");
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "1");
    rig_close(&rig);
}

/* Behind more than goes out at a time: this write never left, so it certainly did not happen. */
static void test_write_not_sent(void)
{
    static struct answer reads[140];
    struct answer write = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(reads); i++) {
        reads[i] = (struct answer){0};
        UNIT_INT(rig_submit(&rig, &reads[i], &st_sleep, i == 0 ? "200" : "0", NULL), DB_OK);
    }
    UNIT_INT(rig_submit(&rig, &write, &st_insert, "1", "one"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    proxy_cut(&rig);
    CU_ASSERT(rig_until_answered(&rig, &write, 1));
    UNIT_INT(write.outcome, DB_UNAVAILABLE);
    CU_ASSERT(rig_until_answered(&rig, reads, countof(reads)));
    for (size_t i = 0; i < countof(reads); i++) {
        UNIT_INT(reads[i].outcome, DB_OK);
        UNIT_INT(reads[i].calls, 1);
    }
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    rig_close(&rig);
}

static void test_retry_window(void)
{
    struct answer reads[2] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.retry_window_ms = 300;
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &reads[0], &st_sleep, "5000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &reads[1], &st_int, "1", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    proxy_close(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    uint64_t lost = clock_monotonic_ms();

    UNIT_INT(reads[0].calls + reads[1].calls, 0);
    db_abandon(reads[1].query);
    CU_ASSERT(rig_until_answered(&rig, reads, 1));
    CU_ASSERT(clock_monotonic_ms() - lost >= 250);
    UNIT_INT(reads[0].outcome, DB_UNAVAILABLE);
    UNIT_INT(reads[1].calls, 0);
    UNIT_INT(db_queue_depth(rig.db), 0);
    proxy_reopen(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &reads[0], &st_int, "3", NULL));
    UNIT_STR(reads[0].value, "3");
    rig_close(&rig);
}

/* A read that kills its own server process is not sent for ever. */
static void test_poisonous_read(void)
{
    struct answer poison = {0}, neighbour = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &neighbour, &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &poison, &st_suicide, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &poison, 1));
    UNIT_INT(poison.outcome, DB_UNAVAILABLE);
    CU_ASSERT(rig_until_answered(&rig, &neighbour, 1));
    UNIT_INT(neighbour.calls, 1);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    UNIT_INT(db_reconnects(rig.db), 2);
    rig_close(&rig);
}

static void free_when_down(struct rig *rig)
{
    if (rig->state != DB_STATE_DOWN) return;
    db_free(rig->db);
    rig->db = NULL;
}

static void test_free_in_state(void)
{
    struct answer a[2] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    rig.on_state = free_when_down;
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "5000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert, "1", "one"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    proxy_cut(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    rig_turn(&rig, 20);
    UNIT_INT(a[0].calls + a[1].calls, 0);
    rig_close(&rig);
}

static void free_on_loss(struct answer *a)
{
    struct rig *rig = a->arg;

    db_free(rig->db);
    rig->db = NULL;
}

static void test_free_while_failing(void)
{
    struct answer a[3] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert_slow, "1", "5000"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert, "2", "two"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert, "3", "three"), DB_OK);
    a[0].then = free_on_loss;
    a[0].arg = &rig;
    CU_ASSERT(rig_until_sleeping(&rig));
    proxy_cut(&rig);
    CU_ASSERT(rig_until_answered(&rig, a, 1));
    UNIT_INT(a[0].outcome, DB_UNKNOWN);
    UNIT_INT(a[1].calls + a[2].calls, 0);
    rig_close(&rig);
}

/* Lost again and again, with work under way: every question has exactly one answer. */
static void test_flapping(void)
{
    static struct answer a[200];
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (int round = 0; round < 10; round++) {
        size_t taken = 0;

        CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
        for (size_t i = 0; i < countof(a); i++) {
            a[taken] = (struct answer){0};
            if (rig_submit(&rig, &a[taken], i % 4 == 0 ? &st_write_stamp : &st_stamp, NULL, NULL) == DB_OK) taken++;
        }
        rig_turn(&rig, (unsigned)round);
        proxy_cut(&rig);
        CU_ASSERT(rig_until_answered(&rig, a, taken));
        for (size_t i = 0; i < taken; i++) UNIT_INT(a[i].calls, 1);
        UNIT_INT(db_queue_depth(rig.db), 0);
    }
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_missing_role),           UNIT_TEST(test_missing_database),   UNIT_TEST(test_answers_at_login),
    UNIT_TEST(test_unreachable_then_there), UNIT_TEST(test_silent_peer),        UNIT_TEST(test_silent_while_preparing),
    UNIT_TEST(test_bad_statement),          UNIT_TEST(test_second_host),        UNIT_TEST(test_idle_terminated),
    UNIT_TEST(test_terminated_in_flight),   UNIT_TEST(test_write_terminated),   UNIT_TEST(test_write_answer_lost),
    UNIT_TEST(test_write_not_sent),         UNIT_TEST(test_retry_window),       UNIT_TEST(test_poisonous_read),
    UNIT_TEST(test_free_in_state),          UNIT_TEST(test_free_while_failing), UNIT_TEST(test_flapping),
};
const struct unit_part connect_tests = UNIT_PART(tests);
