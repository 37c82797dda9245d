/* Writes that share a commit: each has the outcome that it would have had alone, and what is told is so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/internal.h"
#include "rig.h"

static const struct db_statement st_add = {
    "add", "UPDATE item SET name = name || $2 WHERE id = $1 RETURNING name", DB_WRITE, 2, {DB_TYPE_INT4, DB_TYPE_TEXT},
    false};
static const struct db_statement st_bounds = {
    "bounds", "SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'))",
    DB_WRITE, 0,
    {0},      false};
static const struct db_statement st_stamp_alone = {
    "stamp_alone", "SELECT transaction_timestamp()", DB_WRITE_ALONE, 0, {0}, false};

static const struct db_statement st_read_only = {
    "read_only", "SELECT set_config('default_transaction_read_only', 'on', false)", DB_WRITE_ALONE, 0, {0}, false};
static const struct db_statement st_long = {"long", "SELECT repeat('x', $1)", DB_WRITE, 1, {DB_TYPE_INT4},
                                            false}; /* a write, as far as we are told */
static const struct db_statement st_forget = {"forget", "DEALLOCATE ALL", DB_READ, 0, {0}, false};

static const struct db_statement *const all[] = {
    &st_insert, &st_insert_slow, &st_insert_gate, &st_insert_child, &st_insert_late, &st_write_stamp, &st_add,
    &st_bounds, &st_stamp_alone, &st_int,         &st_stamp,        &st_read_only,   &st_long,        &st_forget};

/* Every statement is known to be quick, and the tables are empty. */
static void open_warm(struct rig *rig, unsigned statement_timeout_ms, unsigned lock_timeout_ms)
{
    static const struct {
        const struct db_statement *statement;
        const char *p1, *p2;
    } each[] = {{&st_insert, "1", "x"},       {&st_insert_slow, "2", "0"},  {&st_insert_child, "1", NULL},
                {&st_insert_gate, "3", NULL}, {&st_insert_late, "1", NULL}, {&st_write_stamp, NULL, NULL},
                {&st_add, "1", "y"},          {&st_bounds, NULL, NULL},     {&st_stamp_alone, NULL, NULL},
                {&st_stamp, NULL, NULL}};
    struct answer a = {0};

    rig_open(rig);
    rig->options.statements = all;
    rig->options.statement_count = countof(all);
    rig->options.committed = rig_note_commit;
    if (statement_timeout_ms > 0) rig->options.limits.statement_timeout_ms = statement_timeout_ms;
    if (lock_timeout_ms > 0) rig->options.limits.lock_timeout_ms = lock_timeout_ms;
    CU_ASSERT(rig_start_ready(rig));
    for (size_t i = 0; i < countof(each); i++) {
        /* A machine that is busy may have been slow; the statement is not. */
        CU_ASSERT(rig_ask(rig, &a, each[i].statement, each[i].p1, each[i].p2));
        UNIT_INT(a.outcome, DB_OK);
    }
    for (size_t i = 0; i <= countof(all); i++) rig->db->fits[i] = (struct db_fit){.quick = true};
    rig->db->mates_max = DB_MATES_MAX;
    rig->db->window = DB_FLIGHT_MAX;
    rig_sql(rig, "TRUNCATE item, child, late");
    memset(&rig_told, 0, sizeof(rig_told));
}

/* As open_warm, but a batch may take so long that what waits in it ends by what the test does, and not by its bounds.
 */
static void open_patient(struct rig *rig)
{
    open_warm(rig, 120000, 0);
    rig->db->mates_ms = 120000;
}

static void submit_all(struct rig *rig, struct answer *answers, size_t count, const struct db_statement *s,
                       const char *const *p1, const char *p2)
{
    for (size_t i = 0; i < count; i++) UNIT_INT(rig_submit(rig, &answers[i], s, p1[i], p2), DB_OK);
}

/* One transaction has one time. What must be alone, and a read, have another one. */
static void test_they_share_a_transaction(void)
{
    struct answer a[6] = {0}, alone[2] = {0}, read = {0};
    struct rig rig;

    open_patient(&rig);
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(rig_submit_for(&rig, (unsigned)i % 3, &a[i], &st_write_stamp, NULL, NULL), DB_OK);
        if (i == 2) UNIT_INT(rig_submit(&rig, &read, &st_stamp, NULL, NULL), DB_OK);
    }
    for (size_t i = 0; i < countof(alone); i++)
        UNIT_INT(rig_submit(&rig, &alone[i], &st_stamp_alone, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    CU_ASSERT(rig_until_answered(&rig, alone, countof(alone)));
    CU_ASSERT(rig_until_answered(&rig, &read, 1));
    for (size_t i = 1; i < countof(a); i++) UNIT_STR(a[i].value, a[0].value);
    CU_ASSERT(strcmp(read.value, a[0].value) != 0);
    CU_ASSERT(strcmp(alone[0].value, a[0].value) != 0 && strcmp(alone[0].value, alone[1].value) != 0);
    UNIT_INT(rig.db->commits, 0);
    UNIT_INT(rig.db->writes_waiting, 0);
    rig_close(&rig);
}

/* A batch has at most so many, and all of them are answered. */
static void test_they_are_bounded_in_number(void)
{
    static struct answer a[100];
    struct rig rig;
    unsigned batches = 1;

    open_warm(&rig, 0, 0);
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(rig_submit(&rig, &a[i], &st_write_stamp, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 1; i < countof(a); i++) batches += strcmp(a[i].value, a[i - 1].value) != 0;
    CU_ASSERT(batches >= (countof(a) + DB_MATES_MAX - 1) / DB_MATES_MAX && batches < countof(a));
    rig_close(&rig);
}

/* One that is by itself goes at once. Those that come while it is under way go behind it together. */
static void test_they_wait_only_for_a_commit(void)
{
    struct answer first = {0}, a[4] = {0};
    struct rig rig;

    open_patient(&rig);
    rig_shut_gate(&rig);
    UNIT_INT(rig_submit(&rig, &first, &st_insert_gate, "1", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    UNIT_INT(rig.db->flight_count, 1);
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(rig_submit(&rig, &a[i], &st_write_stamp, NULL, NULL), DB_OK);
        rig_turn(&rig, 10);
    }
    rig_open_gate(&rig);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(first.outcome, DB_OK);
    UNIT_STR(a[2].value, a[1].value);
    UNIT_STR(a[3].value, a[2].value);
    rig_close(&rig);
}

static void test_one_fails(void)
{
    static const char *const ids[] = {"1", "2", "1", "3", "4"};
    static const enum db_outcome expected[] = {DB_OK, DB_OK, DB_UNIQUE, DB_OK, DB_OK};
    struct answer a[countof(ids)] = {0};
    struct rig rig;

    open_patient(&rig);
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(a[2].constraint, "item_pkey");
    UNIT_STR(rig_sql(&rig, rig_items), "1,2,3,4");
    UNIT_INT(rig_told.rolled_back, 1); /* all five; then the third one is alone, and the four others are together */
    UNIT_INT(rig_told.again, 5);
    UNIT_INT(rig_told.commits, 1);
    UNIT_INT(rig_told.writes, 4);
    UNIT_INT(rig.db->commits, 0);
    UNIT_INT(rig.db->flight_count, 0);
    rig_close(&rig);
}

/* Its error is its own, as nothing was before it. */
static void test_the_first_fails(void)
{
    static const char *const ids[] = {"7", "1", "2"};
    static const enum db_outcome expected[] = {DB_UNIQUE, DB_OK, DB_OK};
    struct answer a[countof(ids)] = {0};
    struct rig rig;

    open_warm(&rig, 0, 0);
    rig_sql(&rig, "INSERT INTO item VALUES (7, 'there')");
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(rig_sql(&rig, rig_items), "1,2,7");
    rig_close(&rig);
}

/* What fails because of another in its batch, which then does not happen either: each is judged alone. */
static void test_an_error_that_another_one_caused(void)
{
    static const enum db_outcome expected[] = {DB_OK, DB_OK, DB_CHECK, DB_FOREIGN_KEY, DB_OK};
    char longer[128];
    struct answer a[countof(expected)] = {0};
    struct rig rig;

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    open_warm(&rig, 0, 0);
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_child, "1", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert, "2", longer), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_insert_child, "2", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[4], &st_add, "1", "!"), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(a[4].value, "one!");
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM child"), "1");
    rig_close(&rig);
}

static void test_the_commit_fails(void)
{
    static const char *const ids[] = {"1", "2", "1", "3"};
    static const enum db_outcome expected[] = {DB_OK, DB_OK, DB_UNIQUE, DB_OK};
    struct answer a[countof(ids)] = {0};
    struct rig rig;

    open_warm(&rig, 0, 0);
    submit_all(&rig, a, countof(a), &st_insert_late, ids, NULL);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(a[2].constraint, "late_once");
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',' ORDER BY id) FROM late"), "1,2,3");
    rig_close(&rig);
}

/* Alone it has the bounds of the session, with others a part of them, and afterwards nothing of that is left. */
static void test_bounds(void)
{
    struct answer a[4] = {0}, alone = {0};
    struct rig rig;

    open_warm(&rig, 80000, 100);
    rig.db->mates_ms = 120000;
    submit_all(&rig, a, countof(a), &st_bounds, (const char *const[countof(a)]){NULL}, NULL);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_STR(a[i].value, "20s 25ms");
    CU_ASSERT(rig_ask(&rig, &alone, &st_bounds, NULL, NULL));
    UNIT_STR(alone.value, "80s 100ms");
    db_free(rig.db);
    rig.state = DB_STATE_CONNECTING;
    rig.options.limits.statement_timeout_ms = rig.options.limits.lock_timeout_ms = 0;
    rig_start(&rig);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    rig.db->mates_ms = 120000;
    rig.db->fits[db_fit_index(rig.db, &st_bounds)].quick = true;
    submit_all(&rig, a, countof(a), &st_bounds, (const char *const[countof(a)]){NULL}, NULL);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_STR(a[i].value, "30s 125ms");
    rig_close(&rig);
}

/* Somebody else holds a row for which one of them waits: the others do not wait with it. */
static void test_one_waits_for_a_lock(void)
{
    static const char *const ids[] = {"1", "2", "3"};
    static const enum db_outcome let[] = {DB_OK, DB_OK, DB_OK}, kept[] = {DB_OK, DB_BUSY, DB_OK};

    for (int is_kept = 0; is_kept < 2; is_kept++) {
        struct answer a[countof(ids)] = {0};
        struct rig rig;

        open_warm(&rig, 0, is_kept ? 200 : 0);
        rig_sql(&rig, "BEGIN; INSERT INTO item VALUES (2, 'other')");
        submit_all(&rig, a, countof(a), &st_insert, ids, "ours");
        CU_ASSERT(rig_until_answered(&rig, a, 1));
        CU_ASSERT(rig_until_answered(&rig, &a[2], 1));
        if (!is_kept) UNIT_INT(a[1].calls, 0);
        if (is_kept) CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        rig_sql(&rig, "ROLLBACK");
        CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        rig_check_outcomes(a, is_kept ? kept : let, countof(a));
        rig_close(&rig);
    }
}

/* What was quick is slow: it has the time that it has alone. */
static void test_one_is_slow(void)
{
    static const enum db_outcome expected[] = {DB_OK, DB_OK, DB_TIMEOUT, DB_OK};
    struct answer a[countof(expected)] = {0};
    struct rig rig;

    open_warm(&rig, 2000, 0);
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_slow, "2", "800"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert_slow, "3", "60000"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[3], &st_insert, "4", "four"), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(rig_sql(&rig, rig_items), "1,2,4");
    UNIT_INT(rig.states[DB_STATE_DOWN], 0);
    rig_close(&rig);
}

static const char *own_session(const struct rig *rig, const char *what)
{
    static char sql[200];

    snprintf(sql, sizeof(sql), "SELECT %s(pid) FROM pg_stat_activity WHERE application_name = '%s'", what, rig->name);
    return sql;
}

/* The server ends the session before the commit: it is known that none has happened. */
static void test_the_session_is_ended(void)
{
    struct answer a[3] = {0};
    struct rig rig;

    open_patient(&rig);
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_slow, "2", "30000"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert, "3", "three"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    UNIT_STR(rig_sql(&rig, own_session(&rig, "pg_terminate_backend")), "t");
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_UNAVAILABLE);
    UNIT_STR(a[1].sqlstate, "57P01");
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    UNIT_INT(rig.db->commits, 0);
    rig_close(&rig);
}

/* The connection is lost before the answer comes: nobody knows, and that is said. */
static void test_the_connection_is_lost(void)
{
    static const char *const ids[] = {"1", "2", "3"};
    struct answer a[countof(ids)] = {0};
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.statements = all;
    rig.options.statement_count = countof(all);
    CU_ASSERT(rig_start_ready(&rig));
    rig.db->fits[db_fit_index(rig.db, &st_insert)].quick = true;
    proxy_mute(&rig, true);
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until_sql(&rig, "SELECT count(*) FROM item", "3"));
    proxy_cut(&rig);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_UNKNOWN);
    proxy_mute(&rig, false);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    UNIT_INT(rig.db->commits, 0);
    rig_close(&rig);
}

/* One that was not the first has failed when the connection is lost: its error may have been another one's doing, and
 * nothing has happened. */
static void test_the_connection_is_lost_after_an_error(void)
{
    static const char *const ids[] = {"1", "2", "1", "3"};
    struct answer a[countof(ids)] = {0};
    struct db_batch *batch;
    struct rig rig;

    open_warm(&rig, 0, 0);
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    event_base_loop(rig.base, EVLOOP_ONCE); /* sends, and is not there for the answer */
    CU_ASSERT_FATAL(!list_is_empty(&rig.db->flight));
    batch = list_at(rig.db->flight.next, struct db_batch, link);
    UNIT_INT(batch->count, countof(a));
    /* As its results would have done. */
    db_commit_result(rig.db, batch, PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK));
    for (size_t i = 0; i < 2; i++) db_commit_result(rig.db, batch, PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK));
    db_commit_result(rig.db, batch, PQexec(rig.control, "SELECT 1 / 0"));
    db_abort(rig.db);
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, DB_UNAVAILABLE);
    }
    rig_close(&rig);
}

/* Whose client has left while it was rolled back is not sent again. */
static void test_an_abandoned_one(void)
{
    struct answer a[3] = {0};
    struct rig rig;

    open_patient(&rig);
    rig_shut_gate(&rig);
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_gate, "2", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert, "1", "again"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    UNIT_INT(rig.db->flight_count, countof(a));
    db_abandon(a[0].query);
    rig_open_gate(&rig);
    CU_ASSERT(rig_until_answered(&rig, &a[1], 2));
    UNIT_INT(a[0].calls, 0);
    UNIT_INT(a[1].outcome, DB_OK);
    UNIT_INT(a[2].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(name, ',' ORDER BY id) FROM item"), "again,slow");
    UNIT_INT(db_queue_depth(rig.db), 0);
    rig_close(&rig);
}

static bool was_rolled_back(void *arg)
{
    (void)arg;
    return rig_told.rolled_back > 0;
}

/* What a cancel of somebody else hits goes again, wherever it stood in its batch, and is told if it is hit alone. */
static void test_a_cancel(void)
{
    for (int i = 0; i < 4; i++) {
        const bool is_first = i / 2 == 0, hit_again = i % 2 == 0;
        struct answer a = {0}, hit = {0};
        struct rig rig;

        open_patient(&rig);
        rig_shut_gate(&rig);
        if (is_first) UNIT_INT(rig_submit(&rig, &hit, &st_insert_gate, "2", NULL), DB_OK);
        UNIT_INT(rig_submit(&rig, &a, &st_insert, "1", "one"), DB_OK);
        if (!is_first) UNIT_INT(rig_submit(&rig, &hit, &st_insert_gate, "2", NULL), DB_OK);
        CU_ASSERT(rig_until_sleeping(&rig));
        UNIT_INT(rig.db->commits, 1);
        UNIT_INT(rig.db->flight_count, 2);
        UNIT_STR(rig_sql(&rig, own_session(&rig, "pg_cancel_backend")), "t");
        CU_ASSERT(rig_until(&rig, was_rolled_back, NULL));
        UNIT_INT(hit.calls, 0);
        CU_ASSERT(rig_until_sleeping(&rig));
        if (hit_again) {
            UNIT_STR(rig_sql(&rig, own_session(&rig, "pg_cancel_backend")), "t");
        } else {
            rig_open_gate(&rig);
        }
        CU_ASSERT(rig_until_answered(&rig, &a, 1));
        CU_ASSERT(rig_until_answered(&rig, &hit, 1));
        UNIT_INT(a.outcome, DB_OK);
        UNIT_INT(hit.outcome, hit_again ? DB_TIMEOUT : DB_OK);
        UNIT_STR(rig_sql(&rig, rig_items), hit_again ? "1" : "1,2");
        rig_close(&rig);
    }
}

/* The bounds of a batch are refused: its writes go one by one. If a cancel has met them, nothing is known of the next
 * ones; if it is libpq that failed, the server has gone on. */
static void test_the_bounds_fail(void)
{
    static const char *const ids[] = {"1", "2"};
    static const struct {
        const char *sql; /* of which the error is; NULL: it is libpq's */
        enum db_outcome lost;
        bool refused;
    } each[] = {
        {"SELECT 1 / 0", DB_UNAVAILABLE, true},
        {"DO $$ BEGIN RAISE query_canceled; END $$", DB_UNAVAILABLE, false},
        {NULL, DB_UNKNOWN, false},
    };

    for (size_t i = 0; i < countof(each); i++) {
        struct answer a[countof(ids)] = {0};
        struct rig rig;

        open_warm(&rig, 0, 0);
        submit_all(&rig, a, countof(a), &st_insert, ids, "name");
        event_base_loop(rig.base, EVLOOP_ONCE); /* sends, and is not there for the answer */
        CU_ASSERT_FATAL(!list_is_empty(&rig.db->flight));
        db_commit_result(rig.db, list_at(rig.db->flight.next, struct db_batch, link),
                         each[i].sql == NULL ? PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR)
                                             : PQexec(rig.control, each[i].sql));
        UNIT_INT(rig.db->mates_refused, each[i].refused);
        db_abort(rig.db);
        for (size_t n = 0; n < countof(a); n++) UNIT_INT(a[n].outcome, each[i].lost);
        rig_close(&rig);
    }

    struct answer a[3] = {0};
    struct rig rig;

    open_warm(&rig, 0, 0);
    rig.db->mates_refused = true;
    submit_all(&rig, a, countof(a), &st_write_stamp, (const char *const[countof(a)]){NULL}, NULL);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    CU_ASSERT(strcmp(a[0].value, a[1].value) != 0 && strcmp(a[1].value, a[2].value) != 0);
    UNIT_INT(rig_told.commits, 3);
    rig_close(&rig);
}

/* Committed here, but perhaps on no standby: so it is for all of them. */
static void test_the_standby_is_away(void)
{
    static const char *const ids[] = {"1", "2", "3"};
    struct answer a[countof(ids)] = {0}, after = {0};
    struct rig rig;

    open_warm(&rig, 0, 0);
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    rig.db->unreplicated = true; /* as the server's warning does; test_result.c has that */
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_UNKNOWN);
    UNIT_STR(rig_sql(&rig, rig_items), "1,2,3");
    CU_ASSERT(rig_ask(&rig, &after, &st_insert, "4", "name"));
    UNIT_INT(after.outcome, DB_OK);
    rig_close(&rig);
}

/* The schema changes, or a pooler forgets what was prepared: nobody notices. */
static void test_a_stale_plan(void)
{
    struct answer a[4] = {0}, forget = {0};
    struct rig rig;

    open_patient(&rig);
    for (int round = 0; round < 2; round++) {
        if (round == 0) {
            rig_sql(&rig, "ALTER TABLE item ALTER name TYPE varchar(200)");
        } else {
            rig_sql(&rig, "TRUNCATE item, child, late");
            CU_ASSERT(rig_ask(&rig, &forget, &st_forget, NULL, NULL));
        }
        UNIT_INT(rig_submit(&rig, &a[0], &st_insert, "1", "one"), DB_OK);
        UNIT_INT(rig_submit(&rig, &a[1], &st_insert_child, "1", NULL), DB_OK);
        UNIT_INT(rig_submit(&rig, &a[2], &st_add, "1", "!"), DB_OK);
        UNIT_INT(rig_submit(&rig, &a[3], &st_insert, "2", "two"), DB_OK);
        CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_OK);
        UNIT_STR(rig_sql(&rig, "SELECT string_agg(name, ',' ORDER BY id) FROM item"), "one!,two");
        UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM child"), "1");
        CU_ASSERT(rig_told.rolled_back > 0);
    }
    UNIT_INT(rig.states[DB_STATE_DOWN] + rig.states[DB_STATE_MISFIT], 0);
    rig_sql(&rig, "ALTER TABLE item ALTER name TYPE text");
    rig_close(&rig);
}

/* The session has become read-only. What is told so is not there; what comes into the session after it is. */
static void test_read_only(void)
{
    static const char *const ids[] = {"1", "2", "3", "4", "5"};
    struct answer a[countof(ids)] = {0}, settings = {0};
    unsigned done = 0;
    struct rig rig;

    open_warm(&rig, 0, 0);
    CU_ASSERT(rig_ask(&rig, &settings, &st_read_only, NULL, NULL));
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(a[0].outcome, DB_READ_ONLY);
    for (size_t i = 0; i < countof(a); i++) {
        CU_ASSERT(a[i].outcome == DB_READ_ONLY || a[i].outcome == DB_OK);
        done += a[i].outcome == DB_OK;
    }
    UNIT_INT(strtoul(rig_sql(&rig, "SELECT count(*) FROM item"), NULL, 10), done);
    do { /* until the session is replaced */
        CU_ASSERT_FATAL(rig_ask(&rig, &a[0], &st_insert, "6", "name"));
    } while (a[0].outcome == DB_READ_ONLY);
    UNIT_INT(a[0].outcome, DB_OK);
    rig_close(&rig);
}

/* The end of a graceful stop: none of a batch that was cancelled has happened, and none is sent again. */
static void test_a_drain(void)
{
    struct answer a[4] = {0};
    struct rig rig;

    open_patient(&rig);
    UNIT_INT(rig_submit(&rig, &a[0], &st_insert, "1", "one"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_insert_slow, "2", "30000"), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert, "3", "three"), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    UNIT_INT(rig_submit(&rig, &a[3], &st_insert, "4", "four"), DB_OK);
    for (unsigned i = 0; i < 1000 && db_queue_depth(rig.db) > 0; i++) {
        db_drain(rig.db);
        rig_turn(&rig, 20);
    }
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, DB_TIMEOUT);
    }
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    UNIT_INT(rig_told.again, 0);
    UNIT_INT(rig.db->commits + rig.db->writes_waiting + rig.db->flight_count, 0);
    rig_close(&rig);
}

static bool has_come(void *arg)
{
    return ((const struct rig *)arg)->db->kept_bytes > 0;
}

/* Answers that wait for the commit are counted as what is held. */
static void test_large_answers(void)
{
    enum { BYTES = 1000000 };
    struct answer a[3] = {0};
    struct rig rig;

    open_patient(&rig);
    UNIT_INT(rig_submit(&rig, &a[0], &st_long, "1000000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[1], &st_long, "1000000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &a[2], &st_insert_slow, "1", "400"), DB_OK);
    CU_ASSERT(rig_until(&rig, has_come, &rig));
    CU_ASSERT(rig.db->kept_bytes >= BYTES && db_memory(rig.db) >= BYTES + rig.db->input_bytes);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    UNIT_INT(a[0].value_len, BYTES);
    UNIT_INT(a[1].value_len, BYTES);
    UNIT_INT(rig.db->kept_bytes, 0);
    rig_close(&rig);
}

/* A client of which nothing succeeds has its commits for itself, until something does. */
static void test_a_client_that_only_fails(void)
{
    struct answer a[4] = {0}, b[4] = {0}, good = {0};
    struct rig rig;

    open_patient(&rig);
    rig_sql(&rig, "INSERT INTO item VALUES (0, 'there')");
    for (int i = 0; i < 4; i++) {
        UNIT_INT(rig_submit_for(&rig, 1, &good, &st_insert, "0", "again"), DB_OK);
        CU_ASSERT(rig_until_answered(&rig, &good, 1));
        UNIT_INT(good.outcome, DB_UNIQUE);
    }
    rig.db->fits[db_fit_index(rig.db, &st_insert)] = (struct db_fit){.quick = true};
    rig.db->mates_max = DB_MATES_MAX;
    memset(&rig_told, 0, sizeof(rig_told));
    for (unsigned i = 0; i < countof(a); i++) {
        UNIT_INT(rig_submit_for(&rig, 1, &a[i], &st_insert, "0", "again"), DB_OK);
        UNIT_INT(rig_submit_for(&rig, 2, &b[i], &st_write_stamp, NULL, NULL), DB_OK);
    }
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    CU_ASSERT(rig_until_answered(&rig, b, countof(b)));
    for (unsigned i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_UNIQUE);
    for (unsigned i = 1; i < countof(b); i++) UNIT_STR(b[i].value, b[0].value);
    UNIT_INT(rig_told.rolled_back, 0);
    UNIT_INT(rig_told.writes, countof(b));
    UNIT_INT(rig.db->mates_max, DB_MATES_MAX);

    UNIT_INT(rig_submit_for(&rig, 1, &good, &st_write_stamp, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &good, 1));
    rig.db->fits[db_fit_index(rig.db, &st_write_stamp)] = (struct db_fit){.quick = true};
    for (unsigned i = 0; i < countof(a); i++)
        UNIT_INT(rig_submit_for(&rig, 1 + i % 2, &a[i], &st_write_stamp, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (unsigned i = 1; i < countof(a); i++) UNIT_STR(a[i].value, a[0].value);
    rig_close(&rig);
}

/* The connection ends after each so many bytes, in the one direction or the other; every other time one of the batch
 * fails. */
static void test_the_connection_is_lost_anywhere(void)
{
    enum { STEP = 19, BYTES = 760, WRITES = 3, ROUNDS = 2 * (BYTES / STEP) };
    static char ids[ROUNDS][WRITES][12];
    static struct answer a[ROUNDS][WRITES];
    const size_t first = unit_random(0, STEP - 1);
    unsigned unknown = 0;
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.statements = all;
    rig.options.statement_count = countof(all);
    rig_sql(&rig, "INSERT INTO item VALUES (0, 'there')");
    CU_ASSERT_FATAL(rig_start_ready(&rig));
    for (unsigned round = 0; round < ROUNDS; round++) {
        const size_t after = first + round / 2 * STEP;

        CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
        rig.db->fits[db_fit_index(rig.db, &st_insert)] = (struct db_fit){.quick = true};
        proxy_cut_after(&rig, round % 2 == 0 ? after : SIZE_MAX, round % 2 == 0 ? SIZE_MAX : after);
        for (unsigned i = 0; i < WRITES; i++) {
            const bool meets = i == 1 && round % 4 > 1;

            snprintf(ids[round][i], sizeof(ids[round][i]), "%u", meets ? 0U : round * WRITES + i + 1);
            a[round][i] = (struct answer){0};
            UNIT_INT(rig_submit(&rig, &a[round][i], &st_insert, ids[round][i], "."), DB_OK);
        }
        CU_ASSERT(rig_until_answered(&rig, a[round], WRITES));
    }
    db_free(rig.db);
    rig.db = NULL;
    CU_ASSERT(rig_until_sql(&rig, own_session(&rig, "count"), "0"));
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < WRITES; i++) {
            const enum db_outcome outcome = a[round][i].outcome;
            char sql[64];

            UNIT_INT(a[round][i].calls, 1);
            unknown += outcome == DB_UNKNOWN;
            if (strcmp(ids[round][i], "0") == 0) {
                CU_ASSERT(outcome == DB_UNIQUE || outcome == DB_UNAVAILABLE || outcome == DB_UNKNOWN);
                continue;
            }
            CU_ASSERT(outcome == DB_OK || outcome == DB_UNAVAILABLE || outcome == DB_UNKNOWN);
            if (outcome == DB_UNKNOWN) continue;
            snprintf(sql, sizeof(sql), "SELECT count(*) FROM item WHERE id = %s", ids[round][i]);
            UNIT_STR(rig_sql(&rig, sql), outcome == DB_OK ? "1" : "0");
        }
    }
    CU_ASSERT(unknown > 0);
    rig_close(&rig);
}

static bool is_gone(void *arg)
{
    return ((const struct rig *)arg)->db == NULL;
}

static void free_db(struct answer *a)
{
    struct rig *rig = a->arg;

    db_free(rig->db);
    rig->db = NULL;
}

static void hold_db(struct answer *a)
{
    struct rig *rig = a->arg;

    db_hold(rig->db, true);
}

static void abandon_next(struct answer *a)
{
    db_abandon(a[1].query);
}

/* From within a callback of one of them: the db is freed, the next one abandoned, the session ended. */
static void test_callbacks(void)
{
    static const char *const ids[] = {"1", "2", "3"};
    struct answer a[countof(ids)] = {0};
    struct rig rig;

    open_warm(&rig, 0, 0);
    a[0].then = abandon_next;
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until_answered(&rig, &a[2], 1));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_INT(a[1].calls, 0);
    UNIT_INT(a[2].outcome, DB_OK);
    UNIT_INT(db_queue_depth(rig.db), 0);

    rig_sql(&rig, "TRUNCATE item, child");
    memset(a, 0, sizeof(a));
    a[0].then = hold_db;
    a[0].arg = &rig;
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_OK);
    db_hold(rig.db, false);
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));

    rig_sql(&rig, "TRUNCATE item, child");
    rig.db->fits[db_fit_index(rig.db, &st_insert)].quick = true;
    memset(a, 0, sizeof(a));
    a[0].then = free_db;
    a[0].arg = &rig;
    submit_all(&rig, a, countof(a), &st_insert, ids, "name");
    CU_ASSERT(rig_until(&rig, is_gone, &rig));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_INT(a[1].calls + a[2].calls, 0);
    rig_close(&rig);
}

static unsigned smallest;

static void note_size(struct answer *a)
{
    const struct rig *rig = a->arg;

    if (rig->db->mates_max < smallest) smallest = rig->db->mates_max;
}

/* Many failures make batches smaller, and successes larger again. */
static void test_sizes_follow_failures(void)
{
    static struct answer a[200];
    static char ids[countof(a)][12];
    struct rig rig;

    open_warm(&rig, 0, 0);
    smallest = DB_MATES_MAX;
    rig_sql(&rig, "INSERT INTO item VALUES (0, 'there')");
    for (size_t i = 0; i < countof(a); i++) {
        snprintf(ids[i], sizeof(ids[i]), "%zu", i % 3 == 0 ? 0 : i);
        a[i] = (struct answer){.then = note_size, .arg = &rig};
        UNIT_INT(rig_submit(&rig, &a[i], &st_insert, ids[i], "name"), DB_OK);
    }
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, i % 3 == 0 ? DB_UNIQUE : DB_OK);
    CU_ASSERT(smallest <= 4);
    for (unsigned i = 0; i < 1000 && rig.db->mates_max < DB_MATES_MAX; i++) {
        rig.db->fits[db_fit_index(rig.db, &st_write_stamp)] =
            (struct db_fit){.quick = true}; /* the machine may be slow */
        CU_ASSERT(rig_ask(&rig, &a[0], &st_write_stamp, NULL, NULL));
    }
    UNIT_INT(rig.db->mates_max, DB_MATES_MAX);
    rig_close(&rig);
}

/* ---- two workers ---- */

struct other {
    struct rig *rig;
    struct db *db;
    bool ready;
};

static void other_state(void *arg, enum db_state state, const char *reason)
{
    struct other *other = arg;

    (void)reason;
    other->ready = state == DB_STATE_READY;
}

static bool other_is_ready(void *arg)
{
    return ((const struct other *)arg)->ready;
}

static void other_open(struct other *other, struct rig *rig)
{
    *other = (struct other){.rig = rig};
    other->db = db_new(rig->base, &rig->options, other_state, other);
    CU_ASSERT(rig_until(rig, other_is_ready, other));
    for (size_t i = 0; i <= countof(all); i++) other->db->fits[i].quick = true;
    other->db->mates_max = DB_MATES_MAX;
    other->db->window = DB_FLIGHT_MAX;
}

/* Submits to the one or the other. */
static void submit_to(struct rig *rig, struct db *db, struct answer *a, const struct db_statement *s, const char *p1,
                      const char *p2)
{
    struct db *own = rig->db;

    rig->db = db;
    UNIT_INT(rig_submit(rig, a, s, p1, p2), DB_OK);
    rig->db = own;
}

/* Alone, no update of one row can be in a deadlock, so none may fail. */
static void test_rows_in_opposite_order(void)
{
    enum { ROUNDS = 20, ROWS = 8 };
    static struct answer a[2][ROUNDS][ROWS];
    static const char *const ids[ROWS] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    struct other other;
    struct rig rig;

    open_warm(&rig, 0, 0);
    other_open(&other, &rig);
    rig_sql(&rig, "INSERT INTO item SELECT i, '' FROM generate_series(1, 8) AS i");
    memset(a, 0, sizeof(a));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ROWS; i++) {
            submit_to(&rig, rig.db, &a[0][round][i], &st_add, ids[i], "a");
            submit_to(&rig, other.db, &a[1][round][i], &st_add, ids[ROWS - 1 - i], "b");
        }
    }
    CU_ASSERT(rig_until_answered(&rig, &a[0][0][0], countof(a) * ROUNDS * ROWS));
    for (size_t i = 0; i < countof(a) * ROUNDS * ROWS; i++) UNIT_INT((&a[0][0][0])[i].outcome, DB_OK);
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(DISTINCT length(name) || ' ' || length(replace(name, 'b', '')), ',')"
                           "FROM item"),
             "40 20");
    db_free(other.db);
    rig_close(&rig);
}

/* ---- random mixtures ---- */

enum { MIX = 300, MIX_IDS = 120 };

static struct mixed {
    const struct db_statement *statement;
    unsigned id;
    bool is_long;
    char p1[12];
    struct answer answer;
} mix[MIX];

static char mix_long[128];

/* Inserts of which about a third meet a row that is there, some with a value that a CHECK refuses; rows that refer to
 * others, which may not be there; what is unique only at the commit; updates. */
static void mix_submit(struct rig *rig, struct db *db, struct mixed *m)
{
    static const struct db_statement *const kinds[] = {&st_insert,      &st_insert,      &st_insert, &st_insert_child,
                                                       &st_insert_late, &st_insert_slow, &st_add};

    *m = (struct mixed){.statement = kinds[unit_random(0, countof(kinds) - 1)],
                        .id = (unsigned)unit_random(1, MIX_IDS),
                        .is_long = unit_random(0, 9) == 0};
    snprintf(m->p1, sizeof(m->p1), "%u", m->id);
    if (m->statement == &st_insert_slow) {
        submit_to(rig, db, &m->answer, m->statement, m->p1, "2");
    } else {
        submit_to(rig, db, &m->answer, m->statement, m->p1, m->is_long ? mix_long : ".");
    }
}

static bool mix_is_insert(const struct mixed *m)
{
    return m->statement == &st_insert || m->statement == &st_insert_slow;
}

/* Which outcomes it may have, whoever comes first: but for what the rows say, nothing fails. */
static bool mix_may_be(const struct mixed *m)
{
    const enum db_outcome outcome = m->answer.outcome;

    if (outcome == DB_OK) return !(m->is_long && m->statement == &st_insert);
    if (mix_is_insert(m)) return outcome == DB_UNIQUE || (outcome == DB_CHECK && m->is_long);
    if (m->statement == &st_insert_child) return outcome == DB_FOREIGN_KEY;
    if (m->statement == &st_insert_late) return outcome == DB_UNIQUE;
    return outcome == DB_CHECK; /* an update, of a name that is too long by then */
}

static unsigned mix_number(struct rig *rig, const char *format, unsigned id)
{
    char sql[160];

    snprintf(sql, sizeof(sql), format, id);
    return (unsigned)strtoul(rig_sql(rig, sql), NULL, 10);
}

/* The ledger: what was confirmed is there, once; what was refused is not. */
static void mix_check(struct rig *rig)
{
    for (unsigned id = 1; id <= MIX_IDS; id++) {
        unsigned inserted = 0, asked = 0, children = 0, late = 0, asked_late = 0;

        for (size_t i = 0; i < MIX; i++) {
            const struct mixed *m = &mix[i];
            const unsigned ok = m->answer.outcome == DB_OK;

            if (m->id != id) continue;
            if (mix_is_insert(m)) inserted += ok, asked += m->statement == &st_insert_slow || !m->is_long;
            if (m->statement == &st_insert_child) children += ok;
            if (m->statement == &st_insert_late) late += ok, asked_late++;
        }
        UNIT_INT(inserted, asked > 0);
        UNIT_INT(late, asked_late > 0);
        UNIT_INT(mix_number(rig, "SELECT count(*) FROM item WHERE id = %u", id), inserted);
        UNIT_INT(mix_number(rig, "SELECT count(*) FROM child WHERE item_id = %u", id), children);
        UNIT_INT(mix_number(rig, "SELECT count(*) FROM late WHERE id = %u", id), late);
    }
}

static void test_random_mixtures(void)
{
    struct other other;
    struct rig rig;

    memset(mix_long, 'x', sizeof(mix_long) - 1);
    open_warm(&rig, 0, 0);
    other_open(&other, &rig);
    for (size_t i = 0; i < MIX; i++) {
        mix_submit(&rig, unit_random(0, 1) == 0 ? rig.db : other.db, &mix[i]);
        if (unit_random(0, 19) == 0) rig_turn(&rig, 1);
    }
    for (size_t i = 0; i < MIX; i++) {
        CU_ASSERT(rig_until_answered(&rig, &mix[i].answer, 1));
        UNIT_INT(mix[i].answer.calls, 1);
        if (!mix_may_be(&mix[i]))
            UNIT_STR(db_outcome_name(mix[i].answer.outcome), mix[i].statement->name); /* which tells both */
    }
    mix_check(&rig);
    UNIT_INT(rig.db->commits + other.db->commits, 0);
    UNIT_INT(rig.db->flight_count + other.db->flight_count, 0);
    UNIT_INT(db_queue_depth(rig.db) + db_queue_depth(other.db), 0);
    db_free(other.db);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_they_share_a_transaction),
    UNIT_TEST(test_they_are_bounded_in_number),
    UNIT_TEST(test_they_wait_only_for_a_commit),
    UNIT_TEST(test_one_fails),
    UNIT_TEST(test_the_first_fails),
    UNIT_TEST(test_an_error_that_another_one_caused),
    UNIT_TEST(test_the_commit_fails),
    UNIT_TEST(test_bounds),
    UNIT_TEST(test_one_waits_for_a_lock),
    UNIT_TEST(test_one_is_slow),
    UNIT_TEST(test_the_session_is_ended),
    UNIT_TEST(test_the_connection_is_lost),
    UNIT_TEST(test_the_connection_is_lost_after_an_error),
    UNIT_TEST(test_an_abandoned_one),
    UNIT_TEST(test_a_cancel),
    UNIT_TEST(test_the_bounds_fail),
    UNIT_TEST(test_the_standby_is_away),
    UNIT_TEST(test_a_stale_plan),
    UNIT_TEST(test_read_only),
    UNIT_TEST(test_a_drain),
    UNIT_TEST(test_large_answers),
    UNIT_TEST(test_a_client_that_only_fails),
    UNIT_TEST(test_the_connection_is_lost_anywhere),
    UNIT_TEST(test_callbacks),
    UNIT_TEST(test_sizes_follow_failures),
    UNIT_TEST(test_rows_in_opposite_order),
    UNIT_TEST(test_random_mixtures),
};
const struct unit_part commit_tests = UNIT_PART(tests);
