#include "ipc/scoreboard.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

FORM_ENUM_FUNCTION(scoreboard_phase, SCOREBOARD_PHASE_NAMES)
FORM_ENUM_FUNCTION(scoreboard_database, SCOREBOARD_DATABASE_NAMES)
FORM_ENUM_FUNCTION(scoreboard_worker_state, SCOREBOARD_WORKER_STATE_NAMES)
FORM_ENUM_FUNCTION(scoreboard_reload_state, SCOREBOARD_RELOAD_STATE_NAMES)
FORM_FUNCTION(scoreboard_last, SCOREBOARD_LAST_MEMBERS)
FORM_FUNCTION(scoreboard_addresses, SCOREBOARD_ADDRESSES_MEMBERS)
FORM_FUNCTION(scoreboard_worker, SCOREBOARD_WORKER_MEMBERS)
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
    form = scoreboard_addresses_form(form);
    form = scoreboard_worker_form(form);
    form = scoreboard_reload_form(form);
    form = scoreboard_details_form(form);
    form = metrics_form(form);
    return scoreboard_form(form);
}

int scoreboard_open(int *fd, struct scoreboard **ret_board, struct error *err)
{
    bool made = *fd < 0;
    void *at = MAP_FAILED;

    if (made) *fd = memfd_create("scoreboard", MFD_CLOEXEC);
    if (*fd < 0) return error_set_errno(err, "cannot make shared memory");
    if (!made && lseek(*fd, 0, SEEK_END) != (off_t)sizeof(struct scoreboard)) {
        return error_set(err, ERROR_INVALID, "the shared memory has another size than this build's");
    }
    if (!made || ftruncate(*fd, (off_t)sizeof(struct scoreboard)) == 0) {
        at = mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    }
    if (at != MAP_FAILED) {
        *ret_board = at;
        return 0;
    }
    error_set_errno(err, "cannot map shared memory");
    if (made) {
        close(*fd);
        *fd = -1;
    }
    return -1;
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

void scoreboard_read(const struct scoreboard *board, struct scoreboard_details *ret_details)
{
    enum { TRIES = 1000 }; /* a master that died in the middle must not hold a reader for ever */

    for (int i = 0; i < TRIES; i++) {
        uint32_t before = atomic_load(&board->details_sequence);

        *ret_details = board->details;
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && before == atomic_load(&board->details_sequence)) break;
    }
}

void scoreboard_publish_addresses(struct scoreboard_worker *worker, const char *text)
{
    struct scoreboard_addresses *to = &worker->addresses;
    uint32_t odd = atomic_load(&to->sequence) | 1U;

    atomic_store(&to->sequence, odd);
    atomic_thread_fence(memory_order_release);
    snprintf(to->text, sizeof(to->text), "%s", text);
    atomic_store(&to->sequence, odd + 1);
}

bool scoreboard_read_addresses(const struct scoreboard_worker *worker, char out[SCOREBOARD_ADDRESSES_BYTES])
{
    const struct scoreboard_addresses *from = &worker->addresses;
    uint32_t before = atomic_load(&from->sequence);

    memcpy(out, from->text, SCOREBOARD_ADDRESSES_BYTES);
    out[SCOREBOARD_ADDRESSES_BYTES - 1] = '\0';
    atomic_thread_fence(memory_order_acquire);
    return before % 2 == 0 && before == atomic_load(&from->sequence) && out[0] != '\0';
}

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

const char *scoreboard_reload_name(enum scoreboard_reload_state state)
{
    return scoreboard_reload_names[state];
}

const char *scoreboard_worker_name(enum scoreboard_worker_state state)
{
    return scoreboard_worker_names[state];
}

const char *scoreboard_database_name(enum scoreboard_database database)
{
    return scoreboard_database_names[database];
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

static enum health scoreboard_database_health(uint32_t database)
{
    switch ((enum scoreboard_database)database) {
    case SCOREBOARD_DATABASE_CONNECTING:
        return HEALTH_STARTING;
    case SCOREBOARD_DATABASE_DOWN:
        return HEALTH_DATABASE_DOWN;
    case SCOREBOARD_DATABASE_MISMATCH:
        return HEALTH_SCHEMA_MISMATCH;
    case SCOREBOARD_DATABASE_READY:
    case SCOREBOARD_DATABASE_COUNT:
        break;
    }
    return HEALTH_OK;
}

/* All workers have one schema, and each finds out for itself, from its own requests, that it does not fit. */
static bool scoreboard_is_mismatched(const struct scoreboard *board)
{
    for (uint32_t i = 0; i < board->workers && i < SCOREBOARD_WORKERS_MAX; i++) {
        const struct scoreboard_worker *worker = &board->worker[i];

        if (worker->pid != 0 && worker->accepting && worker->database == SCOREBOARD_DATABASE_MISMATCH) return true;
    }
    return false;
}

enum health scoreboard_worker_health(const struct scoreboard *board, const struct scoreboard_worker *worker)
{
    enum health health = scoreboard_phase_health(board);

    if (health == HEALTH_OK) health = scoreboard_database_health(worker->database);
    return health == HEALTH_OK && scoreboard_is_mismatched(board) ? HEALTH_SCHEMA_MISMATCH : health;
}

enum health scoreboard_health(const struct scoreboard *board)
{
    enum health health = scoreboard_phase_health(board);

    if (health != HEALTH_OK) return health;
    if (scoreboard_is_mismatched(board)) return HEALTH_SCHEMA_MISMATCH;
    health = HEALTH_STARTING;
    for (uint32_t i = 0; i < board->workers && i < SCOREBOARD_WORKERS_MAX; i++) {
        const struct scoreboard_worker *worker = &board->worker[i];

        if (worker->pid == 0 || !worker->accepting) continue;
        health = scoreboard_database_health(worker->database);
        if (health == HEALTH_OK) break;
    }
    return health;
}
