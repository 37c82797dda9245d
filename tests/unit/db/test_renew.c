#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"
#include "rig.h"

/* This session is read-only from here on, and others are not. */
static const struct db_statement st_fence = {
    "fence", "SELECT set_config('default_transaction_read_only', 'on', false)", DB_READ, 0, {0}, false};
static const struct db_statement *const all[] = {&st_fence, &st_int, &st_sleep, &st_insert};

static void renew_open(struct rig *rig)
{
    struct answer fence = {0};

    rig_open(rig);
    rig->options.statements = all;
    rig->options.statement_count = countof(all);
    CU_ASSERT(rig_start_ready(rig));
    CU_ASSERT(rig_ask(rig, &fence, &st_fence, NULL, NULL));
}

static bool writes_are_served(void *arg)
{
    struct rig *rig = arg;

    return rig->states[DB_STATE_RENEWING] > 0 && rig->state == DB_STATE_READY;
}

static void test_read_only_session(void)
{
    struct answer write = {0}, read = {0};
    struct rig rig;

    renew_open(&rig);
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    UNIT_INT(write.outcome, DB_READ_ONLY);
    CU_ASSERT(rig_ask(&rig, &read, &st_int, "5", NULL));
    UNIT_INT(read.outcome, DB_OK);
    CU_ASSERT(rig_until(&rig, writes_are_served, &rig));
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    UNIT_INT(write.outcome, DB_OK);
    UNIT_INT(db_reconnects(rig.db), 1);
    UNIT_INT(rig.states[DB_STATE_DOWN], 0);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',') FROM item"), "1");
    rig_close(&rig);
}

/* What is in flight is finished first, and nothing is lost with the session. */
static void test_nothing_is_lost(void)
{
    struct answer slow = {0}, write = {0}, behind = {0};
    struct rig rig;

    renew_open(&rig);
    UNIT_INT(rig_submit(&rig, &write, &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &slow, &st_sleep, "300", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &behind, &st_int, "5", NULL), DB_OK);
    CU_ASSERT(rig_until(&rig, writes_are_served, &rig));
    UNIT_INT(write.outcome, DB_READ_ONLY);
    UNIT_INT(slow.calls, 1);
    UNIT_INT(slow.outcome, DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &behind, 1));
    UNIT_INT(behind.outcome, DB_OK);
    rig_close(&rig);
}

static struct answer meanwhile[2];

static void submit_meanwhile(struct rig *rig)
{
    if (rig->state != DB_STATE_RENEWING) return;
    UNIT_INT(rig_submit(rig, &meanwhile[0], &st_insert, "7", "seven"), DB_OK);
    UNIT_INT(rig_submit(rig, &meanwhile[1], &st_int, "7", NULL), DB_OK);
}

/* Queries that come while there is no session wait for the next, writes too. */
static void test_queries_meanwhile(void)
{
    struct answer write = {0};
    struct rig rig;

    renew_open(&rig);
    rig.on_state = submit_meanwhile;
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    CU_ASSERT(rig_until(&rig, writes_are_served, &rig));
    CU_ASSERT(rig_until_answered(&rig, meanwhile, countof(meanwhile)));
    UNIT_INT(meanwhile[0].outcome, DB_OK);
    UNIT_INT(meanwhile[1].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',') FROM item"), "7");
    rig_close(&rig);
}

static void close_meanwhile(struct rig *rig)
{
    submit_meanwhile(rig);
    if (rig->state == DB_STATE_RENEWING) proxy_close(rig);
}

/* The next session does not come: a write that waits for it has certainly not happened. */
static void test_no_next_session(void)
{
    struct answer write = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.statements = all;
    rig.options.statement_count = countof(all);
    rig.options.retry_window_ms = 300;
    CU_ASSERT(rig_start_ready(&rig));
    rig.on_state = close_meanwhile;
    CU_ASSERT(rig_ask(&rig, &write, &st_fence, NULL, NULL));
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    CU_ASSERT(rig_until_answered(&rig, meanwhile, countof(meanwhile)));
    UNIT_INT(meanwhile[0].outcome, DB_UNAVAILABLE);
    UNIT_INT(meanwhile[1].outcome, DB_UNAVAILABLE);
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    rig.on_state = NULL;
    proxy_reopen(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    rig_close(&rig);
}

/* Every session is read-only: the one that there is stays, and others only look now and then. */
static void test_read_only_by_hand(void)
{
    struct answer write = {0}, read = {0};
    struct rig rig;

    rig_open(&rig);
    char *conninfo = mem_printf("%s", rig.conninfo);

    conninfo[strlen(conninfo) - 1] = '\0'; /* within options='…' */
    rig_use_conninfo(&rig, mem_printf("%s -c default_transaction_read_only=on'", conninfo));
    free(conninfo);
    CU_ASSERT(rig_start_ready(&rig));
    uint64_t start_ms = clock_monotonic_ms();

    for (unsigned i = 0; i < 30; i++) {
        CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
        UNIT_INT(write.outcome, DB_READ_ONLY);
        CU_ASSERT(rig_ask(&rig, &read, &st_int, "5", NULL));
        UNIT_INT(read.outcome, DB_OK);
        rig_turn(&rig, 50);
    }
    UNIT_INT(db_reconnects(rig.db), 0);
    UNIT_INT(rig.states[DB_STATE_RENEWING] + rig.states[DB_STATE_DOWN], 0);
    /* Pauses of 0.25 s at least, 0.5 s, 1 s, and then 2 s each. */
    CU_ASSERT(rig.db->scouts >= 1 && rig.db->scouts <= 4 + (clock_monotonic_ms() - start_ms) / 2000);
    rig_close(&rig);
}

static void free_when_renewing(struct rig *rig)
{
    if (rig->state != DB_STATE_RENEWING) return;
    db_free(rig->db);
    rig->db = NULL;
}

static bool is_freed(void *arg)
{
    const struct rig *rig = arg;

    return rig->db == NULL;
}

static void test_free_meanwhile(void)
{
    struct answer write = {0};
    struct rig rig;

    renew_open(&rig);
    rig.on_state = free_when_renewing;
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    CU_ASSERT(rig_until(&rig, is_freed, &rig));
    rig_close(&rig);

    /* While the second connection looks. */
    renew_open(&rig);
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    while (rig.db->scout == NULL) event_base_loop(rig.base, EVLOOP_ONCE);
    rig_close(&rig);

    renew_open(&rig);
    CU_ASSERT(rig_ask(&rig, &write, &st_insert, "1", "one"));
    while (rig.db->scout == NULL) event_base_loop(rig.base, EVLOOP_ONCE);
    db_drain(rig.db);
    CU_ASSERT_PTR_NULL(rig.db->scout);
    rig_turn(&rig, 50);
    UNIT_INT(rig.states[DB_STATE_RENEWING], 0);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_read_only_session), UNIT_TEST(test_nothing_is_lost),   UNIT_TEST(test_queries_meanwhile),
    UNIT_TEST(test_no_next_session),   UNIT_TEST(test_read_only_by_hand), UNIT_TEST(test_free_meanwhile),
};
const struct unit_part renew_tests = UNIT_PART(tests);
