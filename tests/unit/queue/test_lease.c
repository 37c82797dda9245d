#include "queue/lease.h"

#include "asker.h"
#include "queue/statements.h"

static const struct db_statement *const statements[] = {&queue_heartbeat};

/* Notes the progress, and answers with what the sequence says. */
static const char functions[] =
    "CREATE TABLE answer (word text);\n"
    "INSERT INTO answer VALUES ('running');\n"
    "CREATE FUNCTION backtest_heartbeat(id uuid, claim uuid, progress double precision, lease interval)\n"
    "RETURNS text LANGUAGE plpgsql AS $$\n"
    "BEGIN\n"
    "    INSERT INTO told (what) VALUES (coalesce(progress::text, 'none'));\n"
    "    RETURN (SELECT a.word FROM answer AS a);\n"
    "END $$";

struct held {
    struct asker asker;
    struct lease *lease;
    double progress;
    unsigned calls;
    enum queue_answer answer;
    bool frees;
};

static double progress(void *arg)
{
    return ((struct held *)arg)->progress;
}

static void answered(void *arg, enum queue_answer answer)
{
    struct held *held = arg;

    held->calls++;
    held->answer = answer;
    if (!held->frees) return;
    lease_free(held->lease);
    held->lease = NULL;
}

static void begin(struct held *held)
{
    *held = (struct held){.progress = -1};
    asker_open(&held->asker, functions, statements, countof(statements));
    held->lease = lease_new(&(struct lease_options){
        .base = held->asker.base,
        .db = held->asker.db,
        .id = SLICE_LIT("01a217f0-9c9b-714f-b34d-007e58da24bf"),
        .claim = SLICE_LIT("11a217f0-9c9b-414f-b34d-007e58da24bf"),
        .arg = held,
        .progress = progress,
        .answered = answered,
    });
}

static void end(struct held *held)
{
    lease_free(held->lease);
    asker_close(&held->asker);
}

static void test_who_asks_is_answered(void)
{
    struct held held;

    begin(&held);
    lease_ask(held.lease);
    asker_until(&held.asker, &held.calls, 1);
    CU_ASSERT_EQUAL(held.answer, QUEUE_RUNNING);
    UNIT_STR(asker_sql(&held.asker, "SELECT what FROM told"), "none");
    end(&held);
}

static void test_progress_is_told_as_it_changes(void)
{
    struct held held;

    begin(&held);
    held.progress = 0.25;
    asker_until(&held.asker, &held.calls, 1);
    held.progress = 1.5; /* more than all */
    asker_until(&held.asker, &held.calls, 2);
    UNIT_STR(asker_sql(&held.asker, "SELECT string_agg(what, ' ' ORDER BY n) FROM told"), "0.25 1");
    end(&held);
}

/* What is asked while an answer is on its way may be about something that it does not know. */
static void test_who_asks_twice_is_answered_twice(void)
{
    struct held held;

    begin(&held);
    for (unsigned i = 0; i < 5; i++) lease_ask(held.lease);
    asker_until(&held.asker, &held.calls, 2);
    UNIT_STR(asker_sql(&held.asker, "SELECT count(*) FROM told"), "2");
    end(&held);
}

static void test_nothing_is_asked_once_it_is_gone(void)
{
    struct held held;

    begin(&held);
    asker_sql(&held.asker, "UPDATE answer SET word = 'cancelled'");
    lease_ask(held.lease);
    asker_until(&held.asker, &held.calls, 1);
    CU_ASSERT_EQUAL(held.answer, QUEUE_CANCELLED);
    held.progress = 0.5;
    lease_ask(held.lease);
    UNIT_STR(asker_sql(&held.asker, "SELECT count(*) FROM told"), "1");
    end(&held);
}

static void test_it_may_be_freed_by_its_answer(void)
{
    struct held held;

    begin(&held);
    held.frees = true;
    lease_ask(held.lease);
    lease_ask(held.lease);
    asker_until(&held.asker, &held.calls, 1);
    CU_ASSERT_PTR_NULL(held.lease);
    end(&held);
}

static void test_a_lost_connection_does_not_end_it(void)
{
    struct held held;

    begin(&held);
    asker_sql(&held.asker,
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test_queue' "
              "AND pid <> pg_backend_pid()");
    held.progress = 0.75;
    asker_until(&held.asker, &held.calls, 1);
    UNIT_STR(asker_sql(&held.asker, "SELECT what FROM told ORDER BY n DESC LIMIT 1"), "0.75");
    end(&held);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_who_asks_is_answered),
    UNIT_TEST(test_progress_is_told_as_it_changes),
    UNIT_TEST(test_who_asks_twice_is_answered_twice),
    UNIT_TEST(test_nothing_is_asked_once_it_is_gone),
    UNIT_TEST(test_it_may_be_freed_by_its_answer),
    UNIT_TEST(test_a_lost_connection_does_not_end_it),
};
const struct unit_part lease_tests = UNIT_PART(tests);
