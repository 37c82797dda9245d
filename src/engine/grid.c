#include "engine/grid.h"

#include <math.h>
#include <stdbool.h>

/* A number is a step if it is so near, in steps, plus what the rounding of a large number of steps amounts to. */
static const double grid_near = 1e-6;
static const double grid_rounding = 4 * 2.2204460492503131e-16;

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

/* A quotient of two exact numbers is rounded once, a product with 0.01 twice. */
double grid_at(const struct grid *grid, double steps)
{
    return steps * grid->multiple / grid->divisor;
}

static double grid_steps(const struct grid *grid, double value)
{
    const double steps = value * grid->divisor;

    return grid->multiple == 1 ? steps : steps / grid->multiple; /* most often 1, and a division is slow */
}

static bool grid_is_near(double steps, double nearest)
{
    return fabs(steps - nearest) <= grid_near + fabs(steps) * grid_rounding;
}

double grid_steps_down(const struct grid *grid, double value)
{
    const double steps = grid_steps(grid, value), nearest = rint(steps);

    return grid_is_near(steps, nearest) ? nearest : floor(steps);
}

double grid_steps_up(const struct grid *grid, double value)
{
    const double steps = grid_steps(grid, value), nearest = rint(steps);

    return grid_is_near(steps, nearest) ? nearest : ceil(steps);
}

double grid_down(const struct grid *grid, double value)
{
    return grid_at(grid, grid_steps_down(grid, value));
}

double grid_up(const struct grid *grid, double value)
{
    return grid_at(grid, grid_steps_up(grid, value));
}
