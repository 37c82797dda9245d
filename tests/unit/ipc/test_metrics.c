#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/metrics.h"
#include "test_ipc.h"

static const struct metrics_bounds narrow = {2, {10, 20}};
static const struct metrics_bounds wide = {3, {10, 20, 40}};
static const struct metrics_bounds moved = {2, {10, 25}};

static const struct metrics_row first = {.name = "first_total", .help = "First."};
static const struct metrics_row second = {.name = "second_total", .help = "Second."};
static const struct metrics_row routed = {.name = "routed_total", .labels = "route", .help = "Routed."};
static const struct metrics_row timed = {.name = "timed", .type = METRICS_HISTOGRAM, .bounds = &narrow, .help = "T."};

static struct metrics_labels route(const char *name)
{
    struct metrics_labels labels = {0};

    metrics_label(&labels, "route", name);
    return labels;
}

static uint32_t register_row(struct metrics *metrics, const struct metrics_row *row)
{
    return metrics_register(metrics, row, NULL, METRICS_ALWAYS);
}

static uint32_t cell_of(const struct metrics *metrics, uint32_t series)
{
    return metrics->catalog.series[series].cell;
}

static void test_a_series_keeps_its_cells_whatever_is_learned_later(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    const uint32_t one = register_row(metrics, &first);
    const uint32_t run = register_row(metrics, &timed);
    const uint32_t cell = cell_of(metrics, one);

    CU_ASSERT(one != METRICS_NOWHERE && run != METRICS_NOWHERE && one != run);
    /* The next build has another row before it, and lacks the histogram. */
    const uint32_t two = register_row(metrics, &second);

    UNIT_INT(register_row(metrics, &first), one);
    UNIT_INT(cell_of(metrics, one), cell);
    UNIT_INT(metrics_find(metrics, &timed, NULL), run);
    CU_ASSERT(cell_of(metrics, two) >= cell_of(metrics, run) + narrow.count + 2);
    UNIT_INT(metrics->catalog.family_count, 3);
    free(metrics);
}

static void test_a_name_that_means_something_else_has_cells_of_its_own(void)
{
    static const struct metrics_row others[] = {
        {.name = "timed", .type = METRICS_HISTOGRAM, .bounds = &wide, .help = "T."},
        {.name = "timed", .type = METRICS_HISTOGRAM, .bounds = &moved, .help = "T."},
        {.name = "timed", .type = METRICS_HISTOGRAM, .unit = METRICS_SECONDS, .bounds = &narrow, .help = "T."},
        {.name = "timed", .type = METRICS_COUNTER, .help = "T."},
        {.name = "timed", .type = METRICS_GAUGE, .help = "T."},
    };
    static const struct metrics_row helped = {
        .name = "timed", .type = METRICS_HISTOGRAM, .bounds = &narrow, .help = "Other words."};
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    const uint32_t series = register_row(metrics, &timed);
    uint32_t end = cell_of(metrics, series) + narrow.count + 2;

    UNIT_INT(register_row(metrics, &helped), series); /* words are not what it means */
    for (size_t i = 0; i < countof(others); i++) {
        const uint32_t other = register_row(metrics, &others[i]);

        UNIT_INT(cell_of(metrics, other), end);
        end += others[i].bounds == NULL ? 1 : others[i].bounds->count + 2;
        UNIT_INT(metrics_find(metrics, &others[i], NULL), other);
    }
    UNIT_INT(metrics_find(metrics, &timed, NULL), series);
    free(metrics);
}

static void test_what_is_not_in_the_catalog_is_counted_where_nobody_reads(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    struct metrics_worker *place = mem_zalloc(sizeof(*place));
    const struct metrics_labels here = route("/here"), gone = route("/gone");

    UNIT_INT(metrics_find(metrics, &first, NULL), METRICS_NOWHERE); /* while it is empty, too */
    const uint32_t series = metrics_register(metrics, &routed, &here, METRICS_ALWAYS);

    UNIT_INT(metrics_find(metrics, &routed, &gone), METRICS_NOWHERE);
    UNIT_INT(metrics_find(metrics, &routed, NULL), METRICS_NOWHERE);
    CU_ASSERT(cell_of(metrics, series) >= METRICS_NOWHERE_CELLS);
    /* Room for the longest histogram. */
    struct metrics_bounds longest = {.count = METRICS_BOUNDS_MAX};

    metrics_observe(metrics_cells(metrics, place, METRICS_NOWHERE), &longest, 7);
    UNIT_INT(metrics_get(&place->cells[METRICS_NOWHERE_CELLS - 1]), 7);
    UNIT_INT(metrics_get(metrics_cells(metrics, place, series)), 0);
    free(metrics);
    free(place);
}

static void test_a_full_catalog_says_so_and_keeps_what_it_has(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    char name[32];
    uint32_t last = METRICS_NOWHERE;
    unsigned missed = 0;

    for (unsigned i = 0; i < METRICS_SERIES_MAX + 10; i++) {
        snprintf(name, sizeof(name), "/%u", i);
        const struct metrics_labels labels = route(name);
        const uint32_t at = metrics_register(metrics, &routed, &labels, METRICS_ALWAYS);

        UNIT_INT(metrics_find(metrics, &routed, &labels), at);
        missed += at == METRICS_NOWHERE;
        if (at != METRICS_NOWHERE) last = at;
    }
    UNIT_INT(missed, 11); /* METRICS_NOWHERE holds a place */
    UNIT_INT(last, METRICS_SERIES_MAX - 1);
    UNIT_INT(metrics->catalog.series_count, METRICS_SERIES_MAX);
    static const struct metrics_row rows[] = {{.name = "a", .help = "A."}, {.name = "b", .labels = "x", .help = "B."}};
    static const struct metrics_table table = {rows, countof(rows)};

    UNIT_INT(metrics_register_table(metrics, &table), 1); /* those with labels are their counters' matter */
    free(metrics);
}

static void test_cells_and_families_do_not_run_out_of_their_arrays(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    struct metrics_bounds bounds = {.count = METRICS_BOUNDS_MAX};
    const struct metrics_row row = {.name = "run", .type = METRICS_HISTOGRAM, .bounds = &bounds, .help = "R."};
    char name[METRICS_NAME_BYTES + 8];
    unsigned learned = 0;

    for (unsigned i = 0; i < 2 * METRICS_CELLS_MAX / METRICS_NOWHERE_CELLS; i++) {
        snprintf(name, sizeof(name), "/%u", i);
        const struct metrics_labels labels = route(name);
        const uint32_t at = metrics_register(metrics, &row, &labels, METRICS_ALWAYS);

        learned += at != METRICS_NOWHERE;
        CU_ASSERT(cell_of(metrics, at) + METRICS_NOWHERE_CELLS <= METRICS_CELLS_MAX);
    }
    UNIT_INT(learned, METRICS_CELLS_MAX / METRICS_NOWHERE_CELLS - 1);
    for (unsigned i = 1; i < METRICS_FAMILIES_MAX + 5; i++) {
        const struct metrics_row more = {.name = name, .help = "M."};

        snprintf(name, sizeof(name), "more_%u", i);
        register_row(metrics, &more);
    }
    UNIT_INT(metrics->catalog.family_count, METRICS_FAMILIES_MAX);
    free(metrics);
}

static void test_labels_are_written_as_prometheus_reads_them_and_never_cut(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    struct metrics_labels labels = {0};
    char text[METRICS_LABELS_BYTES];

    metrics_label(&labels, "a", "back\\slash \"quote\"\nline");
    metrics_label(&labels, "b", "{id}");
    UNIT_STR(labels.text, "a=\"back\\\\slash \\\"quote\\\"\\nline\",b=\"{id}\"");
    /* The longest that fits, and one more. */
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - sizeof("route=\"\"")] = '\0';
    labels = route(text);
    CU_ASSERT(metrics_register(metrics, &routed, &labels, METRICS_ALWAYS) != METRICS_NOWHERE);
    UNIT_INT(strlen(labels.text), METRICS_LABELS_BYTES - 1);
    text[strlen(text)] = 'y';
    text[sizeof(text) - sizeof("route=\"\"") + 1] = '\0';
    labels = route(text);
    UNIT_INT(metrics_register(metrics, &routed, &labels, METRICS_ALWAYS), METRICS_NOWHERE);
    UNIT_INT(metrics_find(metrics, &routed, &labels), METRICS_NOWHERE);
    free(metrics);
}

static void test_a_value_falls_into_the_first_bucket_that_holds_it(void)
{
    static const struct {
        uint64_t value;
        unsigned bucket;
    } cases[] = {{0, 0}, {10, 0}, {11, 1}, {20, 1}, {21, 2}, {40, 2}, {41, 3}, {UINT64_MAX, 3}};

    for (size_t i = 0; i < countof(cases); i++) {
        _Atomic uint64_t cells[5] = {0};

        metrics_observe(cells, &wide, cases[i].value);
        for (unsigned b = 0; b <= wide.count; b++) UNIT_INT(cells[b], b == cases[i].bucket);
        CU_ASSERT_EQUAL(cells[wide.count + 1], cases[i].value);
    }
}

static void test_the_form_goes_on_from_another(void)
{
    CU_ASSERT_EQUAL(metrics_form(FORM_BEGIN), metrics_form(FORM_BEGIN));
    CU_ASSERT_NOT_EQUAL(metrics_form(FORM_BEGIN), metrics_form(FORM_BEGIN + 1));
    CU_ASSERT_NOT_EQUAL(metrics_form(FORM_BEGIN), FORM_BEGIN);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_series_keeps_its_cells_whatever_is_learned_later),
    UNIT_TEST(test_a_name_that_means_something_else_has_cells_of_its_own),
    UNIT_TEST(test_what_is_not_in_the_catalog_is_counted_where_nobody_reads),
    UNIT_TEST(test_a_full_catalog_says_so_and_keeps_what_it_has),
    UNIT_TEST(test_cells_and_families_do_not_run_out_of_their_arrays),
    UNIT_TEST(test_labels_are_written_as_prometheus_reads_them_and_never_cut),
    UNIT_TEST(test_a_value_falls_into_the_first_bucket_that_holds_it),
    UNIT_TEST(test_the_form_goes_on_from_another),
};
const struct unit_part metrics_tests = UNIT_PART(tests);
