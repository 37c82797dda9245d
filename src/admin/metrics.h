/* /metrics: the scoreboard in Prometheus' text format. docs/metrics.md has the same table for people. */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "admin/exposition.h"
#include "ipc/scoreboard.h"

void admin_metrics_text(const struct scoreboard *board, struct buf *out);

#endif
