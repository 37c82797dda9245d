/*
 * What another build counts besides; included before everything else in its sources. Its rows stand before all others,
 * so that no row, no series and no cell has the number that it has in the program; and one histogram has other bounds.
 */
#ifndef BUILDS_COUNT_ROWS_H
#define BUILDS_COUNT_ROWS_H

#define COUNT_ROWS_BEFORE(M)                                                                              \
    M(TEST_ANSWERS, .name = "test_answers_total", .help = "Answers by this build's workers.")             \
    M(TEST_ROOM, .name = "test_room_total", .help = "Nothing; it takes room.")                            \
    M(TEST_QUERIES, .name = "test_queries_total", .help = "Queries by this build's workers.")             \
    M(TEST_DURATION, .name = "test_duration_seconds", .type = METRICS_HISTOGRAM, .unit = METRICS_SECONDS, \
      .bounds = &count_query_bounds, .help = "Time of each answer by this build's workers.")              \
    M(TEST_SEVEN, .name = "test_seven", .type = METRICS_GAUGE, .help = "Seven, once the worker has answered.")

#define COUNT_QUERY_BOUNDS COUNT_US(200), COUNT_MS(2), COUNT_MS(20), COUNT_MS(200)

#endif
