/*
 * The pipeline: queries that wait are handed to libpq in batches of one Sync each, and results are matched to them in
 * order. Source: libpq documentation, "Pipeline Mode"; protocol documentation, "Pipelining" under "Extended Query".
 *
 * Callbacks are called only from db_query_finish, db_session_end and pipeline_take_notifications. Each callback may end
 * this connection or free the db, so after these functions callers check (db_session_is) before they go on.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"

bool db_session_is(const struct db *db, const PGconn *conn)
{
    return !db->freed && db->conn == conn;
}

static void pipeline_fail(struct db *db)
{
    char reason[2048];

    snprintf(reason, sizeof(reason), "%s", db->last_notice[0] != '\0' ? db->last_notice : PQerrorMessage(db->conn));
    db_session_end(db, DB_STATE_DOWN, reason);
}

/* Callers look for results after it: if the output is stuck, libpq reads its input, and those results would lie there
 * with nothing left in the socket to wake us. */
static void pipeline_flush(struct db *db)
{
    int left = PQflush(db->conn);

    db->unpushed = 0;
    if (left < 0) {
        pipeline_fail(db);
        return;
    }
    db->output_blocked = left > 0;
    if (db->output_blocked && event_add(db->writable, NULL) != 0) mem_die(0);
}

/* ---- batches ---- */

static struct db_batch *pipeline_batch_new(enum db_batch_kind kind)
{
    struct db_batch *batch = mem_zalloc(sizeof(*batch));

    batch->kind = kind;
    list_init(&batch->link);
    list_init(&batch->queries);
    list_init(&batch->aborted);
    return batch;
}

void db_batch_free(struct db *db, struct db_batch *batch)
{
    db->commits -= batch->shares;
    db->kept_bytes -= batch->result_bytes;
    PQclear(batch->verdict);
    list_remove(&batch->link);
    free(batch);
}

/* While an answer takes long, the queries that wait stay on our side: there they can still be refused, and a query that
 * was not sent has certainly not happened. */
static bool pipeline_has_room(const struct db *db)
{
    if (db->renew_wanted || db->flight_count >= db->window) return false;
    if (db->hold_until_ms != 0 && clock_monotonic_ms() < db->hold_until_ms) return false;
    return list_is_empty(&db->flight) || clock_monotonic_ms() - db->input_ms < DB_HOLD_MS;
}

static void pipeline_batch_push(struct db *db, struct db_batch *batch)
{
    if (list_is_empty(&db->flight)) db->input_ms = clock_monotonic_ms();
    list_push_back(&db->flight, &batch->link);
}

struct db_batch *db_batch_push(struct db *db, enum db_batch_kind kind)
{
    struct db_batch *batch = pipeline_batch_new(kind);

    pipeline_batch_push(db, batch);
    return batch;
}

static bool pipeline_batch_take(struct db *db, struct db_batch *batch, struct db_query *q, bool alone)
{
    if (!db_send_query(db, q)) return false;
    q->since_ms = clock_monotonic_ms();
    db_share_sent(q, alone);
    list_push_back(&batch->queries, &q->link);
    batch->count++;
    return true;
}

/* Sends a read, whose turn it is, and with it those whose turns are next, up to the next write. */
static bool pipeline_reads_send(struct db *db, struct db_query *q, bool alone)
{
    const unsigned room = db->window - db->flight_count;
    const unsigned most = alone ? 1 : room < DB_BATCH_MAX ? room : DB_BATCH_MAX;
    struct db_batch *batch = db_batch_push(db, DB_BATCH_READS);

    if (!pipeline_batch_take(db, batch, q, alone)) return false;
    while (batch->count < most) {
        q = db_share_next(db, &alone);
        if (q == NULL || alone || db_access_is_write(q->statement->access)) break;
        if (!pipeline_batch_take(db, batch, q, false)) return false;
    }
    return db_send_sync(db);
}

/* Each step has its own batch, since each may fail: the statement may be gone already, or not fit the schema. Then the
 * queries of that statement fail, and the others go on. */
bool db_pipeline_prepare(struct db *db, size_t index)
{
    const struct db_statement *s = db->options.statements[index];
    struct db_batch *batch = pipeline_batch_new(DB_BATCH_RENEW);

    if (db->fits[index].refusal == NULL) {
        pipeline_batch_push(db, pipeline_batch_new(DB_BATCH_SETTINGS));
        if (!db_send_deallocate(db, s) || !db_send_sync(db)) {
            free(batch);
            return false;
        }
    }
    batch->first = index;
    pipeline_batch_push(db, batch);
    return db_send_statement(db, s) && db_send_sync(db);
}

/* Puts the query back at the head of the queue. */
static void pipeline_retry_query(struct db_query *q)
{
    struct db *db = q->db;

    if (q->done == NULL) {
        db_query_free(q);
        return;
    }
    db_share_landed(q);
    list_remove(&q->link);
    if (db->draining) {
        q->outcome = DB_TIMEOUT;
        list_push_front(&db->failing, &q->link);
    } else {
        db_share_wait(q, true);
    }
}

bool db_batch_renews(struct db_batch *batch, struct db_query *q, const PGresult *pg)
{
    const enum db_second second = db_fit_judge(q, pg);

    if (second == DB_SECOND_PREPARE) batch->stale = q->statement;
    return second != DB_SECOND_NONE;
}

void db_pipeline_finish(struct db_query *q, enum db_outcome outcome, PGresult *pg)
{
    char why[DB_REASON_BYTES];

    if (outcome == DB_READ_ONLY) db_scout_refused(q->db);
    if (outcome == DB_OK && db_access_is_write(q->statement->access)) q->db->read_only = false;
    db_fit_note(q, pg, &outcome, why);
    if (why[0] != '\0') {
        PQclear(pg);
        pg = NULL;
    }
    db_query_finish(q, db_outcome_for(outcome, q->statement->access), pg, why[0] == '\0' ? NULL : why);
}

/* Whether a read is sent again that had to give way to another transaction: some times, as long as its client may still
 * wait for it. */
static bool pipeline_is_again(struct db_query *q, const PGresult *pg)
{
    const struct db *db = q->db;
    const uint64_t most_ms = db->options.limits.statement_timeout_ms;

    if (q->done == NULL || db->draining || q->again == DB_AGAIN_MAX || !db_sqlstate_is_again(db_pg_sqlstate(pg)))
        return false;
    if (most_ms > 0 && clock_monotonic_ms() - q->submitted_ns / 1000000U >= most_ms) return false;
    q->again++;
    return true;
}

/* ---- results, by kind of batch ---- */

/* Without them an answer may be another one: the session is of no use. */
static void pipeline_pins_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    char reason[DB_REASON_BYTES];

    (void)batch;
    if (db_pg_outcome(pg) == DB_OK) {
        PQclear(pg);
        return;
    }
    snprintf(reason, sizeof(reason), "the session's settings cannot be set: %s (%s)", db_pg_message(pg),
             db_pg_sqlstate(pg));
    PQclear(pg);
    db_session_end(db, DB_STATE_DOWN, reason);
}

static void pipeline_settings_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    (void)db, (void)batch;
    PQclear(pg); /* the server or its platform may not know the setting */
}

static void pipeline_listen_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    (void)batch;
    if (db_pg_outcome(pg) != DB_OK) db->deaf = true;
    PQclear(pg);
}

/* A session that takes the place of a living one serves what can be served; with a new one, nobody knows what that is.
 */
static void pipeline_prepare_refused(struct db *db, struct db_batch *batch, const PGresult *pg)
{
    const char *sqlstate = db_pg_sqlstate(pg);
    const size_t index = batch->first + batch->prepared;
    const bool is_refusal = db_sqlstate_is_refusal(sqlstate);
    char reason[DB_REASON_BYTES];

    if (index >= db->options.statement_count) {
        snprintf(reason, sizeof(reason), "the statements cannot be prepared: %s (%s)", db_pg_message(pg), sqlstate);
    } else if (is_refusal && db->state == DB_STATE_RENEWING) {
        db_fit_prepared(db, index, pg);
        batch->refused = true;
        return;
    } else {
        snprintf(reason, sizeof(reason), "statement \"%s\" cannot be prepared: %s (%s)",
                 db->options.statements[index]->name, db_pg_message(pg), sqlstate);
    }
    db_session_end(db, is_refusal ? DB_STATE_UNFIT : DB_STATE_DOWN, reason);
}

static void pipeline_prepare_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    if (db_pg_outcome(pg) == DB_OK) {
        db_fit_prepared(db, batch->first + batch->prepared, NULL);
        batch->prepared++;
    } else if (!batch->refused) {
        pipeline_prepare_refused(db, batch, pg);
    }
    PQclear(pg);
}

static bool pipeline_send_statements(struct db *db, size_t first);

static void pipeline_prepare_synced(struct db *db, struct db_batch *batch)
{
    const size_t next = batch->first + batch->prepared + 1;
    const bool refused = batch->refused;

    db_batch_free(db, batch);
    if (!refused) {
        db_session_ready(db);
    } else if (db_fit_is_lost(db)) {
        char reason[DB_REASON_BYTES];

        db_fit_reason(db, reason);
        db_session_end(db, DB_STATE_UNFIT, reason);
    } else if (pipeline_send_statements(db, next)) {
        pipeline_flush(db);
    } else {
        pipeline_fail(db);
    }
}

static void pipeline_renew_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    db_fit_prepared(db, batch->first, db_pg_outcome(pg) == DB_OK ? NULL : pg);
    PQclear(pg);
}

static void pipeline_reads_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    (void)db;
    if (list_is_empty(&batch->queries)) {
        PQclear(pg); /* an error at the Sync: all queries have their answers */
        return;
    }
    struct db_query *q = list_at(batch->queries.next, struct db_query, link);

    if (PQresultStatus(pg) != PGRES_PIPELINE_ABORTED && !db_share_was_cut(batch, q, pg) &&
        !db_batch_renews(batch, q, pg) && !pipeline_is_again(q, pg)) {
        db_share_learn(q, batch->count, db->input_ms, true);
        db_pipeline_finish(q, db_pg_outcome(pg), pg);
        return;
    }
    PQclear(pg);
    list_remove(&q->link);
    list_push_back(&batch->aborted, &q->link);
}

void db_batch_expect_stray(struct db *db, const struct db_batch *batch)
{
    if (!batch->cancelled) return;
    const uint64_t now_ms = clock_monotonic_ms();

    db->stray_until_ms = now_ms + DB_CUT_STRAY_MS;
    if (!batch->cut || batch->was_cut) return;
    db->hold_until_ms = now_ms + DB_CUT_HOLD_MS;
    db_timer_set(db->turn, DB_CUT_HOLD_MS);
}

/* Queries that were skipped go to the head of the queue. The first of them cannot be skipped again there, so each round
 * finishes at least one. */
void db_batch_synced(struct db *db, struct db_batch *batch)
{
    const struct db_statement *stale = batch->stale;

    db_batch_expect_stray(db, batch);
    while (!list_is_empty(&batch->aborted)) pipeline_retry_query(list_at(batch->aborted.prev, struct db_query, link));
    db_batch_free(db, batch);
    if (stale == NULL) return;
    if (db_pipeline_prepare(db, db_fit_index(db, stale))) {
        pipeline_flush(db);
    } else {
        pipeline_fail(db);
    }
}

static void pipeline_plain_synced(struct db *db, struct db_batch *batch)
{
    db_batch_free(db, batch);
}

static const struct {
    void (*result)(struct db *db, struct db_batch *batch, PGresult *pg); /* owns pg */
    void (*synced)(struct db *db, struct db_batch *batch);               /* frees the batch */
} kinds[] = {
    [DB_BATCH_PINS] = {pipeline_pins_result, pipeline_plain_synced},
    [DB_BATCH_SETTINGS] = {pipeline_settings_result, pipeline_plain_synced},
    [DB_BATCH_LISTEN] = {pipeline_listen_result, pipeline_plain_synced},
    [DB_BATCH_PREPARE] = {pipeline_prepare_result, pipeline_prepare_synced},
    [DB_BATCH_RENEW] = {pipeline_renew_result, pipeline_plain_synced},
    [DB_BATCH_READS] = {pipeline_reads_result, db_batch_synced},
    [DB_BATCH_WRITE] = {db_commit_result, db_commit_synced},
    [DB_BATCH_PROBE] = {pipeline_settings_result, pipeline_plain_synced},
};

static void pipeline_end_by_fatal(struct db *db, struct db_batch *batch, PGresult *pg)
{
    char reason[DB_REASON_BYTES];

    snprintf(reason, sizeof(reason), "%s", db_pg_message(pg));
    db->dismissed = true;
    if (batch->kind == DB_BATCH_WRITE) {
        db_commit_dismissed(batch, pg);
    } else {
        PQclear(pg);
    }
    db_session_end(db, DB_STATE_DOWN, reason);
}

/* The Sync has finished one batch, so the next one runs now. */
static void pipeline_drain(struct db *db)
{
    db_fail_all(db, db_draining_reason);
    if (!db->freed) db_cancel_running(db);
}

/* libpq doubles its buffer until a row fits, and never gives it back (fe-misc.c, pqCheckInBufferSpace). */
static void pipeline_count_memory(struct db *db, const PGresult *pg)
{
    enum { FIRST_BYTES = 16384 };

    db->result_bytes = PQresultMemorySize(pg);
    if (db->input_bytes == 0) db->input_bytes = FIRST_BYTES;
    while (db->input_bytes < db->result_bytes) db->input_bytes *= 2;
    if (db_pg_is_large(pg)) db_renew_want(db, "a row was too large, and libpq keeps the memory that it took");
}

static void pipeline_take_result(struct db *db, PGresult *pg)
{
    struct db_batch *batch = list_at(db->flight.next, struct db_batch, link);

    pipeline_count_memory(db, pg);

    if (PQresultStatus(pg) == PGRES_PIPELINE_SYNC) {
        PQclear(pg);
        if (batch->count > 0 && !db->slow && db->window < DB_FLIGHT_MAX) db->window *= 2;
        kinds[batch->kind].synced(db, batch);
        db->head_ms = db->input_ms;
        if (!db->freed && db->draining) pipeline_drain(db);
    } else if (db_pg_is_fatal(pg)) {
        pipeline_end_by_fatal(db, batch, pg);
    } else if (PQstatus(db->conn) == CONNECTION_BAD && db_pg_sqlstate(pg)[0] == '\0' && db_pg_outcome(pg) != DB_OK) {
        PQclear(pg); /* libpq's own words for the loss */
        pipeline_fail(db);
    } else {
        kinds[batch->kind].result(db, batch, pg);
    }
}

/* Before the session is ready, whoever is notified could not ask the database, and will look again at DB_STATE_READY.
 */
static void pipeline_take_notifications(struct db *db)
{
    PGconn *conn = db->conn;
    PGnotify *notification;

    if (db->options.channel_count == 0) return;
    while (db_session_is(db, conn) && (notification = PQnotifies(conn)) != NULL) {
        if (db->phase == DB_PHASE_READY && db->options.notified != NULL) {
            db->options.notified(db->arg, notification->relname, slice_of(notification->extra));
        }
        PQfreemem(notification);
    }
}

/* Takes every result that libpq has whole. Between two results libpq returns one NULL. */
static void pipeline_take_results(struct db *db)
{
    PGconn *conn = db->conn;
    unsigned nulls = 0;

    while (nulls < 2 && !list_is_empty(&db->flight) && !PQisBusy(conn)) {
        PGresult *pg = PQgetResult(conn);

        if (pg == NULL) {
            nulls++;
            continue;
        }
        nulls = 0;
        pipeline_take_result(db, pg);
        if (!db_session_is(db, conn)) return;
        db->result_bytes = 0;
    }
    if (list_is_empty(&db->flight)) (void)PQisBusy(conn); /* lets libpq parse messages that nobody asked for */
    pipeline_take_notifications(db);
    if (!db_session_is(db, conn)) return;
    if (PQstatus(conn) == CONNECTION_BAD) {
        pipeline_fail(db);
    } else if (db_renew_is_due(db)) {
        db_renew(db);
    }
}

/* ---- events ---- */

static void pipeline_send_waiting(struct db *db)
{
    PGconn *conn = db->conn;
    bool was_idle = list_is_empty(&db->flight);
    struct db_query *q;
    bool alone;

    while (db->phase == DB_PHASE_READY && !db->output_blocked && pipeline_has_room(db) &&
           (q = db_share_next(db, &alone)) != NULL) {
        const bool is_write = db_access_is_write(q->statement->access);

        if (!(is_write ? db_commit_send(db, q, alone) : pipeline_reads_send(db, q, alone))) {
            pipeline_fail(db);
            return;
        }
        if (db->unpushed < DB_PUSH_BYTES) continue;
        pipeline_flush(db);
        if (!db_session_is(db, conn)) return;
    }
    pipeline_flush(db);
    if (!db_session_is(db, conn)) return;
    if (!list_is_empty(&db->flight) && (was_idle || !list_is_empty(&db->turns))) db_deadline_arm(db);
}

/* Results make room for more queries, and sending may bring results. */
static void pipeline_send_and_flush(struct db *db)
{
    PGconn *conn = db->conn;
    bool alone;

    pipeline_send_waiting(db);
    if (!db_session_is(db, conn)) return;
    pipeline_take_results(db);
    if (!db_session_is(db, conn)) return;
    if (!db->output_blocked && pipeline_has_room(db) && db_share_next(db, &alone) != NULL) db_pipeline_wake(db);
}

/* How many queries are under way at a time: few at first and after a slow answer, twice as many after each quick one.
 */
static void pipeline_note_input(struct db *db)
{
    uint64_t now_ms = clock_monotonic_ms();

    db->slow = !list_is_empty(&db->flight) && now_ms - db->input_ms >= DB_SLOW_MS;
    if (db->slow) db->window = 1;
    db->input_ms = now_ms;
}

static void pipeline_on_readable(int fd, short what, void *arg)
{
    struct db *db = arg;
    PGconn *conn = db->conn;

    (void)fd, (void)what;
    db_enter(db);
    pipeline_note_input(db);
    bool alive = PQconsumeInput(conn) == 1;

    /* Also after a loss: results that came before the loss count. */
    pipeline_take_results(db);
    if (db_session_is(db, conn)) {
        if (!alive) {
            pipeline_fail(db);
        } else if (!list_is_empty(&db->waiting)) {
            db_pipeline_wake(db);
        }
    }
    db_leave(db);
}

static void pipeline_on_writable(int fd, short what, void *arg)
{
    struct db *db = arg;
    PGconn *conn = db->conn;

    (void)fd, (void)what;
    db_enter(db);
    pipeline_flush(db);
    if (db_session_is(db, conn)) pipeline_send_and_flush(db);
    db_leave(db);
}

/* An event that is made active runs in the same turn of the loop, after those that were active already. So every
 * request that had arrived has submitted its reads by now. */
void db_pipeline_wake(struct db *db)
{
    if (db->phase == DB_PHASE_READY) event_active(db->turn, EV_TIMEOUT, 0);
}

/* An event that was made active has lost its timer, which may have been for the end of a hold. */
static void pipeline_wake_after_hold(struct db *db)
{
    const uint64_t now_ms = clock_monotonic_ms();

    if (now_ms < db->hold_until_ms) db_timer_set(db->turn, db->hold_until_ms - now_ms);
}

void db_pipeline_turn(int fd, short what, void *arg)
{
    struct db *db = arg;

    (void)fd, (void)what;
    db_enter(db);
    if (db->phase == DB_PHASE_READY) pipeline_send_and_flush(db);
    if (!db->freed) pipeline_wake_after_hold(db);
    db_leave(db);
}

static bool pipeline_send_pins(struct db *db)
{
    const char *first = pg_pins_first(db->conn);
    char *sql = db_target_pins(&db->options);

    pipeline_batch_push(db, pipeline_batch_new(DB_BATCH_PINS));
    const bool sent = (first == NULL || PQsendQueryParams(db->conn, first, 0, NULL, NULL, NULL, NULL, 0) == 1) &&
                      PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1 && db_send_sync(db);

    free(sql);
    return sent;
}

static bool pipeline_send_settings(struct db *db)
{
    char sql[128];

    if (db->options.client_check_interval_ms == 0) return true;
    snprintf(sql, sizeof(sql), "SELECT pg_catalog.set_config('client_connection_check_interval', '%u', false)",
             db->options.client_check_interval_ms);
    pipeline_batch_push(db, pipeline_batch_new(DB_BATCH_SETTINGS));
    return PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1 && db_send_sync(db);
}

bool db_pipeline_listen(struct db *db)
{
    for (size_t i = 0; i < db->options.channel_count; i++) {
        pipeline_batch_push(db, pipeline_batch_new(DB_BATCH_LISTEN));
        if (!db_send_listen(db, db->options.channels[i]) || !db_send_sync(db)) return false;
    }
    return true;
}

static bool pipeline_send_statements(struct db *db, size_t first)
{
    struct db_batch *batch = pipeline_batch_new(DB_BATCH_PREPARE);

    batch->first = first;
    pipeline_batch_push(db, batch);
    for (size_t i = first; i < db->options.statement_count; i++) {
        if (!db_send_statement(db, db->options.statements[i])) return false;
    }
    return db_send_sync(db);
}

void db_pipeline_open(struct db *db)
{
    PGconn *conn = db->conn;

    db->cancel = PQgetCancel(conn);
    db->dismissed = false;
    db->window = DB_FLIGHT_FIRST;
    db->hold_until_ms = db->stray_until_ms = 0;
    db->slow = false;
    db->deaf = false;
    db->unreplicated = false;
    db->mates_refused = db->crowded = false;
    if (db->mates_max > DB_MATES_FIRST) db->mates_max = DB_MATES_FIRST;
    db->renew_wanted = false;
    db->read_only = false;
    db->readable = event_new(db->base, PQsocket(conn), EV_READ | EV_PERSIST, pipeline_on_readable, db);
    db->writable = event_new(db->base, PQsocket(conn), EV_WRITE, pipeline_on_writable, db);
    if (db->readable == NULL || db->writable == NULL || event_add(db->readable, NULL) != 0) mem_die(0);

    if (PQsetnonblocking(conn, 1) != 0 || PQenterPipelineMode(conn) != 1 || !pipeline_send_pins(db) ||
        !pipeline_send_settings(db) || !db_pipeline_listen(db) || !pipeline_send_statements(db, 0)) {
        pipeline_fail(db);
        return;
    }
    db_pipeline_push(db);
}

void db_pipeline_push(struct db *db)
{
    PGconn *conn = db->conn;

    pipeline_flush(db);
    if (db_session_is(db, conn)) pipeline_take_results(db);
}

void db_pipeline_probe(struct db *db)
{
    PGconn *conn = db->conn;

    pipeline_batch_push(db, pipeline_batch_new(DB_BATCH_PROBE));
    if (!db_send_sync(db)) {
        pipeline_fail(db);
        return;
    }
    pipeline_flush(db);
    if (db_session_is(db, conn)) pipeline_take_results(db);
}
