#include "ipc/metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"

static const char *const metrics_type_names[METRICS_TYPE_COUNT] = {
    [METRICS_COUNTER] = "counter",
    [METRICS_GAUGE] = "gauge",
    [METRICS_HISTOGRAM] = "histogram",
};

static const char *const metrics_unit_names[METRICS_UNIT_COUNT] = {
    [METRICS_COUNT] = "count",
    [METRICS_BYTES] = "bytes",
    [METRICS_SECONDS] = "seconds",
};

static const char *const metrics_by_names[METRICS_BY_COUNT] = {
    [METRICS_BY_WORKER] = "worker",
    [METRICS_BY_MASTER] = "master",
    [METRICS_BY_ADMIN] = "admin",
};

const char *metrics_type_name(enum metrics_type type)
{
    return metrics_type_names[type];
}

const char *metrics_unit_name(enum metrics_unit unit)
{
    return metrics_unit_names[unit];
}

const char *metrics_by_name(enum metrics_by by)
{
    return metrics_by_names[by];
}

/* ---- Labels ---- */

static void metrics_labels_add(struct metrics_labels *labels, char c)
{
    if (labels->len + 1 < sizeof(labels->text)) labels->text[labels->len] = c;
    labels->len++;
}

static void metrics_labels_add_text(struct metrics_labels *labels, const char *text)
{
    while (*text != '\0') metrics_labels_add(labels, *text++);
}

/* Prometheus documentation, "Exposition formats": a label's value has \\, \" and \n. */
void metrics_label(struct metrics_labels *labels, const char *name, const char *value)
{
    if (labels->len > 0) metrics_labels_add(labels, ',');
    metrics_labels_add_text(labels, name);
    metrics_labels_add_text(labels, "=\"");
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') metrics_labels_add(labels, '\\');
        metrics_labels_add(labels, *value == '\n' ? 'n' : *value);
    }
    metrics_labels_add(labels, '"');
}

/* ---- Form ---- */

FORM_FUNCTION(metrics_family, METRICS_FAMILY_FORM)
FORM_FUNCTION(metrics_series, METRICS_SERIES_FORM)
FORM_FUNCTION(metrics_catalog, METRICS_CATALOG_FORM)
FORM_FUNCTION(metrics_worker, METRICS_WORKER_FORM)

uint64_t metrics_form(uint64_t form)
{
    form = metrics_worker_form(metrics_catalog_form(metrics_series_form(metrics_family_form(form))));
    form = form_mix_number(form, sizeof(struct metrics));
    METRICS_FORM(FORM_MIX_MEMBER, struct metrics)
    return form;
}

/* ---- Catalog ---- */

uint32_t metrics_family_cells(const struct metrics_family *family)
{
    if (strcmp(family->type, metrics_type_names[METRICS_HISTOGRAM]) != 0) return 1;
    return family->bound_count < METRICS_BOUNDS_MAX ? family->bound_count + 2 : METRICS_BOUNDS_MAX + 2;
}

bool metrics_family_is(const struct metrics_family *family, const struct metrics_row *row)
{
    const unsigned bounds = row->bounds == NULL ? 0 : row->bounds->count;

    return strcmp(family->name, row->name) == 0 && strcmp(family->type, metrics_type_names[row->type]) == 0 &&
           strcmp(family->unit, metrics_unit_names[row->unit]) == 0 && family->bound_count == bounds &&
           (bounds == 0 || memcmp(family->bounds, row->bounds->at, bounds * sizeof(uint64_t)) == 0);
}

static uint32_t metrics_find_family(const struct metrics_catalog *catalog, const struct metrics_row *row)
{
    const uint32_t count = atomic_load_explicit(&catalog->family_count, memory_order_acquire);
    uint32_t at = 0;

    while (at < count && at < METRICS_FAMILIES_MAX && !metrics_family_is(&catalog->families[at], row)) at++;
    return at < count ? at : METRICS_FAMILIES_MAX;
}

/* METRICS_FAMILIES_MAX if there is no room. */
static uint32_t metrics_register_family(struct metrics_catalog *catalog, const struct metrics_row *row)
{
    const uint32_t count = catalog->family_count;
    const uint32_t found = metrics_find_family(catalog, row);

    if (found < METRICS_FAMILIES_MAX || count >= METRICS_FAMILIES_MAX) return found;
    struct metrics_family *family = &catalog->families[count];

    if (strlen(row->name) >= sizeof(family->name)) return METRICS_FAMILIES_MAX;
    *family = (struct metrics_family){.bound_count = 0};
    if (row->bounds != NULL) {
        family->bound_count = row->bounds->count;
        memcpy(family->bounds, row->bounds->at, sizeof(family->bounds));
    }
    snprintf(family->name, sizeof(family->name), "%s", row->name);
    snprintf(family->type, sizeof(family->type), "%s", metrics_type_names[row->type]);
    snprintf(family->unit, sizeof(family->unit), "%s", metrics_unit_names[row->unit]);
    snprintf(family->help, sizeof(family->help), "%s", row->help);
    atomic_store_explicit(&catalog->family_count, count + 1, memory_order_release);
    return count;
}

static uint64_t metrics_hash(uint32_t family, const char *labels)
{
    return form_mix_text(form_mix_number(FORM_BEGIN, family), labels);
}

static uint32_t metrics_find_series(const struct metrics_catalog *catalog, uint32_t family, const char *labels)
{
    const uint32_t count = atomic_load_explicit(&catalog->series_count, memory_order_acquire);
    const uint64_t hash = metrics_hash(family, labels);

    for (uint32_t i = METRICS_NOWHERE + 1; i < count && i < METRICS_SERIES_MAX; i++) {
        const struct metrics_series *series = &catalog->series[i];

        if (series->hash == hash && series->family == family && strcmp(series->labels, labels) == 0) return i;
    }
    return METRICS_NOWHERE;
}

static const char *metrics_labels_text(const struct metrics_labels *labels)
{
    return labels == NULL ? "" : labels->text;
}

static bool metrics_labels_fit(const struct metrics_labels *labels)
{
    return labels == NULL || labels->len < sizeof(labels->text);
}

uint32_t metrics_find(const struct metrics *metrics, const struct metrics_row *row, const struct metrics_labels *labels)
{
    const struct metrics_catalog *catalog = &metrics->catalog;
    const uint32_t family = metrics_find_family(catalog, row);

    if (family >= METRICS_FAMILIES_MAX || !metrics_labels_fit(labels)) return METRICS_NOWHERE;
    return metrics_find_series(catalog, family, metrics_labels_text(labels));
}

uint32_t metrics_register(struct metrics *metrics, const struct metrics_row *row, const struct metrics_labels *labels,
                          uint32_t shown_with)
{
    struct metrics_catalog *catalog = &metrics->catalog;

    if (!metrics_labels_fit(labels)) return METRICS_NOWHERE;
    if (catalog->series_count == 0) {
        catalog->cell_count = METRICS_NOWHERE_CELLS;
        catalog->series_count = METRICS_NOWHERE + 1;
    }
    const uint32_t family = metrics_register_family(catalog, row);

    if (family >= METRICS_FAMILIES_MAX) return METRICS_NOWHERE;
    const uint32_t found = metrics_find_series(catalog, family, metrics_labels_text(labels));
    const uint32_t cells = metrics_family_cells(&catalog->families[family]);
    const uint32_t at = catalog->series_count;

    if (found != METRICS_NOWHERE) return found;
    if (at >= METRICS_SERIES_MAX || catalog->cell_count + cells > METRICS_CELLS_MAX) return METRICS_NOWHERE;
    struct metrics_series *series = &catalog->series[at];

    *series = (struct metrics_series){
        .hash = metrics_hash(family, metrics_labels_text(labels)),
        .family = family,
        .cell = catalog->cell_count,
        .shown_with = shown_with == METRICS_ONCE_COUNTED ? at : shown_with,
    };
    snprintf(series->labels, sizeof(series->labels), "%s", metrics_labels_text(labels));
    catalog->cell_count += cells;
    atomic_store_explicit(&catalog->series_count, at + 1, memory_order_release);
    return at;
}

unsigned metrics_register_table(struct metrics *metrics, const struct metrics_table *table)
{
    unsigned missed = 0;

    for (size_t i = 0; i < table->count; i++) {
        const struct metrics_row *row = &table->rows[i];

        if (row->labels != NULL || !metrics_has_cells(row)) continue;
        missed += metrics_register(metrics, row, NULL, METRICS_ALWAYS) == METRICS_NOWHERE;
    }
    return missed;
}

/* ---- What a worker says that it counted ---- */

/* Time that a service may have counted before its clock is read, and the powers of two that a second may bring: 16
 * million of anything, 256 GiB, and the time of 16,000 things at once. */
enum { METRICS_BEFORE_S = 3600, METRICS_MOST_BITS = 62 };

static const unsigned metrics_rate_bits[METRICS_UNIT_COUNT] = {
    [METRICS_COUNT] = 24,
    [METRICS_BYTES] = 38,
    [METRICS_SECONDS] = 44,
};

uint64_t metrics_believe(uint64_t figure, enum metrics_unit unit, uint64_t ms)
{
    const uint64_t seconds = ms / 1000 + METRICS_BEFORE_S;
    const unsigned bits = metrics_rate_bits[unit];
    const uint64_t most = UINT64_C(1) << METRICS_MOST_BITS;

    return figure <= (seconds > most >> bits ? most : seconds << bits) ? figure : 0;
}

enum metrics_unit metrics_cell_unit(const struct metrics_family *family, uint32_t cell)
{
    if (strcmp(family->type, metrics_type_names[METRICS_HISTOGRAM]) == 0 && cell + 1 < metrics_family_cells(family)) {
        return METRICS_COUNT;
    }
    for (unsigned unit = METRICS_BYTES; unit < METRICS_UNIT_COUNT; unit++) {
        if (strcmp(family->unit, metrics_unit_names[unit]) == 0) return (enum metrics_unit)unit;
    }
    return METRICS_COUNT;
}

void metrics_repair(const struct metrics *metrics, struct metrics_worker *place, uint64_t ms)
{
    const struct metrics_catalog *catalog = &metrics->catalog;

    for (uint32_t i = METRICS_NOWHERE + 1; i < catalog->series_count && i < METRICS_SERIES_MAX; i++) {
        const struct metrics_series *series = &catalog->series[i];
        const struct metrics_family *family = &catalog->families[series->family % METRICS_FAMILIES_MAX];
        const uint32_t count = metrics_family_cells(family);

        for (uint32_t c = 0; c < count && series->cell + c < METRICS_CELLS_MAX; c++) {
            _Atomic uint64_t *cell = &place->cells[series->cell + c];

            metrics_set(cell, metrics_believe(metrics_get(cell), metrics_cell_unit(family, c), ms));
        }
    }
}
