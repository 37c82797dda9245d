#include "stratslabd/migrate_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { COLUMNS_MAX = 6 };

/* Rows of cells, the first of them the heads; every column as wide as its widest cell. */
struct columns {
    size_t count;
    size_t rows;
    char *(*cells)[COLUMNS_MAX];
};

static void columns_add(struct columns *columns, const char *const *cells)
{
    columns->cells = mem_realloc(columns->cells, (columns->rows + 1) * sizeof(columns->cells[0]));
    for (size_t i = 0; i < columns->count; i++)
        columns->cells[columns->rows][i] = mem_strdup(cells[i] == NULL ? "-" : cells[i]);
    columns->rows++;
}

static size_t columns_width(const struct columns *columns, size_t column)
{
    size_t widest = 0;

    for (size_t row = 0; row < columns->rows; row++) {
        const char *cell = columns->cells[row][column];
        size_t width = utf8_count(cell, strlen(cell));

        if (width > widest) widest = width;
    }
    return widest;
}

static void columns_print(struct columns *columns, struct buf *out)
{
    size_t widths[COLUMNS_MAX];

    for (size_t i = 0; i < columns->count; i++) widths[i] = columns_width(columns, i);
    for (size_t row = 0; row < columns->rows; row++) {
        for (size_t i = 0; i < columns->count; i++) {
            const char *cell = columns->cells[row][i];
            size_t width = utf8_count(cell, strlen(cell));

            buf_add_str(out, cell);
            if (i + 1 < columns->count) buf_printf(out, "%*s", (int)(widths[i] - width) + 2, "");
            free(columns->cells[row][i]);
        }
        while (out->len > 0 && out->data[out->len - 1] == ' ') out->len--;
        buf_add_char(out, '\n');
    }
    free(columns->cells);
    *columns = (struct columns){0};
}

static const char *migrate_print_duration(int64_t ms, char out[32])
{
    if (ms < 0) return NULL;
    if (ms < 10000) {
        snprintf(out, 32, "%" PRId64 " ms", ms);
    } else {
        snprintf(out, 32, "%.1f s", (double)ms / 1000);
    }
    return out;
}

static const char *migrate_print_remark(const struct migrate_entry *entry, char *out, size_t size)
{
    static const char *const remarks[] = {
        [MIGRATE_STATE_PENDING] = "",
        [MIGRATE_STATE_APPLIED] = "",
        [MIGRATE_STATE_CHANGED] = "the file is not the one that was applied",
        [MIGRATE_STATE_UNCHECKED] = "applied without a checksum (by dbmate)",
        [MIGRATE_STATE_MISSING] = "this build has no such file",
    };

    if (entry->statements_done > 0) {
        snprintf(out, size, "stopped after statement %u", entry->statements_done);
        return out;
    }
    if (entry->out_of_order) return "older than the newest applied";
    return remarks[entry->state];
}

void migrate_print_status(struct buf *out, const struct migrate_report *report)
{
    static const char *const heads[] = {"VERSION", "NAME", "STATE", "APPLIED AT", "TOOK", "REMARK"};
    struct columns columns = {.count = countof(heads)};
    char took[32];
    char remark[64];

    columns_add(&columns, heads);
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_entry *e = &report->entries[i];
        const char *const cells[] = {e->version,
                                     e->name,
                                     migrate_state_name(e->state),
                                     e->applied_at,
                                     migrate_print_duration(e->duration_ms, took),
                                     migrate_print_remark(e, remark, sizeof(remark))};

        columns_add(&columns, cells);
    }
    columns_print(&columns, out);
    buf_printf(out, "%zu applied, %zu pending", report->applied, report->pending);
    if (report->changed > 0) buf_printf(out, ", %zu changed", report->changed);
    if (report->missing > 0) buf_printf(out, ", %zu not in this build", report->missing);
    buf_printf(out, "; current: %s\n", report->current == NULL ? "none" : report->current);
}

/* Rows without a time, which dbmate wrote, come first. */
static int migrate_print_order(const void *a, const void *b)
{
    const struct migrate_entry *left = *(const struct migrate_entry *const *)a;
    const struct migrate_entry *right = *(const struct migrate_entry *const *)b;
    int order =
        strcmp(left->applied_at == NULL ? "" : left->applied_at, right->applied_at == NULL ? "" : right->applied_at);

    return order != 0 ? order : strcmp(left->version, right->version);
}

static const struct migrate_entry **migrate_print_applied(const struct migrate_report *report)
{
    const struct migrate_entry **applied = mem_array(report->applied, sizeof(applied[0]));
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++) {
        if (report->entries[i].state != MIGRATE_STATE_PENDING) applied[count++] = &report->entries[i];
    }
    qsort(applied, count, sizeof(applied[0]), migrate_print_order);
    return applied;
}

void migrate_print_history(struct buf *out, const struct migrate_report *report)
{
    static const char *const heads[] = {"APPLIED AT", "VERSION", "NAME", "TOOK", "BY", "BUILD"};
    const struct migrate_entry **applied = migrate_print_applied(report);
    struct columns columns = {.count = countof(heads)};
    char took[32];

    columns_add(&columns, heads);
    for (size_t i = 0; i < report->applied; i++) {
        const struct migrate_entry *e = applied[i];
        const char *const cells[] = {e->applied_at, e->version,
                                     e->name,       migrate_print_duration(e->duration_ms, took),
                                     e->applied_by, e->app_version};

        columns_add(&columns, cells);
    }
    columns_print(&columns, out);
    free(applied);
}

void migrate_print_plan(struct buf *out, const struct migrate_plan *plan)
{
    char took[32];

    if (plan->count == 0) buf_add_str(out, "nothing is pending\n");
    for (size_t i = 0; i < plan->count; i++) {
        const struct migrate_plan_step *step = &plan->steps[i];

        if (!step->rehearsed) {
            buf_printf(out, "%s: not rehearsed: %s\n", step->path, step->reason);
            continue;
        }
        buf_printf(out, "%s: works, %s%s\n", step->path, migrate_print_duration(step->duration_ms, took),
                   step->lock_count == 0 ? "; takes no lock that anybody could wait for" : "; takes");
        for (size_t j = 0; j < step->lock_count; j++)
            buf_printf(out, "    %s on %s\n", step->locks[j].mode, step->locks[j].relation);
    }
    if (plan->count > 0) buf_add_str(out, "This was a rehearsal: everything was rolled back.\n");
}

static void migrate_json_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    if (text == NULL) {
        buf_add_str(out, "null");
    } else {
        buf_add_json(out, slice_of(text));
    }
}

static void migrate_json_duration(struct buf *out, int64_t ms)
{
    if (ms < 0) {
        buf_add_str(out, "\"duration_ms\":null");
    } else {
        buf_printf(out, "\"duration_ms\":%" PRId64, ms);
    }
}

static void migrate_json_entry(struct buf *out, const struct migrate_entry *e)
{
    buf_add_char(out, '{');
    migrate_json_text(out, "version", e->version);
    buf_add_char(out, ',');
    migrate_json_text(out, "name", e->name);
    buf_add_char(out, ',');
    migrate_json_text(out, "path", e->path);
    buf_add_char(out, ',');
    migrate_json_text(out, "state", migrate_state_name(e->state));
    buf_printf(out, ",\"out_of_order\":%s,\"transaction\":%s,\"statements_done\":%u,",
               e->out_of_order ? "true" : "false", e->transaction ? "true" : "false", e->statements_done);
    migrate_json_text(out, "applied_at", e->applied_at);
    buf_add_char(out, ',');
    migrate_json_duration(out, e->duration_ms);
    buf_add_char(out, ',');
    migrate_json_text(out, "app_version", e->app_version);
    buf_add_char(out, ',');
    migrate_json_text(out, "applied_by", e->applied_by);
    buf_add_char(out, '}');
}

void migrate_print_report_json(struct buf *out, const struct migrate_report *report, bool ok)
{
    buf_printf(out, "{\"ok\":%s,", ok ? "true" : "false");
    migrate_json_text(out, "current", report->current);
    buf_printf(
        out,
        ",\"applied\":%zu,\"pending\":%zu,\"changed\":%zu,\"unchecked\":%zu,\"missing\":%zu,\"out_of_order\":%zu,"
        "\"migrations\":[",
        report->applied, report->pending, report->changed, report->unchecked, report->missing, report->out_of_order);
    for (size_t i = 0; i < report->count; i++) {
        if (i > 0) buf_add_char(out, ',');
        migrate_json_entry(out, &report->entries[i]);
    }
    buf_add_str(out, "]}\n");
}

void migrate_print_current_json(struct buf *out, const struct migrate_report *report)
{
    buf_add_char(out, '{');
    migrate_json_text(out, "current", report->current);
    buf_printf(out, ",\"pending\":%zu}\n", report->pending);
}

void migrate_print_history_json(struct buf *out, const struct migrate_report *report)
{
    const struct migrate_entry **applied = migrate_print_applied(report);

    buf_add_str(out, "{\"history\":[");
    for (size_t i = 0; i < report->applied; i++) {
        if (i > 0) buf_add_char(out, ',');
        migrate_json_entry(out, applied[i]);
    }
    buf_add_str(out, "]}\n");
    free(applied);
}

void migrate_print_plan_json(struct buf *out, const struct migrate_plan *plan)
{
    buf_add_str(out, "{\"steps\":[");
    for (size_t i = 0; i < plan->count; i++) {
        const struct migrate_plan_step *step = &plan->steps[i];

        buf_add_str(out, i > 0 ? ",{" : "{");
        migrate_json_text(out, "version", step->version);
        buf_add_char(out, ',');
        migrate_json_text(out, "path", step->path);
        buf_printf(out, ",\"rehearsed\":%s,", step->rehearsed ? "true" : "false");
        migrate_json_text(out, "reason", step->reason);
        buf_add_char(out, ',');
        migrate_json_duration(out, step->duration_ms);
        buf_add_str(out, ",\"locks\":[");
        for (size_t j = 0; j < step->lock_count; j++) {
            buf_add_str(out, j > 0 ? ",{" : "{");
            migrate_json_text(out, "relation", step->locks[j].relation);
            buf_add_char(out, ',');
            migrate_json_text(out, "mode", step->locks[j].mode);
            buf_add_char(out, '}');
        }
        buf_add_str(out, "]}");
    }
    buf_add_str(out, "]}\n");
}
