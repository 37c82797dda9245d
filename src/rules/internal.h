/*
 * A document on its way, for rules/ alone: read (document.c), parsed (parse.c), checked (check.c), compiled to a list
 * of operations (compile.c), run (run.c).
 */
#ifndef RULES_INTERNAL_H
#define RULES_INTERNAL_H

#include "rules/parse.h"

enum { RULES_PARAMS_MAX = 64, RULES_LETS_MAX = 256, RULES_CLOCKS_MAX = 8, RULES_COLUMNS = 9, RULES_POSITIONS = 3 };

/* open … ohlc4; those of candles first. */
enum rules_column_id {
    RULES_COLUMN_OPEN,
    RULES_COLUMN_HIGH,
    RULES_COLUMN_LOW,
    RULES_COLUMN_CLOSE,
    RULES_COLUMN_VOLUME,
    RULES_COLUMN_HL2,
    RULES_COLUMN_HLC3,
    RULES_COLUMN_OHLC4,
};
extern const char *const rules_column_names[];   /* NULL after the last one */
extern const char *const rules_position_names[]; /* as struct rules_position; NULL after the last one */

struct rules_param {
    struct slice name;
    double value;
    bool is_used;
    struct rules_place place;
};

struct rules_expression {
    struct rules_place place;
    struct parse_node *root; /* NULL: it was not an expression */
};

struct rules_let {
    struct slice name;
    struct rules_expression expression;
};

/* A tf() of a document. */
struct rules_higher {
    struct rules_higher *next;
    struct rules_place place; /* of its expression */
    size_t at;                /* in the expression's text */
    const char *timeframe;    /* as it is written */
    int64_t timeframe_ms;
};

/* A document as it was read. Texts are in the arena. */
struct rules_document {
    struct arena *arena;
    struct rules_faults *faults;
    struct rules_param params[RULES_PARAMS_MAX];
    size_t param_count;
    struct rules_let *lets; /* in the order in which they may be checked, once check_document has run */
    size_t let_count;
    struct rules_expression outputs[RULES_OUTPUTS]; /* place.text.data is NULL if the document has none */
    enum rules_size size_kind;
    bool size_at_close;
    struct rules_higher *higher; /* every tf() that is computed, by its place; the last one first */
};

/* Fills `document`, whose arena and faults are set. Parses the expressions. */
void document_read(struct rules_document *document, struct slice text);
/* Replaces values of params. */
void document_override(struct rules_document *document, const struct rules_override *overrides, size_t count);
/* Sorts the names of let, so that each needs only those before it. Circles are faults, and their trees are marked. */
void order_lets(struct rules_document *document);
/* Names, types, bounds. Every fault is added. */
void check_document(struct rules_document *document);
/* The timeframes of a document without faults: how many, and whether one within another is a multiple of it. */
void clocks_check(struct rules_document *document);
/*
 * Of a named kind: is all said of the parameters that there is to say? So it is if they are its own only, as whatever
 * is within their bounds makes a document without a fault, or if they have faults, which are added.
 */
bool kind_is_checked(const struct rules_kind *kind, struct slice parameters, struct rules_faults *faults) ATTR_CHECKED;
/* The document of a named kind with these parameters, in the arena; SLICE_NONE after faults, which are added. */
struct slice kind_document(const struct rules_kind *kind, struct slice parameters,
                           const struct rules_override *overrides, size_t override_count, struct arena *arena,
                           struct rules_faults *faults);

bool document_number(struct slice value, double *ret_number);
bool document_is_object(struct slice value);

/* ---- The compiled form ---- */

enum node_kind { NODE_CONSTANT, NODE_COLUMN, NODE_POSITION, NODE_CALL, NODE_HIGHER };

/* One operation. Those that are equal are one. */
struct rules_node {
    enum node_kind kind;
    uint32_t clock;    /* of its column */
    bool is_dynamic;   /* no column: its value is found bar by bar */
    bool is_kept;      /* its column is asked for after the run */
    bool is_whole;     /* it is read by an operation that needs it whole */
    bool is_signal;    /* a condition that is asked for after the run, as bits */
    uint32_t index;    /* of a candles' column, or a position's member */
    uint32_t last_use; /* the last node that reads its column */
    const struct rules_function *function;
    uint32_t args[RULES_ARGUMENTS_MAX]; /* nodes; of NODE_HIGHER args[0], of another clock */
    /* By argument. [0] of NODE_CONSTANT is its value, that of NODE_HIGHER the value before a bar has closed. */
    double constants[RULES_ARGUMENTS_MAX];
};

struct rules {
    struct arena *arena;
    struct rules_node *nodes; /* what a node needs is before it */
    size_t node_count;
    int64_t clocks[RULES_CLOCKS_MAX]; /* timeframes; clocks[0] is the series' own (0) */
    size_t clock_count;
    bool has[RULES_OUTPUTS];
    uint32_t outputs[RULES_OUTPUTS];  /* nodes */
    uint32_t *program[RULES_OUTPUTS]; /* of dynamic ones: the dynamic nodes in order, the output's last */
    size_t program_count[RULES_OUTPUTS];
    enum rules_size size_kind;
    bool size_at_close;
    const struct rules_higher *higher; /* of the document */
    uint64_t cost;
};

/* How many of a node's arguments are nodes, and whether argument i is. */
static inline bool rules_is_column(const struct rules_function *function, size_t argument)
{
    return function->arguments[argument].type == RULES_NUMBER || function->arguments[argument].type == RULES_CONDITION;
}

/* Whether its columns must be there whole: it goes over them at once, or looks back in them. */
static inline bool rules_needs_whole(const struct rules_function *function)
{
    return function->looks_back || (function->shape != RULES_SHAPE_POINT && function->shape != RULES_SHAPE_PIECE);
}

/* NULL after a fault: too many operations, or too costly. */
struct rules *compile_document(const struct rules_document *document);

#endif
