/* Clients take turns, have a bound each, and what is slow holds up nobody else's next query. */
#include <stdio.h>

#include "base/clock.h"
#include "db/internal.h"
#include "rig.h"

enum { ALICE = 1, BOB, CAROL };

static unsigned answered;

static void note_order(struct answer *a)
{
    *(unsigned *)a->arg = ++answered;
}

/* Answers with the order in which they came. */
struct ordered {
    struct answer answer;
    unsigned order;
};

static void ask(struct rig *rig, unsigned client, struct ordered *o, const struct db_statement *s, const char *value)
{
    *o = (struct ordered){.answer = {.then = note_order, .arg = &o->order}};
    UNIT_INT(rig_submit_for(rig, client, &o->answer, s, value, NULL), DB_OK);
}

static bool all_came(void *arg)
{
    return answered == *(const unsigned *)arg;
}

static void until_answered(struct rig *rig, unsigned count)
{
    CU_ASSERT(rig_until(rig, all_came, &count));
}

static void open_rig(struct rig *rig)
{
    answered = 0;
    rig_open(rig);
    CU_ASSERT(rig_start_ready(rig));
}

/* After this it is known to be quick. */
static void warm(struct rig *rig, const struct db_statement *s, const char *value)
{
    struct ordered o;

    ask(rig, CAROL, &o, s, value);
    until_answered(rig, 1);
    answered = 0;
}

static void test_each_has_a_bound(void)
{
    enum { MOST = 16, ALL = 64 };
    struct answer a[ALL] = {0};
    struct answer more = {0};
    struct rig rig;
    unsigned at = 0;

    rig_open(&rig);
    rig.options.limits.queue_max = ALL;
    CU_ASSERT(rig_start_ready(&rig));
    for (; at < MOST; at++) UNIT_INT(rig_submit_for(&rig, ALICE, &a[at], &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit_for(&rig, ALICE, &more, &st_int, "1", NULL), DB_TOO_MANY);
    UNIT_INT(rig_submit_for(&rig, BOB, &a[at++], &st_int, "2", NULL), DB_OK);
    UNIT_INT(db_clients(rig.db), 2);
    for (; at < ALL; at++) UNIT_INT(rig_submit(&rig, &a[at], &st_int, "3", NULL), DB_OK);
    UNIT_INT(rig_submit_for(&rig, BOB, &more, &st_int, "1", NULL), DB_OVERLOADED);
    CU_ASSERT(rig_until_answered(&rig, a, ALL));
    UNIT_INT(db_clients(rig.db), 0);
    UNIT_INT(rig_submit_for(&rig, ALICE, &more, &st_int, "1", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &more, 1));
    rig_close(&rig);
}

/* A small queue is one client's as well. */
static void test_a_small_queue_has_one_bound(void)
{
    struct answer a[4] = {0};
    struct answer more = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.queue_max = countof(a);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(rig_submit_for(&rig, ALICE, &a[i], &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit_for(&rig, ALICE, &more, &st_int, "1", NULL), DB_OVERLOADED);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_close(&rig);
}

static void test_turns(void)
{
    struct ordered alice[12], bob;
    struct rig rig;

    open_rig(&rig);
    for (size_t i = 0; i < countof(alice); i++) ask(&rig, ALICE, &alice[i], &st_write_stamp, NULL);
    ask(&rig, BOB, &bob, &st_write_stamp, NULL);
    until_answered(&rig, countof(alice) + 1);
    UNIT_INT(bob.order, 2);
    for (size_t i = 1; i < countof(alice); i++) CU_ASSERT(alice[i - 1].order < alice[i].order);
    rig_close(&rig);
}

/* What is slow is alone in flight: whoever comes meanwhile is next, however many slow ones were there before, and then
 * has time. */
static void test_slow_ones_hold_up_no_other(void)
{
    struct ordered slow[5], quick[4];
    struct rig rig;

    open_rig(&rig);
    warm(&rig, &st_int, "1");
    for (size_t i = 0; i < countof(slow); i++) ask(&rig, ALICE, &slow[i], &st_sleep, "500");
    CU_ASSERT(rig_until_sleeping(&rig));
    for (size_t i = 0; i < countof(quick); i++) ask(&rig, BOB, &quick[i], &st_int, "2");
    until_answered(&rig, countof(slow) + countof(quick));
    UNIT_INT(slow[0].order, 1);
    for (size_t i = 0; i < countof(quick); i++) UNIT_INT(quick[i].order, 2 + i);
    for (size_t i = 0; i < countof(slow); i++) UNIT_INT(slow[i].answer.outcome, DB_OK);
    rig_close(&rig);
}

/* Slow ones of two take turns as well, and those of more clients do not add up before somebody quick. */
static void test_many_slow_clients(void)
{
    struct ordered slow[6], quick;
    struct rig rig;

    open_rig(&rig);
    warm(&rig, &st_int, "1");
    for (size_t i = 0; i < countof(slow); i++) ask(&rig, i < 4 ? ALICE : CAROL, &slow[i], &st_sleep, "300");
    CU_ASSERT(rig_until_sleeping(&rig));
    ask(&rig, BOB, &quick, &st_int, "2");
    until_answered(&rig, countof(slow) + 1);
    UNIT_INT(quick.order, 2);
    CU_ASSERT(slow[4].order < slow[1].order && slow[5].order < slow[2].order);
    rig_close(&rig);
}

/* With other values it is slow, and by then many are on their way: they go back, and none fails. */
static void test_what_was_quick_may_be_slow(void)
{
    struct ordered slow[6], quick;
    struct rig rig;

    open_rig(&rig);
    warm(&rig, &st_int, "1");
    warm(&rig, &st_sleep, "1");
    for (size_t i = 0; i < countof(slow); i++) ask(&rig, ALICE, &slow[i], &st_sleep, "1000");
    CU_ASSERT(rig_until_sleeping(&rig));
    rig_turn(&rig, 100); /* until nothing is sent behind them */
    ask(&rig, BOB, &quick, &st_int, "2");
    until_answered(&rig, countof(slow) + 1);
    CU_ASSERT(quick.order <= 2);
    for (size_t i = 0; i < countof(slow); i++) {
        UNIT_INT(slow[i].answer.outcome, DB_OK);
        UNIT_STR(slow[i].answer.value, "1000");
    }
    rig_close(&rig);
}

/* A statement that nobody knows goes alone until it was quick once; then it shares a Sync with others. */
static void test_quick_ones_share_a_sync(void)
{
    struct ordered a[4];
    struct rig rig;

    open_rig(&rig);
    for (size_t i = 0; i < 2; i++) ask(&rig, i == 0 ? ALICE : BOB, &a[i], &st_stamp, NULL);
    until_answered(&rig, 2);
    CU_ASSERT(strcmp(a[0].answer.value, a[1].answer.value) != 0);
    for (size_t i = 2; i < 4; i++) ask(&rig, i == 2 ? ALICE : BOB, &a[i], &st_stamp, NULL);
    until_answered(&rig, 4);
    UNIT_STR(a[2].answer.value, a[3].answer.value);
    rig_close(&rig);
}

/* Waiting, in flight, abandoned, lost: a client is there for as long as it has something here. */
static void test_clients_come_and_go(void)
{
    struct ordered a[3];
    struct answer dropped[2] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    answered = 0;
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit_for(&rig, ALICE, &dropped[0], &st_int, "1", NULL), DB_OK);
    UNIT_INT(db_clients(rig.db), 1);
    db_abandon(dropped[0].query);
    UNIT_INT(db_clients(rig.db), 0);
    ask(&rig, ALICE, &a[0], &st_sleep, "300");
    ask(&rig, BOB, &a[1], &st_int, "1");
    CU_ASSERT(rig_until_sleeping(&rig));
    UNIT_INT(rig_submit_for(&rig, CAROL, &dropped[1], &st_sleep, "1", NULL), DB_OK);
    ask(&rig, ALICE, &a[2], &st_int, "3");
    UNIT_INT(db_clients(rig.db), 3);
    db_abandon(dropped[1].query);
    UNIT_INT(db_clients(rig.db), 2);
    proxy_cut(&rig);
    until_answered(&rig, countof(a));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].answer.outcome, DB_OK);
    UNIT_STR(a[2].answer.value, "3");
    UNIT_INT(db_clients(rig.db), 0);
    rig_close(&rig);
}

/* A request to cancel a batch that ends before it comes there ends whatever runs then, which did nothing to deserve it:
 * it is sent again, once. */
static void check_stray_cancel(const struct db_statement *s, const char *p1, const char *p2)
{
    struct answer a[2] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++) {
        char sql[160];

        snprintf(sql, sizeof(sql), "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'",
                 rig.name);
        UNIT_INT(rig_submit_for(&rig, ALICE, &a[i], s, p1, p2), DB_OK);
        CU_ASSERT(rig_until_sleeping(&rig));
        /* As if the batch before had ended so; the second time there was none. */
        rig.db->stray_until_ms = i == 0 ? clock_monotonic_ms() + RIG_PATIENCE_MS : 0;
        rig.db->hold_until_ms = rig.db->stray_until_ms;
        UNIT_STR(rig_sql(&rig, sql), "t");
        CU_ASSERT(rig_until_answered(&rig, &a[i], 1));
    }
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_INT(a[1].outcome, DB_TIMEOUT);
    UNIT_INT(rig.states[DB_STATE_READY], 1);
    rig_close(&rig);
}

static void test_a_cancel_that_comes_too_late_is_made_good(void)
{
    check_stray_cancel(&st_sleep, "1000", NULL);
    check_stray_cancel(&st_insert_slow, "4711", "1000");
}

/* The server signals twice for each request, and the second may come to what runs next. */
static void check_expected_stray(const struct db_statement *s, const char *p1, const char *p2)
{
    struct answer a = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit_for(&rig, ALICE, &a, s, p1, p2), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    UNIT_INT(rig.db->stray_until_ms, 0);
    list_at(rig.db->flight.next, struct db_batch, link)->cancelled = true;
    CU_ASSERT(rig_until_answered(&rig, &a, 1));
    UNIT_INT(a.outcome, DB_OK);
    CU_ASSERT(rig.db->stray_until_ms > 0);
    UNIT_INT(rig.db->hold_until_ms, 0);
    rig_close(&rig);
}

static void test_a_cancel_may_come_twice(void)
{
    check_expected_stray(&st_sleep, "300", NULL);
    check_expected_stray(&st_insert_slow, "4712", "300");
}

/* What is submitted while nothing may be sent goes at the end of that time, whatever else comes meanwhile. */
static void test_a_hold_ends(void)
{
    struct answer a[2] = {0};
    uint64_t until_ms;
    struct rig rig;

    rig_open(&rig);
    rig.options.probe_interval_ms = rig.options.probe_timeout_ms = 600000;
    CU_ASSERT_FATAL(rig_start_ready(&rig));
    /* As after a request to cancel that found nothing. */
    until_ms = clock_monotonic_ms() + 200;
    rig.db->hold_until_ms = until_ms;
    db_timer_set(rig.db->turn, 200);
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(rig_submit(&rig, &a[i], &st_int, "1", NULL), DB_OK);
        rig_turn(&rig, 10);
    }
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    CU_ASSERT(clock_monotonic_ms() >= until_ms);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_has_a_bound),
    UNIT_TEST(test_a_small_queue_has_one_bound),
    UNIT_TEST(test_turns),
    UNIT_TEST(test_slow_ones_hold_up_no_other),
    UNIT_TEST(test_many_slow_clients),
    UNIT_TEST(test_what_was_quick_may_be_slow),
    UNIT_TEST(test_quick_ones_share_a_sync),
    UNIT_TEST(test_clients_come_and_go),
    UNIT_TEST(test_a_cancel_that_comes_too_late_is_made_good),
    UNIT_TEST(test_a_cancel_may_come_twice),
    UNIT_TEST(test_a_hold_ends),
};

const struct unit_part share_tests = UNIT_PART(tests);
