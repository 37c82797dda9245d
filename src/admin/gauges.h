/* Gauges of any program that are not counted, but looked up on the scoreboard at each scrape. */
#ifndef ADMIN_GAUGES_H
#define ADMIN_GAUGES_H

#include "admin/exposition.h"
#include "ipc/scoreboard.h"

/* What one scrape sees. */
struct gauge_view {
    const struct scoreboard *board;
    struct scoreboard_details details;
    uint32_t places; /* workers' places in use, or once in use */
    uint64_t now_ms; /* monotonic */
};

struct admin_gauge {
    struct metrics_row row;
    void (*add)(struct exposition *e, const struct gauge_view *v); /* writes its samples */
};

extern const struct admin_gauge admin_gauges[];
extern const size_t admin_gauge_count;

/* The next place that has a worker, from `*at` on, which is advanced past it; its number is *ret_label. False: none. */
bool gauge_next_worker(const struct gauge_view *v, uint32_t *at, char ret_label[16], struct scoreboard_seen *ret_seen);

#endif
