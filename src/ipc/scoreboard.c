#include "ipc/scoreboard.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

FORM_ENUM_FUNCTION(scoreboard_phase, SCOREBOARD_PHASE_NAMES)
FORM_ENUM_FUNCTION(scoreboard_database, SCOREBOARD_DATABASE_NAMES)
FORM_ENUM_FUNCTION(scoreboard_worker_state, SCOREBOARD_WORKER_STATE_NAMES)
FORM_ENUM_FUNCTION(scoreboard_reload_state, SCOREBOARD_RELOAD_STATE_NAMES)
FORM_FUNCTION(scoreboard_last, SCOREBOARD_LAST_MEMBERS)
FORM_FUNCTION(scoreboard_place, SCOREBOARD_PLACE_MEMBERS)
FORM_FUNCTION(scoreboard_worker, SCOREBOARD_WORKER_MEMBERS)
FORM_FUNCTION(scoreboard_worker_pages, SCOREBOARD_WORKER_PAGES_MEMBERS)
FORM_FUNCTION(scoreboard_other_pages, SCOREBOARD_OTHER_PAGES_MEMBERS)
FORM_FUNCTION(scoreboard_reload, SCOREBOARD_RELOAD_MEMBERS)
FORM_FUNCTION(scoreboard_details, SCOREBOARD_DETAILS_MEMBERS)
FORM_FUNCTION(scoreboard, SCOREBOARD_MEMBERS)

uint64_t scoreboard_memory_form(uint64_t form)
{
    form = scoreboard_phase_form(form);
    form = scoreboard_database_form(form);
    form = scoreboard_worker_state_form(form);
    form = scoreboard_reload_state_form(form);
    form = scoreboard_last_form(form);
    form = scoreboard_place_form(form);
    form = scoreboard_worker_form(form);
    form = scoreboard_worker_pages_form(form);
    form = scoreboard_other_pages_form(form);
    form = scoreboard_reload_form(form);
    form = scoreboard_details_form(form);
    form = metrics_form(form);
    return scoreboard_form(form);
}

/* A sequence lock with one writer. It is odd at the start if a master died in the middle of this. */
void scoreboard_publish(struct scoreboard *board, const struct scoreboard_details *details)
{
    uint32_t odd = atomic_load(&board->details_sequence) | 1U;

    atomic_store(&board->details_sequence, odd);
    atomic_thread_fence(memory_order_release);
    board->details = *details;
    atomic_store(&board->details_sequence, odd + 1);
}

#define SCOREBOARD_END(text) ((text)[sizeof(text) - 1] = '\0')

void scoreboard_read(const struct scoreboard *board, struct scoreboard_details *ret_details)
{
    enum { TRIES = 1000 }; /* a master that died in the middle must not hold a reader for ever */

    for (int i = 0; i < TRIES; i++) {
        uint32_t before = atomic_load(&board->details_sequence);

        *ret_details = board->details;
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && before == atomic_load(&board->details_sequence)) break;
    }
    /* Of a master that died in the middle, whatever there is. */
    SCOREBOARD_END(ret_details->executable);
    SCOREBOARD_END(ret_details->version);
    SCOREBOARD_END(ret_details->instance);
    SCOREBOARD_END(ret_details->addresses);
    SCOREBOARD_END(ret_details->reload.step);
    SCOREBOARD_END(ret_details->reload.reason);
}

bool scoreboard_is_addresses(const char *text)
{
    const size_t len = strnlen(text, SCOREBOARD_ADDRESSES_BYTES);

    if (len == 0 || len >= SCOREBOARD_ADDRESSES_BYTES) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~') return false;
    }
    return true;
}

/* ---- What a child wrote ---- */

/* It beats while it is read, so it may be a little later than this reader's clock was. */
enum { SCOREBOARD_BEAT_AHEAD_MS = 1000 };

uint64_t scoreboard_heartbeat(const _Atomic uint64_t *heartbeat_ms, uint64_t started_ms)
{
    const uint64_t beat_ms = atomic_load_explicit(heartbeat_ms, memory_order_relaxed);
    const uint64_t now_ms = clock_monotonic_ms();

    if (beat_ms < started_ms || beat_ms > now_ms + SCOREBOARD_BEAT_AHEAD_MS) return started_ms;
    return beat_ms < now_ms ? beat_ms : now_ms;
}

static enum scoreboard_database scoreboard_database_of(const struct scoreboard_worker *worker)
{
    const uint32_t database = worker->database;

    return database < SCOREBOARD_DATABASE_COUNT ? (enum scoreboard_database)database : SCOREBOARD_DATABASE_COUNT;
}

static void scoreboard_copy_text(char *out, const char *text, size_t size)
{
    memcpy(out, text, size);
    out[size - 1] = '\0';
    for (; *out != '\0'; out++) {
        if (*out < ' ' || *out > '~') *out = '?';
    }
}

uint32_t scoreboard_places(const struct scoreboard *board)
{
    const uint32_t places = board->workers;

    return places < SCOREBOARD_WORKERS_MAX ? places : SCOREBOARD_WORKERS_MAX;
}

uint64_t scoreboard_counted_ms(const struct scoreboard *board)
{
    const uint64_t now_ms = clock_monotonic_ms();

    return now_ms > board->started_ms ? now_ms - board->started_ms : 0;
}

void scoreboard_look(const struct scoreboard *board, uint32_t place, struct scoreboard_seen *ret_seen)
{
    const struct scoreboard_place *said = &board->place[place];
    const struct scoreboard_worker *worker = &board->of_worker[place].worker;
    const uint32_t state = said->state;
    const uint32_t pending = worker->migrations_pending;

    *ret_seen = (struct scoreboard_seen){
        .pid = said->pid,
        .restarts = said->restarts,
        .generation = said->generation,
        .state =
            state < SCOREBOARD_WORKER_STATE_COUNT ? (enum scoreboard_worker_state)state : SCOREBOARD_WORKER_STATE_COUNT,
        .started_ms = said->started_ms,
        .accepting = worker->accepting == 1,
        .database = scoreboard_database_of(worker),
        .heartbeat_ms = scoreboard_heartbeat(&worker->heartbeat_ms, said->started_ms),
        .requests = metrics_believe(worker->requests, METRICS_COUNT, scoreboard_counted_ms(board)),
        .in_flight = worker->in_flight,
        .connections = worker->connections,
        .queue_depth = worker->queue_depth,
        .migrations_pending = pending <= SCOREBOARD_PENDING_MAX ? pending : 0,
    };
    scoreboard_copy_text(ret_seen->last.route, worker->last.route, sizeof(ret_seen->last.route));
    scoreboard_copy_text(ret_seen->last.request_id, worker->last.request_id, sizeof(ret_seen->last.request_id));
    scoreboard_copy_text(ret_seen->last.statement, worker->last.statement, sizeof(ret_seen->last.statement));
}

/* ---- Names ---- */

static const char *const scoreboard_reload_names[] = {
    [SCOREBOARD_RELOAD_NONE] = "none",
    [SCOREBOARD_RELOAD_RUNNING] = "running",
    [SCOREBOARD_RELOAD_SUCCEEDED] = "succeeded",
    [SCOREBOARD_RELOAD_FAILED] = "failed",
};

static const char *const scoreboard_worker_names[] = {
    [SCOREBOARD_WORKER_STARTING] = "starting",
    [SCOREBOARD_WORKER_READY] = "ready",
    [SCOREBOARD_WORKER_DRAINING] = "draining",
};

static const char *const scoreboard_database_names[] = {
    [SCOREBOARD_DATABASE_CONNECTING] = "connecting",
    [SCOREBOARD_DATABASE_READY] = "ready",
    [SCOREBOARD_DATABASE_DOWN] = "down",
    [SCOREBOARD_DATABASE_MISMATCH] = "schema_mismatch",
};

static const char *scoreboard_name(const char *const *names, size_t count, unsigned number)
{
    return number < count ? names[number] : "unknown";
}

const char *scoreboard_reload_name(uint32_t state)
{
    return scoreboard_name(scoreboard_reload_names, countof(scoreboard_reload_names), state);
}

const char *scoreboard_worker_name(enum scoreboard_worker_state state)
{
    return scoreboard_name(scoreboard_worker_names, countof(scoreboard_worker_names), state);
}

const char *scoreboard_database_name(enum scoreboard_database database)
{
    return scoreboard_name(scoreboard_database_names, countof(scoreboard_database_names), database);
}

static enum health scoreboard_phase_health(const struct scoreboard *board)
{
    switch ((enum scoreboard_phase)board->phase) {
    case SCOREBOARD_STARTING:
        return HEALTH_STARTING;
    case SCOREBOARD_MIGRATING:
        return HEALTH_MIGRATING;
    case SCOREBOARD_DRAINING:
        return HEALTH_DRAINING;
    case SCOREBOARD_SERVING:
        break;
    }
    return HEALTH_OK;
}

static enum health scoreboard_database_health(enum scoreboard_database database)
{
    switch (database) {
    case SCOREBOARD_DATABASE_READY:
        return HEALTH_OK;
    case SCOREBOARD_DATABASE_DOWN:
        return HEALTH_DATABASE_DOWN;
    case SCOREBOARD_DATABASE_MISMATCH:
        return HEALTH_SCHEMA_MISMATCH;
    case SCOREBOARD_DATABASE_CONNECTING:
    case SCOREBOARD_DATABASE_COUNT:
        break;
    }
    return HEALTH_STARTING;
}

static bool scoreboard_is_serving(const struct scoreboard *board, uint32_t place)
{
    return board->place[place].pid != 0 && board->of_worker[place].worker.accepting == 1;
}

/* All workers have one schema, and each finds out for itself, from its own requests, that it does not fit. */
static bool scoreboard_is_mismatched(const struct scoreboard *board)
{
    const uint32_t places = scoreboard_places(board);

    for (uint32_t i = 0; i < places; i++) {
        if (scoreboard_is_serving(board, i) &&
            scoreboard_database_of(&board->of_worker[i].worker) == SCOREBOARD_DATABASE_MISMATCH) {
            return true;
        }
    }
    return false;
}

enum health scoreboard_worker_health(const struct scoreboard *board, enum scoreboard_database database)
{
    enum health health = scoreboard_phase_health(board);

    if (health == HEALTH_OK) health = scoreboard_database_health(database);
    return health == HEALTH_OK && scoreboard_is_mismatched(board) ? HEALTH_SCHEMA_MISMATCH : health;
}

enum health scoreboard_health(const struct scoreboard *board)
{
    const uint32_t places = scoreboard_places(board);
    enum health health = scoreboard_phase_health(board);

    if (health != HEALTH_OK) return health;
    if (scoreboard_is_mismatched(board)) return HEALTH_SCHEMA_MISMATCH;
    health = HEALTH_STARTING;
    for (uint32_t i = 0; i < places; i++) {
        if (!scoreboard_is_serving(board, i)) continue;
        health = scoreboard_database_health(scoreboard_database_of(&board->of_worker[i].worker));
        if (health == HEALTH_OK) break;
    }
    return health;
}
