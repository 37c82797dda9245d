#include "web/count.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* Whatever a client sends falls under one of these names or a route's: their number is the tables', not the clients'.
 */
static const char count_unmatched[] = "unmatched";
static const char count_unknown_method[] = "other";

static const char *count_method_name(unsigned method)
{
    return method < HTTP_METHOD_COUNT ? http_method_name((enum http_method)method) : count_unknown_method;
}

static void count_name(struct metrics_name *name, const char *method, const char *route)
{
    snprintf(name->method, sizeof(name->method), "%s", method);
    snprintf(name->route, sizeof(name->route), "%s", route);
}

struct metrics_name *count_names(const struct http_route *const *routes, size_t route_count, size_t *ret_count)
{
    struct metrics_name *names = mem_array(2 * route_count + HTTP_METHOD_COUNT + 1, sizeof(*names));
    size_t at = 0;

    for (size_t i = 0; i < route_count; i++) {
        count_name(&names[at++], http_method_name(routes[i]->method), routes[i]->path);
    }
    for (unsigned method = 0; method <= HTTP_METHOD_COUNT; method++) {
        count_name(&names[at++], count_method_name(method), count_unmatched);
    }
    /* Last: where there is no room for all, these are missed least. */
    for (size_t i = 0; i < route_count; i++) {
        if (routes[i]->method == HTTP_GET) count_name(&names[at++], http_method_name(HTTP_HEAD), routes[i]->path);
    }
    *ret_count = at;
    return names;
}

const char *const *count_outcomes(size_t *ret_count)
{
    static const char *names[DB_OUTCOME_COUNT];

    for (unsigned i = 0; i < DB_OUTCOME_COUNT; i++) names[i] = db_outcome_name((enum db_outcome)i);
    *ret_count = DB_OUTCOME_COUNT;
    return names;
}

void count_init(struct count *count, struct scoreboard *board, unsigned slot, const struct http_route *const *routes,
                size_t route_count)
{
    const struct metrics *metrics = &board->metrics;

    count->cells = &board->counted[slot];
    count->rows = mem_array(route_count, sizeof(*count->rows));
    for (size_t i = 0; i < route_count; i++) {
        uint16_t *rows = count->rows[routes[i]->index];

        rows[0] = (uint16_t)metrics_find(&metrics->requests, http_method_name(routes[i]->method), routes[i]->path);
        rows[1] = (uint16_t)metrics_find(&metrics->requests, http_method_name(HTTP_HEAD), routes[i]->path);
    }
    for (unsigned method = 0; method <= HTTP_METHOD_COUNT; method++) {
        count->unmatched[method] =
            (uint16_t)metrics_find(&metrics->requests, count_method_name(method), count_unmatched);
    }
    for (unsigned i = 0; i < DB_OUTCOME_COUNT; i++) {
        count->outcomes[i] = (uint16_t)metrics_find(&metrics->outcomes, "", db_outcome_name((enum db_outcome)i));
    }
}

void count_clear(struct count *count)
{
    free(count->rows);
}

void count_answer(struct count *count, const struct http_record *record)
{
    struct metrics_row *row;

    if (record->route != NULL) {
        const bool as_head = record->method == HTTP_HEAD && record->route->method != HTTP_HEAD;

        row = &count->cells->rows[count->rows[record->route->index][as_head]];
    } else {
        row = &count->cells->rows[count->unmatched[record->method_known ? record->method : HTTP_METHOD_COUNT]];
    }
    metrics_add(&row->by_class[metrics_class(record->status)], 1);
    metrics_observe(&row->duration, record->duration_ns);
}

void count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns)
{
    metrics_add(&count->cells->outcomes[count->outcomes[outcome]], 1);
    if (took_ns > 0) metrics_observe(&count->cells->queries, took_ns);
}

void count_moved(struct count *count, size_t received, size_t sent)
{
    if (received > 0) metrics_add(&count->cells->received_bytes, received);
    if (sent > 0) metrics_add(&count->cells->sent_bytes, sent);
}

void count_connections(struct count *count, unsigned open)
{
    if (open > count->connections) metrics_add(&count->cells->accepted, open - count->connections);
    count->connections = open;
}
