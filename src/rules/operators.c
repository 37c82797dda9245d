#include "rules/operators.h"

/* One expression gives the form for a point and the form for columns. */
#define OPERATOR_UNARY(title, expression)                          \
    static double operator_##title(const double *v)                \
    {                                                              \
        const double a = v[0];                                     \
                                                                   \
        return (expression);                                       \
    }                                                              \
    static void operator_##title##_column(struct rules_call *call) \
    {                                                              \
        for (size_t i = 0; i < call->count; i++) {                 \
            const double a = call->in[0][i];                       \
                                                                   \
            call->out[i] = (expression);                           \
        }                                                          \
    }
#define OPERATOR_BINARY(title, expression)                         \
    static double operator_##title(const double *v)                \
    {                                                              \
        const double a = v[0], b = v[1];                           \
                                                                   \
        return (expression);                                       \
    }                                                              \
    static void operator_##title##_column(struct rules_call *call) \
    {                                                              \
        for (size_t i = 0; i < call->count; i++) {                 \
            const double a = call->in[0][i], b = call->in[1][i];   \
                                                                   \
            call->out[i] = (expression);                           \
        }                                                          \
    }
#define OPERATOR_TERNARY(title, expression)                                          \
    static double operator_##title(const double *v)                                  \
    {                                                                                \
        const double a = v[0], b = v[1], c = v[2];                                   \
                                                                                     \
        return (expression);                                                         \
    }                                                                                \
    static void operator_##title##_column(struct rules_call *call)                   \
    {                                                                                \
        for (size_t i = 0; i < call->count; i++) {                                   \
            const double a = call->in[0][i], b = call->in[1][i], c = call->in[2][i]; \
                                                                                     \
            call->out[i] = (expression);                                             \
        }                                                                            \
    }

/* Conditions are 0 or 1, so that `and` is a product that no NaN disturbs. */
OPERATOR_BINARY(or, a > b ? a : b)
OPERATOR_BINARY(and, a *b)
OPERATOR_BINARY(less, a < b ? 1.0 : 0.0)
OPERATOR_BINARY(less_equal, a <= b ? 1.0 : 0.0)
OPERATOR_BINARY(greater, a > b ? 1.0 : 0.0)
OPERATOR_BINARY(greater_equal, a >= b ? 1.0 : 0.0)
OPERATOR_BINARY(equal, a == b ? 1.0 : 0.0)
OPERATOR_BINARY(not_equal, ((a < b) | (a > b)) != 0 ? 1.0 : 0.0)
OPERATOR_BINARY(add, rules_finite(a + b))
OPERATOR_BINARY(subtract, rules_finite(a - b))
OPERATOR_BINARY(multiply, rules_finite(a *b))
OPERATOR_BINARY(divide, rules_finite(a / b))
OPERATOR_UNARY(not, 1.0 - a)
OPERATOR_UNARY(negate, -a)
OPERATOR_TERNARY(if, a != 0 ? b : c)
OPERATOR_BINARY(hl2, rules_finite((a + b) / 2))
OPERATOR_TERNARY(hlc3, rules_finite((a + b + c) / 3))

static double operator_ohlc4(const double *v)
{
    return rules_finite((v[0] + v[1] + v[2] + v[3]) / 4);
}

static void operator_ohlc4_column(struct rules_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        call->out[i] = rules_finite((call->in[0][i] + call->in[1][i] + call->in[2][i] + call->in[3][i]) / 4);
    }
}

static void operator_back_by(struct rules_call *call, double before)
{
    const size_t k = rules_whole(call, 1), missing = call->before < k ? k - call->before : 0;
    const double *x = call->in[0] - (call->before < k ? call->before : k);

    for (size_t i = 0; i < call->count && i < missing; i++) call->out[i] = before;
    for (size_t i = missing; i < call->count; i++) call->out[i] = x[i - missing];
}

static void operator_back(struct rules_call *call)
{
    operator_back_by(call, (double)NAN);
}

static void operator_back_condition(struct rules_call *call)
{
    operator_back_by(call, 0);
}

static double operator_back_bars(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[1];
}

/* clang-format off */
#define OPERATOR_NUMBERS \
    {                    \
        RULES_X, RULES_Y \
    }
#define OPERATOR_C(title)                      \
    {                                          \
        .name = title, .type = RULES_CONDITION \
    }
/* clang-format on */
#define OPERATOR_POINT(title, text, kind)                                                    \
    .name = (text), .result = (kind), .shape = RULES_SHAPE_POINT, .point = operator_##title, \
    .kernel = operator_##title##_column
/* clang-format off */
#define OPERATOR_K                                                                  \
    {                                                                               \
        .name = "k", .type = RULES_WHOLE, .minimum = 0, .maximum = RULES_LENGTH_MAX \
    }
/* clang-format on */

const struct rules_function rules_operators[OPERATORS] = {
    [OPERATOR_OR] = {OPERATOR_POINT(or, "or", RULES_CONDITION), .arguments = {OPERATOR_C("x"), OPERATOR_C("y")}},
    [OPERATOR_AND] = {OPERATOR_POINT(and, "and", RULES_CONDITION), .arguments = {OPERATOR_C("x"), OPERATOR_C("y")}},
    [OPERATOR_LESS] = {OPERATOR_POINT(less, "<", RULES_CONDITION), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_LESS_EQUAL] = {OPERATOR_POINT(less_equal, "<=", RULES_CONDITION), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_GREATER] = {OPERATOR_POINT(greater, ">", RULES_CONDITION), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_GREATER_EQUAL] = {OPERATOR_POINT(greater_equal, ">=", RULES_CONDITION), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_EQUAL] = {OPERATOR_POINT(equal, "==", RULES_CONDITION), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_NOT_EQUAL] = {OPERATOR_POINT(not_equal, "!=", RULES_CONDITION), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_ADD] = {OPERATOR_POINT(add, "+", RULES_NUMBER), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_SUBTRACT] = {OPERATOR_POINT(subtract, "-", RULES_NUMBER), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_MULTIPLY] = {OPERATOR_POINT(multiply, "*", RULES_NUMBER), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_DIVIDE] = {OPERATOR_POINT(divide, "/", RULES_NUMBER), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_NOT] = {OPERATOR_POINT(not, "not", RULES_CONDITION), .arguments = {OPERATOR_C("x")}},
    [OPERATOR_NEGATE] = {OPERATOR_POINT(negate, "-", RULES_NUMBER), .arguments = {RULES_X}},
    [OPERATOR_IF] = {OPERATOR_POINT(if, "if", RULES_NUMBER), .arguments = {OPERATOR_C("c"), RULES_X, RULES_Y}},
    [OPERATOR_IF_CONDITION] = {OPERATOR_POINT(if, "if", RULES_CONDITION),
                               .arguments = {OPERATOR_C("c"), OPERATOR_C("x"), OPERATOR_C("y")}},
    [OPERATOR_BACK] = {.name = "[k]",
                       .result = RULES_NUMBER,
                       .arguments = {RULES_X, OPERATOR_K},
                       .shape = RULES_SHAPE_PIECE,
                       .looks_back = true,
                       .kernel = operator_back,
                       .bars = operator_back_bars},
    [OPERATOR_BACK_CONDITION] = {.name = "[k]",
                                 .result = RULES_CONDITION,
                                 .arguments = {OPERATOR_C("x"), OPERATOR_K},
                                 .shape = RULES_SHAPE_PIECE,
                                 .looks_back = true,
                                 .kernel = operator_back_condition,
                                 .bars = operator_back_bars},
    [OPERATOR_HL2] = {OPERATOR_POINT(hl2, "hl2", RULES_NUMBER), .arguments = OPERATOR_NUMBERS},
    [OPERATOR_HLC3] = {OPERATOR_POINT(hlc3, "hlc3", RULES_NUMBER),
                       .arguments = {RULES_X, RULES_Y, {.name = "z", .type = RULES_NUMBER}}},
    [OPERATOR_OHLC4] =
        {OPERATOR_POINT(ohlc4, "ohlc4", RULES_NUMBER),
         .arguments = {RULES_X, RULES_Y, {.name = "z", .type = RULES_NUMBER}, {.name = "w", .type = RULES_NUMBER}}},
};
