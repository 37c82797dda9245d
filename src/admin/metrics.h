/*
 * /metrics: what any program counts, in Prometheus' text format. Three tables of rows say what there is: gauges that
 * are looked up on the scoreboard at each scrape (admin/gauges.h), what the master counts (ipc/metrics_master.h), and
 * what the program's workers count, which is given. The catalog in shared memory has the series of the last two.
 */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "base/buf.h"
#include "ipc/scoreboard.h"

struct admin_metrics {
    const char *program; /* each name begins with this and an underscore */
    const struct metrics_table *counted;
};

void admin_metrics_text(const struct admin_metrics *metrics, const struct scoreboard *board, struct buf *out);

/* The table of docs/metrics.md. */
void admin_metrics_docs(const struct admin_metrics *metrics, struct buf *out);

#endif
