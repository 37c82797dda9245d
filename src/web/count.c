#include "web/count.h"

#include <stdlib.h>

#include "base/mem.h"

const struct metrics_bounds count_request_bounds = {
    .count = sizeof((uint64_t[]){COUNT_REQUEST_BOUNDS}) / sizeof(uint64_t), .at = {COUNT_REQUEST_BOUNDS}};
const struct metrics_bounds count_query_bounds = {.count = sizeof((uint64_t[]){COUNT_QUERY_BOUNDS}) / sizeof(uint64_t),
                                                  .at = {COUNT_QUERY_BOUNDS}};

#define COUNT_ROW(id, ...) [COUNT_##id] = {__VA_ARGS__},
static const struct metrics_row count_rows[COUNT_ID_COUNT] = {COUNT_ROWS(COUNT_ROW)};
const struct metrics_table count_table = {count_rows, COUNT_ID_COUNT};

static const char *const count_class_names[COUNT_CLASSES] = {"none", "2xx", "3xx", "4xx", "5xx"};

const char *count_class_name(unsigned class)
{
    return count_class_names[class];
}

/* Whatever a client sends is counted under one of these names or a route's, so the tables bound the number of names,
 * not the clients. */
static const char count_unmatched[] = "unmatched";
static const char count_other[] = "other"; /* method; also everything that the catalog has no room for */

static const char *count_method_name(unsigned method)
{
    return method < HTTP_METHOD_COUNT ? http_method_name((enum http_method)method) : count_other;
}

static struct metrics_labels count_request_labels(const char *method, const char *route)
{
    struct metrics_labels labels = {0};

    metrics_label(&labels, "method", method);
    metrics_label(&labels, "route", route);
    return labels;
}

static struct metrics_labels count_class_labels(const struct metrics_labels *request, unsigned class)
{
    struct metrics_labels labels = *request;

    metrics_label(&labels, "status_class", count_class_names[class]);
    return labels;
}

static struct metrics_labels count_outcome_labels(const char *outcome)
{
    struct metrics_labels labels = {0};

    metrics_label(&labels, "outcome", outcome);
    return labels;
}

/* ---- The master's part: names ---- */

struct count_name *count_names(const struct http_route *const *routes, size_t route_count, size_t *ret_count)
{
    struct count_name *names = mem_array(2 * route_count + HTTP_METHOD_COUNT + 2, sizeof(*names));
    size_t at = 0;

    names[at++] = (struct count_name){count_request_labels(count_other, count_other), .is_quiet = true};
    for (size_t i = 0; i < route_count; i++) {
        names[at++] = (struct count_name){count_request_labels(http_method_name(routes[i]->method), routes[i]->path),
                                          .is_quiet = false};
    }
    for (unsigned method = 0; method <= HTTP_METHOD_COUNT; method++) {
        names[at++] =
            (struct count_name){count_request_labels(count_method_name(method), count_unmatched), .is_quiet = true};
    }
    /* These come last: if there is no room for all, they are missed least. */
    for (size_t i = 0; i < route_count; i++) {
        if (routes[i]->method != HTTP_GET) continue;
        names[at++] =
            (struct count_name){count_request_labels(http_method_name(HTTP_HEAD), routes[i]->path), .is_quiet = true};
    }
    *ret_count = at;
    return names;
}

/* All of a name's series are shown with the first. */
static unsigned count_register_name(struct metrics *metrics, const struct count_name *name)
{
    uint32_t shown_with = name->is_quiet ? METRICS_ONCE_COUNTED : METRICS_ALWAYS;
    unsigned missed = 0;

    for (unsigned class = 0; class < COUNT_CLASSES; class ++) {
        const struct metrics_labels labels = count_class_labels(&name->labels, class);
        const uint32_t series = metrics_register(metrics, &count_rows[COUNT_REQUESTS], &labels, shown_with);

        missed += series == METRICS_NOWHERE;
        if (shown_with == METRICS_ONCE_COUNTED && series != METRICS_NOWHERE) shown_with = series;
    }
    return missed + (metrics_register(metrics, &count_rows[COUNT_REQUEST_DURATION], &name->labels, shown_with) ==
                     METRICS_NOWHERE);
}

unsigned count_register(struct metrics *metrics, const struct count_name *names, size_t count)
{
    struct metrics_labels labels = count_outcome_labels(count_other);
    unsigned missed = metrics_register_table(metrics, &count_table);

    missed += metrics_register(metrics, &count_rows[COUNT_QUERIES], &labels, METRICS_ONCE_COUNTED) == METRICS_NOWHERE;
    for (unsigned i = 0; i < DB_OUTCOME_COUNT; i++) {
        labels = count_outcome_labels(db_outcome_name((enum db_outcome)i));
        missed += metrics_register(metrics, &count_rows[COUNT_QUERIES], &labels, METRICS_ALWAYS) == METRICS_NOWHERE;
    }
    for (size_t i = 0; i < count; i++) missed += count_register_name(metrics, &names[i]);
    return missed;
}

/* ---- A worker's part: cells ---- */

/* The series of these labels, or that of `other` if the catalog had no room. */
static _Atomic uint64_t *count_cells(const struct child_place *place, enum count_id id,
                                     const struct metrics_labels *labels, const struct metrics_labels *other)
{
    const struct metrics *metrics = &place->board->metrics;
    uint32_t series = metrics_find(metrics, &count_rows[id], labels);

    if (series == METRICS_NOWHERE) series = metrics_find(metrics, &count_rows[id], other);
    return metrics_cells(metrics, place->counted, series);
}

static struct count_requests count_requests_of(const struct child_place *place, const char *method, const char *route)
{
    const struct metrics_labels labels = count_request_labels(method, route);
    const struct metrics_labels other = count_request_labels(count_other, count_other);
    struct count_requests requests = {.duration = count_cells(place, COUNT_REQUEST_DURATION, &labels, &other)};

    for (unsigned class = 0; class < COUNT_CLASSES; class ++) {
        const struct metrics_labels classed = count_class_labels(&labels, class);
        const struct metrics_labels other_classed = count_class_labels(&other, class);

        requests.by_class[class] = count_cells(place, COUNT_REQUESTS, &classed, &other_classed);
    }
    return requests;
}

/* Its number is the same in each place. */
static uint32_t count_cell(const struct scoreboard *board, enum count_id id)
{
    return board->metrics.catalog.series[metrics_find(&board->metrics, &count_rows[id], NULL)].cell;
}

void count_init(struct count *count, const struct child_place *place, unsigned slot,
                const struct http_route *const *routes, size_t route_count)
{
    const struct metrics_labels other = count_outcome_labels(count_other);

    const struct scoreboard *board = place->board;

    count->board = board;
    count->slot = slot;
    count->held = count_cell(board, COUNT_HELD);
    count->results = count_cell(board, COUNT_RESULTS);
    for (unsigned i = 0; i < COUNT_ID_COUNT; i++) {
        count->cells[i] = count_cells(place, (enum count_id)i, NULL, NULL);
        if (count_rows[i].type == METRICS_GAUGE) metrics_set(count->cells[i], 0);
    }
    count->routes = mem_array(route_count, sizeof(*count->routes));
    for (size_t i = 0; i < route_count; i++) {
        struct count_requests *requests = count->routes[routes[i]->index];

        requests[0] = count_requests_of(place, http_method_name(routes[i]->method), routes[i]->path);
        requests[1] = count_requests_of(place, http_method_name(HTTP_HEAD), routes[i]->path);
    }
    for (unsigned method = 0; method <= HTTP_METHOD_COUNT; method++) {
        count->unmatched[method] = count_requests_of(place, count_method_name(method), count_unmatched);
    }
    for (unsigned i = 0; i < DB_OUTCOME_COUNT; i++) {
        const struct metrics_labels labels = count_outcome_labels(db_outcome_name((enum db_outcome)i));

        count->outcomes[i] = count_cells(place, COUNT_QUERIES, &labels, &other);
    }
}

void count_clear(struct count *count)
{
    free(count->routes);
}

void count_answer(struct count *count, const struct http_record *record)
{
    const struct count_requests *requests;

    if (record->route != NULL) {
        const bool as_head = record->method == HTTP_HEAD && record->route->method != HTTP_HEAD;

        requests = &count->routes[record->route->index][as_head];
    } else {
        requests = &count->unmatched[record->method_known ? record->method : HTTP_METHOD_COUNT];
    }
    metrics_add(requests->by_class[count_class(record->status)], 1);
    metrics_observe(requests->duration, &count_request_bounds, record->duration_ns);
}

void count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns)
{
    metrics_add(count->outcomes[outcome], 1);
    if (took_ns > 0) metrics_observe(count->cells[COUNT_QUERY_DURATION], &count_query_bounds, took_ns);
}

void count_commit(struct count *count, const struct db_commit *commit)
{
    if (commit->happened) {
        metrics_add(count->cells[COUNT_COMMITS], 1);
        metrics_add(count->cells[COUNT_COMMITTED], commit->writes);
    } else {
        metrics_add(count->cells[COUNT_ROLLED_BACK], 1);
        metrics_add(count->cells[COUNT_AGAIN], commit->again);
    }
}

void count_moved(struct count *count, size_t received, size_t sent)
{
    if (received > 0) metrics_add(count->cells[COUNT_RECEIVED], received);
    if (sent > 0) metrics_add(count->cells[COUNT_SENT], sent);
}

void count_connections(struct count *count, unsigned open)
{
    if (open > count->connections) metrics_add(count->cells[COUNT_ACCEPTED], open - count->connections);
    count->connections = open;
}

/* The parts that are their worker's own make up one in so many of the budget; the rest is for whoever asks first. */
enum { COUNT_OWN_PARTS = 4 };

static size_t count_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool count_is_other(const struct count *count, uint32_t place)
{
    return place != count->slot && count->board->place[place].pid != 0;
}

/* A place whose worker has ended keeps its last figure until the next worker comes. A worker cannot hold more than
 * there is in memory, and sums of what they say stay far from the end of what a number can be. */
void count_held_by_others(const struct count *count, size_t budget, struct http_elsewhere *ret)
{
    const struct scoreboard *board = count->board;
    const uint32_t places = scoreboard_places(board);
    const size_t most = SIZE_MAX / 4 / SCOREBOARD_WORKERS_MAX;
    size_t others = 0;

    for (uint32_t i = 0; i < places; i++) others += count_is_other(count, i);
    *ret = (struct http_elsewhere){.made = ret->made, .own = budget / COUNT_OWN_PARTS / (others + 1)};
    for (uint32_t i = 0; i < places; i++) {
        if (!count_is_other(count, i)) continue;
        const _Atomic uint64_t *cells = board->of_worker[i].counted.cells;
        const size_t said = count_least(metrics_get(&cells[count->held]), most);

        ret->held += said > ret->own ? said : ret->own;
        ret->results += count_least(metrics_get(&cells[count->results]), most);
    }
}
