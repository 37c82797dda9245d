/* What the master of any program counts, in the cells of its own place. */
#ifndef IPC_METRICS_MASTER_H
#define IPC_METRICS_MASTER_H

#include "ipc/metrics.h"

/* How a worker ended, if another one follows it. */
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

extern const struct metrics_table metrics_master_table;

/* Before anything is counted, in each image of the master. Returns how many series found no room. */
unsigned metrics_master_register(struct metrics *metrics);

void metrics_count_restart(struct metrics *metrics, enum metrics_cause cause);
void metrics_count_reload(struct metrics *metrics, bool failed, uint64_t wall_us);
/* The first start: a reload leaves it. */
void metrics_set_started(struct metrics *metrics, uint64_t wall_us);
void metrics_set_workers_desired(struct metrics *metrics, unsigned workers);

#endif
