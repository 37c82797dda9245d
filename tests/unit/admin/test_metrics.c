#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/metrics.h"
#include "base/mem.h"
#include "ipc/metrics_master.h"
#include "test_admin.h"

/* ---- The catalog as /metrics ---- */

static const struct metrics_bounds bounds = {2, {2500000, 10000000}};
static const struct metrics_bounds other_bounds = {1, {5000000}};

enum { ASKED, TOOK, PLAIN, OPEN, BUSY };
static const struct metrics_row rows[] = {
    [ASKED] = {.name = "asked_total", .labels = "method route", .help = "Asked."},
    [TOOK] = {.name = "took_seconds",
              .type = METRICS_HISTOGRAM,
              .unit = METRICS_SECONDS,
              .labels = "route",
              .bounds = &bounds,
              .help = "Took."},
    [PLAIN] = {.name = "plain_bytes_total", .unit = METRICS_BYTES, .help = "Plain."},
    [OPEN] = {.name = "open",
              .type = METRICS_GAUGE,
              .worker_member = offsetof(struct scoreboard_worker, connections),
              .help = "Open."},
    [BUSY] = {.name = "busy_seconds", .type = METRICS_GAUGE, .unit = METRICS_SECONDS, .help = "Busy."},
};
static const struct metrics_table table = {rows, countof(rows)};

/* The next build: another order, a row more, two fewer, other bounds. */
static const struct metrics_row later_rows[] = {
    {.name = "new_total", .help = "New."},
    {.name = "took_seconds",
     .type = METRICS_HISTOGRAM,
     .unit = METRICS_SECONDS,
     .labels = "route",
     .bounds = &other_bounds,
     .help = "Took."},
    {.name = "asked_total", .labels = "method route", .help = "Asked, in other words."},
};
static const struct metrics_table later_table = {later_rows, countof(later_rows)};

struct rig {
    struct scoreboard *board;
    struct buf out;
};

static struct rig rig_new(void)
{
    struct rig rig = {.board = mem_zalloc(sizeof(struct scoreboard))};

    rig.board->workers = 3;
    rig.board->place[0].pid = getpid();
    rig.board->place[2].pid = getpid();
    metrics_master_register(&rig.board->metrics);
    metrics_register_table(&rig.board->metrics, &table);
    return rig;
}

static void rig_free(struct rig *rig)
{
    buf_clear(&rig->out);
    free(rig->board);
}

static struct metrics_labels rig_labels(const char *route)
{
    struct metrics_labels labels = {0};

    metrics_label(&labels, "route", route);
    return labels;
}

static uint32_t rig_register(struct rig *rig, const struct metrics_row *row, const char *route, uint32_t shown_with)
{
    const struct metrics_labels labels = rig_labels(route);

    return metrics_register(&rig->board->metrics, row, &labels, shown_with);
}

static _Atomic uint64_t *rig_cells(struct rig *rig, unsigned place, uint32_t series)
{
    return metrics_cells(&rig->board->metrics, &rig->board->of_worker[place].counted, series);
}

static void rig_scrape(struct rig *rig, const struct metrics_table *counted)
{
    const struct admin_metrics metrics = {.program = "p", .counted = counted};

    buf_reset(&rig->out);
    admin_metrics_text(&metrics, rig->board, &rig->out);
}

static void assert_has(struct rig *rig, const char *line)
{
    if (strstr(buf_cstr(&rig->out), line) == NULL) UNIT_STR("a line that is not there", line);
}

static void assert_lacks(struct rig *rig, const char *text)
{
    if (strstr(buf_cstr(&rig->out), text) != NULL) UNIT_STR("a text that should not be there", text);
}

static void test_cells_of_all_places_are_summed_also_of_those_without_a_worker(void)
{
    struct rig rig = rig_new();
    const uint32_t asked = rig_register(&rig, &rows[ASKED], "/a", METRICS_ALWAYS);
    const uint32_t took = rig_register(&rig, &rows[TOOK], "/a", METRICS_ALWAYS);

    for (unsigned place = 0; place < 3; place++) {
        metrics_add(rig_cells(&rig, place, asked), 10 + place);
        metrics_observe(rig_cells(&rig, place, took), &bounds, 3000000);
        metrics_add(rig_cells(&rig, place, metrics_find(&rig.board->metrics, &rows[PLAIN], NULL)), 100);
    }
    metrics_observe(rig_cells(&rig, 1, took), &bounds, 20000000000);
    rig_scrape(&rig, &table);
    assert_has(&rig, "\n# HELP p_asked_total Asked.\n# TYPE p_asked_total counter\np_asked_total{route=\"/a\"} 33\n");
    assert_has(&rig, "\n# TYPE p_took_seconds histogram\n"
                     "p_took_seconds_bucket{route=\"/a\",le=\"0.0025\"} 0\n"
                     "p_took_seconds_bucket{route=\"/a\",le=\"0.01\"} 3\n"
                     "p_took_seconds_bucket{route=\"/a\",le=\"+Inf\"} 4\n"
                     "p_took_seconds_sum{route=\"/a\"} 20.009\n"
                     "p_took_seconds_count{route=\"/a\"} 4\n");
    assert_has(&rig, "\np_plain_bytes_total 300\n");
    rig_free(&rig);
}

static void test_a_gauge_is_that_of_each_worker_that_lives(void)
{
    struct rig rig = rig_new();
    const uint32_t busy = metrics_find(&rig.board->metrics, &rows[BUSY], NULL);

    for (unsigned place = 0; place < 3; place++) {
        rig.board->of_worker[place].worker.connections = 5 + place;
        metrics_set(rig_cells(&rig, place, busy), (place + 1) * 500000000ULL);
    }
    metrics_set_workers_desired(&rig.board->metrics, 2);
    rig_scrape(&rig, &table);
    assert_has(&rig, "\n# TYPE p_open gauge\np_open{worker=\"0\"} 5\np_open{worker=\"2\"} 7\n");
    assert_has(&rig,
               "\n# TYPE p_busy_seconds gauge\np_busy_seconds{worker=\"0\"} 0.5\np_busy_seconds{worker=\"2\"} 1.5\n");
    assert_has(&rig, "\np_workers_desired 2\n");
    rig_free(&rig);
}

static void test_what_only_clients_could_bring_about_is_shown_once_they_did(void)
{
    struct rig rig = rig_new();
    const uint32_t quiet = rig_register(&rig, &rows[ASKED], "quiet", METRICS_ONCE_COUNTED);
    const uint32_t beside = rig_register(&rig, &rows[ASKED], "beside", quiet);

    rig_register(&rig, &rows[TOOK], "quiet", quiet);
    rig_scrape(&rig, &table);
    assert_lacks(&rig, "quiet");
    assert_lacks(&rig, "beside");
    metrics_add(rig_cells(&rig, 1, beside), 1);
    rig_scrape(&rig, &table);
    assert_has(&rig, "\np_asked_total{route=\"quiet\"} 0\np_asked_total{route=\"beside\"} 1\n");
    assert_has(&rig, "\np_took_seconds_count{route=\"quiet\"} 0\n");
    rig_free(&rig);
}

static void test_the_next_build_s_rows_show_what_the_earlier_ones_counted(void)
{
    struct rig rig = rig_new();
    const uint32_t asked = rig_register(&rig, &rows[ASKED], "/a", METRICS_ALWAYS);
    const uint32_t took = rig_register(&rig, &rows[TOOK], "/a", METRICS_ALWAYS);
    const uint32_t plain = metrics_find(&rig.board->metrics, &rows[PLAIN], NULL);

    metrics_add(rig_cells(&rig, 0, asked), 200);
    metrics_observe(rig_cells(&rig, 0, took), &bounds, 1);
    metrics_add(rig_cells(&rig, 0, plain), 7);
    UNIT_INT(metrics_register_table(&rig.board->metrics, &later_table), 0);
    UNIT_INT(rig_register(&rig, &later_rows[2], "/a", METRICS_ALWAYS), asked);
    const uint32_t later_took = rig_register(&rig, &later_rows[1], "/a", METRICS_ALWAYS);

    metrics_observe(rig_cells(&rig, 1, later_took), &other_bounds, 1);
    metrics_observe(rig_cells(&rig, 1, later_took), &other_bounds, 9000000);
    metrics_add(rig_cells(&rig, 1, asked), 3);
    metrics_add(rig_cells(&rig, 2, plain), 1); /* by a worker of the earlier build that is not gone yet */
    rig_scrape(&rig, &later_table);
    assert_has(&rig, "\n# HELP p_asked_total Asked, in other words.\n# TYPE p_asked_total counter\n"
                     "p_asked_total{route=\"/a\"} 203\n");
    assert_has(&rig,
               "\n# HELP p_plain_bytes_total Plain.\n# TYPE p_plain_bytes_total counter\np_plain_bytes_total 8\n");
    assert_has(&rig, "\n# TYPE p_took_seconds histogram\np_took_seconds_bucket{route=\"/a\",le=\"0.005\"} 1\n"
                     "p_took_seconds_bucket{route=\"/a\",le=\"+Inf\"} 2\n");
    assert_has(&rig, "\np_new_total 0\n");
    assert_lacks(&rig, "0.0025"); /* one name has one set of bounds */
    assert_lacks(&rig, "busy");   /* a gauge that nobody sets says nothing */
    /* And the way back. */
    rig_scrape(&rig, &table);
    assert_has(&rig, "\np_took_seconds_bucket{route=\"/a\",le=\"0.0025\"} 1\n");
    assert_has(&rig, "\n# TYPE p_new_total counter\np_new_total 0\n");
    assert_lacks(&rig, "0.005");
    rig_free(&rig);
}

static void test_a_stray_write_into_the_catalog_leads_nowhere_else(void)
{
    struct rig rig = rig_new();
    const uint32_t asked = rig_register(&rig, &rows[ASKED], "/a", METRICS_ALWAYS);
    struct metrics_catalog *catalog = &rig.board->metrics.catalog;

    memset(&catalog->series[asked], 0xee, sizeof(catalog->series[asked]) - METRICS_LABELS_BYTES);
    catalog->families[0].bound_count = UINT32_MAX;
    catalog->families[1].bound_count = UINT32_MAX;
    catalog->series_count = UINT32_MAX;
    catalog->family_count = UINT32_MAX;
    rig_scrape(&rig, &table);
    CU_ASSERT(rig.out.len > 0);
    rig_free(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_cells_of_all_places_are_summed_also_of_those_without_a_worker),
    UNIT_TEST(test_a_gauge_is_that_of_each_worker_that_lives),
    UNIT_TEST(test_what_only_clients_could_bring_about_is_shown_once_they_did),
    UNIT_TEST(test_the_next_build_s_rows_show_what_the_earlier_ones_counted),
    UNIT_TEST(test_a_stray_write_into_the_catalog_leads_nowhere_else),
};
const struct unit_part metrics_tests = UNIT_PART(tests);
