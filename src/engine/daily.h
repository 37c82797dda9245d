/* Daily returns and what is made of them, for engine/ alone. */
#ifndef ENGINE_DAILY_H
#define ENGINE_DAILY_H

#include "engine/engine.h"

/* For each UTC day that has bars: how the equity and the price changed against the day before; the first day against
 * the capital, and the first open. */
struct daily {
    double *returns; /* owned */
    double *prices;  /* within the same memory */
    size_t count;
    size_t weekend; /* days of them that are a Saturday or a Sunday */
};

void daily_init(struct daily *daily, const struct engine_job *job, const double *equity, double first_price);
void daily_clear(struct daily *daily);
/* Fills the members of `metrics` that come from daily returns. */
void daily_metrics(const struct daily *daily, const struct engine_job *job, struct engine_metrics *metrics);

#endif
