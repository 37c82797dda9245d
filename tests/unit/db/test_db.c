#include <stdio.h>

#include "rig.h"

static void test_overload(void)
{
    struct answer a[4] = {0};
    struct rig rig;

    rig_open(&rig);
    rig.options.limits.queue_max = 3;
    CU_ASSERT(rig_start_ready(&rig));
    for (int i = 0; i < 3; i++) UNIT_INT(rig_submit(&rig, &a[i], &st_int, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_int, "1", NULL), DB_OVERLOADED);
    CU_ASSERT(rig_until_answered(&rig, a, 3));
    UNIT_INT(a[3].calls, 0);
    CU_ASSERT(rig_ask(&rig, &a[3], &st_int, "1", NULL));
    rig_close(&rig);
}

static void test_abandon(void)
{
    struct answer queued = {0}, sent = {0}, behind = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &queued, &st_insert, "1", "one"), DB_OK);
    db_abandon(queued.query);
    UNIT_INT(db_queue_depth(rig.db), 0);

    UNIT_INT(rig_submit(&rig, &sent, &st_insert_slow, "2", "300"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    db_abandon(sent.query);
    CU_ASSERT(rig_ask(&rig, &behind, &st_int, "3", NULL));
    UNIT_STR(behind.value, "3");
    UNIT_INT(queued.calls, 0);
    UNIT_INT(sent.calls, 0);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',') FROM item"), "2");
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

struct chain {
    struct rig *rig;
    struct answer *next;
    struct answer *drop;
};

static void chain_on(struct answer *a)
{
    struct chain *c = a->arg;

    db_abandon(a->query); /* too late, and harmless */
    db_abandon(c->drop->query);
    UNIT_INT(rig_submit(c->rig, c->next, &st_int, "8", NULL), DB_OK);
    UNIT_INT(c->next->calls, 0);
}

/* Submitting and abandoning from within a callback, also what is in the same batch. */
static void test_reentrance(void)
{
    struct answer first = {0}, dropped = {0}, next = {0};
    struct rig rig;
    struct chain chain = {&rig, &next, &dropped};

    rig_open(&rig);
    rig.options.limits.queue_max = 2;
    CU_ASSERT(rig_start_ready(&rig));
    first.then = chain_on;
    first.arg = &chain;
    UNIT_INT(rig_submit(&rig, &first, &st_int, "7", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &dropped, &st_int, "9", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &next, 1));
    UNIT_INT(first.calls, 1);
    UNIT_INT(dropped.calls, 0);
    UNIT_STR(next.value, "8");
    rig_close(&rig);
}

static void free_db(struct answer *a)
{
    struct rig *rig = a->arg;

    db_free(rig->db);
    rig->db = NULL;
}

static void test_free_in_callback(void)
{
    const struct db_statement *const kinds[] = {&st_int, &st_insert, &st_divide};
    const char *const values[] = {"1", "1", "0"};

    for (size_t k = 0; k < countof(kinds); k++) {
        struct answer a[3] = {0};
        struct rig rig;

        rig_open(&rig);
        CU_ASSERT(rig_start_ready(&rig));
        a[0].then = free_db;
        a[0].arg = &rig;
        UNIT_INT(rig_submit(&rig, &a[0], kinds[k], values[k], "x"), DB_OK);
        UNIT_INT(rig_submit(&rig, &a[1], &st_int, "2", NULL), DB_OK);
        UNIT_INT(rig_submit(&rig, &a[2], &st_insert, "3", "three"), DB_OK);
        CU_ASSERT(rig_until_answered(&rig, a, 1));
        rig_turn(&rig, 20);
        UNIT_INT(a[1].calls + a[2].calls, 0);
        rig_close(&rig);
    }
}

static void test_free_with_work(void)
{
    struct answer a[3] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "5000", NULL), DB_OK);
    rig_turn(&rig, 20);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert, "1", "one"), DB_OK);
    rig_turn(&rig, 20);
    UNIT_INT(rig_submit(&rig, &a[2], &st_int, "1", NULL), DB_OK);
    rig_close(&rig);
    UNIT_INT(a[0].calls + a[1].calls + a[2].calls, 0);
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
    UNIT_TEST(test_overload),         UNIT_TEST(test_abandon),        UNIT_TEST(test_reentrance),
    UNIT_TEST(test_free_in_callback), UNIT_TEST(test_free_with_work), UNIT_TEST(test_wind_up),
    UNIT_TEST(test_hang_up),
};
static const struct unit_part db_tests = UNIT_PART(tests);

int main(void)
{
    static const struct unit_part *const parts[] = {&db_tests,      &commit_tests,   &cancel_tests,   &connect_tests,
                                                    &outcome_tests, &pipeline_tests, &reason_tests,   &result_tests,
                                                    &send_tests,    &target_tests,   &deadline_tests, &fit_tests,
                                                    &renew_tests,   &share_tests,    &together_tests};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!rig_setup()) return 1;
    int status = unit_main_parts("db", parts, countof(parts));

    rig_teardown();
    return status;
}
