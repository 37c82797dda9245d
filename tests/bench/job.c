/*
 * What a job costs that computes next to nothing (100 candles): fork, sandbox, result, end; beside a process that only
 * ends. Processor time is that of both sides. A second run is in a worker with 256 MiB of its own memory.
 *
 *     make -C build tests/bench/job && build/tests/bench/job [JOBS]
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "queue/job.h"

enum { BENCH_BARS = 100, BENCH_JOBS = 1000, BENCH_HEAP_BYTES = 256 << 20 };

static double bench_cpu_ms(int who)
{
    struct rusage usage;

    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static void bench_on_end(void *arg, struct job_report *report)
{
    if (report->outcome == JOB_DONE) ++*(unsigned *)arg;
    job_report_free(report);
}

static void bench_job(struct event_base *base, unsigned *done)
{
    static int64_t times[BENCH_BARS];
    static double prices[BENCH_BARS];
    const struct candles candles = {BENCH_BARS, times, prices, prices, prices, prices, prices, 60000, 0.01, 1, 2};
    const struct slice secrets[] = {SLICE_LIT("postgresql://somebody:something@somewhere/stratslab")};
    const struct job_input input = {
        .kind = SLICE_LIT("buy_and_hold"),
        .parameters = SLICE_LIT("{}"),
        .end_ms = INT64_MAX,
        .candles = &candles,
        .fingerprint = "00",
        .read = SLICE_LIT("[]"),
        .limits = {.memory_bytes = UINT64_C(1) << 30, .cpu_ms = 60000},
        .secrets = secrets,
        .secret_count = 1,
    };
    struct job *job;
    struct error err;

    for (int i = 0; i < BENCH_BARS; i++) times[i] = (int64_t)i * 60000, prices[i] = 100;
    if (job_start(base, &input, bench_on_end, done, &job, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    event_base_dispatch(base);
}

static void bench_fork(struct event_base *base, unsigned *done)
{
    const pid_t pid = fork();

    (void)base;
    if (pid == 0) _exit(0);
    if (waitpid(pid, NULL, 0) == pid) ++*done;
}

static void bench_print(const char *name, void (*run)(struct event_base *base, unsigned *done), unsigned jobs,
                        struct event_base *base)
{
    const uint64_t began_ns = clock_monotonic_ns();
    const double own = bench_cpu_ms(RUSAGE_SELF), children = bench_cpu_ms(RUSAGE_CHILDREN);
    unsigned done = 0;

    for (unsigned i = 0; i < jobs; i++) run(base, &done);
    printf("%-44s %6.3f ms worker, %6.3f ms process, %6.3f ms on the wall, each of %u\n", name,
           (bench_cpu_ms(RUSAGE_SELF) - own) / jobs, (bench_cpu_ms(RUSAGE_CHILDREN) - children) / jobs,
           (double)(clock_monotonic_ns() - began_ns) / 1e6 / jobs, done);
}

int main(int argc, char **argv)
{
    const unsigned jobs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : BENCH_JOBS;
    struct event_base *base = event_base_new();

    bench_print("a process that ends", bench_fork, jobs, base);
    bench_print("a job", bench_job, jobs, base);
    char *heap = mem_alloc(BENCH_HEAP_BYTES);

    memset(heap, 1, BENCH_HEAP_BYTES);
    bench_print("a process that ends, of 256 MiB", bench_fork, jobs / 4, base);
    bench_print("a job of a worker that has 256 MiB", bench_job, jobs / 4, base);
    free(heap);
    event_base_free(base);
    return 0;
}
