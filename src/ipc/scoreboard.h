/*
 * The scoreboard: what every process of one master shows to the others, in shared memory (a memfd that the master owns
 * and children inherit by fork). Each cell has one writer; readers take what they see. It outlives any child.
 */
#ifndef IPC_SCOREBOARD_H
#define IPC_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/health.h"
#include "ipc/metrics.h"

enum {
    SCOREBOARD_WORKERS_MAX = 512, /* twice the most that a setting allows: in a reload old and new stand side by side */
    SCOREBOARD_ROLES_MAX = 3,
    SCOREBOARD_TEXT_BYTES = 4096,
    SCOREBOARD_REASON_BYTES = 2048,
};

/* What the service as a whole is doing; written by the master. */
enum scoreboard_phase {
    SCOREBOARD_STARTING,
    SCOREBOARD_MIGRATING,
    SCOREBOARD_SERVING,
    SCOREBOARD_DRAINING,
};

/* A worker's own view of the database; written by the worker. */
enum scoreboard_database {
    SCOREBOARD_DATABASE_CONNECTING,
    SCOREBOARD_DATABASE_READY,
    SCOREBOARD_DATABASE_DOWN,
    SCOREBOARD_DATABASE_MISMATCH, /* it answers, but lacks migrations that this build knows */
    SCOREBOARD_DATABASE_COUNT,
};

/* What the master knows of a worker. */
enum scoreboard_worker_state {
    SCOREBOARD_WORKER_STARTING,
    SCOREBOARD_WORKER_READY,
    SCOREBOARD_WORKER_DRAINING,
    SCOREBOARD_WORKER_STATE_COUNT,
};

/* What a worker was working on last, for the day it dies of it; texts are cut. */
struct scoreboard_last {
    char route[64];
    char request_id[64];
    char statement[32];
};

/* One worker's cells. The first five are the master's, the rest is the worker's that holds the place. */
struct scoreboard_worker {
    _Alignas(64) _Atomic int32_t pid; /* 0: nobody */
    _Atomic uint32_t restarts;        /* of this place since the master started */
    _Atomic uint32_t generation;      /* of the code that it runs */
    _Atomic uint32_t state;           /* enum scoreboard_worker_state */
    _Atomic uint64_t started_ms;      /* CLOCK_MONOTONIC */
    _Atomic uint32_t accepting;       /* 1 between its "ready" and its drain */
    _Atomic uint32_t database;        /* enum scoreboard_database */
    _Atomic uint64_t heartbeat_ms;    /* CLOCK_MONOTONIC, from its event loop */
    _Atomic uint64_t requests;        /* answered; goes on through restarts */
    _Atomic uint32_t in_flight;
    _Atomic uint32_t connections;
    _Atomic uint32_t queue_depth;
    _Atomic uint32_t migrations_pending; /* that this build knows and the database lacks, as last seen */
    struct scoreboard_last last;         /* read by the master when the worker is dead */
};

/* How far a reload has come. */
enum scoreboard_reload_state {
    SCOREBOARD_RELOAD_NONE, /* there was none yet */
    SCOREBOARD_RELOAD_RUNNING,
    SCOREBOARD_RELOAD_SUCCEEDED,
    SCOREBOARD_RELOAD_FAILED,
};

/* The last reload, or the one under way. */
struct scoreboard_reload {
    uint32_t state;  /* enum scoreboard_reload_state */
    uint32_t number; /* counts reloads begun */
    uint64_t wall_us;
    uint64_t duration_ms;
    char step[16];                        /* "preflight", "migrate", "exec", "roll": where it is, or where it failed */
    char reason[SCOREBOARD_REASON_BYTES]; /* of a failure; "" */
};

/* What the master tells of itself in more than one word. */
struct scoreboard_story {
    char executable[SCOREBOARD_TEXT_BYTES];
    char version[32];
    struct scoreboard_reload reload;
};

struct scoreboard {
    _Atomic uint32_t phase;   /* enum scoreboard_phase */
    _Atomic uint32_t workers; /* places in use, or once in use */
    _Atomic int32_t master_pid;
    _Atomic uint32_t generation;                         /* of the code: 1, and one more with each reload */
    _Atomic uint64_t started_ms;                         /* CLOCK_MONOTONIC */
    _Atomic uint64_t heartbeat_ms[SCOREBOARD_ROLES_MAX]; /* as a worker's, of the other roles' children */
    _Atomic uint32_t telling;                            /* odd while the master changes the story */
    struct scoreboard_story story;
    struct scoreboard_worker worker[SCOREBOARD_WORKERS_MAX];
    struct metrics metrics;
    struct metrics_worker counted[SCOREBOARD_WORKERS_MAX]; /* memory that nobody has touched is none yet */
};

/* Makes one; or maps the one behind `*fd`, where that is not -1. The descriptor is close-on-exec and the caller's. */
int scoreboard_open(int *fd, struct scoreboard **ret_board, struct error *err) ATTR_CHECKED;

/* The master's and the readers' sides of the story: what is heard is always one that was told whole. */
void scoreboard_tell(struct scoreboard *board, const struct scoreboard_story *story);
void scoreboard_hear(const struct scoreboard *board, struct scoreboard_story *ret_story);

/* What /health says of the whole service: "ok" where at least one worker could answer a request that needs the
 * database. */
enum health scoreboard_health(const struct scoreboard *board);
/* One worker's answer for itself: the phase, then its own database. */
enum health scoreboard_worker_health(const struct scoreboard *board, const struct scoreboard_worker *worker);
const char *scoreboard_reload_name(enum scoreboard_reload_state state);  /* "none", "running", … */
const char *scoreboard_worker_name(enum scoreboard_worker_state state);  /* "starting", … */
const char *scoreboard_database_name(enum scoreboard_database database); /* "connecting", … */

#endif
