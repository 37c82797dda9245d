/*
 * The language of rules: a strategy's document, checked, bound to its parameters, and computed over a series of
 * candles.
 *
 *     struct arena *arena = arena_new();
 *     struct rules_faults faults = {.arena = arena};
 *     struct rules *r = rules_new(kind, parameters, NULL, 0, &faults);     // NULL: see faults
 *     // load rules_lookback(r, timeframe_ms) bars before the first bar of the test
 *     struct rules_run *run = rules_run_new(r, candles, &err);
 *     // columns that depend on the candles alone are computed
 *     rules_value(run, RULES_LONG_ENTER, bar, NULL);
 *     // or rules_bit(rules_condition(run, RULES_LONG_ENTER), bar)
 *
 * docs/rules.md is the page for people: the language, and each function with its formula, seed and look-back. The
 * language is total: no loop, no recursion, no state but that of named functions. So its cost and its look-back are
 * known before it runs, and a look ahead cannot be written.
 *
 * Columns hold finite numbers or NaN, which is "not known". What has no finite value (a division by zero, the root of a
 * negative number, an overflow) is NaN. Conditions are 0.0 or 1.0: a comparison with NaN is false, also !=.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "candles/candles.h"

/* Bounds of a document; passing one is a fault that names it. */
enum {
    RULES_TEXT_BYTES_MAX = 65536, /* the whole document */
    RULES_DEPTH_MAX = 200,        /* nested operations, those of the names of let included */
    RULES_NODES_MAX = 2048,       /* operations after equal ones were made one */
    RULES_LENGTH_MAX = 10000,     /* of a function, in bars */
    RULES_LOOKBACK_MAX = 5000000, /* in bars of the series' own timeframe */
    RULES_COST_MAX = 200000,      /* steps a bar */
    RULES_ARGUMENTS_MAX = 6,      /* of a function */
    RULES_KIND_PARAMETERS_MAX = 6,
    RULES_FAULTS_MAX = 64,
};

/* What a document may give. Conditions (enter, exit) are optional but for one enter; levels and size too. */
enum rules_output {
    RULES_LONG_ENTER,
    RULES_LONG_EXIT,
    RULES_SHORT_ENTER,
    RULES_SHORT_EXIT,
    RULES_STOP_DISTANCE, /* in units of the price, from the entry's fill price */
    RULES_STOP_PERCENT,  /* 4 means 4 % of the entry's fill price */
    RULES_STOP_PRICE,
    RULES_TAKE_DISTANCE,
    RULES_TAKE_PERCENT,
    RULES_TAKE_PRICE,
    RULES_TRAIL_DISTANCE,
    RULES_TRAIL_PERCENT,
    RULES_SIZE, /* in the unit of rules_size_kind; 1 if the document has none */
    RULES_OUTPUTS
};

enum rules_size {
    RULES_SIZE_EQUITY, /* a share of the equity: 1 is all of it */
    RULES_SIZE_CASH,   /* a share of the cash */
    RULES_SIZE_UNITS   /* so many units */
};

/* What is known of the position when an exit or a level is computed. Without a position (NULL) the three are NaN. */
struct rules_position {
    double entry_price; /* of the fill */
    double bars_held;   /* bars since that of the fill: 0 in the bar of the entry */
    double equity;      /* at the bar's close */
};

/* NAME=VALUE of --param: replaces the value of a parameter. */
struct rules_override {
    struct slice name;
    struct slice value; /* a number as JSON writes it; true or false if the kind's parameter is a boolean */
};

/* One place that is wrong. The slices live in the arena of the faults. */
struct rules_fault {
    struct slice pointer; /* RFC 6901, into the parameters: "/long/enter"; "" is the whole document */
    size_t column;       /* in the expression's text, from 1, in characters; 0: the fault is not within an expression */
    struct slice detail; /* "sma(close): the second argument (length) is missing" */
};

struct rules_faults {
    struct arena *arena; /* the caller's; set it before */
    struct rules_fault items[RULES_FAULTS_MAX];
    size_t count;
    size_t dropped; /* more than that */
};

/* "sma(close): the second argument (length) is missing, in long.enter at column 5", NUL-terminated, in the arena. */
struct slice rules_fault_text(const struct rules_fault *fault, struct arena *arena);

struct rules;     /* a checked document with its parameters bound: immutable, may be shared */
struct rules_run; /* its columns over one series */

/*
 * `kind` is "rules" or a named kind. `parameters` is the JSON text of the strategy's `parameters`: for "rules" the
 * document, for a named kind the values of its parameters, any of which may be left out, and `stop`, `take`, `trail`
 * and `size` as in a document. Returns NULL if there is a fault; every fault is added to `faults`. The arguments are
 * not kept.
 */
struct rules *rules_new(struct slice kind, struct slice parameters, const struct rules_override *overrides,
                        size_t override_count, struct rules_faults *faults) ATTR_CHECKED;
/* The faults that rules_new would find: of a named kind without making its document, which costs most of it. */
void rules_check(struct slice kind, struct slice parameters, struct rules_faults *faults);
void rules_free(struct rules *r); /* takes NULL; after the runs over it */

/* Can the document be computed on bars of `timeframe_ms`? tf() needs a timeframe that is a multiple of it. */
bool rules_fits(const struct rules *r, int64_t timeframe_ms, struct error *err) ATTR_CHECKED;
/* Every tf() whose timeframe is not a multiple of `timeframe_ms`, with its place: why rules_fits says no, unless it is
 * the look-back. */
void rules_misfits(const struct rules *r, int64_t timeframe_ms, struct rules_faults *faults);
/* Bars of `timeframe_ms` that must be loaded before the first bar of the test; 0 if the document does not fit. */
size_t rules_lookback(const struct rules *r, int64_t timeframe_ms);
/* The most steps a bar: rules_run_steps never counts more than this times the bars (and a constant). */
uint64_t rules_cost(const struct rules *r);

bool rules_has(const struct rules *r, enum rules_output output);
/* Whether its value depends on the position, so that it has no column. */
bool rules_is_dynamic(const struct rules *r, enum rules_output output);
enum rules_size rules_size_kind(const struct rules *r);
bool rules_size_at_close(const struct rules *r);
/* "long.enter" */
const char *rules_output_name(enum rules_output output);

/* Bits of bars in words, the first bar's the lowest of the first word. */
enum { RULES_WORD_BARS = 64 };

static inline bool rules_bit(const uint64_t *words, size_t bar)
{
    return (words[bar / RULES_WORD_BARS] >> bar % RULES_WORD_BARS & 1) != 0;
}

/* Computes every static column over the whole series, look-back included. The candles must outlive the run. NULL with
 * `err` if the document does not fit the series' timeframe. */
struct rules_run *rules_run_new(const struct rules *r, const struct candles *candles, struct error *err) ATTR_CHECKED;
void rules_run_free(struct rules_run *run); /* takes NULL */
/* A condition's values, a bit a bar (rules_bit). NULL if the document has none, or if it depends on the position. */
const uint64_t *rules_condition(const struct rules_run *run, enum rules_output output);
/* The column of a level or a size, as long as the series. NULL if the document has none, if it depends on the position,
 * or if it is constant: rules_value has these. */
const double *rules_column(const struct rules_run *run, enum rules_output output);
/* The value at a bar, of both sorts. Conditions: 0 or 1. Levels: NaN means that there is no level. An output that the
 * document does not have is 0, or NaN if it is a level. */
double rules_value(const struct rules_run *run, enum rules_output output, size_t bar,
                   const struct rules_position *position);
/* Steps that computing the columns took. */
uint64_t rules_run_steps(const struct rules_run *run);

/* ---- The table of functions, for whoever prints it ---- */

enum rules_type {
    RULES_NUMBER,    /* a column of numbers */
    RULES_CONDITION, /* a column of 0 and 1 */
    RULES_WHOLE,     /* a whole constant: a number, a $param, or arithmetic of these */
    RULES_CONSTANT,  /* any constant */
    RULES_ZONE,      /* a time zone in quotes */
};

struct rules_argument {
    const char *name; /* NULL after the last one */
    enum rules_type type;
    double minimum, maximum; /* of constants */
    const char *fallback;    /* its value if it is left out ("1"); NULL: it is required */
};

struct rules_call;

struct rules_function {
    const char *name;
    const char *family;      /* "averages" */
    const char *description; /* one line */
    const char *formula;     /* one line */
    const char *seed;        /* where the first value comes from; "" if there is nothing to say */
    const char *lookback;    /* "5 n" */
    enum rules_type result;  /* RULES_NUMBER or RULES_CONDITION */
    struct rules_argument arguments[RULES_ARGUMENTS_MAX + 1];

    /* For rules/ alone; see function.h. */
    int shape;
    bool packs;      /* the kernel of a condition writes bits instead of doubles, if they are asked for */
    bool looks_back; /* a kernel of pieces reads its arguments before the piece */
    double (*point)(const double *values);
    void (*kernel)(struct rules_call *call);
    double (*bars)(const double *constants, int64_t timeframe_ms);
    double (*steps)(const double *constants);
};

/* Family by family; NULL after the last one: for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) */
const struct rules_function *rules_function_at(size_t index);
const struct rules_function *rules_function_find(struct slice name);
/* Names of time zones, NULL after the last; UTC and offsets such as +02:00 are known too. */
const char *rules_zone_name(size_t index);
/* "sma(x, n)" into `out`. */
void rules_function_signature(const struct rules_function *function, struct buf *out);

/* ---- Named kinds ---- */

struct rules_kind_parameter {
    const char *name; /* NULL after the last one */
    enum { RULES_KIND_WHOLE, RULES_KIND_NUMBER, RULES_KIND_BOOLEAN } type;
    double minimum, maximum, fallback;
    const char *description;
};

struct rules_kind {
    const char *name;        /* "sma_crossover" */
    const char *description; /* one line */
    const char *document;    /* the rules document, without `params`; NULL for "rules" itself */
    struct rules_kind_parameter parameters[RULES_KIND_PARAMETERS_MAX + 1];
};

const struct rules_kind *rules_kinds(size_t *ret_count);
const struct rules_kind *rules_kind_find(struct slice name);
/* Adds the schema of the kind's `parameters` (JSON Schema, draft 2020-12) to `out`. */
void rules_kind_schema(const struct rules_kind *kind, struct buf *out);

/* ---- The tables as JSON, for `backtestd kinds|functions --json` and the API: objects, and arrays of all ---- */

void rules_kind_json(const struct rules_kind *kind, struct buf *out); /* {name, description, parameters: its schema} */
void rules_kinds_json(struct buf *out);
void rules_function_json(const struct rules_function *function, struct buf *out);
void rules_functions_json(struct buf *out);

#endif
