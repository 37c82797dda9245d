/* Text to tree, for rules/ alone. */
#ifndef RULES_PARSE_H
#define RULES_PARSE_H

#include "rules/fault.h"
#include "rules/operators.h"

enum parse_kind {
    PARSE_NUMBER,
    PARSE_BOOLEAN, /* true, false */
    PARSE_PARAM,   /* $name */
    PARSE_NAME,    /* a column, a name of let, something of the position, or a function without arguments */
    PARSE_TEXT,    /* "4h" */
    PARSE_OPERATOR,
    PARSE_BACK, /* x[k] */
    PARSE_CALL, /* name(…), also if and tf */
};

struct parse_node {
    enum parse_kind kind;
    size_t start, end; /* in the text, in bytes */
    struct slice name; /* of PARSE_PARAM (without $), PARSE_NAME, PARSE_CALL; the content of PARSE_TEXT */
    double number;     /* also 0 and 1 of PARSE_BOOLEAN */
    enum operator_id op;
    struct parse_node **args;
    size_t count;
    unsigned depth;

    /* What check.c finds out. */
    enum rules_type type; /* RULES_NUMBER or RULES_CONDITION */
    bool is_wrong;        /* a fault was reported: the caller adds no other */
    bool is_constant;     /* `number` is its value */
    bool is_dynamic;      /* depends on the position */
    const struct rules_function *function;
    enum { PARSE_MEANS_COLUMN, PARSE_MEANS_POSITION, PARSE_MEANS_LET, PARSE_MEANS_FUNCTION } means; /* PARSE_NAME */
    size_t index;         /* of the column, the position's member, or the let */
    int64_t timeframe_ms; /* of tf() */
};

/* NULL with one fault if the text is not an expression. `place->text` must be UTF-8 and outlive the tree. */
struct parse_node *parse_expression(struct arena *arena, const struct rules_place *place, struct rules_faults *faults);
/* Letters, digits and underscores, not a digit first, at most 64, and no word of the language. */
bool parse_is_name(struct slice text);

#endif
