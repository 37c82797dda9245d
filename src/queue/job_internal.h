/* What the files of a job share: the worker's side (job.c, job_end.c) and the process's (job_child.c, job_compute.c).
 */
#ifndef QUEUE_JOB_INTERNAL_H
#define QUEUE_JOB_INTERNAL_H

#include <stdatomic.h>

#include "queue/job.h"

/* Why the process refused; index of a table in job_end.c. */
enum job_refusal {
    JOB_REFUSAL_STRATEGY,
    JOB_REFUSAL_EXECUTION,
    JOB_REFUSAL_NO_DATA,
    JOB_REFUSAL_DATA_INCOMPLETE,
    JOB_REFUSAL_TOO_MANY_TRADES,
    JOB_REFUSAL_TOO_LARGE,
    JOB_REFUSALS
};

enum {
    JOB_EXIT_REFUSED = 85, /* beside MEM_EXIT_STATUS */
    JOB_FRAMES_MAX = 24,
    JOB_PROGRESS_WHOLE = 1000000,
};

/* Shared memory. The process writes it; whoever reads it believes nothing. */
struct job_page {
    _Atomic int phase;
    _Atomic uint32_t progress; /* of JOB_PROGRESS_WHOLE */
    _Atomic uint64_t bars;
    _Atomic uint64_t phase_us[JOB_PHASES];
    int refusal;
    /* Of a crash. */
    int signo;
    unsigned frame_count;
    void *frames[JOB_FRAMES_MAX]; /* the place itself, then what called it */
    char detail[JOB_DETAIL_BYTES];
};

/* What the process is given. */
struct job_child {
    const struct job_input *input;
    struct job_page *page;
    int result_fd;
    int life_fd; /* the reading end of the pipe that says that the worker wants it */
};

/* From here on the kernel sends SIGKILL to the process when the other end of its pipe is written to, or closes. Both
 * sides call it: the process may be stopped before it comes to it, and the worker may end before. */
bool job_hang_on(int life_fd, pid_t pid);
/* The process's life, right behind the fork, with every signal blocked. */
void job_child_run(const struct job_child *child) ATTR_NORETURN;
/* The last of it: computes, writes the result. Returns the exit status. */
int job_compute(const struct job_input *input, struct job_page *page, int result_fd);
void job_page_enter(struct job_page *page, enum job_phase phase);

/* How a process ended, in words: fills all but the document and the times. */
struct job_status {
    int status; /* of wait4(2) */
    bool was_stalled;
    bool was_starved; /* the kernel has ended processes since it began, because memory ran out */
    uint64_t stall_ms;
    uint64_t cpu_max_us; /* of its limit; 0: none */
};
void job_judge(const struct job_status *status, const struct job_page *page, struct job_report *report);

/* Overwrites every copy of the texts in this process's own memory, but between `kept` and `kept + kept_bytes`, where
 * the job's own texts are, which may have the same words. If `everywhere` is false, only the texts themselves. */
void job_forget(const struct slice *secrets, size_t count, const void *kept, size_t kept_bytes, bool everywhere);

#endif
