#include "worker/worker.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/random.h"
#include "http/http.h"
#include "ipc/life.h"
#include "worker/access.h"
#include "worker/count.h"
#include "worker/gate.h"
#include "worker/schema.h"

/* After the time that a graceful stop has, what is left is cancelled, this often and for this long; then it is answered
 * 503 whatever the database does, and that answer gets the last pause to go out. */
enum { WORKER_CANCEL_EVERY_MS = 50, WORKER_CANCEL_MS = 600, WORKER_LAST_PAUSE_MS = 200 };

/* What a worker that is replaced gives idle connections for one more request. */
enum { WORKER_IDLE_GRACE_MS = 5000 };

/* The same where the service stops. */
enum { WORKER_STOP_GRACE_MS = 250 };

struct worker {
    const struct worker_options *options;
    struct scoreboard_worker *cells;
    struct count count;
    struct life *life;
    struct api *api;
    const struct db_statement **statements; /* the api's, and the schema check's */
    struct db *db;
    struct schema_check schema;
    struct gate gate;
    struct http_router *router;
    struct http_hooks hooks;
    struct http_server *server;
    struct access_log *access;
    struct event *deadline;
    bool accepting;
    bool tired;
    uint64_t served;     /* requests, by this process */
    uint64_t served_max; /* after which it is replaced; 0: never */
    uint64_t reconnects; /* of the database, as counted so far */
    uint64_t hang_up_ms; /* monotonic; 0: the time of the graceful stop is not up */
    bool hung_up;
};

/* ---- Health ---- */

static enum health worker_health(void *ctx)
{
    const struct worker *w = ctx;

    return scoreboard_worker_health(w->options->board, w->cells);
}

static void worker_start_accepting(struct worker *w)
{
    struct error err;

    if (w->accepting || w->server == NULL) return;
    w->accepting = true;
    for (size_t i = 0; i < w->options->listen_count; i++) {
        if (http_server_listen(w->server, w->options->listen_fds[i], &err) != 0) {
            log_error("cannot accept connections", LOG_STR("error", err.message));
            life_end(w->life);
            return;
        }
    }
    w->cells->accepting = 1;
    life_ready(w->life);
}

static void worker_set_database(struct worker *w, enum scoreboard_database database)
{
    w->cells->database = database;
    if (database != SCOREBOARD_DATABASE_CONNECTING) worker_start_accepting(w);
}

static uint32_t worker_count_words(const char *text)
{
    struct slice rest = slice_of(text);
    uint32_t count = 0;

    while (rest.data != NULL) count += slice_cut(&rest, ' ').len > 0;
    return count;
}

static void worker_on_schema(void *ctx, enum schema_verdict verdict, const char *missing)
{
    struct worker *w = ctx;
    bool was_ready = w->cells->database == SCOREBOARD_DATABASE_READY;

    switch (verdict) {
    case SCHEMA_MET:
        w->cells->migrations_pending = 0;
        worker_set_database(w, SCOREBOARD_DATABASE_READY);
        if (!was_ready) log_info("database ready", LOG_STR("database", w->options->conf->database.label));
        break;
    case SCHEMA_MISSING:
        if (w->cells->database != SCOREBOARD_DATABASE_MISMATCH) {
            log_error("the database lacks migrations of this build: run stratslabd migrate up",
                      LOG_STR("missing", missing));
        }
        w->cells->migrations_pending = worker_count_words(missing);
        worker_set_database(w, SCOREBOARD_DATABASE_MISMATCH);
        break;
    case SCHEMA_UNKNOWN:
        break; /* the connection was lost; its next state comes by itself */
    }
}

static void worker_on_database(void *ctx, enum db_state state, const char *reason)
{
    struct worker *w = ctx;

    if (w->hang_up_ms > 0) return; /* our own doing, and the last */
    switch (state) {
    case DB_STATE_CONNECTING:
        break;
    case DB_STATE_READY:
        metrics_add(&w->count.cells->reconnects, db_reconnects(w->db) - w->reconnects);
        w->reconnects = db_reconnects(w->db);
        gate_connected(&w->gate); /* before the check that lets requests in */
        schema_check_run(&w->schema);
        break;
    case DB_STATE_DOWN:
        log_warning("database out of reach; trying again", LOG_STR("database", w->options->conf->database.label),
                    LOG_STR("reason", reason));
        worker_set_database(w, SCOREBOARD_DATABASE_DOWN);
        break;
    case DB_STATE_UNFIT:
        log_error("the database's schema is not what this build needs: run stratslabd migrate up",
                  LOG_STR("reason", reason), LOG_STR("database", w->options->conf->database.label));
        worker_set_database(w, SCOREBOARD_DATABASE_MISMATCH);
        break;
    case DB_STATE_REFUSED:
        log_error("the database refuses this service; trying again", LOG_STR("reason", reason),
                  LOG_STR("database", w->options->conf->database.label));
        worker_set_database(w, SCOREBOARD_DATABASE_DOWN);
        break;
    }
}

static void worker_on_fault(void *ctx, const struct http_exchange *x, const char *statement,
                            const struct db_result *result)
{
    struct worker *w = ctx;

    log_error("a statement failed", LOG_ID("request_id", http_exchange_request_id(x)), LOG_STR("statement", statement),
              LOG_STR("sqlstate", result == NULL ? "" : db_result_sqlstate(result)),
              LOG_STR("error", result == NULL ? "" : db_result_message(result)));
    /* It may be that the schema was changed under us. */
    schema_check_run(&w->schema);
}

/* ---- Requests ---- */

static bool worker_screen(void *ctx, struct http_exchange *x, struct slice path)
{
    const struct worker *w = ctx;

    return gate_screen(&w->gate, x, path);
}

static bool worker_admit(void *ctx, struct http_exchange *x)
{
    const struct worker *w = ctx;

    return gate_admit(&w->gate, x);
}

static void worker_answering(void *ctx, struct http_exchange *x, unsigned status)
{
    const struct worker *w = ctx;

    (void)status;
    gate_answering(&w->gate, x);
}

static void worker_count(struct worker *w)
{
    atomic_store_explicit(&w->cells->in_flight, http_server_in_flight(w->server), memory_order_relaxed);
    atomic_store_explicit(&w->cells->queue_depth, db_queue_depth(w->db), memory_order_relaxed);
}

static void worker_copy(char *out, size_t size, struct slice text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    if (len > 0) memcpy(out, text.data, len);
    out[len] = '\0';
}

/* So that a crash can be put down to what was worked on. */
static void worker_note(struct worker *w, const char *route, struct slice request_id, const char *statement)
{
    struct scoreboard_last *last = &w->cells->last;

    worker_copy(last->route, sizeof(last->route), slice_of(route));
    worker_copy(last->request_id, sizeof(last->request_id), request_id);
    worker_copy(last->statement, sizeof(last->statement), slice_of(statement));
}

static void worker_on_work(void *ctx, const struct http_exchange *x, const char *statement)
{
    worker_note(ctx, http_exchange_route(x)->path, http_exchange_request_id(x), statement);
}

static void worker_on_request(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    worker_note(ctx, record->route->path, http_exchange_request_id(x), "");
    worker_count(ctx);
}

/* Asks to be replaced, once; until then everything goes on. */
static void worker_tire(struct worker *w, const char *why)
{
    if (w->tired || w->cells->accepting == 0) return;
    w->tired = true;
    log_info("asking to be replaced", LOG_STR("why", why), LOG_UINT("requests", w->served));
    life_tire(w->life);
}

static void worker_on_answer(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct worker *w = ctx;

    (void)x;
    metrics_add(&w->cells->requests, 1);
    count_answer(&w->count, record);
    worker_count(w);
    if (++w->served == w->served_max) worker_tire(w, "STRATSLAB_MAX_REQUESTS");
    access_log_add(w->access, record);
}

static void worker_on_connections(void *ctx, unsigned open)
{
    struct worker *w = ctx;

    w->cells->connections = open;
    count_connections(&w->count, open);
}

static void worker_on_moved(void *ctx, size_t received, size_t sent)
{
    struct worker *w = ctx;

    count_moved(&w->count, received, sent);
}

static void worker_on_counted(void *ctx, enum db_outcome outcome, uint64_t took_ns)
{
    struct worker *w = ctx;

    count_query(&w->count, outcome, took_ns);
}

/* ---- The end ---- */

static void worker_on_drained(void *ctx)
{
    struct worker *w = ctx;

    life_end(w->life);
}

static void worker_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval every = {.tv_usec = WORKER_CANCEL_EVERY_MS * 1000};
    static const struct timeval last = {.tv_usec = WORKER_LAST_PAUSE_MS * 1000};
    struct worker *w = arg;

    (void)fd;
    (void)what;
    const uint64_t now_ms = clock_monotonic_ms();

    if (w->hang_up_ms == 0) {
        w->hang_up_ms = now_ms + WORKER_CANCEL_MS;
        log_warning("the time of a graceful stop is up: cancelling what is in flight",
                    LOG_UINT("in_flight", http_server_in_flight(w->server)));
    }
    if (w->hung_up) {
        log_warning("ending with connections open", LOG_UINT("in_flight", http_server_in_flight(w->server)),
                    LOG_UINT("connections", http_server_connections(w->server)));
        life_end(w->life);
    } else if (now_ms < w->hang_up_ms) {
        db_wind_up(w->db);
        event_add(w->deadline, &every);
    } else {
        w->hung_up = true;
        db_hang_up(w->db);
        event_add(w->deadline, &last);
    }
}

/* What an idle connection may still take for one more request: a client that is busy then learns of the end from an
 * answer. Where only this worker ends, nobody is in a hurry. */
static unsigned worker_idle_grace_ms(const struct worker *w)
{
    unsigned grace = w->options->board->phase == SCOREBOARD_DRAINING ? WORKER_STOP_GRACE_MS : WORKER_IDLE_GRACE_MS;
    unsigned most = w->options->conf->supervision.stop_timeout_ms / 4 * 3;

    return most < grace ? most : grace;
}

static void worker_drain(void *ctx, const char *why)
{
    struct worker *w = ctx;
    unsigned ms = w->options->conf->supervision.stop_timeout_ms;
    struct timeval timeout = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    log_debug("draining", LOG_STR("why", why), LOG_UINT("in_flight", http_server_in_flight(w->server)));
    w->accepting = true; /* not to be started any more */
    w->cells->accepting = 0;
    life_retire(w->life);
    event_add(w->deadline, &timeout);
    /* Otherwise what waits in the kernel's queues is for the other workers. */
    bool is_last = w->options->board->phase == SCOREBOARD_DRAINING || life_is_orphaned(w->life);

    if (is_last && !w->options->listen_passed) {
        http_server_last_call(w->server, ms / 2);
    }
    http_server_drain(w->server, worker_idle_grace_ms(w), worker_on_drained, w);
}

static void worker_tick(void *ctx)
{
    struct worker *w = ctx;

    w->cells->heartbeat_ms = clock_monotonic_ms();
    worker_count(w);
    if (w->cells->database == SCOREBOARD_DATABASE_MISMATCH) schema_check_run(&w->schema);
    gate_tick(&w->gate);
    if (w->options->conf->supervision.max_memory > 0 &&
        process_resident_bytes(getpid()) > w->options->conf->supervision.max_memory) {
        worker_tire(w, "STRATSLAB_MAX_MEMORY");
    }
}

/* ---- Wiring ---- */

static void worker_init_database(struct worker *w)
{
    const struct conf *conf = w->options->conf;
    size_t count;
    const struct db_statement *const *statements = api_statements(w->api, &count);

    w->statements = mem_array(count + 1, sizeof(struct db_statement *));
    memcpy(w->statements, statements, count * sizeof(struct db_statement *));
    w->statements[count] = &schema_check_statement;
    struct db_options options = {
        .conninfo = conf->database.url,
        .application_name = "stratslabd worker",
        .limits = conf->database.limits,
        .client_check_interval_ms = 5000,
        .backoff_min_ms = 50,
        .backoff_max_ms = 800,
        .retry_window_ms = 2000,
        .probe_interval_ms = 5000,
        .probe_timeout_ms = 5000,
        /* Longer than one statement that nobody can do anything about. */
        .wait_max_ms = conf->database.limits.statement_timeout_ms / 2 * 3,
        .statements = w->statements,
        .statement_count = count + 1,
        .counted = worker_on_counted,
    };

    w->db = db_new(life_base(w->life), &options, worker_on_database, w);
    gate_init(&w->gate, conf, w->db);
    w->schema = (struct schema_check){
        .db = w->db, .versions = slice_of(w->options->schema_versions), .done = worker_on_schema, .ctx = w};
    api_attach(
        w->api,
        &(struct api_process){
            .ctx = w, .db = w->db, .health = worker_health, .fault = worker_on_fault, .working = worker_on_work});
}

static int worker_init_http(struct worker *w, struct error *err)
{
    size_t count;
    const struct http_route *const *routes = api_routes(w->api, &count);

    if (http_router_new(routes, count, &w->router, err) != 0) return -1;
    count_init(&w->count, w->options->board, w->options->slot, routes, count);
    w->hooks = (struct http_hooks){
        .ctx = w,
        .screen = worker_screen,
        .admit = worker_admit,
        .answering = worker_answering,
        .started = worker_on_request,
        .ended = worker_on_answer,
        .connections = worker_on_connections,
        .moved = worker_on_moved,
    };
    w->server = http_server_new(life_base(w->life), w->router, &w->options->conf->http, &w->hooks);
    return 0;
}

/* Jittered, so that workers that started together are not replaced together. */
static uint64_t worker_served_max(const struct conf *conf)
{
    uint64_t most = conf->supervision.max_requests;

    return most == 0 ? 0 : random_between(most - most / 10, most + most / 10);
}

struct api_options worker_api_options(const struct conf *conf)
{
    return (struct api_options){
        .paths = {[API_BASE_OPENAPI] = conf->openapi_url, [API_BASE_DOCS] = conf->docs_url},
    };
}

static int worker_init(struct worker *w, struct error *err)
{
    struct api_options api_options = worker_api_options(w->options->conf);
    struct life_events events = {.ctx = w, .drain = worker_drain, .tick = worker_tick};

    api_options.docs = w->options->docs;
    if (life_new(w->options->channel_fd, &events, &w->life, err) != 0) return -1;
    w->deadline = evtimer_new(life_base(w->life), worker_on_deadline, w);
    if (w->deadline == NULL) return error_set(err, ERROR_SYSTEM, "cannot make a timer");
    if (access_log_new(life_base(w->life), w->options->conf, &w->access, err) != 0) return -1;
    if (api_new(&api_options, &w->api, err) != 0 || worker_init_http(w, err) != 0) return -1;
    worker_init_database(w);
    return 0;
}

static void worker_clear(struct worker *w)
{
    http_server_free(w->server);
    http_router_free(w->router);
    db_free(w->db);
    gate_clear(&w->gate);
    api_free(w->api);
    free(w->statements);
    count_clear(&w->count);
    access_log_free(w->access);
    if (w->deadline != NULL) event_free(w->deadline);
    life_free(w->life);
}

int worker_run(const struct worker_options *options)
{
    struct worker w = {.options = options, .cells = &options->board->worker[options->slot]};
    struct error err;
    int status = EXIT_SUCCESS;

    log_set_role("worker");
    w.served_max = worker_served_max(options->conf);
    w.cells->last = (struct scoreboard_last){.route = ""};
    w.cells->heartbeat_ms = clock_monotonic_ms();
    w.cells->accepting = 0;
    w.cells->in_flight = 0;
    w.cells->connections = 0;
    w.cells->queue_depth = 0;
    w.cells->migrations_pending = 0;
    w.cells->database = SCOREBOARD_DATABASE_CONNECTING;
    if (worker_init(&w, &err) == 0) {
        life_run(w.life);
    } else {
        log_error("the worker cannot start", LOG_STR("error", err.message));
        status = EXIT_FAILURE;
    }
    worker_clear(&w);
    return status;
}
