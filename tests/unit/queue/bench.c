#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/mem.h"
#include "candles/series.h"
#include "unit.h"
#include "wall/wall.h"

static double bench_cents(double value)
{
    return round(value * 100) / 100;
}

static void bench_prices(struct candles *c, size_t bars)
{
    int64_t *time_ms = mem_array(bars, sizeof(int64_t));
    double *columns[5], before = 100;

    for (size_t i = 0; i < countof(columns); i++) columns[i] = mem_array(bars, sizeof(double));
    for (size_t i = 0; i < bars; i++) {
        const double close = bench_cents(100 + 20 * sin((double)i / 50) + 5 * sin((double)i / 7));

        time_ms[i] = BENCH_START_MS + (int64_t)i * BENCH_HOUR_MS;
        columns[0][i] = before, columns[3][i] = close;
        columns[1][i] = fmax(before, close) + 0.25, columns[2][i] = fmin(before, close) - 0.25;
        columns[4][i] = 10;
        before = close;
    }
    *c = (struct candles){.count = bars,
                          .time_ms = time_ms,
                          .open = columns[0],
                          .high = columns[1],
                          .low = columns[2],
                          .close = columns[3],
                          .volume = columns[4],
                          .timeframe_ms = BENCH_HOUR_MS,
                          .tick = 0.01,
                          .lot = 0.001,
                          .price_digits = 2};
}

void bench_begin(struct bench *bench, size_t bars)
{
    *bench = (struct bench){.base = event_base_new()};
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->base);
    bench_prices(&bench->candles, bars);
    bench->input = (struct job_input){
        .kind = SLICE_LIT("sma_crossover"),
        .parameters = SLICE_LIT("{\"fast\": 10, \"slow\": 50}"),
        .execution = SLICE_LIT("{\"fee\": {\"percent\": 0.1}, \"intrabar\": \"pessimistic\"}"),
        .capital = SLICE_LIT("10000"),
        .start_ms = BENCH_START_MS + (int64_t)100 * BENCH_HOUR_MS,
        .end_ms = BENCH_START_MS + (int64_t)bars * BENCH_HOUR_MS,
        .candles = &bench->candles,
        .fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        .read = SLICE_LIT("[{\"series\": 1, \"revision\": 2, \"first_ms\": 3, \"end_ms\": 4}]"),
        .limits = {.memory_bytes = UINT64_C(1) << 30, .cpu_ms = 600000},
    };
}

void bench_clear(struct bench *bench)
{
    const struct candles *c = &bench->candles;

    job_report_free(bench->report);
    free((void *)(uintptr_t)c->time_ms);
    free((void *)(uintptr_t)c->open);
    free((void *)(uintptr_t)c->high);
    free((void *)(uintptr_t)c->low);
    free((void *)(uintptr_t)c->close);
    free((void *)(uintptr_t)c->volume);
    event_base_free(bench->base);
}

static void bench_on_end(void *arg, struct job_report *report)
{
    struct bench *bench = arg;

    job_report_free(bench->report);
    bench->report = report;
    bench->ended++;
}

struct job *bench_start(struct bench *bench)
{
    struct error err = {0};
    struct job *job = NULL;

    if (job_start(bench->base, &bench->input, bench_on_end, bench, &job, &err) != 0) UNIT_STR(err.message, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    return job;
}

const struct job_report *bench_run(struct bench *bench)
{
    (void)bench_start(bench);
    CU_ASSERT_EQUAL(event_base_dispatch(bench->base), 1); /* nothing is watched any more */
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->report);
    return bench->report;
}

void bench_compute(const struct bench *bench, struct engine_result *result, struct engine_job *ret_job)
{
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    struct rules *rules = rules_new(bench->input.kind, bench->input.parameters, NULL, 0, &faults);
    static struct engine_execution execution;
    struct error err;

    CU_ASSERT_PTR_NOT_NULL_FATAL(rules);
    engine_execution_init(&execution);
    CU_ASSERT_EQUAL(engine_execution_set(&execution, SLICE_LIT("fee.percent"), SLICE_LIT("0.1"), &err), 0);
    const struct engine_backtest backtest = {.rules = rules,
                                             .candles = &bench->candles,
                                             .execution = &execution,
                                             .start_ms = bench->input.start_ms,
                                             .end_ms = bench->input.end_ms};

    CU_ASSERT_EQUAL_FATAL(engine_backtest(&backtest, result, &err), 0);
    *ret_job = (struct engine_job){.candles = &bench->candles,
                                   .first = candles_find(&bench->candles, bench->input.start_ms),
                                   .end = bench->candles.count,
                                   .execution = &execution};
    rules_free(rules);
    arena_free(arena);
}

void *bench_share(size_t bytes)
{
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CU_ASSERT_PTR_NOT_EQUAL_FATAL(shared, MAP_FAILED);
    return shared;
}

void bench_unshare(void *shared, size_t bytes)
{
    munmap(shared, bytes);
}

int bench_await(const volatile int *number)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (*number == 0) nanosleep(&moment, NULL);
    return *number;
}

bool bench_is_bare(const char *what)
{
    struct wall_means means;

    wall_probe(&means);
    if (means.filter) return false;
    printf("(%s is not tried: %s)\n", what, means.lack);
    return true;
}
