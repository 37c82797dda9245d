#include "admin/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/gauges.h"
#include "base/clock.h"
#include "ipc/metrics_master.h"

/* One scrape of the catalog. */
struct scrape {
    struct exposition *e;
    struct gauge_view *v;
    const struct metrics_catalog *catalog;
    const struct metrics_table *tables[2];
    uint32_t family_count;
    uint32_t series_count;
    uint64_t counted_ms;                  /* for how long the service has counted */
    bool has_counted[METRICS_SERIES_MAX]; /* it, or a series that is shown with it */
};

/* ---- Cells ---- */

/* Of the series' cells, the one of that number. A worker's figure that no worker could have counted is left out. */
static uint64_t scrape_sum(const struct scrape *s, const struct metrics_family *family,
                           const struct metrics_series *series, uint32_t number)
{
    const struct scoreboard *board = s->v->board;
    const enum metrics_unit unit = metrics_cell_unit(family, number);
    const uint32_t cell = series->cell + number;
    uint64_t sum = 0;

    if (cell >= METRICS_CELLS_MAX) return 0;
    sum = metrics_get(&board->metrics.master.cells[cell]);
    for (uint32_t i = 0; i < s->v->places; i++) {
        sum += metrics_believe(metrics_get(&board->of_worker[i].counted.cells[cell]), unit, s->counted_ms);
    }
    return sum;
}

static bool scrape_is_seconds(const struct metrics_family *family)
{
    return strcmp(family->unit, metrics_unit_name(METRICS_SECONDS)) == 0;
}

static bool scrape_is(const struct metrics_family *family, enum metrics_type type)
{
    return strcmp(family->type, metrics_type_name(type)) == 0;
}

static void scrape_value(const struct scrape *s, bool in_seconds, uint64_t value)
{
    if (in_seconds) {
        exposition_seconds(s->e, value);
    } else {
        exposition_u64(s->e, value);
    }
}

/* ---- Series ---- */

static void scrape_histogram(const struct scrape *s, const struct metrics_family *family,
                             const struct metrics_series *series)
{
    const bool in_seconds = scrape_is_seconds(family);
    const uint32_t bounds = metrics_family_cells(family) - 2;
    char bound[EXPOSITION_SECONDS_BYTES];
    uint64_t count = 0;

    for (uint32_t b = 0; b <= bounds; b++) {
        count += scrape_sum(s, family, series, b);
        if (b == bounds) {
            snprintf(bound, sizeof(bound), "+Inf");
        } else if (in_seconds) {
            exposition_format_seconds(family->bounds[b], bound);
        } else {
            snprintf(bound, sizeof(bound), "%" PRIu64, family->bounds[b]);
        }
        exposition_sample(s->e, "_bucket");
        exposition_labels(s->e, series->labels);
        exposition_label(s->e, "le", bound);
        exposition_u64(s->e, count);
    }
    exposition_sample(s->e, "_sum");
    exposition_labels(s->e, series->labels);
    scrape_value(s, in_seconds, scrape_sum(s, family, series, bounds + 1));
    exposition_sample(s->e, "_count");
    exposition_labels(s->e, series->labels);
    exposition_u64(s->e, count);
}

static void scrape_series(const struct scrape *s, const struct metrics_family *family,
                          const struct metrics_series *series)
{
    if (scrape_is(family, METRICS_HISTOGRAM)) {
        scrape_histogram(s, family, series);
        return;
    }
    exposition_sample(s->e, "");
    exposition_labels(s->e, series->labels);
    scrape_value(s, scrape_is_seconds(family), scrape_sum(s, family, series, 0));
}

/* A sample for each worker that lives. Its value is a member of the worker's on the scoreboard, or in a cell of its
 * place. */
static void scrape_worker_gauge(const struct scrape *s, const struct metrics_row *row, uint32_t cell)
{
    struct scoreboard_seen seen;
    char label[16];

    for (uint32_t at = 0; gauge_next_worker(s->v, &at, label, &seen);) {
        const struct scoreboard_worker_pages *own = &s->v->board->of_worker[at - 1];
        const char *members = (const char *)&own->worker;

        exposition_sample(s->e, "");
        exposition_label(s->e, "worker", label);
        if (row->worker_member != 0) {
            exposition_u64(s->e, *(const _Atomic uint32_t *)(const void *)(members + row->worker_member));
        } else {
            scrape_value(
                s, row->unit == METRICS_SECONDS,
                metrics_believe(metrics_get(&own->counted.cells[cell % METRICS_CELLS_MAX]), row->unit, s->counted_ms));
        }
    }
}

/* ---- Families ---- */

/* `row` is NULL for a family of an earlier build. */
static void scrape_family(const struct scrape *s, uint32_t number, const struct metrics_row *row)
{
    const struct metrics_family *family = &s->catalog->families[number];

    exposition_family(s->e, family->name, family->type, row == NULL ? family->help : row->help);
    for (uint32_t i = METRICS_NOWHERE + 1; i < s->series_count; i++) {
        const struct metrics_series *series = &s->catalog->series[i];

        if (series->family != number) continue;
        if (row != NULL && row->type == METRICS_GAUGE && row->by == METRICS_BY_WORKER) {
            scrape_worker_gauge(s, row, series->cell);
        } else if (series->shown_with == METRICS_ALWAYS || s->has_counted[series->shown_with % METRICS_SERIES_MAX]) {
            scrape_series(s, family, series);
        }
    }
}

static void scrape_row(const struct scrape *s, const struct metrics_row *row)
{
    if (row->worker_member != 0) {
        exposition_family(s->e, row->name, metrics_type_name(row->type), row->help);
        scrape_worker_gauge(s, row, 0);
        return;
    }
    for (uint32_t i = 0; i < s->family_count; i++) {
        if (metrics_family_is(&s->catalog->families[i], row)) {
            scrape_family(s, i, row);
            return;
        }
    }
}

static bool scrape_has_row(const struct scrape *s, const char *name)
{
    for (size_t t = 0; t < countof(s->tables); t++) {
        for (size_t i = 0; i < s->tables[t]->count; i++) {
            if (strcmp(s->tables[t]->rows[i].name, name) == 0) return true;
        }
    }
    for (size_t i = 0; i < admin_gauge_count; i++) {
        if (strcmp(admin_gauges[i].row.name, name) == 0) return true;
    }
    return false;
}

/* A name may be there more than once, if builds meant different things by it. */
static bool scrape_is_named_later(const struct scrape *s, uint32_t number)
{
    for (uint32_t i = number + 1; i < s->family_count; i++) {
        if (strcmp(s->catalog->families[i].name, s->catalog->families[number].name) == 0) return true;
    }
    return false;
}

/* A counter that this build does not count is still shown, so that sums do not fall. A gauge that this build does not
 * have means nothing any more, and is not shown. */
static void scrape_former(const struct scrape *s)
{
    for (uint32_t i = 0; i < s->family_count; i++) {
        const struct metrics_family *family = &s->catalog->families[i];

        if (scrape_is(family, METRICS_GAUGE) || scrape_has_row(s, family->name) || scrape_is_named_later(s, i))
            continue;
        scrape_family(s, i, NULL);
    }
}

static uint32_t scrape_count(const _Atomic uint32_t *count, uint32_t max)
{
    const uint32_t now = atomic_load_explicit(count, memory_order_acquire);

    return now < max ? now : max;
}

static void scrape_find_counted(struct scrape *s)
{
    for (uint32_t i = METRICS_NOWHERE + 1; i < s->series_count; i++) {
        const struct metrics_series *series = &s->catalog->series[i];

        if (series->shown_with == METRICS_ALWAYS || s->has_counted[series->shown_with % METRICS_SERIES_MAX]) continue;
        const struct metrics_family *family = &s->catalog->families[series->family % METRICS_FAMILIES_MAX];

        if (scrape_is(family, METRICS_COUNTER) && scrape_sum(s, family, series, 0) > 0) {
            s->has_counted[series->shown_with % METRICS_SERIES_MAX] = true;
        }
    }
}

void admin_metrics_text(const struct admin_metrics *metrics, const struct scoreboard *board, struct buf *out)
{
    struct exposition e = {.out = out, .prefix = metrics->program};
    struct gauge_view v = {.board = board, .places = scoreboard_places(board), .now_ms = clock_monotonic_ms()};
    struct scrape s = {
        .e = &e,
        .v = &v,
        .catalog = &board->metrics.catalog,
        .tables = {&metrics_master_table, metrics->counted},
        .family_count = scrape_count(&board->metrics.catalog.family_count, METRICS_FAMILIES_MAX),
        .series_count = scrape_count(&board->metrics.catalog.series_count, METRICS_SERIES_MAX),
        .counted_ms = scoreboard_counted_ms(board),
    };

    scoreboard_read(board, &v.details);
    scrape_find_counted(&s);
    for (size_t i = 0; i < admin_gauge_count; i++) {
        const struct metrics_row *row = &admin_gauges[i].row;

        exposition_family(&e, row->name, metrics_type_name(row->type), row->help);
        admin_gauges[i].add(&e, &v);
    }
    for (size_t t = 0; t < countof(s.tables); t++) {
        for (size_t i = 0; i < s.tables[t]->count; i++) scrape_row(&s, &s.tables[t]->rows[i]);
    }
    scrape_former(&s);
}
