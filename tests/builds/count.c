/* The increments of newer.h. The linker (--wrap) puts them before those of the program. */
#include "newer.h"

#include "web/count.h"

/* NOLINTBEGIN(bugprone-reserved-identifier): ld(1) has these names */
void __real_count_answer(struct count *count, const struct http_record *record);
void __wrap_count_answer(struct count *count, const struct http_record *record);
void __real_count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns);
void __wrap_count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns);

void __wrap_count_answer(struct count *count, const struct http_record *record)
{
    metrics_add(count->cells[COUNT_TEST_ANSWERS], 1);
    metrics_observe(count->cells[COUNT_TEST_DURATION], &count_query_bounds, record->duration_ns);
    metrics_set(count->cells[COUNT_TEST_SEVEN], 7);
    __real_count_answer(count, record);
}

void __wrap_count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns)
{
    metrics_add(count->cells[COUNT_TEST_QUERIES], 1);
    __real_count_query(count, outcome, took_ns);
}
/* NOLINTEND(bugprone-reserved-identifier) */
