/*
 * Deadlines: a timer that fires now and then while there is a session. It probes an idle session, and ends the wait for
 * what does not come. The bounds are in db.h.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/internal.h"

enum { DEADLINE_LATE_MS = 250 };

static struct db_batch *deadline_head(const struct db *db)
{
    return list_at(db->flight.next, struct db_batch, link);
}

/* The results of a batch may come only with its Sync. Without statement_timeout a statement may take for ever, and only
 * TCP's keepalive notices a dead server. */
static uint64_t deadline_of_silence(const struct db *db)
{
    if (deadline_head(db)->count == 0) return db->input_ms + db->options.probe_timeout_ms;
    if (db->options.limits.statement_timeout_ms == 0) return UINT64_MAX;
    return db->input_ms + db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms;
}

/*
 * When what runs is cancelled: a single statement cannot take this long, or nobody waits for it any more. A write that
 * is silent for longer than it may run is one of which the commit waits for a standby; cancelled, it is told as unknown
 * and the session goes on. If others are behind it, they may wait likewise: then the session is given up instead.
 */
static uint64_t deadline_of_running(const struct db *db)
{
    const struct db_batch *batch = deadline_head(db);
    const bool is_reads = batch->kind == DB_BATCH_READS;
    const bool is_last = db->flight.prev == &batch->link;

    if (batch->cancelled) return UINT64_MAX;
    if (is_reads) {
        if (batch->late) return 0;
        if (db_share_may_cut(db)) return db->input_ms + DB_CUT_MS;
        if (batch->count < 2) return UINT64_MAX;
    } else if (batch->kind != DB_BATCH_WRITE || !is_last) {
        return UINT64_MAX;
    }
    if (db->options.limits.statement_timeout_ms == 0) return UINT64_MAX;
    return db->input_ms + db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms / 2;
}

static uint64_t deadline_of_waiting(const struct db *db)
{
    if (db->options.wait_max_ms == 0 || list_is_empty(&db->waiting)) return UINT64_MAX;
    return list_at(db->waiting.next, struct db_query, link)->since_ms + db->options.wait_max_ms;
}

static uint64_t deadline_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Short enough that no bound can pass unnoticed that begins after the timer was set. */
static uint64_t deadline_interval(const struct db *db)
{
    uint64_t interval = db->options.probe_interval_ms;

    if (db->options.wait_max_ms > 0) interval = deadline_earlier(interval, db->options.wait_max_ms);
    if (db_fit_is_doubtful(db) || db->read_only || db->deaf) interval = deadline_earlier(interval, DB_DOUBT_MS);
    return deadline_earlier(interval,
                            (uint64_t)db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms / 2);
}

void db_deadline_arm(struct db *db)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t due = deadline_earlier(now_ms + deadline_interval(db), deadline_of_waiting(db));

    if (list_is_empty(&db->flight)) {
        due = deadline_earlier(due, db->input_ms + db->options.probe_interval_ms);
    } else {
        due = deadline_earlier(due, deadline_earlier(deadline_of_silence(db), deadline_of_running(db)));
    }
    if (evtimer_pending(db->deadline, NULL) && db->deadline_ms <= due) return;
    db->deadline_ms = due;
    db_timer_set(db->deadline, due > now_ms ? due - now_ms : 1);
}

/* The oldest come first. */
static void deadline_refuse_waiting(struct db *db, uint64_t now_ms)
{
    while (!list_is_empty(&db->waiting) && deadline_of_waiting(db) <= now_ms) {
        struct db_query *q = list_at(db->waiting.next, struct db_query, link);

        q->outcome = DB_OVERLOADED;
        db_share_leave(q);
        list_push_back(&db->failing, &q->link);
    }
    db_fail_all(db, "other queries kept it waiting for too long");
}

/* A query that was sent before `latest` and that somebody still waits for. */
static struct db_query *deadline_late_query(const struct db_batch *batch, uint64_t latest)
{
    list_each(it, &batch->queries) {
        struct db_query *q = list_at(it, struct db_query, link);

        if (q->done != NULL && q->since_ms <= latest) return q;
    }
    return NULL;
}

/* The query stays where it is, like a query whose client has left. */
static void deadline_answer_query(struct db_query *q)
{
    struct db *db = q->db;
    bool wrote = db_access_is_write(q->statement->access);
    struct db_result r = {wrote ? DB_UNKNOWN : DB_TIMEOUT, NULL, "the database did not answer it in time", NULL};
    db_done_fn *done = q->done;

    q->done = NULL;
    q->in_callback = true;
    done(q->arg, &r);
    if (!db->freed) q->in_callback = false;
}

static void deadline_answer_flight(struct db *db, uint64_t now_ms)
{
    uint64_t most = (uint64_t)db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms;

    if (db->options.wait_max_ms == 0 || db->options.limits.statement_timeout_ms == 0 || now_ms < most) return;
    list_each(it, &db->flight) {
        struct db_batch *batch = list_at(it, struct db_batch, link);
        struct db_query *q;

        while ((q = deadline_late_query(batch, now_ms - most)) != NULL) {
            deadline_answer_query(q);
            if (db->freed) return;
            batch->late = deadline_late_query(batch, UINT64_MAX) == NULL;
        }
    }
}

static void deadline_check_flight(struct db *db, uint64_t now_ms)
{
    if (list_is_empty(&db->flight)) {
        if (db->input_ms + db->options.probe_interval_ms <= now_ms) db_pipeline_probe(db);
    } else if (deadline_of_silence(db) <= now_ms) {
        db_session_end(db, DB_STATE_DOWN, "the database stopped answering");
    } else if (deadline_of_running(db) <= now_ms) {
        deadline_head(db)->cut = !deadline_head(db)->late && db_share_may_cut(db);
        deadline_head(db)->cancelled = true;
        db_cancel_running(db);
    }
}

/* A standby takes no LISTEN, and may have been promoted meanwhile. A notification that came before is lost. */
static void deadline_listen(struct db *db)
{
    const char *standby = PQparameterStatus(db->conn, "in_hot_standby");

    if (!db->deaf || db->renew_wanted || (standby != NULL && strcmp(standby, "on") == 0)) return;
    db->deaf = false;
    if (db_pipeline_listen(db)) {
        db_pipeline_push(db);
    } else {
        db_session_end(db, DB_STATE_DOWN, PQerrorMessage(db->conn));
    }
}

/* What is wrong with a session that is alive. */
static void deadline_mend(struct db *db, uint64_t now_ms)
{
    PGconn *conn = db->conn;

    db_scout_tick(db, now_ms);
    deadline_listen(db);
    if (db_session_is(db, conn)) db_fit_review(db, now_ms);
    if (db_session_is(db, conn) && db_renew_is_due(db)) db_renew(db);
}

/* A process that was stopped (docker pause, a machine that slept) finds its timers over before it finds the answers
 * that came meanwhile, since the stop interrupts the wait for them (signal(7)). So they are read first. */
static bool deadline_overslept(struct db *db, uint64_t now_ms)
{
    const bool overslept = !db->overslept && now_ms > db->deadline_ms + DEADLINE_LATE_MS;

    db->overslept = overslept;
    if (!overslept) return false;
    db->deadline_ms = now_ms + 1;
    db_timer_set(db->deadline, 1);
    return true;
}

void db_on_deadline(int fd, short what, void *arg)
{
    struct db *db = arg;
    PGconn *conn = db->conn;
    uint64_t now_ms = clock_monotonic_ms();

    (void)fd, (void)what;
    if (deadline_overslept(db, now_ms)) return;
    db_enter(db);
    /* This is first, because the queries that a lost session leaves get another chance. */
    deadline_check_flight(db, now_ms);
    if (db_session_is(db, conn)) deadline_refuse_waiting(db, now_ms);
    if (db_session_is(db, conn)) deadline_answer_flight(db, now_ms);
    if (db_session_is(db, conn) && db->phase == DB_PHASE_READY) deadline_mend(db, now_ms);
    if (db_session_is(db, conn) && db->phase == DB_PHASE_READY) db_deadline_arm(db);
    db_leave(db);
}
