#include "web/web.h"

#include <stdlib.h>

#include "api/access.h"
#include "api/api.h"
#include "api/retention.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "child/session.h"
#include "http/http.h"
#include "web/access.h"
#include "web/count.h"
#include "web/damage.h"
#include "web/gate.h"

/* A worker's heart beats once a second. */
enum { WEB_SILENT_MS = 2500 };

struct web {
    const struct web_options *options;
    struct scoreboard_worker *cells;
    struct count count;
    struct child *child;
    struct child_session *session;
    struct api *api;
    struct db *db; /* the session's */
    struct gate gate;
    struct api_retention *retention; /* NULL: nothing is ever removed */
    bool retention_failing;
    struct http_router *router;
    struct http_hooks hooks;
    struct http_server *server;
    struct access_log *access;
    struct damage damage;
    uint64_t served; /* requests, by this process */
    bool draining;
    uint64_t served_max; /* after this many the worker is replaced; 0: never */
};

/* ---- Health ---- */

static enum health web_health(void *ctx)
{
    const struct web *w = ctx;

    return child_session_health(w->session);
}

static void web_start_accepting(void *ctx)
{
    struct web *w = ctx;
    const struct child_place *place = w->options->place;
    struct error err;

    for (size_t i = 0; i < place->listen_count; i++) {
        if (http_server_listen(w->server, place->listen_fds[i], &err) != 0) {
            log_error("cannot accept connections", LOG_STR("error", err.message));
            child_end(w->child);
            return;
        }
    }
    child_ready(w->child);
}

static void web_on_connected(void *ctx, uint64_t reconnects)
{
    struct web *w = ctx;

    metrics_add(w->count.cells[COUNT_RECONNECTS], reconnects);
    gate_connected(&w->gate); /* before the check that lets requests in */
}

static void web_on_fault(void *ctx, const struct http_exchange *x, const char *statement,
                         const struct db_result *result)
{
    struct web *w = ctx;

    const char *error =
        result == NULL ? "what is stored is damaged, or was not written by this service" : db_result_message(result);

    if (result != NULL && db_result_outcome(result) == DB_OK)
        error = "its row is not an answer of this endpoint: a function, a view or a table was changed";
    log_error("a statement failed", LOG_ID("request_id", http_exchange_request_id(x)), LOG_STR("statement", statement),
              LOG_STR("sqlstate", result == NULL ? "" : db_result_sqlstate(result)), LOG_STR("error", error));
    /* Somebody may have changed the schema. */
    child_session_check(w->session);
}

static void web_on_damaged(void *ctx, const struct http_exchange *x, const struct api_damage *damage)
{
    struct web *w = ctx;

    if (!damage_is_news(&w->damage, damage->symbol, damage->timeframe, damage->address, clock_monotonic_ms())) return;
    log_error("stored candles are damaged; import all of their chunk again",
              LOG_ID("request_id", http_exchange_request_id(x)), LOG_SLICE("symbol", damage->symbol),
              LOG_STR("timeframe", damage->timeframe), LOG_INT("chunk", damage->address), LOG_STR("from", damage->from),
              LOG_STR("error", damage->error));
}

/* ---- Requests ---- */

static bool web_screen(void *ctx, struct http_exchange *x, struct slice path)
{
    const struct web *w = ctx;

    return gate_screen(&w->gate, x, path);
}

static bool web_admit(void *ctx, struct http_exchange *x)
{
    const struct web *w = ctx;

    return gate_admit(&w->gate, x);
}

static void web_answering(void *ctx, struct http_exchange *x, unsigned status)
{
    const struct web *w = ctx;

    (void)status;
    gate_answering(&w->gate, x);
}

static void web_count(struct web *w)
{
    atomic_store_explicit(&w->cells->in_flight, http_server_in_flight(w->server), memory_order_relaxed);
    atomic_store_explicit(&w->cells->queue_depth, db_queue_depth(w->db), memory_order_relaxed);
}

static void web_on_work(void *ctx, const struct http_exchange *x, const char *statement)
{
    const struct web *w = ctx;

    child_set_last(w->child, http_exchange_route(x)->path, http_exchange_request_id(x), statement);
}

static void web_on_request(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct web *w = ctx;

    child_set_last(w->child, record->route->path, http_exchange_request_id(x), "");
    web_count(w);
}

static void web_on_answer(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct web *w = ctx;

    (void)x;
    metrics_add(&w->cells->requests, 1);
    count_answer(&w->count, record);
    web_count(w);
    if (++w->served == w->served_max) child_recycle(w->child, "STRATSLAB_MAX_REQUESTS");
    access_log_add(w->access, record);
}

static void web_on_connections(void *ctx, unsigned open)
{
    struct web *w = ctx;

    atomic_store_explicit(&w->cells->connections, open, memory_order_relaxed);
    count_connections(&w->count, open);
}

static void web_on_moved(void *ctx, size_t received, size_t sent)
{
    struct web *w = ctx;

    count_moved(&w->count, received, sent);
}

static void web_on_displaced(void *ctx)
{
    struct web *w = ctx;

    metrics_add(w->count.cells[COUNT_DISPLACED], 1);
}

static bool web_has_room_elsewhere(void *ctx)
{
    const struct web *w = ctx;
    const struct scoreboard *board = w->options->place->board;
    const uint64_t now_ms = clock_monotonic_ms();

    for (uint32_t i = 0; i < scoreboard_places(board); i++) {
        struct scoreboard_seen other;

        if (i == w->options->slot) continue;
        scoreboard_look(board, i, &other);
        if (other.pid == 0 || !other.accepting) continue;
        if (now_ms > other.heartbeat_ms + WEB_SILENT_MS) continue; /* it hangs, and takes nobody */
        if (other.connections < w->options->conf->http.connections) return true;
    }
    return false;
}

/* ---- Memory: each worker says in a cell of its own what it holds, and adds up what the others say. ---- */

static void web_on_held(void *ctx, size_t bytes)
{
    struct web *w = ctx;

    metrics_set(w->count.cells[COUNT_HELD], bytes);
    metrics_set(w->count.cells[COUNT_RESULTS], db_memory(w->db));
}

static void web_held_elsewhere(void *ctx, struct http_elsewhere *ret)
{
    const struct web *w = ctx;

    count_held_by_others(&w->count, w->options->conf->http.memory_bytes, ret);
    ret->made = db_memory(w->db);
}

static void web_on_finished(void *ctx, enum db_outcome outcome, uint64_t took_ns)
{
    struct web *w = ctx;

    count_query(&w->count, outcome, took_ns);
    if (outcome == DB_TOO_MANY) metrics_add(w->count.cells[COUNT_LIMITED], 1);
}

static void web_on_committed(void *ctx, const struct db_commit *commit)
{
    struct web *w = ctx;

    count_commit(&w->count, commit);
}

/* ---- The end ---- */

static void web_on_drained(void *ctx)
{
    struct web *w = ctx;

    child_end(w->child);
}

/* Those who are still sending learn it from an answer, instead of from a connection that breaks. */
static void web_on_session_over(void *ctx)
{
    const struct web *w = ctx;
    const unsigned unfinished = http_server_refuse_unfinished(w->server);

    if (unfinished == 0) return;
    log_warning("requests had not come whole when the time to finish was up: they are answered 503",
                LOG_UINT("requests", unfinished));
}

/* Of an answer that its client has taken in part, nothing more can be said on that connection. */
static void web_on_session_drained(void *ctx)
{
    struct web *w = ctx;
    const unsigned unfinished = http_server_refuse_unfinished(w->server);
    const unsigned cut = http_server_unsent(w->server);

    metrics_add(w->count.cells[COUNT_CUT], cut);
    log_warning("ending with connections open", LOG_UINT("in_flight", http_server_in_flight(w->server)),
                LOG_UINT("connections", http_server_connections(w->server)), LOG_UINT("unfinished", unfinished),
                LOG_UINT("answers_cut", cut));
    child_end(w->child);
}

static unsigned web_idle_grace_ms(const struct web *w, unsigned finish_ms)
{
    const unsigned grace = child_idle_grace_ms(w->child);
    const unsigned most = finish_ms / 4 * 3;

    return most < grace ? most : grace;
}

static void web_drain(void *ctx, const char *why)
{
    struct web *w = ctx;
    const unsigned ms = child_finish_ms(w->child, w->options->conf->supervision.stop_timeout_ms);

    log_debug("draining", LOG_STR("why", why), LOG_UINT("in_flight", http_server_in_flight(w->server)),
              LOG_UINT("finish_ms", ms));
    child_session_drain(w->session, ms);
    if (!w->draining) {
        child_draining(w->child);
        if (child_is_last(w->child)) http_server_accept_queued(w->server, ms / 2);
    }
    w->draining = true;
    http_server_drain(w->server, web_idle_grace_ms(w, ms), web_on_drained, w);
}

static void web_tick(void *ctx)
{
    struct web *w = ctx;

    web_count(w);
    atomic_store_explicit(&w->cells->connections, http_server_connections(w->server), memory_order_relaxed);
    metrics_set(w->count.cells[COUNT_RESULTS], db_memory(w->db));
    metrics_set(w->count.cells[COUNT_CLIENTS], db_clients(w->db));
    gate_tick(&w->gate);
    if (w->retention != NULL && !w->draining) api_retention_tick(w->retention);
}

/* ---- Old backtests ---- */

static void web_on_removed(void *ctx, uint64_t backtests)
{
    struct web *w = ctx;

    w->retention_failing = false;
    log_info("removed backtests that finished longer ago than they are kept", LOG_UINT("backtests", backtests),
             LOG_UINT("kept_s", w->options->conf->backtest_retention_ms / 1000));
}

static void web_on_not_removed(void *ctx, const char *statement, const struct db_result *result)
{
    struct web *w = ctx;

    if (w->retention_failing) return; /* it is tried again each minute, and one line is enough */
    w->retention_failing = true;
    log_error("backtests that are to be kept no longer (STRATSLAB_BACKTEST_RETENTION) cannot be removed",
              LOG_STR("statement", statement), LOG_STR("sqlstate", db_result_sqlstate(result)),
              LOG_STR("error", db_result_message(result)));
}

static void web_init_retention(struct web *w)
{
    const size_t keep_ms = w->options->conf->backtest_retention_ms;
    const struct api_retention_events events = {.ctx = w, .removed = web_on_removed, .failed = web_on_not_removed};

    if (keep_ms > 0) w->retention = api_retention_new(w->db, keep_ms, &events);
}

/* ---- Wiring ---- */

static void web_init_database(struct web *w)
{
    const struct conf *conf = w->options->conf;
    struct child_session_options options = {
        .conninfo = conf->database.url,
        .label = conf->database.label,
        .application_name = "stratslabd worker",
        .own_statements = api_access_statements,
        .own_statement_count = API_ACCESS_STATEMENTS,
        .own_application_name = "stratslabd own queries",
        .limits = conf->database.limits,
        .schema_versions = w->options->schema_versions,
        .ctx = w,
        .connected = web_on_connected,
        .known = web_start_accepting,
        .finished = web_on_finished,
        .committed = web_on_committed,
        .over = web_on_session_over,
        .drained = web_on_session_drained,
    };

    options.statements = api_statements(w->api, &options.statement_count);
    w->session = child_session_new(w->child, &options);
    w->db = child_session_db(w->session);
    gate_init(&w->gate, conf, child_session_own_db(w->session), w->db);
    web_init_retention(w);
    api_attach(w->api, &(struct api_process){.ctx = w,
                                             .db = w->db,
                                             .health = web_health,
                                             .fault = web_on_fault,
                                             .damaged = web_on_damaged,
                                             .working = web_on_work});
}

static int web_init_http(struct web *w, struct error *err)
{
    size_t count;
    const struct http_route *const *routes = api_routes(w->api, &count);

    if (http_router_new(routes, count, &w->router, err) != 0) return -1;
    count_init(&w->count, w->options->place, w->options->slot, routes, count);
    w->hooks = (struct http_hooks){
        .ctx = w,
        .screen = web_screen,
        .admit = web_admit,
        .answering = web_answering,
        .started = web_on_request,
        .ended = web_on_answer,
        .connections = web_on_connections,
        .moved = web_on_moved,
        .displaced = web_on_displaced,
        .has_room_elsewhere = web_has_room_elsewhere,
        .held = web_on_held,
        .held_elsewhere = web_held_elsewhere,
    };
    metrics_set(w->count.cells[COUNT_HELD_MAX], w->options->conf->http.memory_bytes);
    w->server = http_server_new(child_base(w->child), w->router, &w->options->conf->http, &w->hooks);
    return 0;
}

/* Jittered, so that workers that started together are not replaced together. */
static uint64_t web_served_max(const struct conf *conf)
{
    uint64_t most = conf->supervision.max_requests;

    return most == 0 ? 0 : random_between(most - most / 10, most + most / 10);
}

struct api_options web_api_options(const struct conf *conf)
{
    return (struct api_options){
        .paths = {[API_BASE_OPENAPI] = conf->openapi_url, [API_BASE_DOCS] = conf->docs_url},
    };
}

static int web_init(struct web *w, struct error *err)
{
    const struct conf *conf = w->options->conf;
    struct api_options api_options = web_api_options(conf);
    const struct child_options child_options = {
        .program = "stratslabd",
        .role = "worker",
        .place = w->options->place,
        .memory_max_bytes = conf->supervision.max_memory,
        .ctx = w,
        .drain = web_drain,
        .tick = web_tick,
    };

    api_options.docs = w->options->docs;
    api_options.ui = w->options->ui;
    if (child_new(&child_options, &w->child, err) != 0) return -1;
    if (access_log_new(child_base(w->child), conf, &w->access, err) != 0) return -1;
    if (api_new(&api_options, &w->api, err) != 0 || web_init_http(w, err) != 0) return -1;
    web_init_database(w);
    return 0;
}

static void web_clear(struct web *w)
{
    http_server_free(w->server);
    http_router_free(w->router);
    child_session_free(w->session);
    gate_clear(&w->gate);
    api_retention_free(w->retention);
    api_free(w->api);
    count_clear(&w->count);
    access_log_free(w->access);
    child_free(w->child);
}

int web_run(const struct web_options *options)
{
    struct web w = {
        .options = options,
        .cells = options->place->cells,
        .served_max = web_served_max(options->conf),
    };
    struct error err;
    int status = EXIT_SUCCESS;

    if (web_init(&w, &err) == 0) {
        child_run(w.child);
    } else {
        log_error("the worker cannot start", LOG_STR("error", err.message));
        status = EXIT_FAILURE;
    }
    web_clear(&w);
    return status;
}
