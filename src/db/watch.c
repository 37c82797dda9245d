/*
 * The watch: rings now and then while there is a session, probes an idle one, and lets nobody wait for what does not
 * come. The bounds are in db.h.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "db/internal.h"

static struct db_batch *head(const struct db *db)
{
    return list_at(db->flight.next, struct db_batch, link);
}

/* Results of a batch may come only with its Sync. Without statement_timeout a statement may take for ever, and only
 * TCP's keepalive tells. */
static uint64_t silence_ends(const struct db *db)
{
    if (head(db)->count == 0) return db->input_ms + db->options.probe_timeout_ms;
    if (db->options.limits.statement_timeout_ms == 0) return UINT64_MAX;
    return db->input_ms + db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms;
}

/* When what runs is cancelled: it is no single statement any more that takes this long, or nobody wants it. */
static uint64_t patience_ends(const struct db *db)
{
    const struct db_batch *batch = head(db);

    if (batch->cancelled || batch->kind != DB_BATCH_READS) return UINT64_MAX;
    if (batch->late) return 0;
    if (batch->count < 2 || db->options.limits.statement_timeout_ms == 0) return UINT64_MAX;
    return db->input_ms + db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms / 2;
}

static uint64_t waiting_ends(const struct db *db)
{
    if (db->options.wait_max_ms == 0 || list_is_empty(&db->waiting)) return UINT64_MAX;
    return list_at(db->waiting.next, struct db_query, link)->since_ms + db->options.wait_max_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* So often that no bound that begins after it is set can pass unseen. */
static uint64_t watch_interval(const struct db *db)
{
    uint64_t interval = db->options.probe_interval_ms;

    if (db->options.wait_max_ms > 0) interval = earlier(interval, db->options.wait_max_ms);
    return earlier(interval, (uint64_t)db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms / 2);
}

void db_watch_arm(struct db *db)
{
    uint64_t now = clock_monotonic_ms();
    uint64_t due = earlier(now + watch_interval(db), waiting_ends(db));

    if (list_is_empty(&db->flight)) {
        due = earlier(due, db->input_ms + db->options.probe_interval_ms);
    } else {
        due = earlier(due, earlier(silence_ends(db), patience_ends(db)));
    }
    if (evtimer_pending(db->watch, NULL) && db->watch_ms <= due) return;
    db->watch_ms = due;
    db_timer_set(db->watch, due > now ? due - now : 1);
}

/* They stand in the order of their age. */
static void refuse_waiting(struct db *db, uint64_t now)
{
    while (!list_is_empty(&db->waiting) && waiting_ends(db) <= now) {
        struct db_query *q = list_at(db->waiting.next, struct db_query, link);

        q->outcome = DB_OVERLOADED;
        list_remove(&q->link);
        list_push_back(&db->failing, &q->link);
    }
    db_fail_all(db, "others kept it waiting for too long");
}

/* Somebody who still waits for a query that was sent before `latest`. */
static struct db_query *late_query(const struct db_batch *batch, uint64_t latest)
{
    list_each(it, &batch->queries) {
        struct db_query *q = list_at(it, struct db_query, link);

        if (q->done != NULL && q->since_ms <= latest) return q;
    }
    return NULL;
}

/* The query stays where it is, as one that its client has left. */
static void answer_late(struct db_query *q)
{
    struct db *db = q->db;
    bool wrote = q->statement->access == DB_WRITE;
    struct db_result r = {wrote ? DB_UNKNOWN : DB_TIMEOUT, NULL, "the database was silent on it for too long"};
    db_done_fn *done = q->done;

    q->done = NULL;
    q->calling = true;
    done(q->arg, &r);
    if (!db->gone) q->calling = false;
}

static void answer_flight(struct db *db, uint64_t now)
{
    uint64_t most = (uint64_t)db->options.limits.statement_timeout_ms + db->options.probe_timeout_ms;

    if (db->options.wait_max_ms == 0 || db->options.limits.statement_timeout_ms == 0 || now < most) return;
    list_each(it, &db->flight) {
        struct db_batch *batch = list_at(it, struct db_batch, link);
        struct db_query *q;

        while ((q = late_query(batch, now - most)) != NULL) {
            answer_late(q);
            if (db->gone) return;
            batch->late = late_query(batch, UINT64_MAX) == NULL;
        }
    }
}

static void watch_flight(struct db *db, uint64_t now)
{
    if (list_is_empty(&db->flight)) {
        if (db->input_ms + db->options.probe_interval_ms <= now) db_pipeline_probe(db);
    } else if (silence_ends(db) <= now) {
        db_session_end(db, DB_STATE_DOWN, "the database fell silent");
    } else if (patience_ends(db) <= now) {
        head(db)->cancelled = true;
        db_cancel_running(db);
    }
}

void db_watch_ring(int fd, short what, void *arg)
{
    struct db *db = arg;
    PGconn *conn = db->conn;
    uint64_t now = clock_monotonic_ms();

    (void)fd, (void)what;
    db_enter(db);
    /* First: what the lost session leaves behind has another chance. */
    watch_flight(db, now);
    if (db_session_is(db, conn)) refuse_waiting(db, now);
    if (db_session_is(db, conn)) answer_flight(db, now);
    if (db_session_is(db, conn) && db->phase == DB_PHASE_READY) db_watch_arm(db);
    db_leave(db);
}
