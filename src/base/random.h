/* Random numbers that differ between processes: for jitter and identifiers, not for secrets. Never waits. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

uint64_t random_u64(void);
/* From `low` to `high`, both included; low <= high. */
uint64_t random_between(uint64_t low, uint64_t high);

#endif
