#include "queue/queue.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "child/session.h"
#include "queue/cache.h"
#include "queue/claimer.h"
#include "queue/record.h"
#include "queue/statements.h"
#include "queue/work.h"

enum {
    QUEUE_LENGTH_MS = 15000, /* how often the queue's length is asked for */
    QUEUE_CACHE_PAUSE_MS = 1000,
    QUEUE_GIVE_BACK_MS = 700 /* for what has to be said at the end: the master's patience is longer */
};

static const char queue_queued[] = "backtests";
static const char queue_cancelled[] = "backtests_cancelled";

struct queue {
    const struct queue_options *options;
    struct meter meter;
    struct child *child;
    struct child_session *session;
    struct db *db;
    struct cache *cache;
    struct claimer *claimer;
    struct work *work;      /* NULL: the worker is free */
    struct event *deadline; /* of a drain */
    struct db_query *length;
    uint64_t length_due_ms;
    uint64_t claimed, claimed_max; /* after so many the worker is replaced; 0: never */
    bool draining;
    bool over; /* the drain's time */
};

/* ---- Work ---- */

static void queue_show(struct queue *q)
{
    atomic_store_explicit(&q->options->place->cells->in_flight, q->work != NULL, memory_order_relaxed);
}

/* At the end: what was worked on last is not what a later crash is put down to. */
static void queue_on_done(void *arg, struct work *work)
{
    struct queue *q = arg;
    const struct work_record record = work_record(work);
    const char *trouble = cache_trouble(q->cache);

    if (trouble != NULL) log_warning("the cache of candles cannot be used as it should", LOG_STR("error", trouble));
    if (record.outcome == METER_DROPPED) {
        log_error("the database does not take how a backtest ended; its lease will run out", LOG_ID("id", record.id),
                  LOG_SLICE("error", record.detail));
    }
    meter_end(&q->meter, record.outcome);
    metrics_add(&q->options->place->cells->requests, 1);
    metrics_set(q->meter.cells[METER_CACHE_BYTES], cache_bytes(q->cache));
    record_log(&q->options->conf->log, &record);
    work_free(work);
    q->work = NULL;
    queue_show(q);
    child_set_last(q->child, "", SLICE_NONE, "");
    if (q->draining) {
        child_end(q->child);
        return;
    }
    if (++q->claimed == q->claimed_max) child_recycle(q->child, "STRATSLAB_MAX_REQUESTS");
    if (cache_has_moved(q->cache)) child_recycle(q->child, "STRATSLAB_CACHE_DIR is another folder now");
    claimer_start(q->claimer);
}

static void queue_on_claimed(void *arg, const struct db_result *row)
{
    struct queue *q = arg;

    q->work = work_new(
        &(struct work_options){
            .child = q->child,
            .base = child_base(q->child),
            .db = q->db,
            .cache = q->cache,
            .conf = q->options->conf,
            .meter = &q->meter,
            .arg = q,
            .done = queue_on_done,
        },
        row);
    queue_show(q);
    if (q->draining) work_give_back(q->work); /* somebody else begins it sooner than we end */
}

static void queue_on_stopped(void *arg)
{
    struct queue *q = arg;

    child_end(q->child);
}

/* ---- How long the queue is ---- */

static void queue_on_length(void *arg, const struct db_result *result)
{
    struct queue *q = arg;
    uint64_t backtests = 0, oldest_ms = 0;

    q->length = NULL;
    if (db_result_outcome(result) == DB_OK) {
        const struct slice oldest = db_result_value(result, 0, db_result_column(result, "oldest_ms"));

        backtests = strtoull(db_result_value(result, 0, db_result_column(result, "backtests")).data, NULL, 10);
        if (oldest.data != NULL) oldest_ms = strtoull(oldest.data, NULL, 10);
    }
    metrics_set(q->meter.cells[METER_QUEUED], backtests);
    metrics_set(q->meter.cells[METER_OLDEST], oldest_ms * 1000000U);
}

static void queue_ask_length(struct queue *q)
{
    const uint64_t now_ms = clock_monotonic_ms();
    const struct slice values[1] = {claimer_kinds(q->claimer)};
    enum db_outcome outcome;

    if (now_ms < q->length_due_ms || q->length != NULL) return;
    q->length_due_ms = now_ms + QUEUE_LENGTH_MS;
    if (claimer_is_first(q->claimer) && !q->draining) {
        q->length = db_submit(q->db, &queue_length, values, queue_on_length, q, &outcome);
    } else {
        metrics_set(q->meter.cells[METER_QUEUED], 0);
        metrics_set(q->meter.cells[METER_OLDEST], 0);
    }
}

static void queue_tick(void *ctx)
{
    struct queue *q = ctx;

    if (q->claimer != NULL && db_takes_queries(q->db)) queue_ask_length(q);
}

/* ---- The session ---- */

static void queue_on_connected(void *ctx, uint64_t reconnects)
{
    struct queue *q = ctx;

    metrics_add(q->meter.cells[METER_RECONNECTS], reconnects);
    if (q->work != NULL) work_connected(q->work);
}

static void queue_on_fits(void *ctx)
{
    const struct queue *q = ctx;

    claimer_connected(q->claimer);
}

static bool queue_may_claim(void *arg)
{
    const struct queue *q = arg;

    return child_session_fits(q->session);
}

static void queue_on_known(void *ctx)
{
    struct queue *q = ctx;

    child_ready(q->child);
    if (!q->draining && q->work == NULL) claimer_start(q->claimer);
}

static void queue_on_notified(void *ctx, const char *channel, struct slice payload)
{
    struct queue *q = ctx;

    if (strcmp(channel, queue_queued) == 0) {
        claimer_notified(q->claimer, payload);
    } else if (q->work != NULL && slice_eq(work_id(q->work), payload)) {
        work_ask(q->work); /* whoever may send notifications may not cancel */
    }
}

/* ---- The end ---- */

static void queue_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct queue *q = arg;

    (void)fd;
    (void)what;
    q->over = true;
    if (q->work != NULL) {
        log_info("giving back a backtest that cannot finish in time", LOG_ID("id", work_id(q->work)));
        work_give_back(q->work);
    }
    child_session_drain(q->session, QUEUE_GIVE_BACK_MS);
}

static void queue_drain(void *ctx, const char *why)
{
    struct queue *q = ctx;
    const unsigned ms = child_finish_ms(q->child, q->options->conf->supervision.stop_timeout_ms);
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    const bool is_first = !q->draining;

    log_debug("draining", LOG_STR("why", why), LOG_UINT("working", q->work != NULL), LOG_UINT("finish_ms", ms));
    q->draining = true;
    if (is_first) child_draining(q->child);
    if (!claimer_stop(q->claimer) && q->work == NULL) {
        child_end(q->child);
        return;
    }
    if (!q->over && event_add(q->deadline, &in) != 0) mem_die(0);
}

/* ---- Wiring ---- */

static void queue_init_session(struct queue *q)
{
    static const char *const channels[] = {queue_queued, queue_cancelled};
    const struct conf *conf = q->options->conf;
    struct child_session_options session = {
        .conninfo = conf->database.url,
        .label = conf->database.label,
        .application_name = "backtestd worker",
        .limits = conf->database.limits,
        .channels = channels,
        .channel_count = countof(channels),
        .schema_versions = q->options->schema_versions,
        .ctx = q,
        .connected = queue_on_connected,
        .known = queue_on_known,
        .fits = queue_on_fits,
        .notified = queue_on_notified,
    };

    session.statements = queue_statements(&session.statement_count);
    q->session = child_session_new(q->child, &session);
    q->db = child_session_db(q->session);
}

/* Jittered, so that workers that started together are not replaced together. */
static uint64_t queue_claimed_max(const struct conf *conf)
{
    const uint64_t most = conf->supervision.max_requests;

    return most == 0 ? 0 : random_between(most - most / 10, most + most / 10);
}

static int queue_init(struct queue *q, struct error *err)
{
    const struct conf *conf = q->options->conf;
    const struct child_options child = {
        .program = "backtestd",
        .role = "worker",
        .place = q->options->place,
        .memory_max_bytes = conf->supervision.max_memory,
        .ctx = q,
        .drain = queue_drain,
        .tick = queue_tick,
    };

    meter_init(&q->meter, q->options->place);
    q->claimed_max = queue_claimed_max(conf);
    q->cache = cache_new(&(struct cache_options){
        .folder = conf->jobs.cache_dir,
        .bytes_max = conf->jobs.cache_bytes,
        .pause_ms = QUEUE_CACHE_PAUSE_MS,
    });
    if (child_new(&child, &q->child, err) != 0) return -1;
    q->deadline = evtimer_new(child_base(q->child), queue_on_deadline, q);
    if (q->deadline == NULL) return error_set(err, ERROR_SYSTEM, "cannot make an event");
    queue_init_session(q);
    q->claimer = claimer_new(&(struct claimer_options){
        .base = child_base(q->child),
        .db = q->db,
        .cache = q->cache,
        .meter = &q->meter,
        .place = q->options->place,
        .slot = q->options->slot,
        .arg = q,
        .may_claim = queue_may_claim,
        .claimed = queue_on_claimed,
        .stopped = queue_on_stopped,
    });
    return 0;
}

static void queue_clear(struct queue *q)
{
    work_free(q->work);
    claimer_free(q->claimer);
    child_session_free(q->session);
    if (q->deadline != NULL) event_free(q->deadline);
    cache_free(q->cache);
    child_free(q->child);
}

int queue_run(const struct queue_options *options)
{
    struct queue q = {.options = options};
    struct error err;
    int status = EXIT_SUCCESS;

    if (queue_init(&q, &err) == 0) {
        child_run(q.child);
    } else {
        log_error("the worker cannot start", LOG_STR("error", err.message));
        status = EXIT_FAILURE;
    }
    queue_clear(&q);
    return status;
}
