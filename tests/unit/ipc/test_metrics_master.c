#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/metrics_master.h"
#include "test_ipc.h"

static void test_each_death_has_a_cause(void)
{
    UNIT_STR(metrics_cause_name(metrics_cause_of_signal(SIGSEGV)), "SIGSEGV");
    UNIT_STR(metrics_cause_name(metrics_cause_of_signal(SIGKILL)), "SIGKILL");
    UNIT_STR(metrics_cause_name(metrics_cause_of_signal(SIGXCPU)), "signal");
    for (unsigned i = 0; i < METRICS_CAUSE_COUNT; i++) CU_ASSERT_PTR_NOT_NULL(metrics_cause_name(i));
}

/* The value of a series of the master's, by its name. */
static uint64_t value_of(const struct metrics *metrics, const char *name, const char *label, const char *value)
{
    struct metrics_labels labels = {0};

    if (value != NULL) metrics_label(&labels, label, value);
    for (size_t i = 0; i < metrics_master_table.count; i++) {
        const struct metrics_row *row = &metrics_master_table.rows[i];
        const uint32_t series = metrics_find(metrics, row, &labels);

        if (strcmp(row->name, name) != 0) continue;
        CU_ASSERT(series != METRICS_NOWHERE);
        return metrics_get(&metrics->master.cells[metrics->catalog.series[series].cell]);
    }
    CU_FAIL("no such row");
    return 0;
}

static void test_restarts_and_reloads_are_counted_by_name(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));

    UNIT_INT(metrics_master_register(metrics), 0);
    metrics_set_started(metrics, 5);
    UNIT_INT(value_of(metrics, "start_time_seconds", NULL, NULL), 5000);
    UNIT_INT(value_of(metrics, "last_reload_timestamp_seconds", NULL, NULL), 5000);
    UNIT_INT(value_of(metrics, "last_reload_successful", NULL, NULL), 1);
    metrics_count_restart(metrics, METRICS_CAUSE_HANG);
    metrics_count_restart(metrics, METRICS_CAUSE_HANG);
    metrics_count_restart(metrics, METRICS_CAUSE_RECYCLED);
    metrics_count_reload(metrics, false, 7);
    metrics_count_reload(metrics, true, 9);
    UNIT_INT(metrics_master_register(metrics), 0); /* as the next image does */
    metrics_set_workers_desired(metrics, 3);
    UNIT_INT(value_of(metrics, "worker_restarts_total", "cause", "hang"), 2);
    UNIT_INT(value_of(metrics, "worker_restarts_total", "cause", "recycled"), 1);
    UNIT_INT(value_of(metrics, "worker_restarts_total", "cause", "SIGSEGV"), 0);
    UNIT_INT(value_of(metrics, "reloads_total", "verdict", "succeeded"), 1);
    UNIT_INT(value_of(metrics, "reloads_total", "verdict", "failed"), 1);
    UNIT_INT(value_of(metrics, "last_reload_successful", NULL, NULL), 0);
    UNIT_INT(value_of(metrics, "last_reload_timestamp_seconds", NULL, NULL), 9000);
    UNIT_INT(value_of(metrics, "start_time_seconds", NULL, NULL), 5000);
    UNIT_INT(value_of(metrics, "workers_desired", NULL, NULL), 3);
    free(metrics);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_death_has_a_cause),
    UNIT_TEST(test_restarts_and_reloads_are_counted_by_name),
};
const struct unit_part metrics_master_tests = UNIT_PART(tests);
