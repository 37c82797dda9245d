#include "base/random.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t random_u64(void)
{
    uint64_t bits;

    /* Fails only before the kernel's pool is ready, at a machine's boot; then the time and the process's number must
     * do. */
    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) == (ssize_t)sizeof(bits)) return bits;
    return (clock_wall_us() ^ clock_monotonic_ns() ^ (uint64_t)getpid() << 48) * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t random_between(uint64_t low, uint64_t high)
{
    uint64_t count = high - low + 1; /* 0: all there are */
    uint64_t bits = random_u64();

    return count == 0 ? bits : low + bits % count;
}
