/* What a worker counts, in its place's cells of the scoreboard. It costs a request some ten additions. */
#ifndef WEB_COUNT_H
#define WEB_COUNT_H

#include "db/db.h"
#include "http/http.h"
#include "ipc/scoreboard.h"

/* Embedded; count_init, then count_clear. */
struct count {
    struct metrics_worker *cells;
    uint16_t (*rows)[2];                       /* by the route's index: of its own method, and of HEAD; owned */
    uint16_t unmatched[HTTP_METHOD_COUNT + 1]; /* by method; the last is for those that are not known */
    uint16_t outcomes[DB_OUTCOME_COUNT];
    unsigned connections; /* open at last */
};

/* What the routes' requests are counted under: for the master to learn. An array of *ret_count, the caller's. */
struct metrics_name *count_names(const struct http_route *const *routes, size_t route_count, size_t *ret_count);
/* The same for queries: all of db_outcome_name. */
const char *const *count_outcomes(size_t *ret_count);

void count_init(struct count *count, struct scoreboard *board, unsigned slot, const struct http_route *const *routes,
                size_t route_count);
void count_clear(struct count *count);
void count_answer(struct count *count, const struct http_record *record);
void count_query(struct count *count, enum db_outcome outcome, uint64_t took_ns);
void count_moved(struct count *count, size_t received, size_t sent);
void count_connections(struct count *count, unsigned open);

#endif
