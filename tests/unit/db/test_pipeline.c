/* The pipeline: when nothing breaks, when statements fail, and amid notifications. The first few are scenarios of
 * PostgreSQL's own libpq_pipeline test. */
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

/* One read fails: those before it have their answers, those behind it are skipped by the server and sent again. */
static void test_failing_neighbour(void)
{
    static const char *const values[] = {"5", "0", "4", "2", "0", "1"};
    static const char *const expected[] = {"20", "(null)", "25", "50", "(null)", "100"};
    struct answer a[countof(values)] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(rig_submit(&rig, &a[i], &st_divide, values[i], NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, values[i][0] == '0' ? DB_INVALID_VALUE : DB_OK);
        UNIT_STR(a[i].sqlstate, values[i][0] == '0' ? "22012" : "");
        UNIT_STR(a[i].value, expected[i]);
    }
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static void test_failure_storm(void)
{
    static struct answer a[300];
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(a); i++)
        UNIT_INT(rig_submit(&rig, &a[i], &st_divide, i % 3 == 1 ? "10" : "0", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, i % 3 == 1 ? DB_OK : DB_INVALID_VALUE);
    }
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static void test_abandoned_among_aborted(void)
{
    struct answer a[4] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_sleep, "200", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_int, "2", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_int, "3", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    db_abandon(a[2].query);
    CU_ASSERT(rig_until_answered(&rig, &a[3], 1));
    UNIT_STR(a[3].value, "3");
    UNIT_INT(a[2].calls, 0);
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

/* Writes between failing reads and failing writes: each stands alone. */
static void test_write_isolation(void)
{
    struct answer a[7] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_insert, "1", "again"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_insert, "2", "two"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[5], &st_divide, "0", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[6], &st_int, "6", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(a[1].outcome, DB_OK);
    UNIT_STR(a[1].value, "1");
    UNIT_INT(a[3].outcome, DB_UNIQUE);
    UNIT_STR(a[3].constraint, "item_pkey");
    UNIT_INT(a[4].outcome, DB_OK);
    UNIT_INT(a[6].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(name, ',' ORDER BY id) FROM item"), "one,two");
    rig_close(&rig);
}

/* The statement succeeds and its commit fails: the error comes at the Sync, and it is the write's. */
static void test_deferred_constraint(void)
{
    struct answer a[3] = {0};
    struct rig rig;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert_late, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_late, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert_late, "2", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_INT(a[1].outcome, DB_UNIQUE);
    UNIT_STR(a[1].constraint, "late_once");
    UNIT_INT(a[2].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',' ORDER BY id) FROM late"), "1,2");
    rig_close(&rig);
}

static const struct db_statement st_star = {"star", "SELECT * FROM star", DB_READ, 0, {0}, false};
static const struct db_statement st_star_add = {
    "star_add", "INSERT INTO star VALUES ($1) RETURNING *", DB_WRITE, 1, {DB_TYPE_INT4}, false};
static const struct db_statement st_star_b = {"star \"b\"", "SELECT b FROM star", DB_READ, 0, {0}, false};

/* A migration changes what a prepared statement returns: it is prepared again, and nobody notices. */
static void test_migration_under_statements(void)
{
    static const struct db_statement *const all[] = {&st_star, &st_star_add, &st_star_b, &st_int};
    struct answer a[5] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_sql(&rig, "CREATE TABLE star (a int, b int); INSERT INTO star VALUES (1, 2)");
    rig.options.statements = all;
    rig.options.statement_count = countof(all);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a[0], &st_star, NULL, NULL));
    CU_ASSERT(rig_ask(&rig, &a[1], &st_star_add, "2", NULL));
    CU_ASSERT(rig_ask(&rig, &a[2], &st_star_b, NULL, NULL));
    UNIT_STR(a[2].value, "2");

    rig_sql(&rig, "ALTER TABLE star ADD COLUMN c int; ALTER TABLE star ALTER COLUMN b TYPE text USING 'two'");
    UNIT_INT(rig_submit(&rig, &a[0], &st_star_b, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_star, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_star_add, "3", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_star_add, "4", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_int, "5", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].outcome, DB_OK);
        UNIT_INT(a[i].calls, 1);
    }
    UNIT_STR(a[0].value, "two");
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(a::text, ',' ORDER BY a) FROM star"), "1,2,3,4");

    rig_sql(&rig, "ALTER TABLE star DROP COLUMN b");
    CU_ASSERT(rig_ask(&rig, &a[0], &st_star_b, NULL, NULL));
    UNIT_INT(a[0].outcome, DB_FAULT);
    CU_ASSERT(rig_ask(&rig, &a[1], &st_star, NULL, NULL));
    UNIT_INT(a[1].outcome, DB_OK);
    rig_sql(&rig, "ALTER TABLE star ADD COLUMN b text DEFAULT 'back'");
    CU_ASSERT(rig_ask(&rig, &a[0], &st_star_b, NULL, NULL));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_STR(a[0].value, "back");
    UNIT_INT(db_reconnects(rig.db), 0);
    rig_sql(&rig, "DROP TABLE star");
    rig_close(&rig);
}

static const char *const channels[] = {"plain", "Not \"plain\""};

/* What came, as "channel=payload;". */
static char told[RIG_TEXT_BYTES];
static bool frees;

static void notified(void *arg, const char *channel, struct slice payload)
{
    struct rig *rig = arg;
    size_t len = strlen(told);

    snprintf(told + len, sizeof(told) - len, "%s=%.*s;", channel, SLICE_FMT(payload));
    if (!frees) return;
    db_free(rig->db);
    rig->db = NULL;
}

static bool told_is(void *arg)
{
    return strcmp(told, *(const char *const *)arg) == 0;
}

static bool until_told(struct rig *rig, const char *expected)
{
    return rig_until(rig, told_is, &expected);
}

static void listen_open(struct rig *rig)
{
    told[0] = '\0';
    frees = false;
    rig_open(rig);
    rig->options.channels = channels;
    rig->options.channel_count = countof(channels);
    rig->options.notified = notified;
}

static void test_each_channel_is_heard(void)
{
    struct rig rig;

    listen_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    rig_sql(&rig, "NOTIFY plain, 'one'; NOTIFY elsewhere; NOTIFY \"Not \"\"plain\"\"\"");
    CU_ASSERT(until_told(&rig, "plain=one;Not \"plain\"=;"));
    rig_close(&rig);
}

static void test_the_next_session_hears_too(void)
{
    struct answer pid = {0};
    struct rig rig;
    char sql[96];

    listen_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &pid, &st_pid, NULL, NULL));
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%.20s)", pid.value);
    UNIT_STR(rig_sql(&rig, sql), "t");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    rig_sql(&rig, "NOTIFY plain, 'again'");
    CU_ASSERT(until_told(&rig, "plain=again;"));
    rig_close(&rig);
}

static void test_it_is_heard_amid_queries(void)
{
    struct answer slow = {0}, next = {0};
    struct rig rig;

    listen_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &slow, &st_sleep, "300", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    rig_sql(&rig, "NOTIFY plain, 'amid'");
    UNIT_INT(rig_submit(&rig, &next, &st_int, "5", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &slow, 1));
    CU_ASSERT(rig_until_answered(&rig, &next, 1));
    UNIT_STR(next.value, "5");
    CU_ASSERT(until_told(&rig, "plain=amid;"));
    rig_close(&rig);
}

static bool is_freed(void *arg)
{
    const struct rig *rig = arg;

    return rig->db == NULL;
}

static void test_the_db_may_be_freed_by_who_is_told(void)
{
    struct rig rig;

    listen_open(&rig);
    frees = true;
    CU_ASSERT(rig_start_ready(&rig));
    rig_sql(&rig, "NOTIFY plain, 'one'; NOTIFY plain, 'two'");
    CU_ASSERT(rig_until(&rig, is_freed, &rig));
    UNIT_STR(told, "plain=one;");
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_simple),
    UNIT_TEST(test_many),
    UNIT_TEST(test_shared_sync),
    UNIT_TEST(test_batches_are_bounded),
    UNIT_TEST(test_large_both_ways),
    UNIT_TEST(test_large_out),
    UNIT_TEST(test_failing_neighbour),
    UNIT_TEST(test_failure_storm),
    UNIT_TEST(test_abandoned_among_aborted),
    UNIT_TEST(test_write_isolation),
    UNIT_TEST(test_deferred_constraint),
    UNIT_TEST(test_migration_under_statements),
    UNIT_TEST(test_each_channel_is_heard),
    UNIT_TEST(test_the_next_session_hears_too),
    UNIT_TEST(test_it_is_heard_amid_queries),
    UNIT_TEST(test_the_db_may_be_freed_by_who_is_told),
};
const struct unit_part pipeline_tests = UNIT_PART(tests);
