/* A job to try: candles that are made up, a strategy, and the event loop in which its end is awaited. */
#ifndef TEST_QUEUE_BENCH_H
#define TEST_QUEUE_BENCH_H

#include <event2/event.h>

#include "engine/engine.h"
#include "queue/job.h"

enum { BENCH_BARS = 5000, BENCH_HOUR_MS = 3600000 };
#define BENCH_START_MS INT64_C(1700006400000)

struct bench {
    struct event_base *base;
    struct candles candles;    /* of an hour each, owned */
    struct job_input input;    /* as a good job has it */
    struct job_report *report; /* of the job that ended last; owned */
    unsigned ended;            /* how many have */
};

void bench_begin(struct bench *bench, size_t bars);
void bench_clear(struct bench *bench);
/* Starts the job of `input`. */
struct job *bench_start(struct bench *bench);
/* Starts it, and waits until it has ended. */
const struct job_report *bench_run(struct bench *bench);
/* The same backtest without a job. */
void bench_compute(const struct bench *bench, struct engine_result *result, struct engine_job *ret_job);

/* Memory that a hook writes and the test reads, all zero. */
void *bench_share(size_t bytes);
void bench_unshare(void *shared, size_t bytes);
/* Waits until the number is not 0. */
int bench_await(const volatile int *number);
/* Whether this build has a sanitizer, so that there is no filter; the test says what it leaves out. */
bool bench_is_bare(const char *what);

#endif
