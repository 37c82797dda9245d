#include "test_rules.h"

#include <stdio.h>
#include <stdlib.h>

/* The value of an expression of constants, in the last of three bars. */
static double value_of(const char *expression)
{
    static struct rig rig;
    struct candles c;
    double *column, value;

    rig_make(&rig, 1);
    c = rig_cut(&rig, 3);
    column = rig_column(&c, expression);
    value = column == NULL ? -12345 : column[2];
    free(column);
    return value;
}

static void test_math_values(void)
{
    static const struct {
        const char *expression;
        double value;
    } cases[] = {
        {"abs(-3)", 3},
        {"abs(close - close - 2)", 2},
        {"min(1, 2)", 1},
        {"max(1, 2)", 2},
        {"min(3, 1, 2)", 1},
        {"max(1, 4, 2, 3)", 4},
        {"sqrt(9)", 3},
        {"log(1)", 0},
        {"exp(0) + 0", 1},
        {"pow(2, 10)", 1024},
        {"pow(2, -1)", 0.5},
        {"round(2.5)", 3},
        {"round(-2.5)", -2},
        {"round(2.4)", 2},
        {"round(0.49999999999999994)", 0},
        {"round(4503599627370497)", 4503599627370497},
        {"floor(-1.5)", -2},
        {"ceil(1.2)", 2},
        {"ceil(-1.2)", -1},
        {"sign(-4)", -1},
        {"sign(0)", 0},
        {"sign(9)", 1},
        {"nz(0 / 0, 5)", 5},
        {"nz(0 / 0)", 0},
        {"nz(4, 5)", 4},
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"10 - 4 - 3", 3},
        {"12 / 3 / 2", 2},
        {"-2 * 3", -6},
        {"2 - -3", 5},
        {"- - 4", 4},
        {"1e3 + .5", 1000.5},
        {"if(1 < 2, 3, 4)", 3},
        {"if(not (1 < 2), 3, 4)", 4},
        {"if(1 < 2 and 2 < 1 or 3 < 4, 1, 0)", 1},
        {"if(not 1 > 2 and true, 1, 0)", 1},
        {"if(0 / 0 == 0 / 0, 1, 0)", 0},
        {"if(0 / 0 != 1, 1, 0)", 0},
        {"if(known(0 / 0), 1, 0)", 0},
        {"if(known(3), 1, 0)", 1},
    };
    static const char *const unknown[] = {
        "sqrt(-1)",         "log(0)",        "log(-1)",        "exp(1000)",     "1 / 0",         "0 / 0",
        "pow(0 / 0, 0)",    "pow(1, 0 / 0)", "pow(-8, 1 / 3)", "min(0 / 0, 1)", "min(1, 0 / 0)", "max(0 / 0, 1)",
        "max(1, 0 / 0)",    "abs(0 / 0)",    "sign(0 / 0)",    "round(0 / 0)",  "1e300 * 1e300", "close * 1e308 * 10",
        "exp(close * 100)", "-(0 / 0)",
    };

    for (size_t i = 0; i < countof(cases); i++) {
        /* Levels must be above 0 where they are constants. */
        char expression[200];

        snprintf(expression, sizeof(expression), "%s + 0 * volume", cases[i].expression);
        const double found = value_of(expression);

        if (found != cases[i].value) printf("%s: %.17g\n", cases[i].expression, found);
        CU_ASSERT_EQUAL(found, cases[i].value);
    }
    for (size_t i = 0; i < countof(unknown); i++) {
        char expression[200];

        snprintf(expression, sizeof(expression), "%s + 0 * volume", unknown[i]);
        const double found = value_of(expression);

        if (found == found) printf("%s: %.17g\n", unknown[i], found);
        CU_ASSERT(found != found);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_math_values)};
const struct unit_part math_tests = UNIT_PART(tests);
