#include "db/db.h"

#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"

const char db_draining_reason[] = "the service is stopping";

void db_enter(struct db *db)
{
    db->entered++;
}

void db_leave(struct db *db)
{
    if (--db->entered == 0 && db->freed) free(db);
}

void db_timer_set(struct event *timer, uint64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    if (evtimer_add(timer, &tv) != 0) mem_die(0);
}

/* Takes the query out of every list and count. */
static void db_query_remove(struct db_query *q)
{
    db_share_landed(q);
    db_share_part(q);
    q->db->depth--;
}

void db_query_free(struct db_query *q)
{
    db_query_remove(q);
    PQclear(q->result);
    free(q);
}

void db_query_finish(struct db_query *q, enum db_outcome outcome, PGresult *result, const char *message)
{
    if (q->done != NULL) db_values_check(q);
    struct db_result r = {outcome, result, message == NULL ? db_pg_message(result) : message,
                          q->sqlstate[0] == '\0' ? NULL : q->sqlstate};
    const struct db_options *options = &q->db->options;

    if (options->finished != NULL) options->finished(q->db->arg, outcome, clock_monotonic_ns() - q->submitted_ns);
    /* Before the callback, because the callback may submit again, free the db, or abandon this very query. */
    db_query_remove(q);
    q->in_callback = true;
    if (q->done != NULL) q->done(q->arg, &r);
    PQclear(q->result);
    free(q);
    PQclear(result);
}

void db_fail_all(struct db *db, const char *message)
{
    while (!db->freed && !list_is_empty(&db->failing)) {
        struct db_query *q = list_at(db->failing.next, struct db_query, link);
        PGresult *result = q->result; /* NOLINT(clang-analyzer-unix.Malloc): finishing takes it off the list */

        q->result = NULL;
        db_query_finish(q, q->outcome, result, result == NULL ? message : NULL);
    }
}

static void db_fail_waiting(struct db *db, enum db_outcome outcome, const char *message)
{
    list_each(it, &db->waiting) {
        struct db_query *q = list_at(it, struct db_query, link);

        q->outcome = outcome;
        db_share_leave(q);
        list_push_back(&db->failing, it);
    }
    db_fail_all(db, message);
}

/* Queries waited for the next connection, and none came in time: reads if the one before was lost, and whatever was not
 * yet sent if it is being replaced. */
static void db_on_retry_window(int fd, short what, void *arg)
{
    struct db *db = arg;

    (void)fd, (void)what;
    db_enter(db);
    if (db->state == DB_STATE_RENEWING)
        db_session_end(db, DB_STATE_DOWN, "the session was to be replaced, and no other came in time");
    if (!db->freed) db_fail_waiting(db, DB_UNAVAILABLE, "the database did not come back in time");
    db_leave(db);
}

void db_drain(struct db *db)
{
    db_enter(db);
    db->draining = true;
    db_scout_recall(db);
    db_fail_waiting(db, DB_TIMEOUT, db_draining_reason);
    if (!db->freed) db_cancel_running(db);
    db_leave(db);
}

void db_abort(struct db *db)
{
    db_enter(db);
    db->draining = true;
    db_scout_recall(db);
    if (db->phase != DB_PHASE_PAUSE) db_session_end(db, DB_STATE_DOWN, db_draining_reason);
    if (!db->freed) db_fail_waiting(db, DB_UNAVAILABLE, db_draining_reason);
    db_leave(db);
}

static void db_on_timer(int fd, short what, void *arg)
{
    struct db *db = arg;

    (void)fd, (void)what;
    db_enter(db);
    db_session_timer(db);
    db_leave(db);
}

static struct event *db_event_new(struct db *db, event_callback_fn call)
{
    struct event *e = event_new(db->base, -1, 0, call, db);

    if (e == NULL) mem_die(0);
    return e;
}

struct db *db_new(struct event_base *base, const struct db_options *options, db_state_fn *on_state, void *arg)
{
    struct db *db = mem_zalloc(sizeof(*db));

    db->base = base;
    db->options = *options;
    db->target = db_target_new(options);
    db->options.conninfo = db->options.application_name = NULL;
    db->conninfo = mem_strdup(options->conninfo);
    if (options->application_name != NULL) db->application_name = mem_strdup(options->application_name);
    db_fits_init(db);
    db->on_state = on_state;
    db->arg = arg;
    db->state = DB_STATE_CONNECTING;
    db->mates_max = DB_MATES_FIRST;
    db->mates_ms = DB_MATES_MS;
    list_init(&db->waiting);
    list_init(&db->flight);
    list_init(&db->failing);
    db_share_init(db);
    buf_init(&db->scratch);
    db->timer = db_event_new(db, db_on_timer);
    db->turn = db_event_new(db, db_pipeline_turn);
    db->deadline = db_event_new(db, db_on_deadline);
    db->retry_window = db_event_new(db, db_on_retry_window);
    db_timer_set(db->timer, 0);
    return db;
}

static void db_free_queries(struct list *queries)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freeing takes it off the list, which the analyser does not see */
    while (!list_is_empty(queries)) db_query_free(list_at(queries->next, struct db_query, link));
}

void db_free(struct db *db)
{
    if (db == NULL) return;
    db_session_close(db); /* which looks at what is in flight */
    while (!list_is_empty(&db->flight)) {
        struct db_batch *batch = list_at(db->flight.next, struct db_batch, link);

        db_free_queries(&batch->queries);
        db_free_queries(&batch->aborted);
        db_batch_free(db, batch);
    }
    db_free_queries(&db->waiting);
    db_free_queries(&db->failing);
    db_scout_recall(db);
    db_fits_clear(db);
    free(db->conninfo);
    free(db->application_name);
    event_free(db->timer);
    event_free(db->turn);
    event_free(db->deadline);
    event_free(db->retry_window);
    pg_target_free(db->target);
    buf_clear(&db->scratch);
    db->freed = true;
    if (db->entered == 0) free(db);
}

enum db_state db_state(const struct db *db)
{
    return db->state;
}

unsigned db_queue_depth(const struct db *db)
{
    return db->depth;
}

size_t db_memory(const struct db *db)
{
    return db == NULL ? 0 : db->input_bytes + db->result_bytes + db->kept_bytes;
}

unsigned db_clients(const struct db *db)
{
    return db->client_count;
}

const char *db_password(const struct db *db)
{
    const char *password = db->conn == NULL ? NULL : PQpass(db->conn);

    return password == NULL ? "" : password;
}

uint64_t db_reconnects(const struct db *db)
{
    return db->times_ready == 0 ? 0 : db->times_ready - 1;
}

void db_addresses(const struct db *db, char *out, size_t size)
{
    pg_target_addresses(db->target, out, size);
}

void db_recall_addresses(struct db *db, const char *text)
{
    pg_target_recall(db->target, text);
}

/* The protocol cannot carry every value: PostgreSQL's text has no NUL, and lengths have 32 bits. */
static bool db_values_fit(const struct db_statement *s, const struct slice *values)
{
    for (unsigned i = 0; i < s->param_count; i++) {
        if (values[i].len >= INT_MAX) return false;
        if (values[i].len > 0 && memchr(values[i].data, '\0', values[i].len) != NULL) return false;
    }
    return true;
}

bool db_takes_queries(const struct db *db)
{
    return db->state == DB_STATE_READY || db->state == DB_STATE_RENEWING || db->state == DB_STATE_MISFIT;
}

struct db *db_choose(struct db *own, struct db *shared)
{
    return own != NULL && db_takes_queries(own) ? own : shared;
}

static enum db_outcome db_check_submit(struct db *db, struct client_id client, const struct db_statement *s,
                                       const struct slice *values)
{
    if (db->freed || db->draining || !db_takes_queries(db)) return DB_UNAVAILABLE;
    if (db->depth >= db->options.limits.queue_max) return DB_OVERLOADED;
    if (db_share_is_full(db, client)) return DB_TOO_MANY;
    if (s->param_count > DB_PARAMS_MAX) return DB_FAULT;
    return db_values_fit(s, values) ? DB_OK : DB_INVALID_VALUE;
}

struct db_query *db_submit(struct db *db, const struct db_statement *statement, const struct slice *values,
                           db_done_fn *done, void *arg, enum db_outcome *ret_outcome)
{
    return db_submit_for(db, (struct client_id){0}, statement, values, done, arg, ret_outcome);
}

struct db_query *db_submit_for(struct db *db, struct client_id client, const struct db_statement *statement,
                               const struct slice *values, db_done_fn *done, void *arg, enum db_outcome *ret_outcome)
{
    enum db_outcome refused = db_check_submit(db, client, statement, values);

    if (refused != DB_OK) {
        if (db->options.finished != NULL) db->options.finished(db->arg, refused, 0);
        *ret_outcome = refused;
        return NULL;
    }
    size_t values_bytes = statement->param_count * sizeof(struct slice);
    struct db_query *q = mem_zalloc(sizeof(*q) + values_bytes);

    q->db = db;
    q->statement = statement;
    q->done = done;
    q->arg = arg;
    q->submitted_ns = clock_monotonic_ns();
    q->since_ms = q->submitted_ns / 1000000U;
    if (values_bytes > 0) memcpy(q->values, values, values_bytes);
    q->values_sum = db_values_sum(statement, q->values);
    q->fit = &db->fits[db_fit_index(db, statement)];
    db_share_join(q, client);
    db_share_wait(q, false);
    db->depth++;
    db_pipeline_wake(db);
    return q;
}

void db_abandon(struct db_query *query)
{
    if (query->in_callback) return;
    query->done = NULL;
    if (!query->sent) db_query_free(query);
}
