/* When a child is started again, and when the master gives up; pure policy, without processes. */
#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SUPERVISE_BACKOFF_MIN_MS = 100,
    SUPERVISE_BACKOFF_MAX_MS = 30000,
    SUPERVISE_BACKOFF_LAST_MS = 1000, /* the longest, if no other worker serves meanwhile */
    SUPERVISE_HEALTHY_MS = 60000,     /* of being ready, after which earlier failures are forgotten */
    SUPERVISE_LOOP_CRASHES = 5,       /* this many … */
    SUPERVISE_LOOP_MS = 60000,        /* … within this, and no worker ever ready: a crash loop */
    SUPERVISE_RETIRED_MIN = 4,
};

/*
 * The pause before a slot's next start, in ms. `failures` counts this one: the first is started again at once, then
 * the pause doubles from the minimum to the maximum. `random` is any 32 bits: the pause is jittered to 75–125 %.
 */
uint64_t supervise_backoff_ms(unsigned failures, uint32_t random);

/* How many retired children of a role may take longer than a graceful stop does, if the role has so many children. */
unsigned supervise_retired_max(unsigned children);

/* The times of the last crashes of workers. All zero at first. */
struct supervise_crashes {
    uint64_t at_ms[SUPERVISE_LOOP_CRASHES];
    unsigned count;
};

/* Notes a crash. Returns true if the last SUPERVISE_LOOP_CRASHES came within SUPERVISE_LOOP_MS. */
bool supervise_crashed(struct supervise_crashes *crashes, uint64_t now_ms);

#endif
