#include "queue/tell.h"

#include "asker.h"

/* Answers with $1. */
static const struct db_statement say = {.name = "say",
                                        .sql = "INSERT INTO told (what) VALUES ($1) RETURNING what AS answer",
                                        .access = DB_WRITE,
                                        .param_count = 1,
                                        .params = {DB_TYPE_TEXT}};
/* The n-th time, counted whatever becomes of the transaction. */
static const struct db_statement tried = {.name = "tried",
                                          .sql = "SELECT tried($1) AS answer",
                                          .access = DB_WRITE,
                                          .param_count = 1,
                                          .params = {DB_TYPE_TEXT}};
static const struct db_statement *const statements[] = {&say, &tried};

/* What goes wrong is told by $1, an SQLSTATE; "end" ends the session, the first time. */
static const char functions[] =
    "CREATE FUNCTION tried(what text) RETURNS text LANGUAGE plpgsql AS $$\n"
    "DECLARE\n"
    "    time constant bigint := nextval('tries');\n"
    "BEGIN\n"
    "    IF what = 'end' AND time = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END "
    "IF;\n"
    "    IF what = 'busy' AND time <= 6 THEN RAISE EXCEPTION 'no' USING ERRCODE = '55P03'; END IF;\n"
    "    IF what = 'slow' AND time <= 8 THEN RAISE EXCEPTION 'no' USING ERRCODE = '57014'; END IF;\n"
    "    IF what NOT IN ('end', 'busy', 'slow') THEN RAISE EXCEPTION 'not so' USING ERRCODE = what; END IF;\n"
    "    RETURN 'succeeded';\n"
    "END $$";

struct told {
    struct asker asker;
    struct tell *tell;
    unsigned calls;
    enum queue_answer answer;
    char refusal[128];
    bool for_good;
};

static void on_told(void *arg, enum queue_answer answer, const char *refusal, bool refused_for_good)
{
    struct told *told = arg;

    told->tell = NULL;
    told->calls++;
    told->answer = answer;
    snprintf(told->refusal, sizeof(told->refusal), "%s", refusal == NULL ? "" : refusal);
    told->for_good = refused_for_good;
}

static void begin(struct told *told)
{
    *told = (struct told){0};
    asker_open(&told->asker, functions, statements, countof(statements));
}

static void tell(struct told *told, const struct db_statement *statement, const char *value)
{
    told->tell = tell_new(&(struct tell_options){.base = told->asker.base,
                                                 .db = told->asker.db,
                                                 .statement = statement,
                                                 .values = {slice_of(value)},
                                                 .done = on_told,
                                                 .arg = told});
    CU_ASSERT_EQUAL(told->calls, 0);
    asker_until(&told->asker, &told->calls, 1);
    CU_ASSERT_EQUAL(told->calls, 1);
}

static void test_each_word_is_its_answer(void)
{
    static const char *const words[] = {"running", "queued", "succeeded", "failed", "cancelled", "lost", "undone"};
    struct told told;

    begin(&told);
    for (size_t i = 0; i < countof(words); i++) {
        told.calls = 0;
        tell(&told, &say, words[i]);
        CU_ASSERT_EQUAL(told.answer, (enum queue_answer)i);
        UNIT_STR(told.refusal, "");
    }
    asker_close(&told.asker);
}

static void test_what_is_refused_for_good_is_told_once(void)
{
    static const char *const codes[] = {"23514", "22003"};
    struct told told;

    for (size_t i = 0; i < countof(codes); i++) {
        begin(&told);
        tell(&told, &tried, codes[i]);
        UNIT_STR(told.refusal, "not so");
        CU_ASSERT(told.for_good);
        UNIT_STR(asker_sql(&told.asker, "SELECT last_value FROM tries"), "1");
        asker_close(&told.asker);
    }
}

static void test_so_is_what_cannot_be_sent(void)
{
    static const char *const answers[] = {"running", "queued"};
    struct told told;

    begin(&told);
    told.tell = tell_new(&(struct tell_options){.base = told.asker.base,
                                                .db = told.asker.db,
                                                .statement = &say,
                                                .values = {{"queu\0ed", 7}},
                                                .done = on_told,
                                                .arg = &told});
    CU_ASSERT_EQUAL(told.calls, 0);
    asker_until(&told.asker, &told.calls, 1);
    CU_ASSERT_EQUAL(told.answer, QUEUE_UNKNOWN);
    CU_ASSERT(told.for_good);
    UNIT_STR(told.refusal, "it has a NUL byte, which the database does not take");
    for (unsigned i = 0; i < countof(answers); i++) {
        told.calls = 0;
        tell(&told, &say, answers[i]);
        CU_ASSERT_EQUAL(told.answer, (enum queue_answer)i);
    }
    asker_close(&told.asker);
}

static void test_what_may_be_chance_is_told_some_times(void)
{
    struct told told;

    begin(&told);
    tell(&told, &tried, "XX000");
    UNIT_STR(told.refusal, "not so");
    CU_ASSERT(!told.for_good);
    UNIT_STR(asker_sql(&told.asker, "SELECT last_value FROM tries"), "4");
    asker_close(&told.asker);
}

static void test_what_takes_too_long_is_told_many_times(void)
{
    struct told told;

    begin(&told);
    tell(&told, &tried, "slow");
    CU_ASSERT_EQUAL(told.answer, QUEUE_SUCCEEDED);
    UNIT_STR(asker_sql(&told.asker, "SELECT last_value FROM tries"), "9");
    asker_close(&told.asker);
}

static void test_what_always_takes_too_long_is_given_up_for_good(void)
{
    struct told told;

    begin(&told);
    tell(&told, &tried, "57014");
    UNIT_STR(told.refusal, "not so");
    CU_ASSERT(told.for_good);
    UNIT_STR(asker_sql(&told.asker, "SELECT last_value FROM tries"), "20");
    asker_close(&told.asker);
}

static void test_others_in_the_way_are_waited_for(void)
{
    struct told told;

    begin(&told);
    tell(&told, &tried, "busy");
    CU_ASSERT_EQUAL(told.answer, QUEUE_SUCCEEDED);
    UNIT_STR(asker_sql(&told.asker, "SELECT last_value FROM tries"), "7");
    asker_close(&told.asker);
}

static void ready(struct asker *asker)
{
    struct told *told = asker->arg;

    if (told->tell != NULL) tell_again(told->tell);
}

static void test_it_is_told_again_after_a_lost_connection(void)
{
    struct told told;

    begin(&told);
    told.asker.on_ready = ready;
    told.asker.arg = &told;
    tell(&told, &tried, "end");
    CU_ASSERT_EQUAL(told.answer, QUEUE_SUCCEEDED);
    UNIT_STR(asker_sql(&told.asker, "SELECT last_value FROM tries"), "2");
    CU_ASSERT_EQUAL(told.asker.times_ready, 2);
    asker_close(&told.asker);
}

static void test_who_is_freed_is_not_called(void)
{
    struct told told;

    begin(&told);
    tell_free(tell_new(&(struct tell_options){.base = told.asker.base,
                                              .db = told.asker.db,
                                              .statement = &say,
                                              .values = {SLICE_LIT("running")},
                                              .done = on_told,
                                              .arg = &told}));
    tell(&told, &say, "lost");
    CU_ASSERT_EQUAL(told.answer, QUEUE_LOST);
    tell_free(NULL);
    asker_close(&told.asker);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_word_is_its_answer),
    UNIT_TEST(test_what_is_refused_for_good_is_told_once),
    UNIT_TEST(test_so_is_what_cannot_be_sent),
    UNIT_TEST(test_what_may_be_chance_is_told_some_times),
    UNIT_TEST(test_what_takes_too_long_is_told_many_times),
    UNIT_TEST(test_what_always_takes_too_long_is_given_up_for_good),
    UNIT_TEST(test_others_in_the_way_are_waited_for),
    UNIT_TEST(test_it_is_told_again_after_a_lost_connection),
    UNIT_TEST(test_who_is_freed_is_not_called),
};
const struct unit_part tell_tests = UNIT_PART(tests);
