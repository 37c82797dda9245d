#include "admin/metrics.h"

#include <stdio.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/process.h"

struct view {
    const struct scoreboard *board;
    struct scoreboard_story story;
    uint32_t places; /* workers' places in use, or once in use */
    uint64_t now_ms; /* monotonic */
};

/* ---- Over all places ---- */

/* Of a cell that every place has, given as its offset in struct metrics_worker. */
static uint64_t metrics_sum(const struct view *v, size_t offset)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < v->places; i++) {
        const char *cells = (const char *)&v->board->counted[i];

        sum += metrics_get((const _Atomic uint64_t *)(const void *)(cells + offset));
    }
    return sum;
}

#define METRICS_SUM(v, cell) metrics_sum((v), offsetof(struct metrics_worker, cell))

/* The next place that has a worker, from `*at` on, which is advanced past it; its number is *ret_label. */
static const struct scoreboard_worker *metrics_next(const struct view *v, uint32_t *at, char ret_label[16])
{
    while (*at < v->places) {
        const struct scoreboard_worker *w = &v->board->worker[*at];

        snprintf(ret_label, 16, "%u", (*at)++);
        if (w->pid != 0) return w;
    }
    return NULL;
}

static void metrics_one(struct exposition *e, uint64_t value)
{
    exposition_sample(e, "");
    exposition_u64(e, value);
}

static void metrics_one_labelled(struct exposition *e, const char *label, const char *text, uint64_t value)
{
    exposition_sample(e, "");
    exposition_label(e, label, text);
    exposition_u64(e, value);
}

/* ---- HTTP ---- */

struct metrics_request_sum {
    const struct metrics_name *name;
    uint64_t by_class[METRICS_CLASSES];
    uint64_t total;
};

/* What is there to be counted is shown with zeros, so that its first count can be seen; what only exists because
 * clients may ask anything is shown once they did. */
static bool metrics_is_shown(const struct metrics_request_sum *sum)
{
    return sum->total > 0 || (strcmp(sum->name->method, "HEAD") != 0 && sum->name->route[0] == '/');
}

static bool metrics_next_request(const struct view *v, uint32_t *row, struct metrics_request_sum *ret)
{
    const struct metrics_catalog *catalog = &v->board->metrics.requests;
    uint32_t count = atomic_load_explicit(&catalog->count, memory_order_acquire);

    for (; *row < count; (*row)++) {
        *ret = (struct metrics_request_sum){.name = &catalog->names[*row]};
        for (unsigned c = 0; c < METRICS_CLASSES; c++) {
            ret->by_class[c] = METRICS_SUM(v, rows[*row].by_class[c]);
            ret->total += ret->by_class[c];
        }
        if (metrics_is_shown(ret)) return true;
    }
    return false;
}

static void metrics_label_request(struct exposition *e, const struct metrics_name *name)
{
    exposition_label(e, "method", name->method);
    exposition_label(e, "route", name->route);
}

static void metrics_requests(struct exposition *e, const struct view *v)
{
    struct metrics_request_sum sum;

    for (uint32_t row = 0; metrics_next_request(v, &row, &sum); row++) {
        for (unsigned c = 0; c < METRICS_CLASSES; c++) {
            exposition_sample(e, "");
            metrics_label_request(e, sum.name);
            exposition_label(e, "status_class", metrics_class_name(c));
            exposition_u64(e, sum.by_class[c]);
        }
    }
}

/* `offset` is the histogram's in struct metrics_worker; `name` may be NULL. */
static void metrics_histogram(struct exposition *e, const struct view *v, size_t offset,
                              const struct metrics_name *name)
{
    char bound[EXPOSITION_SECONDS_BYTES] = "+Inf";
    uint64_t sum_ns = metrics_sum(v, offset + offsetof(struct metrics_histogram, sum_ns));
    uint64_t count = 0;

    for (unsigned b = 0; b < METRICS_BUCKETS; b++) {
        count += metrics_sum(v, offset + offsetof(struct metrics_histogram, bucket) + b * sizeof(uint64_t));
        if (b < METRICS_BUCKETS - 1) {
            exposition_format_seconds(metrics_bounds_ns[b], bound);
        } else {
            snprintf(bound, sizeof(bound), "+Inf");
        }
        exposition_sample(e, "_bucket");
        if (name != NULL) metrics_label_request(e, name);
        exposition_label(e, "le", bound);
        exposition_u64(e, count);
    }
    exposition_sample(e, "_sum");
    if (name != NULL) metrics_label_request(e, name);
    exposition_seconds(e, sum_ns);
    exposition_sample(e, "_count");
    if (name != NULL) metrics_label_request(e, name);
    exposition_u64(e, count);
}

static void metrics_durations(struct exposition *e, const struct view *v)
{
    struct metrics_request_sum sum;

    for (uint32_t row = 0; metrics_next_request(v, &row, &sum); row++) {
        metrics_histogram(e, v, offsetof(struct metrics_worker, rows[row].duration), sum.name);
    }
}

static void metrics_received(struct exposition *e, const struct view *v)
{
    metrics_one(e, METRICS_SUM(v, received_bytes));
}

static void metrics_sent(struct exposition *e, const struct view *v)
{
    metrics_one(e, METRICS_SUM(v, sent_bytes));
}

static void metrics_accepted(struct exposition *e, const struct view *v)
{
    metrics_one(e, METRICS_SUM(v, accepted));
}

/* ---- Gauges of each worker ---- */

/* Of a cell that every worker has, given as its offset in struct scoreboard_worker. */
static void metrics_gauge(struct exposition *e, const struct view *v, size_t offset)
{
    const struct scoreboard_worker *w;
    char label[16];

    for (uint32_t at = 0; (w = metrics_next(v, &at, label)) != NULL;) {
        const char *cells = (const char *)w;

        metrics_one_labelled(e, "worker", label, *(const _Atomic uint32_t *)(const void *)(cells + offset));
    }
}

static void metrics_connections(struct exposition *e, const struct view *v)
{
    metrics_gauge(e, v, offsetof(struct scoreboard_worker, connections));
}

static void metrics_in_flight(struct exposition *e, const struct view *v)
{
    metrics_gauge(e, v, offsetof(struct scoreboard_worker, in_flight));
}

static void metrics_queue_depth(struct exposition *e, const struct view *v)
{
    metrics_gauge(e, v, offsetof(struct scoreboard_worker, queue_depth));
}

static void metrics_heartbeat(struct exposition *e, const struct view *v)
{
    const struct scoreboard_worker *w;
    char label[16];

    for (uint32_t at = 0; (w = metrics_next(v, &at, label)) != NULL;) {
        uint64_t beat_ms = w->heartbeat_ms;

        exposition_sample(e, "");
        exposition_label(e, "worker", label);
        exposition_seconds(e, v->now_ms > beat_ms ? (v->now_ms - beat_ms) * 1000000U : 0);
    }
}

static void metrics_memory_of(struct exposition *e, const char *role, const char *worker, pid_t pid)
{
    uint64_t bytes = process_resident_bytes(pid);

    if (bytes == 0) return; /* it has just ended */
    exposition_sample(e, "");
    exposition_label(e, "role", role);
    exposition_label(e, "worker", worker);
    exposition_u64(e, bytes);
}

static void metrics_memory(struct exposition *e, const struct view *v)
{
    const struct scoreboard_worker *w;
    char label[16];

    metrics_memory_of(e, "master", "", v->board->master_pid);
    metrics_memory_of(e, "admin", "", getpid());
    for (uint32_t at = 0; (w = metrics_next(v, &at, label)) != NULL;) metrics_memory_of(e, "worker", label, w->pid);
}

/* ---- The database ---- */

static void metrics_database_state(struct exposition *e, const struct view *v)
{
    const struct scoreboard_worker *w;
    char label[16];

    for (uint32_t at = 0; (w = metrics_next(v, &at, label)) != NULL;) {
        uint32_t now = w->database;

        for (uint32_t state = 0; state < SCOREBOARD_DATABASE_COUNT; state++) {
            exposition_sample(e, "");
            exposition_label(e, "worker", label);
            exposition_label(e, "state", scoreboard_database_name((enum scoreboard_database)state));
            exposition_u64(e, now == state);
        }
    }
}

static void metrics_queries(struct exposition *e, const struct view *v)
{
    const struct metrics_catalog *catalog = &v->board->metrics.outcomes;
    uint32_t count = atomic_load_explicit(&catalog->count, memory_order_acquire);

    for (uint32_t i = 0; i < count && i < METRICS_OUTCOMES_MAX; i++) {
        uint64_t sum = METRICS_SUM(v, outcomes[i]);

        if (i != METRICS_OTHER || sum > 0) metrics_one_labelled(e, "outcome", catalog->names[i].route, sum);
    }
}

static void metrics_query_duration(struct exposition *e, const struct view *v)
{
    metrics_histogram(e, v, offsetof(struct metrics_worker, queries), NULL);
}

static void metrics_reconnects(struct exposition *e, const struct view *v)
{
    metrics_one(e, METRICS_SUM(v, reconnects));
}

static void metrics_pending(struct exposition *e, const struct view *v)
{
    const struct scoreboard_worker *w;
    uint32_t most = 0;
    char label[16];

    for (uint32_t at = 0; (w = metrics_next(v, &at, label)) != NULL;) {
        uint32_t pending = w->migrations_pending;

        if (pending > most) most = pending;
    }
    metrics_one(e, most);
}

/* ---- The service ---- */

static void metrics_workers(struct exposition *e, const struct view *v)
{
    uint64_t counts[SCOREBOARD_WORKER_STATE_COUNT] = {0};
    const struct scoreboard_worker *w;
    char label[16];

    for (uint32_t at = 0; (w = metrics_next(v, &at, label)) != NULL;) {
        uint32_t state = w->state;

        if (state < SCOREBOARD_WORKER_STATE_COUNT) counts[state]++;
    }
    for (uint32_t state = 0; state < SCOREBOARD_WORKER_STATE_COUNT; state++) {
        metrics_one_labelled(e, "state", scoreboard_worker_name((enum scoreboard_worker_state)state), counts[state]);
    }
}

static void metrics_desired(struct exposition *e, const struct view *v)
{
    metrics_one(e, v->board->metrics.master.workers_desired);
}

static void metrics_restarts(struct exposition *e, const struct view *v)
{
    for (unsigned cause = 0; cause < METRICS_CAUSE_COUNT; cause++) {
        metrics_one_labelled(e, "cause", metrics_cause_name((enum metrics_cause)cause),
                             metrics_get(&v->board->metrics.master.restarts[cause]));
    }
}

static void metrics_health(struct exposition *e, const struct view *v)
{
    enum health now = scoreboard_health(v->board);

    for (unsigned health = 0; health < HEALTH_COUNT; health++) {
        metrics_one_labelled(e, "status", health_words[health], now == health);
    }
}

static void metrics_reloads(struct exposition *e, const struct view *v)
{
    metrics_one_labelled(e, "verdict", scoreboard_reload_name(SCOREBOARD_RELOAD_SUCCEEDED),
                         metrics_get(&v->board->metrics.master.reloads_succeeded));
    metrics_one_labelled(e, "verdict", scoreboard_reload_name(SCOREBOARD_RELOAD_FAILED),
                         metrics_get(&v->board->metrics.master.reloads_failed));
}

static void metrics_reload_success(struct exposition *e, const struct view *v)
{
    metrics_one(e, !v->board->metrics.master.last_reload_failed);
}

static void metrics_reload_time(struct exposition *e, const struct view *v)
{
    exposition_sample(e, "");
    exposition_seconds(e, metrics_get(&v->board->metrics.master.last_reload_wall_us) * 1000U);
}

static void metrics_start_time(struct exposition *e, const struct view *v)
{
    exposition_sample(e, "");
    exposition_seconds(e, metrics_get(&v->board->metrics.master.started_wall_us) * 1000U);
}

static void metrics_generation(struct exposition *e, const struct view *v)
{
    metrics_one(e, v->board->generation);
}

static void metrics_build(struct exposition *e, const struct view *v)
{
    metrics_one_labelled(e, "version", v->story.version, 1);
}

/* ---- All of them ---- */

static const struct metric {
    const char *name;
    const char *type;
    const char *help;
    void (*add)(struct exposition *e, const struct view *v);
} metrics_table[] = {
    {"stratslabd_build_info", "gauge", "The running build; always 1.", metrics_build},
    {"stratslabd_start_time_seconds", "gauge", "When the master started, in seconds since 1970; a reload leaves it.",
     metrics_start_time},
    {"stratslabd_generation", "gauge",
     "Generation of the running code: 1, and one more with each reload that got as far.", metrics_generation},
    {"stratslabd_health", "gauge", "What /health says: 1 for the status that holds, 0 for the others.", metrics_health},
    {"stratslabd_reloads_total", "counter", "Reloads by their verdict.", metrics_reloads},
    {"stratslabd_last_reload_successful", "gauge", "Whether the last reload succeeded; 1 where there was none.",
     metrics_reload_success},
    {"stratslabd_last_reload_timestamp_seconds", "gauge",
     "When the last reload's verdict came, in seconds since 1970; the start where there was none.",
     metrics_reload_time},
    {"stratslabd_workers", "gauge", "Worker processes by state.", metrics_workers},
    {"stratslabd_workers_desired", "gauge", "Workers that there should be.", metrics_desired},
    {"stratslabd_worker_restarts_total", "counter", "Workers that ended and were replaced, by cause.",
     metrics_restarts},
    {"stratslabd_worker_heartbeat_age_seconds", "gauge",
     "Time since the worker's event loop last turned; it turns once a second at least.", metrics_heartbeat},
    {"stratslabd_resident_memory_bytes", "gauge", "Resident memory of each process.", metrics_memory},
    {"stratslabd_http_requests_total", "counter", "Requests by route, method and class of the answer's status.",
     metrics_requests},
    {"stratslabd_http_request_duration_seconds", "histogram",
     "Time from a request's first byte to its answer, ready to be sent.", metrics_durations},
    {"stratslabd_http_requests_in_flight", "gauge", "Requests begun and not yet answered.", metrics_in_flight},
    {"stratslabd_http_connections", "gauge", "Open connections.", metrics_connections},
    {"stratslabd_http_connections_accepted_total", "counter", "Connections accepted.", metrics_accepted},
    {"stratslabd_http_received_bytes_total", "counter", "Bytes received from clients, heads included.",
     metrics_received},
    {"stratslabd_http_sent_bytes_total", "counter", "Bytes taken by clients, heads included.", metrics_sent},
    {"stratslabd_database_state", "gauge",
     "The worker's connection to the database: 1 for the state that holds, 0 for the others.", metrics_database_state},
    {"stratslabd_database_queue_depth", "gauge", "Queries that wait or are under way.", metrics_queue_depth},
    {"stratslabd_database_queries_total", "counter", "Queries by outcome.", metrics_queries},
    {"stratslabd_database_query_duration_seconds", "histogram",
     "Time from a query's submission, its wait in the queue included, to its result.", metrics_query_duration},
    {"stratslabd_database_reconnects_total", "counter", "Connections to the database made anew after a loss.",
     metrics_reconnects},
    {"stratslabd_migrations_pending", "gauge",
     "Migrations that this build knows and the database lacks, as a worker last saw.", metrics_pending},
};

void admin_metrics_text(const struct scoreboard *board, struct buf *out)
{
    struct exposition e = {.out = out};
    struct view v = {.board = board, .places = board->workers, .now_ms = clock_monotonic_ms()};

    scoreboard_hear(board, &v.story);
    if (v.places > SCOREBOARD_WORKERS_MAX) v.places = SCOREBOARD_WORKERS_MAX;
    for (size_t i = 0; i < countof(metrics_table); i++) {
        exposition_family(&e, metrics_table[i].name, metrics_table[i].type, metrics_table[i].help);
        metrics_table[i].add(&e, &v);
    }
}
