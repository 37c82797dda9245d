/*
 * Operators, as functions that the table does not list. Those whose names begin with POINT have a kernel that may be
 * called on any part of their columns.
 */
#ifndef RULES_OPERATORS_H
#define RULES_OPERATORS_H

#include "rules/function.h"

enum operator_id {
    OPERATOR_OR,
    OPERATOR_AND,
    OPERATOR_LESS,
    OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER,
    OPERATOR_GREATER_EQUAL,
    OPERATOR_EQUAL,
    OPERATOR_NOT_EQUAL,
    OPERATOR_ADD,
    OPERATOR_SUBTRACT,
    OPERATOR_MULTIPLY,
    OPERATOR_DIVIDE, /* the last one with two sides */
    OPERATOR_NOT,
    OPERATOR_NEGATE,
    OPERATOR_IF,             /* (c, a, b) of numbers */
    OPERATOR_IF_CONDITION,   /* the same of conditions */
    OPERATOR_BACK,           /* x[k] of numbers: NaN before the first bar */
    OPERATOR_BACK_CONDITION, /* the same of conditions: false */
    OPERATOR_HL2,
    OPERATOR_HLC3,
    OPERATOR_OHLC4,
    OPERATORS
};

extern const struct rules_function rules_operators[OPERATORS];

#endif
