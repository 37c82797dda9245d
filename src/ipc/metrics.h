/*
 * What is counted, in shared memory: part of the scoreboard, so it lives as long as the master and outlives every child
 * and every re-exec. A worker counts in the cells of its place and goes on from what its predecessor left there, so
 * sums over all places never fall. Each cell has one writer, which adds without a locked instruction; the admin process
 * only reads.
 *
 * What a row counts is said by the catalog beside it, not by its number: the next executable may have other routes, and
 * its workers and the old ones count side by side in a reload. A name once learned keeps its row.
 */
#ifndef IPC_METRICS_H
#define IPC_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    METRICS_NAMES_MAX = 160, /* of a catalog */
    METRICS_METHOD_BYTES = 12,
    METRICS_ROUTE_BYTES = 84,
    METRICS_BUCKETS = 17, /* the last one has no bound */
    METRICS_CLASSES = 5,
    METRICS_OUTCOMES_MAX = 32,
};

/* Upper bounds of all buckets but the last, in nanoseconds. Whoever changes them raises MASTER_STATE_VERSION: counts
 * made with other bounds must not go on in these cells. */
extern const uint64_t metrics_bounds_ns[METRICS_BUCKETS - 1];

struct metrics_histogram {
    _Atomic uint64_t bucket[METRICS_BUCKETS]; /* not cumulative */
    _Atomic uint64_t sum_ns;
};

/* Requests of one name. */
struct metrics_row {
    struct metrics_histogram duration;
    _Atomic uint64_t by_class[METRICS_CLASSES]; /* see metrics_class */
};

/* One worker's, and its predecessors'. */
struct metrics_worker {
    _Alignas(64) _Atomic uint64_t received_bytes;
    _Atomic uint64_t sent_bytes;
    _Atomic uint64_t accepted; /* connections */
    _Atomic uint64_t reconnects;
    _Atomic uint64_t outcomes[METRICS_OUTCOMES_MAX]; /* of queries; by the number of its name in the catalog */
    struct metrics_histogram queries;
    struct metrics_row rows[METRICS_NAMES_MAX]; /* by the number of its name in the catalog */
};

struct metrics_name {
    char method[METRICS_METHOD_BYTES];
    char route[METRICS_ROUTE_BYTES];
};

/* Written by the master, before it starts those who count under the name; a name that is there never changes. The
 * first, METRICS_OTHER, is for whatever has no room of its own. */
struct metrics_catalog {
    _Atomic uint32_t count;
    struct metrics_name names[METRICS_NAMES_MAX];
};

enum { METRICS_OTHER = 0 };

/* How a worker ended that another one follows. */
enum metrics_cause {
    METRICS_CAUSE_SIGSEGV,
    METRICS_CAUSE_SIGABRT,
    METRICS_CAUSE_SIGBUS,
    METRICS_CAUSE_SIGFPE,
    METRICS_CAUSE_SIGILL,
    METRICS_CAUSE_SIGKILL,
    METRICS_CAUSE_SIGNAL, /* another one */
    METRICS_CAUSE_HANG,
    METRICS_CAUSE_OUT_OF_MEMORY,
    METRICS_CAUSE_EXIT,
    METRICS_CAUSE_RECYCLED, /* by STRATSLAB_MAX_REQUESTS or STRATSLAB_MAX_MEMORY */
    METRICS_CAUSE_COUNT,
};

const char *metrics_cause_name(enum metrics_cause cause); /* "SIGSEGV", "hang", … */
/* The cause of a death by this signal. */
enum metrics_cause metrics_cause_of_signal(int signo);

/* What the master counts. */
struct metrics_master {
    _Atomic uint64_t started_wall_us; /* since 1970 */
    _Atomic uint64_t restarts[METRICS_CAUSE_COUNT];
    _Atomic uint64_t reloads_succeeded;
    _Atomic uint64_t reloads_failed;
    _Atomic uint64_t last_reload_wall_us; /* when its verdict came; the start where there was none */
    _Atomic uint32_t last_reload_failed;
    _Atomic uint32_t workers_desired;
};

struct metrics {
    struct metrics_master master;
    struct metrics_catalog requests; /* by method and route */
    struct metrics_catalog outcomes; /* of queries; the route is the outcome's name */
};

/* The number of a name, which is made where it is new; METRICS_OTHER where the catalog holds `max` names. The master's.
 * Texts that are too long are cut. */
unsigned metrics_learn(struct metrics_catalog *catalog, unsigned max, const char *method, const char *route);
/* The number of a name; METRICS_OTHER where it is not there. */
unsigned metrics_find(const struct metrics_catalog *catalog, const char *method, const char *route);

/* The class of a status: 0 where there was no answer, 1 for 2xx, … 4 for 5xx. */
static inline unsigned metrics_class(unsigned status)
{
    return status < 200 ? 0 : status >= 500 ? 4 : status / 100 - 1;
}

const char *metrics_class_name(unsigned class); /* "2xx"; "none" for 0 */

/* By the cell's only writer. */
static inline void metrics_add(_Atomic uint64_t *cell, uint64_t more)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline uint64_t metrics_get(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

/* By the histogram's only writer. Most durations are short, so the search begins there. */
static inline void metrics_observe(struct metrics_histogram *histogram, uint64_t ns)
{
    unsigned at = 0;

    while (at < METRICS_BUCKETS - 1 && ns > metrics_bounds_ns[at]) at++;
    metrics_add(&histogram->bucket[at], 1);
    metrics_add(&histogram->sum_ns, ns);
}

#endif
