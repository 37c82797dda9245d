/* The pipeline when nothing breaks. The first few are scenarios of PostgreSQL's own libpq_pipeline test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rig.h"

enum { MANY = 1000 };

static void test_simple(void)
{
    struct rig rig;
    struct answer a = {0};

    rig_open(&rig);
    UNIT_INT(rig_start_ready(&rig), true);
    UNIT_STR(rig.reason, "");
    CU_ASSERT(rig_ask(&rig, &a, &st_int, "42", NULL));
    UNIT_INT(a.outcome, DB_OK);
    UNIT_INT(a.rows, 1);
    UNIT_STR(a.value, "42");
    UNIT_STR(a.sqlstate, "");
    UNIT_INT(db_queue_depth(rig.db), 0);
    UNIT_INT(db_reconnects(rig.db), 0);
    rig_close(&rig);
}

/* More than one batch, more than fits in flight, and each answer to its question. */
static void test_many(void)
{
    static struct answer answers[MANY];
    static char numbers[MANY][12];
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (int i = 0; i < MANY; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
        answers[i] = (struct answer){0};
        UNIT_INT(rig_submit(&rig, &answers[i], &st_int, numbers[i], NULL), DB_OK);
    }
    UNIT_INT(db_queue_depth(rig.db), MANY);
    for (int i = 0; i < MANY; i++) UNIT_INT(answers[i].calls, 0);
    CU_ASSERT(rig_until_answered(&rig, answers, MANY));
    for (int i = 0; i < MANY; i++) {
        UNIT_INT(answers[i].calls, 1);
        UNIT_STR(answers[i].value, numbers[i]);
    }
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static void test_text_values(void)
{
    static const char *const texts[] = {"", "plain", "it's \"quoted\" \\ $1", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                        NULL};
    struct rig rig;
    struct answer a = {0};

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(texts); i++) {
        CU_ASSERT(rig_ask(&rig, &a, &st_text, texts[i], NULL));
        UNIT_INT(a.outcome, DB_OK);
        UNIT_STR(a.value, texts[i] == NULL ? "(null)" : texts[i]);
    }
    CU_ASSERT(rig_ask(&rig, &a, &st_text, "\xff", NULL));
    UNIT_INT(a.outcome, DB_INVALID_VALUE);
    CU_ASSERT(rig_ask(&rig, &a, &st_int, "no number", NULL));
    UNIT_INT(a.outcome, DB_INVALID_VALUE);
    rig_close(&rig);
}

static const struct db_statement st_types = {"types",
                                             "SELECT concat_ws(' ', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                                             DB_READ,
                                             10,
                                             {DB_TYPE_BOOL, DB_TYPE_INT8, DB_TYPE_INT4, DB_TYPE_TEXT, DB_TYPE_UUID,
                                              DB_TYPE_TIMESTAMPTZ, DB_TYPE_NUMERIC, DB_TYPE_JSONB, DB_TYPE_INT8_ARRAY,
                                              DB_TYPE_TEXT_ARRAY}};

static void keep_row(void *arg, const struct db_result *r)
{
    struct answer *a = arg;

    a->calls++;
    a->outcome = db_result_outcome(r);
    snprintf(a->message, sizeof(a->message), "%s", db_result_message(r));
    int column = db_result_column(r, "concat_ws");

    UNIT_INT(db_result_column(r, "nothing"), -1);
    CU_ASSERT(db_result_value(r, 0, -1).data == NULL);
    CU_ASSERT(db_result_value(r, 1, 0).data == NULL);
    snprintf(a->value, sizeof(a->value), "%.*s", SLICE_FMT(db_result_value(r, 0, column)));
}

/* Every type we send, from slices that no NUL follows. */
static void test_types(void)
{
    static const struct db_statement *const only[] = {&st_types};
    const struct slice values[] = {
        {"true!", 4},
        {"9007199254740993!", 16},
        {"-7!", 2},
        {"a b!", 3},
        {"6f1b7c3e-2d5a-4b8f-9c1d-0e2f3a4b5c6d!", 36},
        {"2026-11-23T14:03:52Z!", 20},
        {"0.10!", 4},
        {"{\"a\": [1, 2]}!", 13},
        {"{1,2}!", 5},
        {"{\"x y\",z}!", 9},
    };
    struct rig rig;
    struct answer a = {0};
    enum db_outcome refused;

    rig_open(&rig);
    rig.options.statements = only;
    rig.options.statement_count = 1;
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(db_submit(rig.db, &st_types, values, keep_row, &a, &refused) != NULL);
    CU_ASSERT(rig_until_answered(&rig, &a, 1));
    UNIT_STR(a.message, "");
    UNIT_STR(a.value, "t 9007199254740993 -7 a b 6f1b7c3e-2d5a-4b8f-9c1d-0e2f3a4b5c6d 2026-11-23 14:03:52+00 0.10 "
                      "{\"a\": [1, 2]} {1,2} {\"x y\",z}");
    rig_close(&rig);
}

static void test_nul_is_refused(void)
{
    const struct slice value = {"a\0b", 3};
    struct rig rig;
    struct answer a = {0};
    enum db_outcome refused = DB_OK;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(db_submit(rig.db, &st_text, &value, keep_row, &a, &refused) == NULL);
    UNIT_INT(refused, DB_INVALID_VALUE);
    rig_close(&rig);
}

/* One Sync is one transaction: reads of one turn see one time, and no write shares it. */
static void test_shared_sync(void)
{
    static const struct db_statement *const kinds[] = {&st_stamp,       &st_stamp, &st_write_stamp,
                                                       &st_write_stamp, &st_stamp, &st_stamp};
    struct answer a[countof(kinds)] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(kinds); i++) UNIT_INT(rig_submit(&rig, &a[i], kinds[i], NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(kinds)));
    UNIT_STR(a[0].value, a[1].value);
    CU_ASSERT(strcmp(a[1].value, a[2].value) != 0);
    CU_ASSERT(strcmp(a[2].value, a[3].value) != 0);
    CU_ASSERT(strcmp(a[3].value, a[4].value) != 0);
    UNIT_STR(a[4].value, a[5].value);

    struct answer later = {0};

    CU_ASSERT(rig_ask(&rig, &later, &st_stamp, NULL, NULL));
    CU_ASSERT(strcmp(a[5].value, later.value) != 0);
    rig_close(&rig);
}

static void test_batches_are_bounded(void)
{
    static struct answer a[100];
    struct rig rig;
    int batches = 1;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(rig_submit(&rig, &a[i], &st_stamp, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 1; i < countof(a); i++) batches += strcmp(a[i].value, a[i - 1].value) != 0;
    /* As few as the bound allows, and some more at first, when few are sent at a time. */
    CU_ASSERT(batches >= 4 && batches <= 20);
    rig_close(&rig);
}

static char *long_text(size_t bytes)
{
    char *text = mem_alloc(bytes + 1);

    memset(text, 'y', bytes);
    text[bytes] = '\0';
    return text;
}

/* The scenario that deadlocks a client which only writes: far more than the sockets hold, both ways at once. */
static void test_large_both_ways(void)
{
    enum { COUNT = 120, BYTES = 256 * 1024 };
    static struct answer a[COUNT];
    struct rig rig;
    char *text = long_text(BYTES);

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (int i = 0; i < COUNT; i++) UNIT_INT(rig_submit(&rig, &a[i], &st_text, text, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, COUNT));
    for (int i = 0; i < COUNT; i++) UNIT_INT(a[i].value_len, BYTES);
    CU_ASSERT(rig_ask(&rig, &a[0], &st_big, "20000000", NULL));
    UNIT_INT(a[0].value_len, 20000000);
    rig_close(&rig);
    free(text);
}

/* One long parameter: nothing comes in until all of it is out. */
static void test_large_out(void)
{
    enum { BYTES = 40000000 };
    struct answer a = {0};
    struct rig rig;
    char *text = long_text(BYTES);

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a, &st_length, text, NULL));
    UNIT_STR(a.value, "40000000");
    UNIT_INT(db_reconnects(rig.db), 0);
    rig_close(&rig);
    free(text);
}

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_simple),
    UNIT_TEST(test_many),
    UNIT_TEST(test_text_values),
    UNIT_TEST(test_types),
    UNIT_TEST(test_nul_is_refused),
    UNIT_TEST(test_shared_sync),
    UNIT_TEST(test_batches_are_bounded),
    UNIT_TEST(test_large_both_ways),
    UNIT_TEST(test_large_out),
    UNIT_TEST(test_overload),
    UNIT_TEST(test_abandon),
    UNIT_TEST(test_reentrance),
    UNIT_TEST(test_free_in_callback),
    UNIT_TEST(test_free_with_work),
};
const struct unit_part pipeline_tests = UNIT_PART(tests);
