#include "rig.h"

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_silence_in_query),   UNIT_TEST(test_silence_in_idleness), UNIT_TEST(test_slow_batch),
    UNIT_TEST(test_waiting_is_bounded), UNIT_TEST(test_flight_is_bounded),
};
const struct unit_part deadline_tests = UNIT_PART(tests);
