/*
 * The process that computes a backtest, and nothing else. It is a fork of the worker, which runs no other program: so
 * it has the candles, the compiled code and the look-up tables without reading anything, and costs about a millisecond
 * (docs/performance.md). It hands its result over in a memory file, and its progress in a page that it shares with the
 * worker. The worker believes neither: of the file it takes the length, and of the page numbers within bounds.
 *
 * What the process has: the candles and the job's texts (read), the memory file (written, bounded), a pipe whose other
 * end the worker holds. What it does not have: any other descriptor (they are closed before it does anything), any
 * right on files, sockets, processes and signals (wall_enter_job of wall/wall.h), more memory, processor time,
 * descriptors, processes or core files than its limits. It ignores signals that people send to groups of processes.
 *
 * How it ends. When it is done. Or at once, by a SIGKILL of the kernel's, when the worker's end of the pipe closes: by
 * job_end, or because the worker has ended, however. So the worker needs no right to send signals. If it passes
 * limits.cpu_ms, the kernel ends it. If it has used no processor time for limits.stall_ms, the worker does.
 *
 * Secrets. The process begins with a copy of the worker's memory, and so of its password for the database. Before
 * anything else it overwrites in its own copy each place in which a text of `secrets` stands as it is: in the heap, the
 * stacks, the environment and the data of the libraries. What may remain: what was made from a password (libpq's SCRAM
 * keys, TLS session keys, a password in another encoding), which opens nothing by itself without the connection's
 * descriptor or the salt that goes with it; and the candles and strategies that the worker has read.
 */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "candles/candles.h"

struct event_base;
struct job;

enum {
    JOB_TRADES_MAX = 200000,
    JOB_STALL_MS = 120000,
    JOB_DETAIL_BYTES = 8192,
};
/* Of the result document. */
#define JOB_RESULT_BYTES_MAX (UINT64_C(256) << 20)

enum job_phase {
    JOB_STARTING, /* the sandbox */
    JOB_COMPILING,
    JOB_COMPUTING,
    JOB_WRITING,
    JOB_PHASES
};

const char *job_phase_name(enum job_phase phase); /* "compile" */

struct job_limits {
    uint64_t memory_bytes; /* beyond what the worker has mapped already, the candles among it; 0: no bound */
    uint64_t cpu_ms;       /* processor time, in whole seconds, rounded up; 0: no bound */
    uint64_t stall_ms;     /* it is ended if it uses no processor time for so long; 0: JOB_STALL_MS */
};

/* Borrowed during job_start only: the process has a copy of its own. */
struct job_input {
    struct slice kind, parameters; /* as rules_new has them */
    struct slice execution;        /* JSON object, as `backtestd execution --json`; absent: the defaults */
    struct slice capital;          /* decimal; absent: the default */
    int64_t start_ms, end_ms;      /* bars that open in [start, end) are tested */
    const struct candles *candles; /* with the look-back before start */
    const struct candles *detail;  /* NULL, or without bars: none */
    const char *fingerprint;       /* of the candles, hexadecimal */
    struct slice read;             /* JSON array, for backtests.data_read */
    struct job_limits limits;
    const struct slice *secrets; /* texts that the process must not have; shorter ones than 8 bytes are passed over */
    size_t secret_count;
    /* For tests: called in the process at the beginning of each phase but the first, when the sandbox is shut. */
    void (*hook)(void *arg, enum job_phase phase);
    void *hook_arg;
    bool no_sandbox; /* STRATSLAB_SANDBOX is off: no wall_enter_job */
};

enum job_outcome {
    JOB_DONE,
    JOB_REFUSED,       /* this input cannot be computed: `code` says why */
    JOB_CRASHED,       /* by a signal, or it ended in a way that it never should */
    JOB_OUT_OF_MEMORY, /* limits.memory_bytes; or the system had none left, and `code` is "crashed": try again */
    JOB_OUT_OF_TIME,   /* limits.cpu_ms */
};

/* How it went: the receiver's, who frees it. */
struct job_report {
    enum job_outcome outcome;
    /* Of JOB_DONE: the document of backtest_result_put, NUL-terminated behind its length, mapped read-only. Nobody
     * writes there any more; nothing of it was checked. */
    struct slice document;
    /* Of all others: a code of docs/backtests.md ("strategy_invalid", "crashed"), and a sentence or several, one a
     * line. What the process wrote may not be UTF-8. */
    const char *code;
    char detail[JOB_DETAIL_BYTES];
    int signo;                     /* that ended it; 0: none */
    enum job_phase phase;          /* the last that it was in */
    uint64_t phase_us[JOB_PHASES]; /* time on the wall, as the process says; 0 of one that it did not come to */
    uint64_t cpu_us;               /* as the kernel says */
    uint64_t bars;                 /* of the span and of the look-back */
};

void job_report_free(struct job_report *report); /* takes NULL */

/* Called once, when the process is gone; the job is gone too. */
typedef void job_done_fn(void *arg, struct job_report *report);

/* ERROR_SYSTEM: no process could be made; trying again may help. `done` is never called from within. */
int job_start(struct event_base *base, const struct job_input *input, job_done_fn *done, void *arg,
              struct job **ret_job, struct error *err) ATTR_CHECKED;
/* From 0 to 1, never less than before. */
double job_progress(struct job *job);
pid_t job_pid(const struct job *job); /* for the log */
/* Ends it; `done` is not called. Waits until the process is gone: about 0.1 s for each GiB that it has used. Takes
 * NULL. */
void job_end(struct job *job);

#endif
