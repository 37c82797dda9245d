/*
 * The scoreboard: what every process of one master shows to the others, in shared memory (a memfd that the master
 * owns). It outlives any child.
 *
 * Each writer has pages of its own, which nobody else can write: the master's come first, then those of each worker,
 * then those of each other child. A child maps its own for writing right after the fork, and has no descriptor by which
 * it could map more (mmap(2): what was mapped from a descriptor that only reads stays so, whatever mprotect(2) is
 * asked). The file is sealed, so it keeps its size. What a child wrote is believed by nobody: readers copy it once, and
 * take only what such a child could have written (scoreboard_look). Who maps what is in ipc/pages.h.
 */
#ifndef IPC_SCOREBOARD_H
#define IPC_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/health.h"
#include "ipc/channel.h"
#include "ipc/control.h"
#include "ipc/form.h"
#include "ipc/metrics.h"

enum {
    SCOREBOARD_WORKERS_MAX = 512, /* twice the most that a setting allows: in a reload old and new stand side by side */
    SCOREBOARD_OTHERS_MAX = 64,   /* children that have a heartbeat here and nothing else, old and new ones */
    SCOREBOARD_TEXT_BYTES = 4096,
    SCOREBOARD_REASON_BYTES = 2048,
    SCOREBOARD_ADDRESSES_BYTES = CHANNEL_TEXT_BYTES,
    SCOREBOARD_PAGE_BYTES = 65536,   /* a multiple of every machine's page, so that the form is the same on all */
    SCOREBOARD_PENDING_MAX = 100000, /* migrations; a worker that says more is not believed */
};

/* What is in shared memory is declared from lists (ipc/form.h), because a reload hands it from one executable to the
 * next as it lies there. Numbers that are stored belong to enumerations that are declared in the same way. */

/* What the service as a whole is doing; written by the master. */
#define SCOREBOARD_PHASE_NAMES(M) \
    M(SCOREBOARD_STARTING)        \
    M(SCOREBOARD_MIGRATING)       \
    M(SCOREBOARD_SERVING)         \
    M(SCOREBOARD_DRAINING)
FORM_ENUM(scoreboard_phase, SCOREBOARD_PHASE_NAMES);

/* A worker's own view of the database; written by the worker. MISMATCH: it answers, but lacks migrations that this
 * build knows. */
#define SCOREBOARD_DATABASE_NAMES(M)  \
    M(SCOREBOARD_DATABASE_CONNECTING) \
    M(SCOREBOARD_DATABASE_READY)      \
    M(SCOREBOARD_DATABASE_DOWN)       \
    M(SCOREBOARD_DATABASE_MISMATCH)   \
    M(SCOREBOARD_DATABASE_COUNT)
FORM_ENUM(scoreboard_database, SCOREBOARD_DATABASE_NAMES);

/* What the master knows of a worker. */
#define SCOREBOARD_WORKER_STATE_NAMES(M) \
    M(SCOREBOARD_WORKER_STARTING)        \
    M(SCOREBOARD_WORKER_READY)           \
    M(SCOREBOARD_WORKER_DRAINING)        \
    M(SCOREBOARD_WORKER_STATE_COUNT)
FORM_ENUM(scoreboard_worker_state, SCOREBOARD_WORKER_STATE_NAMES);

/* What a worker worked on last, so that its death can be put down to it. Texts are cut. */
#define SCOREBOARD_LAST_MEMBERS(M, owner) \
    M(owner, char, route, [64])           \
    M(owner, char, request_id, [64])      \
    M(owner, char, statement, [32])
FORM_STRUCT(scoreboard_last, SCOREBOARD_LAST_MEMBERS);

/* A worker's place, as the master says it. */
#define SCOREBOARD_PLACE_MEMBERS(M, owner)                                                \
    M(owner, _Atomic int32_t, pid, )         /* 0: nobody */                              \
    M(owner, _Atomic uint32_t, restarts, )   /* of this place since the master started */ \
    M(owner, _Atomic uint32_t, generation, ) /* of the code that it runs */               \
    M(owner, _Atomic uint32_t, state, )      /* enum scoreboard_worker_state */           \
    M(owner, _Atomic uint64_t, started_ms, ) /* CLOCK_MONOTONIC */
FORM_STRUCT(scoreboard_place, SCOREBOARD_PLACE_MEMBERS);

/* What the worker that has the place says of itself. */
#define SCOREBOARD_WORKER_MEMBERS(M, owner)                                                              \
    M(owner, _Alignas(64) _Atomic uint32_t, accepting, ) /* 1 between its "ready" and its drain */       \
    M(owner, _Atomic uint32_t, database, )               /* enum scoreboard_database */                  \
    M(owner, _Atomic uint64_t, heartbeat_ms, )           /* CLOCK_MONOTONIC, from its event loop */      \
    M(owner, _Atomic uint64_t, requests, )               /* answered; a restart does not reset it */     \
    M(owner, _Atomic uint32_t, in_flight, )                                                              \
    M(owner, _Atomic uint32_t, connections, )                                                            \
    M(owner, _Atomic uint32_t, queue_depth, )                                                            \
    M(owner, _Atomic uint32_t,                                                                           \
      migrations_pending, ) /* that this build knows and the database lacks, when it was last checked */ \
    M(owner, struct scoreboard_last, last, )
FORM_STRUCT(scoreboard_worker, SCOREBOARD_WORKER_MEMBERS);

/* How far a reload has come. NONE: there has not been one. */
#define SCOREBOARD_RELOAD_STATE_NAMES(M) \
    M(SCOREBOARD_RELOAD_NONE)            \
    M(SCOREBOARD_RELOAD_RUNNING)         \
    M(SCOREBOARD_RELOAD_SUCCEEDED)       \
    M(SCOREBOARD_RELOAD_FAILED)
FORM_ENUM(scoreboard_reload_state, SCOREBOARD_RELOAD_STATE_NAMES);

/* The last reload, or the one under way. The step is where it is now, or where it failed: "preflight", "exec", "roll",
 * or what the program calls its own. */
#define SCOREBOARD_RELOAD_MEMBERS(M, owner)                                            \
    M(owner, uint32_t, state, )  /* enum scoreboard_reload_state */                    \
    M(owner, uint32_t, number, ) /* counts the reloads that have begun */              \
    M(owner, uint64_t, wall_us, )                                                      \
    M(owner, uint64_t, duration_ms, )                                                  \
    M(owner, uint32_t, same_executable, ) /* 1: it is the very file that ran before */ \
    M(owner, char, step, [16])                                                         \
    M(owner, char, reason, [SCOREBOARD_REASON_BYTES]) /* of a failure; "" */
FORM_STRUCT(scoreboard_reload, SCOREBOARD_RELOAD_MEMBERS);

/* What the master publishes and cannot write as one number. The addresses are those of the database's hosts, as the
 * name server gave them to the last worker that started: for the workers that start while it is silent. */
#define SCOREBOARD_DETAILS_MEMBERS(M, owner)                                                            \
    M(owner, char, executable, [SCOREBOARD_TEXT_BYTES])                                                 \
    M(owner, char, version, [32])                                                                       \
    M(owner, char, instance, [CONTROL_INSTANCE_BYTES])      /* ipc/control.h; "": it cannot be found */ \
    M(owner, char, addresses, [SCOREBOARD_ADDRESSES_BYTES]) /* "name=address,address name=..." */       \
    M(owner, struct scoreboard_reload, reload, )
FORM_STRUCT(scoreboard_details, SCOREBOARD_DETAILS_MEMBERS);

/* Pages that only the master writes. */
#define SCOREBOARD_MASTER_MEMBERS(M, owner)                                                           \
    M(owner, _Atomic uint32_t, phase, )   /* enum scoreboard_phase */                                 \
    M(owner, _Atomic uint32_t, workers, ) /* places in use, or once in use */                         \
    M(owner, _Atomic int32_t, master_pid, )                                                           \
    M(owner, _Atomic uint32_t, generation, )       /* of the code: 1, and one more for each reload */ \
    M(owner, _Atomic uint64_t, started_ms, )       /* CLOCK_MONOTONIC */                              \
    M(owner, _Atomic uint32_t, details_sequence, ) /* odd while the master changes the details */     \
    M(owner, struct scoreboard_details, details, )                                                    \
    M(owner, struct scoreboard_place, place, [SCOREBOARD_WORKERS_MAX])                                \
    M(owner, struct metrics, metrics, )
FORM_STRUCT(scoreboard_master, SCOREBOARD_MASTER_MEMBERS);

/* What is missing to the next page. */
#define SCOREBOARD_REST(bytes) (SCOREBOARD_PAGE_BYTES - (bytes) % SCOREBOARD_PAGE_BYTES)
enum {
    SCOREBOARD_MASTER_REST = SCOREBOARD_REST(sizeof(struct scoreboard_master)),
    SCOREBOARD_WORKER_REST = SCOREBOARD_REST(sizeof(struct scoreboard_worker) + sizeof(struct metrics_worker)),
    SCOREBOARD_OTHER_REST = SCOREBOARD_REST(sizeof(uint64_t)),
};

/* Pages that only one worker writes. What nobody has touched takes no memory. */
#define SCOREBOARD_WORKER_PAGES_MEMBERS(M, owner) \
    M(owner, struct scoreboard_worker, worker, )  \
    M(owner, struct metrics_worker, counted, )    \
    M(owner, char, rest, [SCOREBOARD_WORKER_REST])
FORM_STRUCT(scoreboard_worker_pages, SCOREBOARD_WORKER_PAGES_MEMBERS);

/* Pages that only one child writes that is not a worker. */
#define SCOREBOARD_OTHER_PAGES_MEMBERS(M, owner)                   \
    M(owner, _Atomic uint64_t, heartbeat_ms, ) /* as a worker's */ \
    M(owner, char, rest, [SCOREBOARD_OTHER_REST])
FORM_STRUCT(scoreboard_other_pages, SCOREBOARD_OTHER_PAGES_MEMBERS);

#define SCOREBOARD_MEMBERS(M, owner)                                              \
    SCOREBOARD_MASTER_MEMBERS(M, owner)                                           \
    M(owner, char, rest, [SCOREBOARD_MASTER_REST])                                \
    M(owner, struct scoreboard_worker_pages, of_worker, [SCOREBOARD_WORKERS_MAX]) \
    M(owner, struct scoreboard_other_pages, of_other, [SCOREBOARD_OTHERS_MAX])
FORM_STRUCT(scoreboard, SCOREBOARD_MEMBERS);

/* Mixes the form of all that is on a scoreboard into a number (ipc/form.h). */
uint64_t scoreboard_memory_form(uint64_t form);

/* What is known of a place: the master's word, and a copy of the worker's own word of which each value is one that such
 * a worker could have written. */
struct scoreboard_seen {
    pid_t pid; /* 0: nobody; what follows is then what the last one left */
    uint32_t restarts;
    uint32_t generation;
    enum scoreboard_worker_state state;
    uint64_t started_ms;
    bool accepting;
    enum scoreboard_database database; /* SCOREBOARD_DATABASE_COUNT: it said something else */
    uint64_t heartbeat_ms;             /* not before its start, and not later than now */
    uint64_t requests;
    uint32_t in_flight;
    uint32_t connections;
    uint32_t queue_depth;
    uint32_t migrations_pending;
    struct scoreboard_last last; /* printable ASCII */
};

void scoreboard_look(const struct scoreboard *board, uint32_t place, struct scoreboard_seen *ret_seen);
/* How many places there are to look at. */
uint32_t scoreboard_places(const struct scoreboard *board);
/* For how many milliseconds the service has counted. */
uint64_t scoreboard_counted_ms(const struct scoreboard *board);
/* A heartbeat as its writer could have written it, of a child that was started at that time: what lies in the future is
 * none. */
uint64_t scoreboard_heartbeat(const _Atomic uint64_t *heartbeat_ms, uint64_t started_ms);

/* The details: the master publishes them, and everybody else reads them. A reader gets one whole publication. */
void scoreboard_publish(struct scoreboard *board, const struct scoreboard_details *details);
void scoreboard_read(const struct scoreboard *board, struct scoreboard_details *ret_details);
/* Whether a text of a child's may be the addresses. */
bool scoreboard_is_addresses(const char *text);

/* The health of the whole service, for /health: "ok" if at least one worker can answer a request that needs the
 * database, and none has found that the schema does not fit. */
enum health scoreboard_health(const struct scoreboard *board);
/* The health of one worker: the phase decides first, then its own database, then the schema, which is
 * everybody's. */
enum health scoreboard_worker_health(const struct scoreboard *board, enum scoreboard_database database);
/* "unknown" for a number that is none of theirs. */
const char *scoreboard_worker_name(enum scoreboard_worker_state state);  /* "starting", … */
const char *scoreboard_database_name(enum scoreboard_database database); /* "connecting", … */
/* "none", "running", …: of enum scoreboard_reload_state, as its page has it. */
const char *scoreboard_reload_name(uint32_t state);

#endif
