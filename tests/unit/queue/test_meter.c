#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "queue/failure.h"
#include "queue/meter.h"
#include "test_queue.h"

/* What the catalog would cut, and what would break the table. */
static void test_rows_are_fit_for_the_catalog_and_the_table(void)
{
    for (size_t i = 0; i < meter_table.count; i++) {
        const struct metrics_row *row = &meter_table.rows[i];

        CU_ASSERT(strlen(row->name) < METRICS_NAME_BYTES && strlen(row->help) < METRICS_HELP_BYTES);
        CU_ASSERT(row->help[strlen(row->help) - 1] == '.' && strchr(row->help, '|') == NULL);
        CU_ASSERT_EQUAL(row->type == METRICS_HISTOGRAM, row->bounds != NULL);
        CU_ASSERT_EQUAL(row->type == METRICS_COUNTER, strstr(row->name, "_total") != NULL);
        for (size_t j = 0; j < i; j++) CU_ASSERT(strcmp(meter_table.rows[j].name, row->name) != 0);
        for (unsigned b = 1; row->bounds != NULL && b < row->bounds->count; b++) {
            CU_ASSERT(row->bounds->at[b] > row->bounds->at[b - 1]);
        }
    }
}

static void test_every_code_has_a_cell_of_its_own(void)
{
    struct scoreboard *board = mem_zalloc(sizeof(*board));
    struct meter meter = {0};
    const struct child_place place = {.board = board, .counted = &board->of_worker[0].counted};
    size_t count = 0;

    CU_ASSERT_EQUAL(meter_register(&board->metrics), 0);
    meter_init(&meter, &place);
    for (; failure_code_at(count) != NULL; count++) meter_failure(&meter, failure_code_at(count)->code);
    meter_failure(&meter, "of another build");
    CU_ASSERT(count + 1 < METER_CODES_MAX);
    for (size_t i = 0; i <= count; i++) CU_ASSERT_EQUAL(metrics_get(meter.codes[i]), 1);
    free(board);
}

static void test_what_is_counted_is_where_it_is_looked_for(void)
{
    struct scoreboard *board = mem_zalloc(sizeof(*board));
    struct meter meter = {0};
    const struct child_place place = {.board = board, .counted = &board->of_worker[3].counted};

    CU_ASSERT_EQUAL(meter_register(&board->metrics), 0);
    meter_init(&meter, &place);
    metrics_add(meter.cells[METER_CLAIMED], 2);
    metrics_set(meter.cells[METER_QUEUED], 7);
    meter_end(&meter, METER_LOST);
    meter_time(&meter, METER_COMPUTE, METER_MS(3));
    CU_ASSERT_EQUAL(metrics_get(meter.outcomes[METER_LOST]), 1);
    CU_ASSERT_EQUAL(metrics_get(meter.outcomes[METER_SUCCEEDED]), 0);
    CU_ASSERT_EQUAL(metrics_get(&meter.phases[METER_COMPUTE][meter_phase_bounds.count + 1]), METER_MS(3));
    CU_ASSERT_STRING_EQUAL(meter_outcome_name(METER_GIVEN_BACK), "given_back");
    /* The next worker of the place counts on, and its gauges begin anew. */
    meter_init(&meter, &place);
    CU_ASSERT_EQUAL(metrics_get(meter.cells[METER_CLAIMED]), 2);
    CU_ASSERT_EQUAL(metrics_get(meter.cells[METER_QUEUED]), 0);
    free(board);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_rows_are_fit_for_the_catalog_and_the_table),
    UNIT_TEST(test_every_code_has_a_cell_of_its_own),
    UNIT_TEST(test_what_is_counted_is_where_it_is_looked_for),
};
const struct unit_part meter_tests = UNIT_PART(tests);
