/*
 * The life of the connection: pause → polling → preparing → ready, and from each of them back to pause.
 *
 * There is one timer: it is the back-off in a pause, and the deadline in the two states that follow.
 */
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pgtext.h"
#include "base/random.h"
#include "db/internal.h"

static void connect_set_state(struct db *db, enum db_state state, const char *reason)
{
    if (db->state == state && strcmp(db->reason, reason) == 0) return;
    db->state = state;
    snprintf(db->reason, sizeof(db->reason), "%s", reason);
    if (db->on_state == NULL) return;

    /* A copy, because the callback may free the db. */
    char copy[DB_REASON_BYTES];

    memcpy(copy, db->reason, sizeof(copy));
    db->on_state(db->arg, state, copy);
}

/* Between half of `ms` and all of it, so that workers that lost the database together do not come back together. */
static uint64_t connect_jitter(uint64_t ms)
{
    return random_between(ms / 2, ms);
}

static uint64_t connect_pause_ms(struct db *db, enum db_state state)
{
    uint64_t longest = db->options.backoff_max_ms;
    unsigned doublings = db->failures < 20 ? db->failures : 20;
    uint64_t pause = (uint64_t)db->options.backoff_min_ms << doublings;

    db->failures++;
    return connect_jitter(state != DB_STATE_DOWN || pause > longest ? longest : pause);
}

void db_session_close(struct db *db)
{
    /* The events are freed first: libevent must not watch a closed descriptor. */
    if (db->readable != NULL) event_free(db->readable);
    if (db->writable != NULL) event_free(db->writable);
    db->readable = db->writable = NULL;
    PQfinish(db->conn);
    db->conn = NULL;
    db->output_blocked = false;
    db->unpushed = 0;
    db->input_bytes = db->result_bytes = 0;
}

static void connect_fail_query(struct db_query *q, enum db_outcome outcome)
{
    list_remove(&q->link);
    q->outcome = outcome;
    list_push_back(&q->db->failing, &q->link);
}

/* A query that was handed to libpq. Only an error from the server itself says that a write did not happen: one that
 * succeeded was not yet committed by its Sync. */
static void connect_query_lost(struct db_query *q, struct list *keep)
{
    struct db *db = q->db;

    q->sent = false;
    db->flight_count--;
    if (q->done == NULL) {
        db_query_free(q);
    } else if (q->statement->access == DB_WRITE) {
        enum db_outcome outcome = DB_UNKNOWN;

        if (db_pg_sqlstate(q->result)[0] != '\0') {
            outcome = db_pg_outcome(q->result);
        } else {
            PQclear(q->result);
            q->result = NULL;
        }
        connect_fail_query(q, outcome);
    } else if (q->was_lost) {
        /* It may be this very read that kills its server process. */
        connect_fail_query(q, DB_UNAVAILABLE);
    } else {
        q->was_lost = true;
        list_remove(&q->link);
        list_push_back(keep, &q->link);
    }
}

/* Sorts all queries into `waiting` (reads; those that were under way come first) and `failing`. */
static void connect_sort_queries(struct db *db)
{
    struct list keep;

    list_init(&keep);
    while (!list_is_empty(&db->flight)) {
        struct db_batch *batch = list_at(db->flight.next, struct db_batch, link);

        list_each(it, &batch->queries) connect_query_lost(list_at(it, struct db_query, link), &keep);
        list_each(it, &batch->aborted) connect_query_lost(list_at(it, struct db_query, link), &keep);
        db_batch_free(batch);
    }
    list_each(it, &db->waiting) {
        struct db_query *q = list_at(it, struct db_query, link);

        if (q->statement->access == DB_WRITE) connect_fail_query(q, DB_UNAVAILABLE);
    }
    while (!list_is_empty(&keep)) {
        struct list *last = keep.prev;

        list_remove(last);
        list_push_front(&db->waiting, last);
    }
    /* For the next connection these queries are new. */
    list_each(it, &db->waiting) list_at(it, struct db_query, link)->since_ms = clock_monotonic_ms();
    if (!list_is_empty(&db->waiting) && !evtimer_pending(db->retry_window, NULL))
        db_timer_set(db->retry_window, db->options.retry_window_ms);
}

void db_session_end(struct db *db, enum db_state state, const char *reason)
{
    char clean[DB_REASON_BYTES];

    db_reason_clean(clean, reason);
    if (clean[0] == '\0') snprintf(clean, sizeof(clean), "the connection was lost");
    if (db->phase == DB_PHASE_READY && clock_monotonic_ms() - db->ready_ms >= db->options.backoff_max_ms)
        db->failures = 0;
    db_session_close(db);
    event_del(db->turn);
    event_del(db->deadline);
    connect_sort_queries(db);
    db->phase = DB_PHASE_PAUSE;
    db->last_notice[0] = '\0';
    db_timer_set(db->timer, connect_pause_ms(db, state));
    connect_set_state(db, state, clean);
    if (!db->freed) db_fail_all(db, clean);
}

void db_session_ready(struct db *db)
{
    event_del(db->timer);
    event_del(db->retry_window);
    db->phase = DB_PHASE_READY;
    db->ready_ms = clock_monotonic_ms();
    db->times_ready++;
    db_deadline_arm(db);
    db_pipeline_wake(db);
    connect_set_state(db, DB_STATE_READY, "");
}

/* An attempt failed before the session began. */
static void connect_attempt_failed(struct db *db)
{
    const char *text = PQerrorMessage(db->conn);
    enum db_state state = DB_STATE_DOWN;
    char reason[2048];
    char sqlstate[PGTEXT_SQLSTATE_BYTES];

    pgtext_sqlstate(text, sqlstate);
    if (PQconnectionNeedsPassword(db->conn) || (sqlstate[0] != '\0' && db_sqlstate_is_refusal(sqlstate)))
        state = DB_STATE_REFUSED;
    snprintf(reason, sizeof(reason), "%s", text);
    db_session_end(db, state, reason);
}

/* While nothing is under way, libpq treats the server's last message as a notice; in a crash or an immediate shutdown
 * it is a warning. */
static void connect_on_notice(void *arg, const PGresult *pg)
{
    struct db *db = arg;

    if (db_pg_is_fatal(pg) || strcmp(db_pg_sqlstate(pg), "57P02") == 0)
        snprintf(db->last_notice, sizeof(db->last_notice), "%s", db_pg_message(pg));
}

static void connect_attempt_poll(int fd, short what, void *arg);

/* The event is made anew each time: PQconnectPoll may have changed to another socket, even one with the same number.
 * The event fires once, so that libevent no longer watches the old socket at that moment. */
static void connect_attempt_wait(struct db *db, PostgresPollingStatusType want)
{
    short what = want == PGRES_POLLING_READING ? EV_READ : EV_WRITE;

    if (db->readable != NULL) event_free(db->readable);
    db->readable = event_new(db->base, PQsocket(db->conn), what, connect_attempt_poll, db);
    if (db->readable == NULL || event_add(db->readable, NULL) != 0)
        db_session_end(db, DB_STATE_DOWN, "libevent cannot watch the database's socket");
}

static void connect_attempt_poll(int fd, short what, void *arg)
{
    struct db *db = arg;
    PostgresPollingStatusType want = PQconnectPoll(db->conn);

    (void)fd, (void)what;
    db_enter(db);
    if (want == PGRES_POLLING_FAILED) {
        connect_attempt_failed(db);
    } else if (want == PGRES_POLLING_OK) {
        event_free(db->readable);
        db->readable = NULL;
        db->phase = DB_PHASE_PREPARING;
        db_timer_set(db->timer,
                     (uint64_t)db->options.limits.connect_timeout_ms + db->options.limits.statement_timeout_ms);
        db_pipeline_open(db);
    } else {
        connect_attempt_wait(db, want);
    }
    db_leave(db);
}

static void connect_attempt_begin(struct db *db)
{
    if (db->target.refusal != NULL) {
        db_session_end(db, DB_STATE_REFUSED, db->target.refusal);
        return;
    }
    db->conn = PQconnectStartParams(db->target.keywords, (const char *const *)db->target.values, 1);
    if (db->conn == NULL) mem_die(0);
    if (PQstatus(db->conn) == CONNECTION_BAD) {
        connect_attempt_failed(db);
        return;
    }
    PQsetErrorVerbosity(db->conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(db->conn, connect_on_notice, db);
    db->phase = DB_PHASE_POLLING;
    db_timer_set(db->timer, db->options.limits.connect_timeout_ms);
    connect_attempt_wait(db, PGRES_POLLING_WRITING);
}

void db_session_timer(struct db *db)
{
    char reason[DB_REASON_BYTES];

    if (db->phase == DB_PHASE_PAUSE) {
        connect_attempt_begin(db);
        return;
    }
    snprintf(reason, sizeof(reason), "connection to \"%s\", port %s: %s", PQhost(db->conn), PQport(db->conn),
             db->phase == DB_PHASE_POLLING ? "no answer in time" : "the statements were not prepared in time");
    db_session_end(db, DB_STATE_DOWN, reason);
}
