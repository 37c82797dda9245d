#include <math.h>

#include "engine/grid.h"
#include "test_engine.h"

static void test_grid_is_decimal(void)
{
    static const struct {
        double step;
        double steps;
        double value;
    } rows[] = {{0.01, 181251, 1812.51}, {0.01, 178128, 1781.28}, {0.05, 3, 0.15},     {0.00001, 2997, 0.02997},
                {0.03, 7, 0.21},         {0.25, 5, 1.25},         {5, 3, 15},          {1e-8, 123456789, 1.23456789},
                {0.15, 3, 0.45},         {2.5, 3, 7.5},           {0.0007, 31, 0.0217}};

    for (size_t i = 0; i < countof(rows); i++) {
        const struct grid grid = grid_of(rows[i].step);

        CU_ASSERT_EQUAL(grid_at(&grid, rows[i].steps), rows[i].value);
        CU_ASSERT_EQUAL(grid_down(&grid, rows[i].value), rows[i].value);
        CU_ASSERT_EQUAL(grid_up(&grid, rows[i].value), rows[i].value);
        CU_ASSERT_EQUAL(grid_steps_down(&grid, rows[i].value + 0.4 * rows[i].step), rows[i].steps);
        CU_ASSERT_EQUAL(grid_steps_up(&grid, rows[i].value + 0.4 * rows[i].step), rows[i].steps + 1);
    }
}

static void test_grid_scales_with_powers_of_two(void)
{
    static const double steps[] = {0.01, 0.05, 0.03, 1, 0.25, 0.00001, 0.7};

    for (size_t i = 0; i < countof(steps); i++) {
        for (int power = -20; power <= 20; power += 5) {
            const struct grid grid = grid_of(steps[i]), scaled = grid_of(ldexp(steps[i], power));

            for (int n = 1; n < 200000; n = n * 7 + 1) {
                CU_ASSERT_EQUAL(grid_at(&scaled, n), ldexp(grid_at(&grid, n), power));
            }
        }
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_grid_is_decimal),
    UNIT_TEST(test_grid_scales_with_powers_of_two),
};
const struct unit_part grid_tests = UNIT_PART(tests);
