#include "engine/grid.h"

#include <math.h>

enum { GRID_MULTIPLE_MAX = 1000, GRID_DIVISOR_BITS = 40 };

struct grid grid_of(double step)
{
    for (int multiple = 1; multiple < GRID_MULTIPLE_MAX; multiple += 2) {
        int exponent;
        const double short_bits = rint(ldexp(frexp(multiple / step, &exponent), GRID_DIVISOR_BITS));
        const double divisor = ldexp(short_bits, exponent - GRID_DIVISOR_BITS);

        if (multiple / divisor == step) return (struct grid){step, multiple, divisor};
    }
    return (struct grid){step, step, 1};
}
