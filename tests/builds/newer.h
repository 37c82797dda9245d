/*
 * What the next version of each program has besides: counters, a setting, a kind of strategy and a form of the files of
 * the cache. Included before everything else in the sources that are compiled for it. Its rows of counters stand before
 * all others, so that no row, no series and no cell has the number that it has in this version; and one histogram has
 * other bounds.
 */
#ifndef BUILDS_NEWER_H
#define BUILDS_NEWER_H

#define COUNT_ROWS_BEFORE(M)                                                                              \
    M(TEST_ANSWERS, .name = "test_answers_total", .help = "Answers by this build's workers.")             \
    M(TEST_ROOM, .name = "test_room_total", .help = "Nothing; it takes room.")                            \
    M(TEST_QUERIES, .name = "test_queries_total", .help = "Queries by this build's workers.")             \
    M(TEST_DURATION, .name = "test_duration_seconds", .type = METRICS_HISTOGRAM, .unit = METRICS_SECONDS, \
      .bounds = &count_query_bounds, .help = "Time of each answer by this build's workers.")              \
    M(TEST_SEVEN, .name = "test_seven", .type = METRICS_GAUGE, .help = "Seven, once the worker has answered.")

#define COUNT_QUERY_BOUNDS COUNT_US(200), COUNT_MS(2), COUNT_MS(20), COUNT_MS(200)

#define METER_ROWS_BEFORE(M) \
    M(TEST_ENDED, .name = "test_ended_total", .help = "Claims that this build's workers ended.")

#define SHEET_VERSION 3

/* clang-format off */
/* Of both programs. NEWER_MEMBER is one of the snapshot that the program itself has no use for. */
#define CONF_ROWS_MORE                                \
    {.name = "STRATSLAB_NOVELTY",                     \
     CONF_ROW_DURATION(NEWER_MEMBER, 0, CONF_MINUTE), \
     .defaults = CONF_BOTH("5s"),                     \
     .help = "What the next version has."}

#define KINDS_MORE                                                               \
    {.name = "buy_green",                                                        \
     .description = "Buys after a bar that rose, and sells after one that fell", \
     .document = "\"long\":{\"enter\":\"close > open\",\"exit\":\"close < open\"}"}
/* clang-format on */

#endif
