/*
 * Cells by name: what is counted, in shared memory. It is part of the scoreboard, so it lives as long as the master and
 * outlives every child and every re-exec.
 *
 * A program says what it counts in rows (struct metrics_row). A row and its labels make a series; the catalog says
 * which cells belong to a series, the same ones in the master's place and in each worker's. Each cell has one writer,
 * which adds without a locked instruction; a worker goes on from what its predecessor left in its place, so sums over
 * all places never fall. The admin process only reads.
 *
 * The master writes a series into the catalog before it starts those who count it, and it stays there, unchanged: the
 * next executable may have other rows, in another order, and its workers and the old ones count side by side in a
 * reload. Two rows share cells only if their names, types, units and bounds are equal; a histogram with other bounds is
 * a new one, and begins at zero.
 */
#ifndef IPC_METRICS_H
#define IPC_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/form.h"

enum {
    METRICS_FAMILIES_MAX = 96,
    METRICS_SERIES_MAX = 1152,
    METRICS_CELLS_MAX = 4096, /* of a place */
    METRICS_BOUNDS_MAX = 24,
    METRICS_NAME_BYTES = 64,
    METRICS_HELP_BYTES = 160,
    METRICS_LABELS_BYTES = 160,
};

/* ---- Labels: method="GET",route="/x", as Prometheus' text has them ---- */

struct metrics_labels {
    size_t len; /* may be more than there is room for; such labels are never in the catalog */
    char text[METRICS_LABELS_BYTES];
};

/* Adds a label. All zero stands for no labels. A value may be any text: it is escaped here. */
void metrics_label(struct metrics_labels *labels, const char *name, const char *value);

/* ---- What a program says ---- */

enum metrics_type {
    METRICS_COUNTER,   /* only rises */
    METRICS_GAUGE,     /* what there is now: one sample for each worker that lives, or the master's */
    METRICS_HISTOGRAM, /* counts by bounds, and a sum; their cells lie in a row */
    METRICS_TYPE_COUNT,
};

enum metrics_unit {
    METRICS_COUNT,
    METRICS_BYTES,
    METRICS_SECONDS, /* its cells hold nanoseconds */
    METRICS_UNIT_COUNT,
};

enum metrics_by {
    METRICS_BY_WORKER,
    METRICS_BY_MASTER,
    METRICS_BY_ADMIN, /* nobody counts it: the admin process looks it up at each scrape */
    METRICS_BY_COUNT,
};

const char *metrics_type_name(enum metrics_type type); /* "counter", … */
const char *metrics_unit_name(enum metrics_unit unit);
const char *metrics_by_name(enum metrics_by by);

/* Upper bounds of a histogram's buckets, rising; one more bucket has none. */
struct metrics_bounds {
    unsigned count;
    uint64_t at[METRICS_BOUNDS_MAX];
};

struct metrics_row {
    const char *name; /* "http_requests_total": without the program's name, which /metrics puts before it */
    enum metrics_type type;
    enum metrics_unit unit;
    enum metrics_by by;
    const char *labels;                  /* names with spaces between them; NULL: none */
    const char *help;                    /* one sentence */
    const char *more;                    /* what docs/metrics.md says in addition; NULL: nothing */
    const struct metrics_bounds *bounds; /* of a histogram */
    size_t worker_member; /* for a worker's gauge that is on the scoreboard: the offset of its uint32_t in struct
                             scoreboard_worker. 0: it has a cell */
};

struct metrics_table {
    const struct metrics_row *rows;
    size_t count;
};

/* ---- The catalog ---- */

/* Types and units are stored as words: the next executable may number them in another way. */
#define METRICS_FAMILY_FORM(M, owner)          \
    M(owner, char, name, [METRICS_NAME_BYTES]) \
    M(owner, char, type, [16])                 \
    M(owner, char, unit, [16])                 \
    M(owner, char, help, [METRICS_HELP_BYTES]) \
    M(owner, uint32_t, bound_count, )          \
    M(owner, uint64_t, bounds, [METRICS_BOUNDS_MAX])
FORM_STRUCT(metrics_family, METRICS_FAMILY_FORM);

#define METRICS_SERIES_FORM(M, owner)                       \
    M(owner, uint64_t, hash, ) /* of family and labels */   \
    M(owner, uint32_t, family, )                            \
    M(owner, uint32_t, cell, ) /* the first of its cells */ \
    M(owner, uint32_t, shown_with, )                        \
    M(owner, char, labels, [METRICS_LABELS_BYTES])
FORM_STRUCT(metrics_series, METRICS_SERIES_FORM);

#define METRICS_CATALOG_FORM(M, owner)                                \
    M(owner, _Atomic uint32_t, family_count, )                        \
    M(owner, _Atomic uint32_t, series_count, )                        \
    M(owner, _Atomic uint32_t, cell_count, )                          \
    M(owner, struct metrics_family, families, [METRICS_FAMILIES_MAX]) \
    M(owner, struct metrics_series, series, [METRICS_SERIES_MAX])
FORM_STRUCT(metrics_catalog, METRICS_CATALOG_FORM);

/* The cells of a place. */
#define METRICS_WORKER_FORM(M, owner) M(owner, _Alignas(64) _Atomic uint64_t, cells, [METRICS_CELLS_MAX])
FORM_STRUCT(metrics_worker, METRICS_WORKER_FORM);

#define METRICS_FORM(M, owner)                  \
    M(owner, struct metrics_catalog, catalog, ) \
    M(owner, struct metrics_worker, master, )
FORM_STRUCT(metrics, METRICS_FORM);

/* Mixes the form of all that is in this file into a number. */
uint64_t metrics_form(uint64_t form);

/* For what found no room. Its cells are in each place, and nobody reads them. */
enum { METRICS_NOWHERE = 0, METRICS_NOWHERE_CELLS = METRICS_BOUNDS_MAX + 2 };

/* When a series is shown: always, once it has counted something, or once another one has (by that one's number). */
enum { METRICS_ALWAYS = 0, METRICS_ONCE_COUNTED = METRICS_SERIES_MAX };

/* For the master. Returns the number of the series, which is added if it is new; METRICS_NOWHERE if there is no room.
 * `labels` may be NULL. */
uint32_t metrics_register(struct metrics *metrics, const struct metrics_row *row, const struct metrics_labels *labels,
                          uint32_t shown_with);
/* Registers every row of the table that is counted in cells and has no labels. Returns how many found no room. */
unsigned metrics_register_table(struct metrics *metrics, const struct metrics_table *table);
/* The number of the series; METRICS_NOWHERE if it is not in the catalog. */
uint32_t metrics_find(const struct metrics *metrics, const struct metrics_row *row,
                      const struct metrics_labels *labels);

/* The series' first cell in a place. For METRICS_NOWHERE it is one that nobody reads. */
static inline _Atomic uint64_t *metrics_cells(const struct metrics *metrics, struct metrics_worker *place,
                                              uint32_t series)
{
    return &place->cells[metrics->catalog.series[series].cell];
}

static inline bool metrics_has_cells(const struct metrics_row *row)
{
    return row->by != METRICS_BY_ADMIN && row->worker_member == 0;
}

/* A worker's figure, if a worker could have counted so much in so many milliseconds; otherwise 0. The rates are past
 * any machine's, so nothing that is counted comes near them, and most of what is not counted is past them. */
uint64_t metrics_believe(uint64_t figure, enum metrics_unit unit, uint64_t ms);
/* The unit of a series' cell, of which this is the number: the buckets of a histogram are counts. */
enum metrics_unit metrics_cell_unit(const struct metrics_family *family, uint32_t cell);
/* Sets to 0 what no worker could have counted in so many milliseconds. */
void metrics_repair(const struct metrics *metrics, struct metrics_worker *place, uint64_t ms);

/* How many cells a series of the family has. */
uint32_t metrics_family_cells(const struct metrics_family *family);
bool metrics_family_is(const struct metrics_family *family, const struct metrics_row *row);

/* ---- Counting, by the cell's only writer ---- */

static inline void metrics_add(_Atomic uint64_t *cell, uint64_t more)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline void metrics_set(_Atomic uint64_t *cell, uint64_t value)
{
    atomic_store_explicit(cell, value, memory_order_relaxed);
}

static inline uint64_t metrics_get(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

/* `cells` are the histogram's: its buckets, not cumulative, and then the sum. Most values are small, so the search
 * begins there. */
static inline void metrics_observe(_Atomic uint64_t *cells, const struct metrics_bounds *bounds, uint64_t value)
{
    const unsigned count = bounds->count;
    unsigned at = 0;

    while (at < count && value > bounds->at[at]) at++;
    metrics_add(&cells[at], 1);
    metrics_add(&cells[count + 1], value);
}

#endif
