#include "master/supervise.h"

uint64_t supervise_backoff_ms(unsigned failures, uint32_t random)
{
    uint64_t ms = SUPERVISE_BACKOFF_MIN_MS;

    if (failures <= 1) return 0;
    for (unsigned i = 2; i < failures && ms < SUPERVISE_BACKOFF_MAX_MS; i++) ms *= 2;
    if (ms > SUPERVISE_BACKOFF_MAX_MS) ms = SUPERVISE_BACKOFF_MAX_MS;
    return ms * 3 / 4 + random % (ms / 2 + 1);
}

unsigned supervise_retired_max(unsigned children)
{
    return children > SUPERVISE_RETIRED_MIN ? children : SUPERVISE_RETIRED_MIN;
}

bool supervise_crashed(struct supervise_crashes *crashes, uint64_t now_ms)
{
    crashes->at_ms[crashes->count++ % SUPERVISE_LOOP_CRASHES] = now_ms;
    if (crashes->count < SUPERVISE_LOOP_CRASHES) return false;
    /* The ring is full, so the place that is written next holds the oldest. */
    return now_ms - crashes->at_ms[crashes->count % SUPERVISE_LOOP_CRASHES] <= SUPERVISE_LOOP_MS;
}
