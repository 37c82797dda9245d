/* The connection is lost: what becomes of reads and writes, and how it comes back. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "rig.h"

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

static void test_silence_in_query(void)
{
    struct answer read = {0}, write = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.limits.statement_timeout_ms = 300;
    rig.options.probe_timeout_ms = 300;
    CU_ASSERT(rig_start_ready(&rig));
    proxy_mute(&rig, true);
    UNIT_INT(rig_submit(&rig, &read, &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &write, &st_insert, "1", "one"), DB_OK);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    UNIT_STR(rig.reason, "the database stopped answering");
    UNIT_INT(write.outcome, DB_UNKNOWN);
    proxy_mute(&rig, false);
    CU_ASSERT(rig_until_answered(&rig, &read, 1));
    UNIT_INT(read.outcome, DB_OK);
    rig_close(&rig);
}

/* Reads that share a Sync are silent until the last of them: what runs is cancelled before that is taken for a loss. */
static void test_slow_batch(void)
{
    struct answer reads[5] = {0};
    unsigned timeouts = 0;
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.statement_timeout_ms = 1000;
    rig.options.probe_timeout_ms = 1000;
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(reads); i++) UNIT_INT(rig_submit(&rig, &reads[i], &st_sleep, "600", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, reads, countof(reads)));
    for (size_t i = 0; i < countof(reads); i++) {
        UNIT_INT(reads[i].calls, 1);
        if (reads[i].outcome != DB_OK) timeouts++;
        CU_ASSERT(reads[i].outcome == DB_OK || reads[i].outcome == DB_TIMEOUT);
    }
    CU_ASSERT(timeouts >= 1 && timeouts <= 2); /* a cancel that is late hits the next one too */
    UNIT_INT(rig.states[DB_STATE_DOWN], 0);
    rig_close(&rig);
}

static void test_waiting_is_bounded(void)
{
    struct answer head = {0}, behind[2] = {0}, after = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.wait_max_ms = 200;
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &head, &st_sleep, "2000", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    rig_turn(&rig, 100); /* by now it is slow */
    UNIT_INT(rig_submit(&rig, &behind[0], &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &behind[1], &st_insert, "1", "one"), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, behind, 2));
    UNIT_INT(behind[0].outcome, DB_OVERLOADED);
    UNIT_INT(behind[1].outcome, DB_OVERLOADED);
    UNIT_INT(head.calls, 0);
    CU_ASSERT(rig_until_answered(&rig, &head, 1));
    UNIT_INT(head.outcome, DB_OK);
    CU_ASSERT(rig_ask(&rig, &after, &st_int, "3", NULL));
    UNIT_STR(after.value, "3");
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    rig_close(&rig);
}

/* What was sent behind others that take long has its answer in time too, and that of a write is honest. */
static void test_flight_is_bounded(void)
{
    static const char *const ids[] = {"1", "2", "3", "4", "5", "6"};
    struct answer writes[countof(ids)] = {0}, read = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.statement_timeout_ms = 500;
    rig.options.probe_timeout_ms = 500;
    rig.options.wait_max_ms = 60000;
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(ids); i++)
        UNIT_INT(rig_submit(&rig, &writes[i], &st_insert_slow, ids[i], "400"), DB_OK);
    UNIT_INT(rig_submit(&rig, &read, &st_int, "1", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &read, 1));
    UNIT_INT(read.outcome, DB_TIMEOUT);
    CU_ASSERT(rig_until_answered(&rig, writes, countof(ids)));
    UNIT_INT(writes[0].outcome, DB_OK);
    UNIT_INT(writes[5].outcome, DB_UNKNOWN);
    CU_ASSERT(rig_until_sql(&rig, "SELECT count(*) FROM item", "6"));
    CU_ASSERT(rig_ask(&rig, &read, &st_int, "2", NULL));
    for (size_t i = 0; i < countof(ids); i++) UNIT_INT(writes[i].calls, 1);
    UNIT_INT(rig.states[DB_STATE_DOWN], 0);
    rig_close(&rig);
}

static void test_silence_in_idleness(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.probe_interval_ms = 50;
    rig.options.probe_timeout_ms = 400;
    CU_ASSERT(rig_start_ready(&rig));
    rig_turn(&rig, 300); /* probes that are answered harm nothing */
    UNIT_INT(rig.states[DB_STATE_DOWN], 0);
    proxy_mute(&rig, true);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    UNIT_STR(rig.reason, "the database stopped answering");
    proxy_mute(&rig, false);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
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
    UNIT_TEST(test_idle_terminated),   UNIT_TEST(test_terminated_in_flight), UNIT_TEST(test_write_terminated),
    UNIT_TEST(test_write_answer_lost), UNIT_TEST(test_write_not_sent),       UNIT_TEST(test_retry_window),
    UNIT_TEST(test_poisonous_read),    UNIT_TEST(test_silence_in_query),     UNIT_TEST(test_silence_in_idleness),
    UNIT_TEST(test_slow_batch),        UNIT_TEST(test_waiting_is_bounded),   UNIT_TEST(test_flight_is_bounded),
    UNIT_TEST(test_free_in_state),     UNIT_TEST(test_free_while_failing),   UNIT_TEST(test_flapping),
};
const struct unit_part loss_tests = UNIT_PART(tests);
