/*
 * What stratslabd's workers count: a row for each. /metrics, the status page's list and docs/metrics.md are made from
 * it. A row without labels needs nothing but a metrics_add(count->cells[COUNT_ID], …) to be counted.
 *
 * The order and number of rows may differ between builds: a reload finds each row by its name.
 */
#ifndef WEB_COUNT_ROWS_H
#define WEB_COUNT_ROWS_H

#include "ipc/scoreboard.h"

/* Upper bounds in nanoseconds: from an answer out of memory (under 100 µs) over a query (1 ms) to the time-outs
 * (seconds), two or three a decade. If a histogram gets other bounds, it begins at zero. */
#define COUNT_US(n) (1000ULL * (n))
#define COUNT_MS(n) (1000000ULL * (n))
#define COUNT_DURATIONS                                                                                                \
    COUNT_US(100), COUNT_US(250), COUNT_US(500), COUNT_MS(1), COUNT_US(2500), COUNT_MS(5), COUNT_MS(10), COUNT_MS(25), \
        COUNT_MS(50), COUNT_MS(100), COUNT_MS(250), COUNT_MS(500), COUNT_MS(1000), COUNT_MS(2500), COUNT_MS(5000),     \
        COUNT_MS(10000)
#define COUNT_REQUEST_BOUNDS COUNT_DURATIONS

#ifndef COUNT_ROWS_BEFORE /* tests/builds/newer.h has others: another build, as a reload meets it */
#define COUNT_ROWS_BEFORE(M)
#define COUNT_QUERY_BOUNDS COUNT_DURATIONS
#endif

#define COUNT_ROWS(M)                                                                                                  \
    COUNT_ROWS_BEFORE(M)                                                                                               \
    M(REQUESTS, .name = "http_requests_total", .type = METRICS_COUNTER, .labels = "method route status_class",         \
      .help = "Requests by route, method and class of the answer's status.",                                           \
      .more = "The classes are `2xx`, `3xx`, `4xx`, `5xx`, and `none` if the client left before its answer.")          \
    M(REQUEST_DURATION, .name = "http_request_duration_seconds", .type = METRICS_HISTOGRAM, .unit = METRICS_SECONDS,   \
      .labels = "method route", .bounds = &count_request_bounds,                                                       \
      .help = "Time from a request's first byte to its answer, ready to be sent.")                                     \
    M(IN_FLIGHT, .name = "http_requests_in_flight", .type = METRICS_GAUGE,                                             \
      .worker_member = offsetof(struct scoreboard_worker, in_flight), .help = "Requests begun and not yet answered.")  \
    M(CONNECTIONS, .name = "http_connections", .type = METRICS_GAUGE,                                                  \
      .worker_member = offsetof(struct scoreboard_worker, connections), .help = "Open connections.")                   \
    M(ACCEPTED, .name = "http_connections_accepted_total", .type = METRICS_COUNTER, .help = "Connections accepted.")   \
    M(RECEIVED, .name = "http_received_bytes_total", .type = METRICS_COUNTER, .unit = METRICS_BYTES,                   \
      .help = "Bytes received from clients, heads included.")                                                          \
    M(SENT, .name = "http_sent_bytes_total", .type = METRICS_COUNTER, .unit = METRICS_BYTES,                           \
      .help = "Bytes taken by clients, heads included.")                                                               \
    M(DISPLACED, .name = "http_connections_displaced_total", .type = METRICS_COUNTER,                                  \
      .help = "Connections closed to make room for others in a worker that was full.")                                 \
    M(HELD, .name = "http_memory_bytes", .type = METRICS_GAUGE, .unit = METRICS_BYTES,                                 \
      .help = "Memory held for clients: requests that come in, and answers that are not yet read.",                    \
      .more =                                                                                                          \
          "Above `http_memory_max_bytes`, which is for all workers together, large requests are answered 503, and "    \
          "a quarter above it small ones as well.")                                                                    \
    M(HELD_MAX, .name = "http_memory_max_bytes", .type = METRICS_GAUGE, .unit = METRICS_BYTES,                         \
      .help = "What all workers together may hold for clients, as the worker knows it: `STRATSLAB_HTTP_MEMORY`.")      \
    M(CUT, .name = "http_answers_cut_total", .type = METRICS_COUNTER,                                                  \
      .help = "Answers that clients had not read to their end when their worker had to end.")                          \
    M(QUEUE_DEPTH, .name = "database_queue_depth", .type = METRICS_GAUGE,                                              \
      .worker_member = offsetof(struct scoreboard_worker, queue_depth), .help = "Queries that wait or are under way.") \
    M(CLIENTS, .name = "database_clients", .type = METRICS_GAUGE,                                                      \
      .help = "Clients (tokens, else addresses) whose queries wait or are under way.",                                 \
      .more = "It is looked at once a second.")                                                                        \
    M(LIMITED, .name = "database_limited_total", .type = METRICS_COUNTER,                                              \
      .help = "Requests answered 429: their client had as many queries in the queue as one client may.")               \
    M(RESULTS, .name = "database_memory_bytes", .type = METRICS_GAUGE, .unit = METRICS_BYTES,                          \
      .help = "Memory held for the results of queries. The largest one of a connection stays reserved.",               \
      .more = "It counts with `http_memory_bytes`.")                                                                   \
    M(QUERIES, .name = "database_queries_total", .type = METRICS_COUNTER, .labels = "outcome",                         \
      .help = "Queries by outcome.",                                                                                   \
      .more = "The outcomes are `ok`, `unique` and other refusals of a request's values, `unavailable`, "              \
              "`overloaded`, `timeout`, "                                                                              \
              "`unknown` and so on. Queries that were refused before they were sent are among them.")                  \
    M(QUERY_DURATION, .name = "database_query_duration_seconds", .type = METRICS_HISTOGRAM, .unit = METRICS_SECONDS,   \
      .bounds = &count_query_bounds,                                                                                   \
      .help = "Time from a query's submission, its wait in the queue included, to its result.")                        \
    M(COMMITS, .name = "database_commits_total", .type = METRICS_COUNTER, .help = "Transactions of writes committed.") \
    M(COMMITTED, .name = "database_committed_writes_total", .type = METRICS_COUNTER,                                   \
      .help = "Writes in these transactions.", .more = "By `database_commits_total`: how many share a commit.")        \
    M(ROLLED_BACK, .name = "database_shared_rollbacks_total", .type = METRICS_COUNTER,                                 \
      .help = "Transactions of several writes that were rolled back because one of them failed.")                      \
    M(AGAIN, .name = "database_writes_again_total", .type = METRICS_COUNTER,                                           \
      .help = "Writes that were sent again because they were rolled back with others.")                                \
    M(RECONNECTS, .name = "database_reconnects_total", .type = METRICS_COUNTER,                                        \
      .help =                                                                                                          \
          "Connections to the database made anew: after a loss, or in the place of one that was of no use any more.")

#endif
