/*
 * The grid that prices (ticks) or quantities (lots) stand on. A number of steps becomes the double that is nearest to
 * the decimal number: 181251 steps of 0.01 are the same double as the text 1812.51.
 */
#ifndef ENGINE_GRID_H
#define ENGINE_GRID_H

struct grid {
    double step;              /* > 0 */
    double multiple, divisor; /* the step as a fraction of short numbers: 1 and 100 for 0.01, 3 and 100 for 0.03 */
};

struct grid grid_of(double step);
double grid_at(const struct grid *grid, double steps);
/* The step at or below, or at or above `value`. What is a step but for the rounding of doubles is that step. */
double grid_down(const struct grid *grid, double value);
double grid_up(const struct grid *grid, double value);
/* As a number of steps. */
double grid_steps_down(const struct grid *grid, double value);
double grid_steps_up(const struct grid *grid, double value);

#endif
