#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/metrics.h"
#include "base/mem.h"
#include "test_web.h"
#include "web/count.h"

/* What the catalog would cut, and what would break the table. */
static void test_rows_are_fit_for_the_catalog_and_the_table(void)
{
    for (size_t i = 0; i < count_table.count; i++) {
        const struct metrics_row *row = &count_table.rows[i];

        CU_ASSERT(strlen(row->name) < METRICS_NAME_BYTES && strlen(row->help) < METRICS_HELP_BYTES);
        CU_ASSERT(row->help[strlen(row->help) - 1] == '.' && strchr(row->help, '|') == NULL);
        CU_ASSERT_EQUAL(row->type == METRICS_HISTOGRAM, row->bounds != NULL);
        CU_ASSERT_EQUAL(row->type == METRICS_COUNTER, strstr(row->name, "_total") != NULL);
        for (size_t j = 0; j < i; j++) CU_ASSERT(strcmp(count_table.rows[j].name, row->name) != 0);
        for (unsigned b = 1; row->bounds != NULL && b < row->bounds->count; b++) {
            CU_ASSERT(row->bounds->at[b] > row->bounds->at[b - 1]);
        }
    }
}

static const struct http_route list = {.method = HTTP_GET, .path = "/a", .index = 0};
static const struct http_route make = {.method = HTTP_POST, .path = "/a", .index = 1};
static const struct http_route *const routes[] = {&list, &make};

struct rig {
    struct scoreboard *board;
    struct count count;
};

static unsigned rig_register(struct scoreboard *board)
{
    size_t count;
    struct count_name *names = count_names(routes, countof(routes), &count);
    const unsigned missed = count_register(&board->metrics, names, count);

    free(names);
    return missed;
}

/* The worker of that place begins. */
static void rig_begin(struct count *count, struct scoreboard *board, unsigned slot,
                      const struct http_route *const *begun, size_t route_count)
{
    const struct child_place place = {.board = board, .counted = &board->of_worker[slot].counted};

    count_init(count, &place, slot, begun, route_count);
}

static struct rig rig_new(void)
{
    struct rig rig = {.board = mem_zalloc(sizeof(struct scoreboard))};

    UNIT_INT(rig_register(rig.board), 0);
    rig_begin(&rig.count, rig.board, 1, routes, countof(routes));
    return rig;
}

static void rig_free(struct rig *rig)
{
    count_clear(&rig->count);
    free(rig->board);
}

/* `class` may be NULL: the duration's sum. */
static uint64_t counted(const struct rig *rig, const char *method, const char *route, const char *class)
{
    struct metrics_labels labels = {0};

    metrics_label(&labels, "method", method);
    metrics_label(&labels, "route", route);
    if (class != NULL) metrics_label(&labels, "status_class", class);
    const struct metrics_row *row = &count_table.rows[class == NULL ? COUNT_REQUEST_DURATION : COUNT_REQUESTS];
    const uint32_t series = metrics_find(&rig->board->metrics, row, &labels);
    const uint32_t offset = class == NULL ? row->bounds->count + 1 : 0;

    CU_ASSERT(series != METRICS_NOWHERE);
    return metrics_get(
        &rig->board->of_worker[1].counted.cells[rig->board->metrics.catalog.series[series].cell + offset]);
}

static uint64_t plain(const struct rig *rig, enum count_id id)
{
    const uint32_t series = metrics_find(&rig->board->metrics, &count_table.rows[id], NULL);

    return metrics_get(&rig->board->of_worker[1].counted.cells[rig->board->metrics.catalog.series[series].cell]);
}

static void answer(struct rig *rig, const struct http_route *route, enum http_method method, bool known,
                   unsigned status)
{
    count_answer(&rig->count,
                 &(struct http_record){
                     .route = route, .method = method, .method_known = known, .status = status, .duration_ns = 1000});
}

static void test_each_status_has_a_class(void)
{
    static const struct {
        unsigned status;
        const char *class;
    } cases[] = {{0, "none"},  {200, "2xx"}, {299, "2xx"}, {304, "3xx"}, {400, "4xx"},
                 {499, "4xx"}, {500, "5xx"}, {599, "5xx"}, {999, "5xx"}};

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_STR(count_class_name(count_class(cases[i].status)), cases[i].class);
    }
}

static void test_an_answer_is_counted_under_its_route_and_class(void)
{
    struct rig rig = rig_new();

    answer(&rig, &list, HTTP_GET, true, 200);
    answer(&rig, &list, HTTP_GET, true, 200);
    answer(&rig, &list, HTTP_HEAD, true, 304);
    answer(&rig, &make, HTTP_POST, true, 422);
    answer(&rig, NULL, HTTP_PATCH, true, 405);
    answer(&rig, NULL, HTTP_GET, false, 501);
    UNIT_INT(counted(&rig, "GET", "/a", "2xx"), 2);
    UNIT_INT(counted(&rig, "GET", "/a", "none"), 0);
    UNIT_INT(counted(&rig, "GET", "/a", NULL), 2000);
    UNIT_INT(counted(&rig, "HEAD", "/a", "3xx"), 1);
    UNIT_INT(counted(&rig, "POST", "/a", "4xx"), 1);
    UNIT_INT(counted(&rig, "PATCH", "unmatched", "4xx"), 1);
    UNIT_INT(counted(&rig, "other", "unmatched", "5xx"), 1);
    UNIT_INT(counted(&rig, "other", "unmatched", NULL), 1000);
    rig_free(&rig);
}

static void test_commits(void)
{
    const struct db_commit made = {.happened = true, .writes = 7}, undone = {.writes = 5, .again = 4};
    struct rig rig = rig_new();

    count_commit(&rig.count, &made);
    count_commit(&rig.count, &made);
    count_commit(&rig.count, &undone);
    UNIT_INT(plain(&rig, COUNT_COMMITS), 2);
    UNIT_INT(plain(&rig, COUNT_COMMITTED), 14);
    UNIT_INT(plain(&rig, COUNT_ROLLED_BACK), 1);
    UNIT_INT(plain(&rig, COUNT_AGAIN), 4);
    rig_free(&rig);
}

static void test_the_next_worker_goes_on_in_the_same_cells(void)
{
    struct rig rig = rig_new();

    answer(&rig, &list, HTTP_GET, true, 200);
    count_moved(&rig.count, 10, 20);
    count_connections(&rig.count, 3);
    count_query(&rig.count, DB_OK, 5);
    UNIT_INT(rig_register(rig.board), 0); /* the next image */
    count_clear(&rig.count);
    rig.count = (struct count){0};
    rig_begin(&rig.count, rig.board, 1, routes, countof(routes));
    answer(&rig, &list, HTTP_GET, true, 200);
    count_moved(&rig.count, 1, 2);
    count_connections(&rig.count, 1);
    UNIT_INT(counted(&rig, "GET", "/a", "2xx"), 2);
    UNIT_INT(plain(&rig, COUNT_RECEIVED), 11);
    UNIT_INT(plain(&rig, COUNT_SENT), 22);
    UNIT_INT(plain(&rig, COUNT_ACCEPTED), 4);
    UNIT_INT(plain(&rig, COUNT_QUERY_DURATION), 1); /* its first bucket */
    rig_free(&rig);
}

static void test_a_route_without_room_is_counted_as_other(void)
{
    struct rig rig = {.board = mem_zalloc(sizeof(struct scoreboard))};
    static const struct http_route late = {.method = HTTP_GET, .path = "/late", .index = 0};
    static const struct http_route *const late_routes[] = {&late};
    struct metrics_labels labels;
    char name[32];
    size_t count;

    UNIT_INT(rig_register(rig.board), 0);
    for (unsigned i = 0; i < METRICS_SERIES_MAX; i++) { /* a long day of other builds */
        snprintf(name, sizeof(name), "%u", i);
        labels = (struct metrics_labels){0};
        metrics_label(&labels, "outcome", name);
        metrics_register(&rig.board->metrics, &count_table.rows[COUNT_QUERIES], &labels, METRICS_ALWAYS);
    }
    struct count_name *names = count_names(late_routes, 1, &count);

    UNIT_INT(count_register(&rig.board->metrics, names, count), 2 * (COUNT_CLASSES + 1)); /* GET and HEAD */
    free(names);
    rig_begin(&rig.count, rig.board, 1, late_routes, 1);
    answer(&rig, &late, HTTP_GET, true, 200);
    answer(&rig, NULL, HTTP_GET, true, 404);
    UNIT_INT(counted(&rig, "other", "other", "2xx"), 1);
    UNIT_INT(counted(&rig, "other", "other", NULL), 1000);
    UNIT_INT(counted(&rig, "GET", "unmatched", "4xx"), 1);
    rig_free(&rig);
}

/* Places 0 to 3, of which the last one has no worker any more, say that they hold `held` and `results`, times 1, 2, 4
 * and 8. */
static void rig_others_say(struct rig *rig, uint64_t held, uint64_t results)
{
    rig->board->workers = 4;
    for (unsigned i = 0; i < 4; i++) {
        struct count other = {0};

        rig_begin(&other, rig->board, i, routes, countof(routes));
        metrics_set(other.cells[COUNT_HELD], held << i);
        metrics_set(other.cells[COUNT_RESULTS], results << i);
        rig->board->place[i].pid = i == 3 ? 0 : 1;
        count_clear(&other);
    }
}

/* Those of places that have a worker; a place whose worker has ended keeps its last figure. */
static void test_what_others_hold(void)
{
    struct rig rig = rig_new();
    struct http_elsewhere seen = {.made = 7};

    rig_others_say(&rig, 1000, 100);
    count_held_by_others(&rig.count, 12000, &seen);
    UNIT_INT(seen.held, 1000 + 4000); /* its own place is 1 */
    UNIT_INT(seen.results, 100 + 400);
    UNIT_INT(seen.own, 1000); /* a quarter, shared by three */
    UNIT_INT(seen.made, 7);
    count_held_by_others(&rig.count, 24000, &seen);
    UNIT_INT(seen.held, 2000 + 4000); /* what is the other's own counts as taken */
    rig_free(&rig);
}

/* No sum of what they say ends the numbers. */
static void test_workers_may_say_anything(void)
{
    struct rig rig = rig_new();
    struct http_elsewhere seen = {.made = 0};

    rig.board->workers = SCOREBOARD_WORKERS_MAX;
    for (unsigned i = 0; i < SCOREBOARD_WORKERS_MAX; i++) {
        rig.board->place[i].pid = 1;
        metrics_set(&rig.board->of_worker[i].counted.cells[rig.count.held], UINT64_MAX);
        metrics_set(&rig.board->of_worker[i].counted.cells[rig.count.results], UINT64_MAX - i);
    }
    count_held_by_others(&rig.count, 1 << 30, &seen);
    CU_ASSERT(seen.held > 1 << 30 && seen.held <= SIZE_MAX / 4);
    CU_ASSERT(seen.results > 1 << 30 && seen.results <= SIZE_MAX / 4);
    UNIT_INT(seen.own, (1 << 30) / 4 / SCOREBOARD_WORKERS_MAX);
    rig_free(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_rows_are_fit_for_the_catalog_and_the_table),
    UNIT_TEST(test_each_status_has_a_class),
    UNIT_TEST(test_an_answer_is_counted_under_its_route_and_class),
    UNIT_TEST(test_commits),
    UNIT_TEST(test_the_next_worker_goes_on_in_the_same_cells),
    UNIT_TEST(test_a_route_without_room_is_counted_as_other),
    UNIT_TEST(test_what_others_hold),
    UNIT_TEST(test_workers_may_say_anything),
};
const struct unit_part count_tests = UNIT_PART(tests);
