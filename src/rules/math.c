/* Functions of one bar's values. */
#include "rules/function.h"

static double math_abs(const double *v)
{
    return fabs(v[0]);
}

static double math_min(const double *v)
{
    return v[0] < v[1] || v[0] != v[0] ? v[0] : v[1];
}

static double math_max(const double *v)
{
    return v[0] > v[1] || v[0] != v[0] ? v[0] : v[1];
}

static double math_sqrt(const double *v)
{
    return rules_finite(sqrt(v[0]));
}

static double math_log(const double *v)
{
    return rules_finite(log(v[0]));
}

static double math_exp(const double *v)
{
    return rules_finite(exp(v[0]));
}

/* C has pow(NaN, 0) and pow(1, NaN) be 1. */
static double math_pow(const double *v)
{
    return rules_finite(pow(v[0], v[1])) + (v[0] - v[0]) + (v[1] - v[1]);
}

static double math_floor(const double *v)
{
    return floor(v[0]);
}

static double math_ceil(const double *v)
{
    return ceil(v[0]);
}

static double math_round(const double *v)
{
    const double whole = floor(v[0]);

    return v[0] - whole >= 0.5 ? whole + 1 : whole;
}

static double math_sign(const double *v)
{
    return v[0] > 0 ? 1 : v[0] < 0 ? -1 : v[0];
}

static double math_nz(const double *v)
{
    return v[0] != v[0] ? v[1] : v[0];
}

static double math_known(const double *v)
{
    return v[0] == v[0] ? 1 : 0;
}

#define MATH_FUNCTION(title, words, how, kind)                                                              \
    .name = title, .family = "math", .description = (words), .formula = (how), .seed = "", .lookback = "0", \
    .result = (kind), .shape = RULES_SHAPE_POINT

static const struct rules_function functions[] = {
    {MATH_FUNCTION("abs", "Absolute value", "x if x >= 0, else -x", RULES_NUMBER), .arguments = {RULES_X},
     .point = math_abs},
    {MATH_FUNCTION("min", "The smaller of two; NaN if one of them is", "x if x < y, else y", RULES_NUMBER),
     .arguments = {RULES_X, RULES_Y}, .point = math_min},
    {MATH_FUNCTION("max", "The larger of two; NaN if one of them is", "x if x > y, else y", RULES_NUMBER),
     .arguments = {RULES_X, RULES_Y}, .point = math_max},
    {MATH_FUNCTION("sqrt", "Square root; NaN of a negative number", "x^(1/2)", RULES_NUMBER), .arguments = {RULES_X},
     .point = math_sqrt},
    {MATH_FUNCTION("log", "Natural logarithm; NaN if x <= 0", "ln x", RULES_NUMBER), .arguments = {RULES_X},
     .point = math_log},
    {MATH_FUNCTION("exp", "Exponential function", "e^x", RULES_NUMBER), .arguments = {RULES_X}, .point = math_exp},
    {MATH_FUNCTION("pow", "x to the power of y", "x^y", RULES_NUMBER), .arguments = {RULES_X, RULES_Y},
     .point = math_pow},
    {MATH_FUNCTION("round", "The nearest whole number; halves go up, as on TradingView", "floor(x + 0.5)",
                   RULES_NUMBER),
     .arguments = {RULES_X}, .point = math_round},
    {MATH_FUNCTION("floor", "The largest whole number that is not above x", "floor(x)", RULES_NUMBER),
     .arguments = {RULES_X}, .point = math_floor},
    {MATH_FUNCTION("ceil", "The smallest whole number that is not below x", "ceil(x)", RULES_NUMBER),
     .arguments = {RULES_X}, .point = math_ceil},
    {MATH_FUNCTION("sign", "Sign of x: -1, 0 or 1", "x / abs(x), 0 if x = 0", RULES_NUMBER), .arguments = {RULES_X},
     .point = math_sign},
    {MATH_FUNCTION("nz", "x, or y if x is NaN", "if(known(x), x, y)", RULES_NUMBER),
     .arguments = {RULES_X, {.name = "y", .type = RULES_NUMBER, .fallback = "0"}}, .point = math_nz},
    {MATH_FUNCTION("known", "True if x is not NaN", "x = x", RULES_CONDITION), .arguments = {RULES_X},
     .point = math_known},
};

const struct rules_family rules_math = {functions, countof(functions)};
