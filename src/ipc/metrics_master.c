#include "ipc/metrics_master.h"

#include <signal.h>

#include "base/attr.h"
#include "ipc/scoreboard.h"

enum metrics_master_id {
    METRICS_MASTER_STARTED,
    METRICS_MASTER_RELOADS,
    METRICS_MASTER_RELOAD_SUCCESSFUL,
    METRICS_MASTER_RELOAD_TIME,
    METRICS_MASTER_DESIRED,
    METRICS_MASTER_RESTARTS,
    METRICS_MASTER_COUNT,
};

static const struct metrics_row metrics_master_rows[METRICS_MASTER_COUNT] = {
    [METRICS_MASTER_STARTED] = {.name = "start_time_seconds",
                                .type = METRICS_GAUGE,
                                .unit = METRICS_SECONDS,
                                .by = METRICS_BY_MASTER,
                                .help = "When the master started, in seconds since 1970; a reload leaves it."},
    [METRICS_MASTER_RELOADS] = {.name = "reloads_total",
                                .type = METRICS_COUNTER,
                                .by = METRICS_BY_MASTER,
                                .labels = "verdict",
                                .help = "Reloads by their verdict.",
                                .more = "The verdicts are `succeeded` and `failed`."},
    [METRICS_MASTER_RELOAD_SUCCESSFUL] = {.name = "last_reload_successful",
                                          .type = METRICS_GAUGE,
                                          .by = METRICS_BY_MASTER,
                                          .help = "Whether the last reload succeeded: 1 or 0; 1 if there was none."},
    [METRICS_MASTER_RELOAD_TIME] = {.name = "last_reload_timestamp_seconds",
                                    .type = METRICS_GAUGE,
                                    .unit = METRICS_SECONDS,
                                    .by = METRICS_BY_MASTER,
                                    .help = "When the last reload's verdict came, in seconds since 1970; the start if "
                                            "there was none."},
    [METRICS_MASTER_DESIRED] = {.name = "workers_desired",
                                .type = METRICS_GAUGE,
                                .by = METRICS_BY_MASTER,
                                .help = "How many workers there should be.",
                                .more = "`STRATSLAB_WORKERS` sets the number, TTIN and TTOU change it."},
    [METRICS_MASTER_RESTARTS] =
        {.name = "worker_restarts_total",
         .type = METRICS_COUNTER,
         .by = METRICS_BY_MASTER,
         .labels = "cause",
         .help = "Workers that ended and were replaced, by cause.",
         .more = "The causes are a signal (`SIGSEGV`, `SIGABRT`, `SIGBUS`, `SIGFPE`, `SIGILL`, `SIGKILL`; "
                 "`signal` for any other), `hang`, `out_of_memory`, `exit`, and `recycled`, "
                 "by `STRATSLAB_MAX_REQUESTS` or `STRATSLAB_MAX_MEMORY`, which is not a fault."},
};

const struct metrics_table metrics_master_table = {metrics_master_rows, METRICS_MASTER_COUNT};

static const struct {
    const char *name;
    int signo; /* 0: none */
} metrics_causes[METRICS_CAUSE_COUNT] = {
    [METRICS_CAUSE_SIGSEGV] = {"SIGSEGV", SIGSEGV},
    [METRICS_CAUSE_SIGABRT] = {"SIGABRT", SIGABRT},
    [METRICS_CAUSE_SIGBUS] = {"SIGBUS", SIGBUS},
    [METRICS_CAUSE_SIGFPE] = {"SIGFPE", SIGFPE},
    [METRICS_CAUSE_SIGILL] = {"SIGILL", SIGILL},
    [METRICS_CAUSE_SIGKILL] = {"SIGKILL", SIGKILL},
    [METRICS_CAUSE_SIGNAL] = {"signal", 0},
    [METRICS_CAUSE_HANG] = {"hang", 0},
    [METRICS_CAUSE_OUT_OF_MEMORY] = {"out_of_memory", 0},
    [METRICS_CAUSE_EXIT] = {"exit", 0},
    [METRICS_CAUSE_RECYCLED] = {"recycled", 0},
};

const char *metrics_cause_name(enum metrics_cause cause)
{
    return metrics_causes[cause].name;
}

enum metrics_cause metrics_cause_of_signal(int signo)
{
    for (unsigned i = 0; i < METRICS_CAUSE_COUNT; i++) {
        if (metrics_causes[i].signo == signo) return (enum metrics_cause)i;
    }
    return METRICS_CAUSE_SIGNAL;
}

static void metrics_master_label(struct metrics_labels *labels, enum metrics_master_id id, const char *value)
{
    *labels = (struct metrics_labels){0};
    metrics_label(labels, metrics_master_rows[id].labels, value);
}

static const char *metrics_verdict(bool failed)
{
    return scoreboard_reload_name(failed ? SCOREBOARD_RELOAD_FAILED : SCOREBOARD_RELOAD_SUCCEEDED);
}

static unsigned metrics_master_register_one(struct metrics *metrics, enum metrics_master_id id, const char *value)
{
    struct metrics_labels labels;

    metrics_master_label(&labels, id, value);
    return metrics_register(metrics, &metrics_master_rows[id], &labels, METRICS_ALWAYS) == METRICS_NOWHERE;
}

unsigned metrics_master_register(struct metrics *metrics)
{
    unsigned missed = metrics_register_table(metrics, &metrics_master_table);

    for (unsigned i = 0; i < METRICS_CAUSE_COUNT; i++) {
        missed += metrics_master_register_one(metrics, METRICS_MASTER_RESTARTS, metrics_causes[i].name);
    }
    missed += metrics_master_register_one(metrics, METRICS_MASTER_RELOADS, metrics_verdict(false));
    missed += metrics_master_register_one(metrics, METRICS_MASTER_RELOADS, metrics_verdict(true));
    return missed;
}

/* What the master counts happens rarely, so it looks for its cell each time. */
static _Atomic uint64_t *metrics_master_cell(struct metrics *metrics, enum metrics_master_id id, const char *value)
{
    struct metrics_labels labels = {0};

    if (value != NULL) metrics_master_label(&labels, id, value);
    return metrics_cells(metrics, &metrics->master, metrics_find(metrics, &metrics_master_rows[id], &labels));
}

void metrics_count_restart(struct metrics *metrics, enum metrics_cause cause)
{
    metrics_add(metrics_master_cell(metrics, METRICS_MASTER_RESTARTS, metrics_causes[cause].name), 1);
}

static void metrics_set_reload(struct metrics *metrics, bool failed, uint64_t wall_us)
{
    metrics_set(metrics_master_cell(metrics, METRICS_MASTER_RELOAD_SUCCESSFUL, NULL), !failed);
    metrics_set(metrics_master_cell(metrics, METRICS_MASTER_RELOAD_TIME, NULL), wall_us * 1000);
}

void metrics_count_reload(struct metrics *metrics, bool failed, uint64_t wall_us)
{
    metrics_add(metrics_master_cell(metrics, METRICS_MASTER_RELOADS, metrics_verdict(failed)), 1);
    metrics_set_reload(metrics, failed, wall_us);
}

void metrics_set_started(struct metrics *metrics, uint64_t wall_us)
{
    metrics_set(metrics_master_cell(metrics, METRICS_MASTER_STARTED, NULL), wall_us * 1000);
    metrics_set_reload(metrics, false, wall_us);
}

void metrics_set_workers_desired(struct metrics *metrics, unsigned workers)
{
    metrics_set(metrics_master_cell(metrics, METRICS_MASTER_DESIRED, NULL), workers);
}
