/*
 * The grid that prices (ticks) or quantities (lots) stand on. A number of steps becomes the double that is nearest to
 * the decimal number: 181251 steps of 0.01 are the same double as the text 1812.51.
 */
#ifndef ENGINE_GRID_H
#define ENGINE_GRID_H

#include <math.h>
#include <stdbool.h>

struct grid {
    double step;              /* > 0 */
    double multiple, divisor; /* the step as a fraction of short numbers: 1 and 100 for 0.01, 3 and 100 for 0.03 */
};

struct grid grid_of(double step);

/* A number is a step if it is so near, in steps, plus what the rounding of a large number of steps amounts to. */
static const double grid_near = 1e-6;
static const double grid_rounding = 4 * 2.2204460492503131e-16;

/* A quotient of two exact numbers is rounded once, a product with 0.01 twice. */
static inline double grid_at(const struct grid *grid, double steps)
{
    return steps * grid->multiple / grid->divisor;
}

static inline double grid_steps(const struct grid *grid, double value)
{
    const double steps = value * grid->divisor;

    return grid->multiple == 1 ? steps : steps / grid->multiple; /* most often 1, and a division is slow */
}

static inline bool grid_is_near(double steps, double nearest)
{
    return fabs(steps - nearest) <= grid_near + fabs(steps) * grid_rounding;
}

/* The step at or below, or at or above `value`, as a number of steps. What is a step but for the rounding of doubles is
 * that step. */
static inline double grid_steps_down(const struct grid *grid, double value)
{
    const double steps = grid_steps(grid, value), nearest = rint(steps);

    return grid_is_near(steps, nearest) ? nearest : floor(steps);
}

static inline double grid_steps_up(const struct grid *grid, double value)
{
    const double steps = grid_steps(grid, value), nearest = rint(steps);

    return grid_is_near(steps, nearest) ? nearest : ceil(steps);
}

/* The same as a value. */
static inline double grid_down(const struct grid *grid, double value)
{
    return grid_at(grid, grid_steps_down(grid, value));
}

static inline double grid_up(const struct grid *grid, double value)
{
    return grid_at(grid, grid_steps_up(grid, value));
}

#endif
