/* What a worker counts, in the cells of its place on the scoreboard. It costs about ten additions for each request. */
#ifndef WEB_COUNT_H
#define WEB_COUNT_H

#include "db/db.h"
#include "http/http.h"
#include "ipc/place.h"
#include "web/count_rows.h"

#define COUNT_ENUMERATE(id, ...) COUNT_##id,
enum count_id { COUNT_ROWS(COUNT_ENUMERATE) COUNT_ID_COUNT };

/* The rows, by enum count_id. */
extern const struct metrics_table count_table;
extern const struct metrics_bounds count_request_bounds;
extern const struct metrics_bounds count_query_bounds;

enum { COUNT_CLASSES = 5 };

/* The class of a status: 0 if there was no answer, 1 for 2xx, … 4 for 5xx. */
static inline unsigned count_class(unsigned status)
{
    return status < 200 ? 0 : status >= 500 ? 4 : status / 100 - 1;
}

const char *count_class_name(unsigned class); /* "2xx"; "none" for 0 */

/* The cells of requests of one method and route. */
struct count_requests {
    _Atomic uint64_t *by_class[COUNT_CLASSES];
    _Atomic uint64_t *duration;
};

/* What requests are counted under. */
struct count_name {
    struct metrics_labels labels;
    bool is_quiet; /* it exists only because clients may ask for anything, and is shown once one did */
};

/* Embedded; count_init, then count_clear. */
struct count {
    _Atomic uint64_t *cells[COUNT_ID_COUNT];                /* of what has no labels */
    struct count_requests (*routes)[2];                     /* by the route's index: its own method, and HEAD; owned */
    struct count_requests unmatched[HTTP_METHOD_COUNT + 1]; /* by method; the last is for methods that are not known */
    _Atomic uint64_t *outcomes[DB_OUTCOME_COUNT];
    unsigned connections; /* the number of open connections when it was last known */
    const struct scoreboard *board;
    unsigned slot;
    uint32_t held;    /* the cell, in each place, of COUNT_HELD; one that nobody counts in if the catalog had no room */
    uint32_t results; /* of COUNT_RESULTS, likewise */
};

/* The names that the routes' requests are counted under: an array of *ret_count, which the caller frees. */
struct count_name *count_names(const struct http_route *const *routes, size_t route_count, size_t *ret_count);
/* For the master: registers all that a worker counts. Returns how many series found no room. */
unsigned count_register(struct metrics *metrics, const struct count_name *names, size_t count);

void count_init(struct count *count, const struct child_place *place, unsigned slot,
                const struct http_route *const *routes, size_t route_count);
void count_clear(struct count *count);
void count_answer(struct count *count, const struct http_record *record);
void count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns);
void count_commit(struct count *count, const struct db_commit *commit);
void count_moved(struct count *count, size_t received, size_t sent);
void count_connections(struct count *count, unsigned open);
/* What the workers of all places but this one say that they hold of the service's budget, for their clients and for
 * results, those of another build too. Each worker has a part of the budget that nobody else can take: *ret->own. That
 * of another counts as taken also if its owner does not use it. */
void count_held_by_others(const struct count *count, size_t budget, struct http_elsewhere *ret);

#endif
