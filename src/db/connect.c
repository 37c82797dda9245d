/*
 * The life of the connection: pause → dialing → preparing → ready, and from each of them back to pause.
 *
 * There is one timer: it is the back-off in a pause, and the deadline in the two states that follow. What dialing is,
 * host by host, is the room pg/'s matter.
 */
#include <event2/event.h>
#include <event2/util.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "db/internal.h"

void db_session_set_state(struct db *db, enum db_state state, const char *reason)
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

static uint64_t connect_pause_ms(struct db *db, bool hopeless)
{
    uint64_t longest = db->options.backoff_max_ms;
    unsigned doublings = db->failures < 20 ? db->failures : 20;
    uint64_t pause = (uint64_t)db->options.backoff_min_ms << doublings;

    db->failures++;
    return connect_jitter(hopeless || pause > longest ? longest : pause);
}

/* How many statements may run, or be due, in the session. A probe has none. */
static unsigned connect_statements(const struct db *db)
{
    unsigned count = 0;

    if (db->dismissed) return 0;
    list_each(it, &db->flight) count += list_at(it, struct db_batch, link)->kind != DB_BATCH_PROBE;
    return count;
}

void db_session_close(struct db *db)
{
    /* The events are freed first: libevent must not watch a closed descriptor. */
    if (db->readable != NULL) event_free(db->readable);
    if (db->writable != NULL) event_free(db->writable);
    db->readable = db->writable = NULL;
    pg_dial_stop(db->target);
    db_cancel_and_close(db->conn, db->cancel, connect_statements(db));
    db->conn = NULL;
    db->cancel = NULL;
    db->output_blocked = false;
    db->unpushed = 0;
    db->input_bytes = db->result_bytes = 0;
}

static void connect_fail_query(struct db_query *q, enum db_outcome outcome)
{
    db_share_leave(q);
    q->outcome = outcome;
    list_push_back(&q->db->failing, &q->link);
}

/* A query that was handed to libpq. */
static void connect_query_lost(const struct db_batch *batch, struct db_query *q, struct list *keep)
{
    db_share_landed(q);
    if (q->done == NULL) {
        db_query_free(q);
    } else if (db_access_is_write(q->statement->access)) {
        connect_fail_query(q, db_commit_lost(batch, q));
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

        list_each(it, &batch->queries) connect_query_lost(batch, list_at(it, struct db_query, link), &keep);
        list_each(it, &batch->aborted) connect_query_lost(batch, list_at(it, struct db_query, link), &keep);
        db_batch_free(db, batch);
    }
    list_each(it, &db->waiting) {
        struct db_query *q = list_at(it, struct db_query, link);

        if (db_access_is_write(q->statement->access)) connect_fail_query(q, DB_UNAVAILABLE);
    }
    while (!list_is_empty(&keep)) {
        struct db_query *last = list_at(keep.prev, struct db_query, link);

        list_remove(&last->link);
        db_share_wait(last, true);
    }
    /* For the next connection these queries are new. */
    list_each(it, &db->waiting) list_at(it, struct db_query, link)->since_ms = clock_monotonic_ms();
    if (!list_is_empty(&db->waiting) && !evtimer_pending(db->retry_window, NULL))
        db_timer_set(db->retry_window, db->options.retry_window_ms);
}

void db_session_pause(struct db *db, bool hopeless)
{
    if (db->phase == DB_PHASE_READY && clock_monotonic_ms() - db->ready_ms >= db->options.backoff_max_ms)
        db->failures = 0;
    db_session_close(db);
    event_del(db->turn);
    event_del(db->deadline);
    db->phase = DB_PHASE_PAUSE;
    db->last_notice[0] = '\0';
    db_timer_set(db->timer, connect_pause_ms(db, hopeless));
}

void db_session_end(struct db *db, enum db_state state, const char *reason)
{
    char clean[DB_REASON_BYTES];

    db_reason_clean(clean, reason);
    if (clean[0] == '\0') snprintf(clean, sizeof(clean), "the connection was lost");
    db_session_pause(db, state != DB_STATE_DOWN);
    connect_sort_queries(db);
    db_session_set_state(db, state, clean);
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
    db_session_tell(db);
}

void db_session_tell(struct db *db)
{
    char reason[DB_REASON_BYTES];

    db_fit_reason(db, reason);
    db_session_set_state(db, reason[0] == '\0' ? DB_STATE_READY : DB_STATE_MISFIT, reason);
}

/* While nothing is under way, libpq treats the server's last message as a notice; in a crash or an immediate shutdown
 * it is a warning. */
static void connect_on_notice(void *arg, const PGresult *pg)
{
    struct db *db = arg;

    if (db_pg_is_fatal(pg) || strcmp(db_pg_sqlstate(pg), "57P02") == 0) {
        snprintf(db->last_notice, sizeof(db->last_notice), "%s", db_pg_message(pg));
        db->dismissed = true;
    }
    if (db_pg_is_unreplicated(pg)) db->unreplicated = true;
}

static void connect_on_ready(int fd, short what, void *arg);

/* The event is made anew each time, and fires once: the dial may go on to another socket, even one with the same
 * number, and libevent must not watch the old one at that moment. The timer has the deadline. */
static void connect_wait(struct db *db, const struct pg_wait *wait)
{
    const uint64_t now_ms = clock_monotonic_ms();

    db_timer_set(db->timer, wait->until_ms > now_ms ? wait->until_ms - now_ms : 0);
    db->readable = event_new(db->base, wait->fd, wait->events == POLLIN ? EV_READ : EV_WRITE, connect_on_ready, db);
    if (db->readable == NULL || event_add(db->readable, NULL) != 0)
        db_session_end(db, DB_STATE_DOWN, "libevent cannot watch the database's socket");
}

static bool connect_is_utf8(struct db *db)
{
    char reason[DB_REASON_BYTES];

    if (pg_is_utf8(db->conn, PQdb(db->conn), reason, sizeof(reason))) return true;
    db_session_end(db, DB_STATE_REFUSED, reason);
    return false;
}

static void connect_go(struct db *db)
{
    struct pg_wait wait;

    if (db->readable != NULL) event_free(db->readable);
    db->readable = NULL;
    switch (pg_dial_go(db->target, &wait)) {
    case PG_DIAL_WAITING:
        connect_wait(db, &wait);
        break;
    case PG_DIAL_FAILED:
        db_session_end(db, pg_dial_refused(db->target) ? DB_STATE_REFUSED : DB_STATE_DOWN, pg_dial_reason(db->target));
        break;
    case PG_DIAL_UP:
        db->conn = pg_dial_take(db->target);
        if (!connect_is_utf8(db)) break;
        db->phase = DB_PHASE_PREPARING;
        db_timer_set(db->timer,
                     (uint64_t)db->options.limits.connect_timeout_ms + db->options.limits.statement_timeout_ms);
        db_pipeline_open(db);
        break;
    }
}

void db_hold(struct db *db, bool held)
{
    if (db->held == held || db->draining) return;
    db_enter(db);
    db->held = held;
    if (!held) {
        db_timer_set(db->timer, 0);
    } else if (db->phase != DB_PHASE_PAUSE) {
        db_session_end(db, DB_STATE_DOWN, "it is not wanted now");
    }
    db_leave(db);
}

static void connect_on_ready(int fd, short what, void *arg)
{
    struct db *db = arg;

    (void)fd, (void)what;
    db_enter(db);
    connect_go(db);
    db_leave(db);
}

static void connect_begin(struct db *db)
{
    const char *refusal = pg_target_refusal(db->target);

    if (refusal != NULL) {
        db_session_end(db, DB_STATE_REFUSED, refusal);
        return;
    }
    pg_target_notices(db->target, connect_on_notice, db);
    db->phase = DB_PHASE_DIALING;
    pg_dial_begin(db->target, db->options.limits.connect_timeout_ms);
    connect_go(db);
}

void db_session_timer(struct db *db)
{
    char reason[DB_REASON_BYTES];

    if (db->phase == DB_PHASE_PAUSE) {
        if (!db->held) connect_begin(db);
    } else if (db->phase == DB_PHASE_DIALING) {
        connect_go(db);
    } else {
        snprintf(reason, sizeof(reason), "connection to \"%s\", port %s: the statements were not prepared in time",
                 PQhost(db->conn), PQport(db->conn));
        db_session_end(db, DB_STATE_DOWN, reason);
    }
}
