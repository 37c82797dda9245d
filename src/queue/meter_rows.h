/*
 * What backtestd's workers count: a row for each, as web/count_rows.h has them for stratslabd. /metrics, the status
 * page's list and docs/metrics.md are made from it.
 *
 * The order and number of rows may differ between builds: a reload finds each row by its name.
 */
#ifndef QUEUE_METER_ROWS_H
#define QUEUE_METER_ROWS_H

#include "ipc/scoreboard.h"

/* Upper bounds in nanoseconds: from candles that are in the cache (under 1 ms) to a job that takes all of its time. If
 * a histogram gets other bounds, it begins at zero. */
#define METER_MS(n) (1000000ULL * (n))
#define METER_PHASE_BOUNDS                                                                                         \
    METER_MS(1), METER_MS(2), METER_MS(5), METER_MS(10), METER_MS(20), METER_MS(50), METER_MS(100), METER_MS(200), \
        METER_MS(500), METER_MS(1000), METER_MS(2000), METER_MS(5000), METER_MS(10000), METER_MS(30000),           \
        METER_MS(60000), METER_MS(300000)

#ifndef METER_ROWS_BEFORE /* tests/builds/newer.h has some: another build, as a reload meets it */
#define METER_ROWS_BEFORE(M)
#endif

#define METER_ROWS(M)                                                                                                 \
    METER_ROWS_BEFORE(M)                                                                                              \
    M(CLAIMED, .name = "backtests_claimed_total", .type = METRICS_COUNTER, .help = "Backtests taken from the queue.") \
    M(CLAIMS_EMPTY, .name = "claims_empty_total", .type = METRICS_COUNTER,                                            \
      .help = "Claims that found nothing in the queue.",                                                              \
      .more = "A worker claims when it is told of a backtest, and every 5 to 10 seconds.")                            \
    M(ENDED, .name = "backtests_ended_total", .type = METRICS_COUNTER, .labels = "outcome",                           \
      .help = "Claims by how they ended.",                                                                            \
      .more = "The outcomes are `succeeded`, `failed`, `requeued` (the attempt failed, and another one follows), "    \
              "`cancelled`, `given_back` (the worker ended first), `lost` (somebody else has it, because the lease "  \
              "ran out) and `dropped` (the database took none of these: the lease runs out).")                        \
    M(FAILURES, .name = "backtest_failures_total", .type = METRICS_COUNTER, .labels = "code",                         \
      .help = "Attempts that failed, by the code of their error.",                                                    \
      .more = "backtestd(8), THE QUEUE, has the codes; `other` is any other.")                                        \
    M(RUNNING, .name = "backtests_running", .type = METRICS_GAUGE,                                                    \
      .worker_member = offsetof(struct scoreboard_worker, in_flight),                                                 \
      .help = "Backtests that the worker has claimed.")                                                               \
    M(PHASE, .name = "backtest_phase_seconds", .type = METRICS_HISTOGRAM, .unit = METRICS_SECONDS, .labels = "phase", \
      .bounds = &meter_phase_bounds, .help = "Time of a backtest by phase.",                                          \
      .more = "The phases are `load` (its candles), `compute` and `write` (its result).")                             \
    M(BARS, .name = "bars_computed_total", .type = METRICS_COUNTER,                                                   \
      .help = "Bars over which backtests were computed.")                                                             \
    M(CACHE_HITS, .name = "cache_hits_total", .type = METRICS_COUNTER, .help = "Series that were in the cache.")      \
    M(CACHE_MISSES, .name = "cache_misses_total", .type = METRICS_COUNTER,                                            \
      .help = "Series that were not in the cache, and were read from the database.")                                  \
    M(CACHE_DAMAGED, .name = "cache_damaged_total", .type = METRICS_COUNTER,                                          \
      .help = "Files of the cache that were damaged; they are removed, and read from the database again.")            \
    M(CACHE_READ, .name = "cache_read_bytes_total", .type = METRICS_COUNTER, .unit = METRICS_BYTES,                   \
      .help = "Bytes of candles that were found in the cache.")                                                       \
    M(FETCHED, .name = "candles_fetched_bytes_total", .type = METRICS_COUNTER, .unit = METRICS_BYTES,                 \
      .help = "Bytes of packed candles that came from the database.")                                                 \
    M(CACHE_BYTES, .name = "cache_bytes", .type = METRICS_GAUGE, .unit = METRICS_BYTES,                               \
      .help = "Bytes of all files of the cache, as the worker last counted them.")                                    \
    M(QUEUED, .name = "queue_backtests", .type = METRICS_GAUGE,                                                       \
      .help = "Backtests in the queue that these workers can compute, at most 10000.",                                \
      .more = "One worker of a service asks, every 15 seconds; the others say 0. Take the maximum.")                  \
    M(OLDEST, .name = "queue_oldest_seconds", .type = METRICS_GAUGE, .unit = METRICS_SECONDS,                         \
      .help = "How long the oldest of these has waited since it was requested.", .more = "As `queue_backtests`.")     \
    M(RECONNECTS, .name = "database_reconnects_total", .type = METRICS_COUNTER,                                       \
      .help =                                                                                                         \
          "Connections to the database made anew: after a loss, or in the place of one that was of no use any more.")

#endif
