#include "child/session.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "child/internal.h"
#include "child/schema.h"
#include "child/trust.h"
#include "ipc/channel.h"

enum {
    SESSION_BACKOFF_MIN_MS = 50,
    SESSION_BACKOFF_MAX_MS = 800,
    SESSION_RETRY_WINDOW_MS = 2000,
    SESSION_PROBE_MS = 5000,
    SESSION_CHECKS = 2, /* statements of its own */
};

/* What a worker asks for itself is small: if the answer takes longer than this, something is wrong. */
enum { SESSION_OWN_MS = 2000 };

/* A worker that was not heard of for so long waits for nothing that another one could give it. */
enum { SESSION_SILENT_MS = 5 * CHILD_TICK_MS };

/* After the time of a graceful stop, what is left is cancelled, this often and for this long. Then it fails, whatever
 * the database does, and the answers have the last pause to go out. */
enum { SESSION_CANCEL_EVERY_MS = 50, SESSION_CANCEL_MS = 600, SESSION_LAST_PAUSE_MS = 200 };

enum session_end {
    SESSION_OPEN,       /* its time is not over */
    SESSION_CANCELLING, /* until abort_ms */
    SESSION_HUNG_UP,
};

struct child_session {
    struct child *child;
    struct child_session_options options;
    const struct db_statement **statements;     /* the worker's, and those of the checks */
    const struct db_statement **own_statements; /* likewise */
    struct db *db;
    struct db *own; /* NULL: there is no second connection */
    struct schema_check schema;
    struct trust_check trust;
    bool misfit;         /* a statement does not fit the schema, whatever the ledger says */
    bool own_misfit;     /* one of the second connection's */
    bool yields;         /* the second connection, to a worker that has none */
    bool untold;         /* the database did not tell what its schema holds: it is asked again */
    uint64_t reconnects; /* as reported to the worker so far */
    struct event *deadline;
    enum session_end end;
    uint64_t over_ms; /* monotonic, as the next: when the drain's time is over; 0: there is no drain */
    uint64_t abort_ms;
};

static void session_set(struct child_session *s, enum scoreboard_database database)
{
    s->child->database = database;
    child_write_cells(s->child);
    if (s->child->state != CHILD_STARTING) return;
    if (s->options.known != NULL) {
        s->options.known(s->options.ctx);
    } else {
        child_ready(s->child);
    }
}

static uint32_t session_count_words(const char *text)
{
    struct slice rest = slice_of(text);
    uint32_t count = 0;

    while (rest.data != NULL) count += slice_cut(&rest, ' ').len > 0;
    return count;
}

/* What was found out before still holds. */
static void session_on_untold(struct child_session *s, enum schema_verdict verdict, const char *reason)
{
    const bool known = s->untold;

    if (s->child->database == SCOREBOARD_DATABASE_READY) return;
    s->untold = true;
    if (verdict == SCHEMA_BUSY) {
        if (!known) {
            log_warning("the database does not tell which migrations it holds; trying again",
                        LOG_STR("database", s->options.label), LOG_STR("reason", reason));
        }
        return;
    }
    if (!known) {
        log_error("the database refuses to tell which migrations it holds; its role needs SELECT on schema_migrations",
                  LOG_STR("database", s->options.label), LOG_STR("reason", reason));
    }
    session_set(s, SCOREBOARD_DATABASE_MISMATCH);
}

static void session_on_schema(void *ctx, enum schema_verdict verdict, const char *text)
{
    struct child_session *s = ctx;
    const enum scoreboard_database before = s->child->database;

    if (verdict == SCHEMA_MET || verdict == SCHEMA_MISSING) s->untold = false;
    switch (verdict) {
    case SCHEMA_MET:
        s->child->migrations_pending = 0;
        child_write_cells(s->child);
        if (s->misfit || s->own_misfit) break;
        session_set(s, SCOREBOARD_DATABASE_READY);
        if (before != SCOREBOARD_DATABASE_READY) log_info("database ready", LOG_STR("database", s->options.label));
        if (s->options.fits != NULL) s->options.fits(s->options.ctx);
        break;
    case SCHEMA_MISSING:
        if (before != SCOREBOARD_DATABASE_MISMATCH) {
            log_error("the database lacks migrations of this build: run stratslabd migrate up",
                      LOG_STR("missing", text));
        }
        s->child->migrations_pending = session_count_words(text);
        session_set(s, SCOREBOARD_DATABASE_MISMATCH);
        break;
    case SCHEMA_REFUSED:
    case SCHEMA_BUSY:
        session_on_untold(s, verdict, text);
        break;
    case SCHEMA_UNKNOWN:
        break; /* the connection was lost: its next state comes without asking */
    }
}

/* Workers that start while the name server is silent have the addresses from those before them, who may be dead. They
 * come through the master, which takes them from workers that have not served anybody yet: a worker that a client took
 * over cannot send others to a database of its own. */
static void session_recall_addresses(struct child_session *s)
{
    struct scoreboard_details details;

    scoreboard_read(s->child->place.board, &details);
    if (details.addresses[0] == '\0') return;
    db_recall_addresses(s->db, details.addresses);
    if (s->own != NULL) db_recall_addresses(s->own, details.addresses);
}

void session_say_addresses(struct child_session *session)
{
    char text[SCOREBOARD_ADDRESSES_BYTES];

    db_addresses(session->db, text, sizeof(text));
    if (text[0] != '\0') channel_send_text(session->child->place.channel_fd, CHANNEL_ADDRESSES, text);
}

/* The database may take fewer connections than there could be. Another worker that has none cannot serve anybody, and
 * ours can do with one: so theirs comes before our second one. In a reload, that goes for the workers that come, too.
 */
static bool session_must_yield(const struct child_session *s)
{
    const struct scoreboard *board = s->child->place.board;
    const uint64_t now_ms = clock_monotonic_ms();
    const pid_t self = getpid();

    for (uint32_t i = 0; i < scoreboard_places(board); i++) {
        struct scoreboard_seen seen;

        scoreboard_look(board, i, &seen);
        if (seen.pid == 0 || seen.pid == self || seen.state > SCOREBOARD_WORKER_READY) continue;
        if (seen.heartbeat_ms + SESSION_SILENT_MS < now_ms) continue;
        if (seen.database == SCOREBOARD_DATABASE_CONNECTING || seen.database == SCOREBOARD_DATABASE_DOWN) return true;
    }
    return false;
}

static void session_set_yields(struct child_session *s, bool yields)
{
    s->yields = yields;
    db_hold(s->own, yields || !db_takes_queries(s->db));
}

/* What is asked by it at this moment gets its answer first. */
static void session_yield(struct child_session *s)
{
    if (s->own == NULL || s->end != SESSION_OPEN) return;
    const bool must = session_must_yield(s);

    if (must && db_queue_depth(s->own) > 0 && db_takes_queries(s->own)) return;
    session_set_yields(s, must);
}

static void session_on_connected(struct child_session *s)
{
    const uint64_t reconnects = db_reconnects(s->db);

    /* The second connection may still be with a server that is not the one any more. */
    if (s->own != NULL && reconnects != s->reconnects) db_refresh(s->own, "the other connection was made anew");
    if (s->options.connected != NULL) s->options.connected(s->options.ctx, reconnects - s->reconnects);
    s->reconnects = reconnects;
    schema_check_run(&s->schema);
    trust_check_run(&s->trust);
}

/* The ledger is looked at too: it may name what is missing. */
static void session_misfit(struct child_session *s, bool *misfit, const char *reason)
{
    if (!*misfit) {
        log_error(
            "the database's schema is not what this build needs, and some requests fail; run stratslabd migrate up",
            LOG_STR("reason", reason), LOG_STR("database", s->options.label));
        schema_check_run(&s->schema);
    }
    *misfit = true;
    session_set(s, SCOREBOARD_DATABASE_MISMATCH);
}

static void session_on_state(void *ctx, enum db_state state, const char *reason)
{
    struct child_session *s = ctx;
    const char *label = s->options.label;

    s->untold = false;
    if (s->end != SESSION_OPEN) return; /* we ended it ourselves, and it does not come back */
    /* If there is one connection to be had, it is the first one's. Of several workers, likewise: session_yield. */
    if (s->own != NULL && state != DB_STATE_RENEWING) {
        session_set_yields(s, s->yields || session_must_yield(s));
    }
    if (state != DB_STATE_MISFIT && state != DB_STATE_RENEWING) s->misfit = false;
    switch (state) {
    case DB_STATE_CONNECTING:
        break;
    case DB_STATE_READY:
        session_on_connected(s);
        break;
    case DB_STATE_RENEWING:
        log_info("the session with the database is replaced by another one", LOG_STR("database", label),
                 LOG_STR("reason", reason));
        break;
    case DB_STATE_MISFIT:
        if (s->reconnects != db_reconnects(s->db)) session_on_connected(s);
        session_misfit(s, &s->misfit, reason);
        break;
    case DB_STATE_DOWN:
        log_warning("database out of reach; trying again", LOG_STR("database", label), LOG_STR("reason", reason));
        session_set(s, SCOREBOARD_DATABASE_DOWN);
        break;
    case DB_STATE_UNFIT:
        log_error("the database's schema is not what this build needs: run stratslabd migrate up",
                  LOG_STR("reason", reason), LOG_STR("database", label));
        session_set(s, SCOREBOARD_DATABASE_MISMATCH);
        break;
    case DB_STATE_REFUSED:
        log_error("the database refuses this service; trying again", LOG_STR("reason", reason),
                  LOG_STR("database", label));
        session_set(s, SCOREBOARD_DATABASE_DOWN);
        break;
    }
}

/* How the database is, the first connection says. Of the second one it matters whether its statements fit. */
static void session_on_own_state(void *ctx, enum db_state state, const char *reason)
{
    struct child_session *s = ctx;

    if (s->end != SESSION_OPEN || state == DB_STATE_RENEWING) return;
    if (state == DB_STATE_MISFIT) {
        session_misfit(s, &s->own_misfit, reason);
        return;
    }
    if (s->own_misfit) schema_check_run(&s->schema);
    s->own_misfit = false;
    if (state != DB_STATE_READY && db_takes_queries(s->db) && !s->yields) {
        log_warning("no connection for own queries; they share the one of clients",
                    LOG_STR("database", s->options.label), LOG_STR("reason", reason));
    }
}

static void session_on_finished(void *ctx, enum db_outcome outcome, uint64_t took_ns)
{
    const struct child_session *s = ctx;

    s->options.finished(s->options.ctx, outcome, took_ns);
}

static void session_on_committed(void *ctx, const struct db_commit *commit)
{
    const struct child_session *s = ctx;

    s->options.committed(s->options.ctx, commit);
}

static void session_on_notified(void *ctx, const char *channel, struct slice payload)
{
    const struct child_session *s = ctx;

    s->options.notified(s->options.ctx, channel, payload);
}

void session_tick(struct child_session *session)
{
    session->child->place.cells->queue_depth = db_queue_depth(session->db);
    session_yield(session);
    if (session->child->database == SCOREBOARD_DATABASE_MISMATCH || session->untold) schema_check_run(&session->schema);
}

static void session_set_deadline(struct child_session *s, unsigned ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (event_add(s->deadline, &in) != 0) mem_die(0);
}

static void session_each(struct child_session *s, void (*end)(struct db *db))
{
    if (s->own != NULL) end(s->own);
    end(s->db);
}

static void session_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct child_session *s = arg;

    (void)fd;
    (void)what;
    const uint64_t now_ms = clock_monotonic_ms();

    switch (s->end) {
    case SESSION_OPEN:
        s->end = SESSION_CANCELLING;
        s->abort_ms = now_ms + SESSION_CANCEL_MS;
        if (s->options.over != NULL) s->options.over(s->options.ctx);
        child_update_cells(s->child); /* so that the number is up to date */
        log_warning("the time of a graceful stop is up: cancelling what is in flight",
                    LOG_UINT("in_flight", s->child->place.cells->in_flight));
        session_each(s, db_drain);
        session_set_deadline(s, SESSION_CANCEL_EVERY_MS);
        break;
    case SESSION_CANCELLING:
        if (now_ms < s->abort_ms) {
            session_each(s, db_drain);
            session_set_deadline(s, SESSION_CANCEL_EVERY_MS);
            break;
        }
        s->end = SESSION_HUNG_UP;
        session_each(s, db_abort);
        session_set_deadline(s, SESSION_LAST_PAUSE_MS);
        break;
    case SESSION_HUNG_UP:
        if (s->options.drained != NULL) {
            s->options.drained(s->options.ctx);
        } else {
            child_end(s->child);
        }
        break;
    }
}

static unsigned session_least(unsigned ms)
{
    return ms == 0 || ms > SESSION_OWN_MS ? SESSION_OWN_MS : ms;
}

static void session_open_own(struct child_session *s, struct db_options options)
{
    options.application_name = s->options.own_application_name;
    options.limits.statement_timeout_ms = session_least(options.limits.statement_timeout_ms);
    options.limits.lock_timeout_ms = session_least(options.limits.lock_timeout_ms);
    options.probe_timeout_ms = SESSION_OWN_MS;
    options.wait_max_ms = SESSION_OWN_MS / 2 * 3;
    options.statements = s->own_statements;
    options.statement_count = s->options.own_statement_count + SESSION_CHECKS;
    options.channels = NULL;
    options.channel_count = 0;
    options.notified = NULL;
    s->own = db_new(child_base(s->child), &options, session_on_own_state, s);
    db_hold(s->own, true);
}

static void session_open(struct child_session *s)
{
    const struct child_session_options *o = &s->options;
    const struct db_options options = {
        .conninfo = o->conninfo,
        .application_name = o->application_name,
        .limits = o->limits,
        .client_check_interval_ms = SESSION_PROBE_MS,
        .backoff_min_ms = SESSION_BACKOFF_MIN_MS,
        .backoff_max_ms = SESSION_BACKOFF_MAX_MS,
        .retry_window_ms = SESSION_RETRY_WINDOW_MS,
        .probe_interval_ms = SESSION_PROBE_MS,
        .probe_timeout_ms = SESSION_PROBE_MS,
        /* This is longer than one statement that nobody can cancel. */
        .wait_max_ms = o->limits.statement_timeout_ms / 2 * 3,
        .statements = s->statements,
        .statement_count = o->statement_count + SESSION_CHECKS,
        .channels = o->channels,
        .channel_count = o->channel_count,
        .notified = o->notified != NULL ? session_on_notified : NULL,
        .finished = o->finished != NULL ? session_on_finished : NULL,
        .committed = o->committed != NULL ? session_on_committed : NULL,
    };

    s->db = db_new(child_base(s->child), &options, session_on_state, s);
    if (o->own_statement_count > 0) session_open_own(s, options);
    session_recall_addresses(s);
}

static const struct db_statement **session_statements(const struct db_statement *const *statements, size_t count)
{
    const struct db_statement **all = mem_array(count + SESSION_CHECKS, sizeof(*all));

    if (count > 0) memcpy(all, statements, count * sizeof(*all));
    all[count] = &schema_check_statement;
    all[count + 1] = &db_trust_statement;
    return all;
}

struct child_session *child_session_new(struct child *child, const struct child_session_options *options)
{
    struct child_session *s = mem_zalloc(sizeof(*s));

    s->child = child;
    s->options = *options;
    s->statements = session_statements(options->statements, options->statement_count);
    s->own_statements = session_statements(options->own_statements, options->own_statement_count);
    s->deadline = evtimer_new(child_base(child), session_on_deadline, s);
    if (s->deadline == NULL) mem_die(sizeof(*s));
    session_open(s);
    s->schema = (struct schema_check){.own = s->own,
                                      .db = s->db,
                                      .versions = slice_of(options->schema_versions),
                                      .done = session_on_schema,
                                      .ctx = s};
    s->trust = (struct trust_check){.db = s->db, .label = options->label};
    child->session = s;
    return s;
}

void child_session_free(struct child_session *session)
{
    if (session == NULL) return;
    session->child->session = NULL;
    db_free(session->own);
    db_free(session->db);
    event_free(session->deadline);
    free(session->statements);
    free(session->own_statements);
    free(session);
}

struct db *child_session_db(struct child_session *session)
{
    return session->db;
}

enum health child_session_health(const struct child_session *session)
{
    return scoreboard_worker_health(session->child->place.board, session->child->database);
}

struct db *child_session_own_db(struct child_session *session)
{
    return session->own;
}

bool child_session_fits(const struct child_session *session)
{
    return session->child->database == SCOREBOARD_DATABASE_READY;
}

void child_session_check(struct child_session *session)
{
    schema_check_run(&session->schema);
}

void child_session_drain(struct child_session *session, unsigned ms)
{
    const uint64_t over_ms = clock_monotonic_ms() + ms;

    if (session->end != SESSION_OPEN || (session->over_ms != 0 && session->over_ms <= over_ms)) return;
    session->over_ms = over_ms;
    session_set_deadline(session, ms);
}
