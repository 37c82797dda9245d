/*
 * Writes that share a commit: what a write costs is mostly the wait for its commit, so those that are ready together go
 * in one transaction, with one Sync, and each is answered once it is committed.
 *
 * Which: of statements that are quick, and do not say that they must be alone (DB_WRITE_ALONE). One that comes while
 * nothing is in flight goes at once. Those that come while a commit is under way wait for its end and then go together;
 * if there are two writers only, each is sent behind the other's, since there is no company. Only where many write and
 * a commit takes long does a batch wait for company, as commit_await_company says.
 *
 * What a statement costs the server is, for a row, more than the row: so those of a statement that takes many (db.h)
 * are sent as one. If that fails, each is sent again with a statement of its own, to see which of them it was.
 *
 * If one fails, the server has rolled all of them back, and nobody was promised anything. What failed is sent again
 * alone, because the others may have been the reason: a lock that one of them held, a row that is not there any more.
 * Only the first of a batch has had nothing before it: if its statement was its own, its error is told. The others are
 * sent again together, and alone after some times (commit_tries): two, or eight while commits are slow, since each that
 * goes alone then keeps the others waiting for longer than a batch that fails; and once more if its statement takes
 * many, since the first time nobody knows which of them it was.
 *
 * How many share depends on how often that goes wrong: half as many after each time, twice as many after each success.
 * If p of the writes fail, that comes to about one failure every other batch.
 *
 * A batch holds the locks of all its writes until the end, and two batches may want each other's. So what a statement
 * may take, and wait for a lock, is bounded in it by a part of what one write may: all of them together take no longer
 * than one alone, deadlocks end before the server looks for them, and whoever waits for a lock of ours has it within 2
 * s. What is over these bounds is rolled back and sent again alone, with the bounds of the session.
 *
 * A client of which nothing succeeds shares with nobody until something does (db_share_is_unlucky).
 *
 * What a transaction shares: now() is the beginning of the batch, so created_at and updated_at of its writes are the
 * same. A write that is submitted after another one was answered has a later one: a batch is sent whole, and nothing
 * joins it on the way. Each statement has a snapshot of its own, and sees what was before it in its batch.
 * Notifications go out with the commit.
 */
#include "base/clock.h"
#include "db/internal.h"

static bool commit_is_error(const PGresult *pg)
{
    return db_pg_sqlstate(pg)[0] != '\0';
}

/* Neither a success nor an error of the server: libpq had no memory for the result, which may have been either. */
static bool commit_is_doubtful(const PGresult *pg)
{
    const ExecStatusType status = PQresultStatus(pg);

    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !commit_is_error(pg);
}

/* ---- sending ---- */

bool db_commit_awaits_company(const struct db *db, uint64_t now_ms)
{
    return db->writes_waiting < db->company && now_ms < db->company_until_ms;
}

bool db_commit_may_send(const struct db *db, uint64_t now_ms)
{
    if (db->commits == 0) return !db_commit_awaits_company(db, now_ms);
    return db->commits == 1 && !db->crowded;
}

/* It is in the batch from here on, whether libpq takes it or not: without the Sync nothing happens. */
static size_t commit_take(struct db_batch *batch, struct db_query *q, bool alone, uint64_t now_ms)
{
    size_t bytes = 0;

    q->since_ms = now_ms;
    if (q->tries == 0) q->began_ms = now_ms;
    db_share_sent(q, alone);
    db_together_place(batch, q);
    batch->count++;
    for (unsigned i = 0; i < q->statement->param_count; i++) bytes += q->values[i].len;
    return bytes;
}

/* The window does not bound them, as one commit is waited for, not several: if a commit takes so long that the window
 * is small, sharing it is what helps. */
static void commit_gather(struct db *db, struct db_batch *batch, size_t bytes, uint64_t now_ms)
{
    struct db_query *q;

    while (batch->count < db->mates_max && batch->statements < DB_MATES_STATEMENTS &&
           db->flight_count < DB_FLIGHT_MAX && bytes < DB_MATES_BYTES && (q = db_share_next_mate(db)) != NULL) {
        bytes += commit_take(batch, q, false, now_ms);
    }
    batch->full = batch->count < db->mates_max && db->writes_waiting > 0;
}

/* An equal part of the smaller of both; 0 means that there is none. */
static unsigned commit_part(unsigned of_session_ms, unsigned together_ms, unsigned count)
{
    const unsigned least = of_session_ms == 0 || of_session_ms > together_ms ? together_ms : of_session_ms;

    return least < count ? 1 : least / count;
}

static bool commit_send_limits(struct db *db, struct db_batch *batch)
{
    const struct db_limits *limits = &db->options.limits;

    batch->limits_due = true;
    return db_send_limits(db, commit_part(limits->statement_timeout_ms, db->mates_ms, batch->statements),
                          commit_part(limits->lock_timeout_ms, DB_MATES_LOCK_MS, batch->statements));
}

bool db_commit_send(struct db *db, struct db_query *q, bool alone)
{
    const uint64_t now_ms = clock_monotonic_ms();
    const bool shares = !alone && db_share_is_sociable(q) && db_share_is_quick(q) && !db_share_is_unlucky(q);
    struct db_batch *batch = db_batch_push(db, DB_BATCH_WRITE);
    const size_t bytes = commit_take(batch, q, alone, now_ms);

    if (shares) {
        batch->shares = true;
        db->commits++;
        if (!db->mates_refused) commit_gather(db, batch, bytes, now_ms);
    }
    batch->opener = q;
    batch->due = batch->queries.next;
    if (batch->count > 1 && !commit_send_limits(db, batch)) return false;
    if (!db_together_send(db, batch)) return false;
    batch->flushed = batch->count > 1 || !db_share_is_quick(q);
    if (batch->flushed && !db_send_flush(db)) return false;
    batch->complete = db_send_sync(db);
    return batch->complete;
}

/* ---- results ---- */

/* If the server refuses to bound them, it will next time too; a cancel that was meant for another says nothing. An
 * error that libpq made itself is none of the server's, which has gone on. */
static void commit_limits_result(struct db *db, struct db_batch *batch, const PGresult *pg)
{
    batch->limits_due = false;
    batch->limits_refused = commit_is_error(pg);
    if (batch->limits_refused && db_sqlstate_is_refusal(db_pg_sqlstate(pg))) db->mates_refused = true;
}

static void commit_keep(struct db *db, struct db_batch *batch, struct db_query *q, PGresult *pg)
{
    q->result = pg;
    batch->result_bytes += PQresultMemorySize(pg);
    db->kept_bytes += PQresultMemorySize(pg);
}

/* Each has the row that is its own. If there is none, or no memory for it, nobody knows what became of that one. */
static void commit_keep_rows(struct db *db, struct db_batch *batch, struct db_query *first, PGresult *pg)
{
    struct list *at = &first->link;

    for (unsigned i = 0; i < first->together; i++, at = at->next) {
        PGresult *one = db_together_row(first, pg, i);

        commit_keep(db, batch, list_at(at, struct db_query, link), one);
    }
    PQclear(pg);
}

void db_commit_result(struct db *db, struct db_batch *batch, PGresult *pg)
{
    if (batch->limits_due) {
        commit_limits_result(db, batch, pg);
        PQclear(pg);
        return;
    }
    batch->doubtful = batch->doubtful || commit_is_doubtful(pg);
    /* One more than there are queries is an error at the Sync, such as a deferred constraint. */
    if (batch->due == &batch->queries) {
        PQclear(batch->verdict);
        batch->verdict = pg;
        return;
    }
    struct db_query *q = list_at(batch->due, struct db_query, link);

    for (unsigned i = 0; i < q->together; i++) batch->due = batch->due->next;
    batch->ran_ms = db->input_ms;
    if (batch->failed == NULL && commit_is_error(pg)) batch->failed = q;
    if (q->together == 1 || commit_is_error(pg)) {
        commit_keep(db, batch, q, pg);
    } else {
        commit_keep_rows(db, batch, q, pg);
    }
}

/* It was certainly rolled back if a result was still to come, since the server keeps the order of its messages and only
 * the Sync would have committed. */
void db_commit_dismissed(struct db_batch *batch, PGresult *pg)
{
    if (batch->due == &batch->queries || batch->failed != NULL) {
        PQclear(pg);
        return;
    }
    batch->failed = list_at(batch->due, struct db_query, link);
    batch->failed->result = pg;
}

static bool commit_is_rolled_back(const struct db_batch *batch)
{
    return !batch->complete || batch->failed != NULL || batch->limits_refused || commit_is_error(batch->verdict);
}

/* Whether nothing that was before it in its batch can be the reason of its error. The bounds of a batch, and a request
 * to cancel that was meant for another, may be. */
static bool commit_is_own_error(const struct db_batch *batch, const struct db_query *q)
{
    const enum db_outcome outcome = db_pg_outcome(q->result);

    if (batch->count == 1 || db_pg_is_fatal(q->result)) return true;
    if (q != batch->opener || q->together > 1) return false;
    return outcome != DB_BUSY && outcome != DB_TIMEOUT && outcome != DB_CONFLICT && outcome != DB_UNKNOWN;
}

enum db_outcome db_commit_lost(const struct db_batch *batch, struct db_query *q)
{
    if (q == batch->failed && commit_is_own_error(batch, q)) return db_pg_outcome(q->result);
    PQclear(q->result);
    q->result = NULL;
    if (batch->count == 1 && commit_is_error(batch->verdict)) return db_pg_outcome(batch->verdict);
    return commit_is_rolled_back(batch) ? DB_UNAVAILABLE : DB_UNKNOWN;
}

/* ---- the end ---- */

static void commit_went_wrong(struct db *db)
{
    if (db->mates_max > 1) db->mates_max /= 2;
}

static void commit_went_well(struct db *db)
{
    if (db->mates_max < DB_MATES_MAX) db->mates_max *= 2;
}

static void commit_tell(const struct db *db, bool happened, unsigned writes, unsigned again)
{
    const struct db_commit commit = {happened, writes, again};

    if (db->options.committed != NULL) db->options.committed(db->arg, &commit);
}

/* Whether there are more writers than take turns by themselves. */
static void commit_count_writers(struct db *db, const struct db_batch *batch)
{
    if (batch->shares) db->crowded = batch->count + db->writes_waiting + (db->commits - 1) > 2;
}

/* Whether the last wait has brought most of those that it was for. Where requests do not depend on answers, it does
 * not; then it is tried more and more seldom. */
static bool commit_company_comes(struct db *db, const struct db_batch *batch)
{
    if (db->company > 0) {
        const bool came = batch->count >= db->company - db->company / 4;
        const unsigned next = db->company_pause * 2 + 1;

        db->company_pause = came ? 0 : next < DB_COMPANY_PAUSE_MAX ? next : DB_COMPANY_PAUSE_MAX;
        db->company_paused = 0;
    }
    db->company = 0;
    return db->company_paused++ >= db->company_pause;
}

/* Those who are answered now may write again at once. If the commit alone took long, the next one waits for them:
 * otherwise one half of the writers would wait for the commit of the other half, in turns. */
static void commit_await_company(struct db *db, const struct db_batch *batch)
{
    const uint64_t took_ms = db->input_ms - batch->ran_ms;
    const uint64_t wait_ms = took_ms / DB_COMPANY_PART;
    unsigned company = batch->full ? batch->count : batch->count + db->writes_waiting;

    if (!batch->shares || !batch->flushed) return;
    db->slow_commits = took_ms >= DB_COMMIT_SLOW_MS;
    if (company > db->mates_max) company = db->mates_max;
    if (!commit_company_comes(db, batch) || !db->slow_commits || company < DB_COMPANY_LEAST) return;
    db->company = company;
    db->company_until_ms = db->input_ms + (wait_ms < DB_COMPANY_MAX_MS ? wait_ms : DB_COMPANY_MAX_MS);
}

static enum db_outcome commit_outcome(const PGresult *pg, bool unreplicated)
{
    const enum db_outcome outcome = db_pg_outcome(pg);

    /* libpq, not the server, made this error (out of memory, say), and the Sync may have committed the write. */
    if (outcome != DB_OK && !commit_is_error(pg)) return DB_UNKNOWN;
    /* If the standby takes over now, the write has not happened. */
    return outcome == DB_OK && unreplicated ? DB_UNKNOWN : outcome;
}

static void commit_put_back(struct db_batch *batch, struct db_query *q)
{
    PQclear(q->result);
    q->result = NULL;
    list_remove(&q->link);
    list_push_back(&batch->aborted, &q->link);
}

static void commit_one(struct db *db, struct db_batch *batch, bool unreplicated)
{
    struct db_query *q = list_at(batch->queries.next, struct db_query, link);

    if (batch->verdict != NULL) {
        PQclear(q->result);
        q->result = batch->verdict;
        batch->verdict = NULL;
    }
    PGresult *pg = q->result;

    if (db_share_was_cut(batch, q, pg) || db_batch_renews(batch, q, pg)) {
        commit_put_back(batch, q);
        db_batch_synced(db, batch);
        return;
    }
    q->result = NULL;
    if (batch->shares && commit_is_error(pg)) commit_went_wrong(db);
    if (batch->shares && !commit_is_error(pg)) commit_went_well(db);
    if (!commit_is_error(pg)) commit_tell(db, true, 1, 0);
    db_share_note_write(q, commit_is_error(pg));
    db_batch_expect_stray(db, batch);
    list_remove(&q->link);
    db_share_learn(q, 1, batch->ran_ms, batch->flushed);
    db_batch_free(db, batch);
    db_pipeline_finish(q, commit_outcome(pg, unreplicated), pg);
}

/* What is known of it by now is kept with each, and all leave the batch, before the first callback: it may end the
 * session, or free the db. */
static void commit_all(struct db *db, struct db_batch *batch, bool unreplicated)
{
    char why[DB_REASON_BYTES];

    commit_went_well(db);
    commit_tell(db, true, batch->count, 0);
    db_batch_expect_stray(db, batch);
    while (!list_is_empty(&batch->queries)) {
        struct db_query *q = list_at(batch->queries.next, struct db_query, link);

        q->outcome = commit_outcome(q->result, unreplicated);
        if (q->outcome == DB_OK) db->read_only = false;
        db_share_note_write(q, false);
        db_fit_note(q, q->result, &q->outcome, why);
        db_share_learn(q, batch->count, batch->ran_ms, batch->flushed);
        db_share_landed(q);
        list_remove(&q->link);
        list_push_back(&db->failing, &q->link);
    }
    db_batch_free(db, batch);
    db_fail_all(db, "");
}

static unsigned commit_tries(const struct db_query *q)
{
    const bool is_new = q->db->input_ms - q->began_ms < DB_MATES_TRIES_FOR_MS;
    const unsigned tries = q->db->slow_commits && is_new ? DB_MATES_TRIES_SLOW : DB_MATES_TRIES;

    return q->statement->takes_many ? tries + 1 : tries;
}

/* Nobody knows which of them has failed at the Sync, or in one statement. A time-out of a batch may pass for a cancel
 * that came too late, as that is judged by the time that a statement has alone (share.c): both are sent again. */
static void commit_none(struct db *db, struct db_batch *batch)
{
    struct db_query *failed = batch->failed;
    PGresult *pg = NULL;
    unsigned again = 0;

    commit_went_wrong(db);
    if (failed != NULL && !db_share_was_cut(batch, failed, failed->result) &&
        !db_batch_renews(batch, failed, failed->result)) {
        if (failed->together > 1) {
            db_together_part(failed);
        } else {
            failed->solo = true;
        }
        if (commit_is_own_error(batch, failed)) {
            pg = failed->result;
            failed->result = NULL;
            list_remove(&failed->link);
            db_share_note_write(failed, true);
        }
    }
    while (!list_is_empty(&batch->queries)) {
        struct db_query *q = list_at(batch->queries.next, struct db_query, link);

        if (batch->verdict != NULL || ++q->tries >= commit_tries(q)) q->solo = true;
        again += q->done != NULL && !db->draining;
        commit_put_back(batch, q);
    }
    commit_tell(db, false, batch->count, again);
    db_batch_synced(db, batch);
    if (pg != NULL) db_pipeline_finish(failed, db_pg_outcome(pg), pg);
}

void db_commit_synced(struct db *db, struct db_batch *batch)
{
    const bool unreplicated = db->unreplicated;

    db->unreplicated = false;
    commit_count_writers(db, batch);
    if (!commit_is_rolled_back(batch)) commit_await_company(db, batch);
    if (batch->count == 1) {
        commit_one(db, batch, unreplicated);
    } else if (commit_is_rolled_back(batch)) {
        commit_none(db, batch);
    } else {
        commit_all(db, batch, unreplicated || batch->doubtful);
    }
}
