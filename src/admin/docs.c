/* The table of docs/metrics.md. */
#include <string.h>

#include "admin/gauges.h"
#include "admin/metrics.h"
#include "ipc/metrics_master.h"

static void docs_add_labels(const struct metrics_row *row, struct buf *out)
{
    struct slice rest = slice_of(row->labels == NULL ? "" : row->labels);
    const char *before = "";

    if (row->type == METRICS_GAUGE && row->by == METRICS_BY_WORKER) rest = SLICE_LIT("worker");
    while (rest.data != NULL) {
        const struct slice label = slice_cut(&rest, ' ');

        if (label.len == 0) continue;
        buf_add_str(out, before);
        buf_add_char(out, '`');
        buf_add_slice(out, label);
        buf_add_char(out, '`');
        before = ", ";
    }
}

static void docs_add_bounds(const struct metrics_row *row, struct buf *out)
{
    const struct metrics_bounds *bounds = row->bounds;
    char first[EXPOSITION_SECONDS_BYTES];
    char last[EXPOSITION_SECONDS_BYTES];

    if (row->unit != METRICS_SECONDS || bounds->count == 0) return;
    exposition_format_seconds(bounds->at[0], first);
    exposition_format_seconds(bounds->at[bounds->count - 1], last);
    buf_printf(out, " Its %u bounds go from %s to %s.", bounds->count, first, last);
}

static void docs_add_row(const struct admin_metrics *metrics, const struct metrics_row *row, struct buf *out)
{
    buf_printf(out, "| `%s_%s` | %s | %s | ", metrics->program, row->name, metrics_type_name(row->type),
               metrics_unit_name(row->unit));
    docs_add_labels(row, out);
    buf_printf(out, " | %s | %s", metrics_by_name(row->by), row->help);
    if (row->more != NULL) buf_printf(out, " %s", row->more);
    if (row->bounds != NULL) docs_add_bounds(row, out);
    buf_add_str(out, " |\n");
}

void admin_metrics_docs(const struct admin_metrics *metrics, struct buf *out)
{
    const struct metrics_table *const tables[] = {&metrics_master_table, metrics->counted};

    buf_add_str(out, "| metric | type | unit | labels | by | |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < admin_gauge_count; i++) docs_add_row(metrics, &admin_gauges[i].row, out);
    for (size_t t = 0; t < countof(tables); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) docs_add_row(metrics, &tables[t]->rows[i], out);
    }
}
