/*
 * What the families of functions (averages.c, statistics.c, …) give to the table, and how a kernel is called.
 *
 * A function is a POINT, whose value at a bar needs only its arguments' values at that bar, a PIECE, whose kernel goes
 * over the bars in pieces, or WHOLE, whose kernel goes over the whole column once. Inputs hold finite numbers or NaN;
 * conditions 0.0 or 1.0. What a kernel writes that is not finite becomes NaN afterwards.
 *
 * The same for all kernels:
 * - NaN until there is enough input. If a column begins with NaNs (it is another function's), a function begins at the
 * first known value.
 * - A hole (a NaN after known values): a function of a window (sma, highest, …) is NaN until the hole has left the
 * window. A recursive one (ema, rma, …) is NaN at the hole, keeps its state, and goes on with the next known value.
 * - The value at a bar depends on bars up to it alone, and on the first bar of the series, never on the last one.
 */
#ifndef RULES_FUNCTION_H
#define RULES_FUNCTION_H

#include <math.h>

#include "rules/rules.h"

enum rules_shape {
    RULES_SHAPE_WHOLE,
    RULES_SHAPE_FINITE, /* WHOLE, with a kernel that writes nothing infinite */
    RULES_SHAPE_PIECE,  /* with a kernel that goes over the column piece by piece and writes nothing infinite */
    RULES_SHAPE_POINT
};

struct rules_pool;
struct window_sums;
enum { RULES_TAKEN_MAX = 8, RULES_STATE_MAX = 2 };

struct rules_call {
    size_t count;  /* bars, of the piece */
    size_t before; /* bars of the columns before the piece; 0 for a kernel that goes over them at once */
    const double *in[RULES_ARGUMENTS_MAX]; /* columns, by argument; NULL for constants */
    double constant[RULES_ARGUMENTS_MAX];  /* by argument */
    double *out;                           /* count values, not those of an input */
    uint64_t *bits; /* of a kernel that packs, for a condition that is asked for only as bits; else NULL */
    const struct candles *candles; /* of the expression's timeframe, count bars */
    struct arena *scratch;         /* emptied after the call */
    struct rules_pool *pool;       /* of columns; what is taken goes back after the call; NULL for pieces */
    double *taken[RULES_TAKEN_MAX];
    size_t taken_count;
    struct window_sums *sums;      /* of the group (window.h); NULL for a kernel that goes over columns at once */
    double state[RULES_STATE_MAX]; /* what a kernel of pieces carries from piece to piece; 0 at first */
    uint64_t steps;                /* a kernel that takes more than one a bar adds them */
};

/* A family's part of the table. */
struct rules_family {
    const struct rules_function *functions;
    size_t count;
};

extern const struct rules_family rules_averages, rules_statistics, rules_extremes, rules_momentum, rules_volatility,
    rules_volume, rules_pivots, rules_state, rules_math, rules_time;

/* Constants are numbers, so a time zone is one too: 0 is UTC. False if there is no such zone. */
bool rules_zone_code(struct slice name, double *ret_code);

static inline size_t rules_whole(const struct rules_call *call, size_t argument)
{
    return (size_t)call->constant[argument];
}

/* NaN for what is not finite. */
static inline double rules_finite(double x)
{
    return x - x == 0 ? x : (double)NAN;
}

/* Uninitialised. */
double *rules_scratch(struct rules_call *call, size_t count);
/* NaN for the first `n` values (or all). */
void rules_unknown(double *out, size_t count, size_t n);

/* Arguments that many functions have. */
/* clang-format off */
#define RULES_X                           \
    {                                     \
        .name = "x", .type = RULES_NUMBER \
    }
#define RULES_Y                           \
    {                                     \
        .name = "y", .type = RULES_NUMBER \
    }
#define RULES_LENGTH                                                                     \
    {                                                                                    \
        .name = "length", .type = RULES_WHOLE, .minimum = 1, .maximum = RULES_LENGTH_MAX \
    }
#define RULES_LENGTH_OF(title, least)                                                       \
    {                                                                                       \
        .name = title, .type = RULES_WHOLE, .minimum = (least), .maximum = RULES_LENGTH_MAX \
    }
#define RULES_MULTIPLE(title)                                                    \
    {                                                                            \
        .name = title, .type = RULES_CONSTANT, .minimum = 0.001, .maximum = 1000 \
    }
/* clang-format on */

/* Look-backs in bars. The number in a name is the argument that holds the length. */
double rules_bars_window1(const double *constants, int64_t timeframe_ms); /* length - 1 */
double rules_bars_window0(const double *constants, int64_t timeframe_ms);
double rules_bars_back1(const double *constants, int64_t timeframe_ms); /* length */
double rules_bars_ema1(const double *constants, int64_t timeframe_ms);  /* 5 lengths */
/* 10 lengths: Wilder's average of n forgets as slowly as an EMA of 2 n - 1. */
double rules_bars_wilder0(const double *constants, int64_t timeframe_ms);
double rules_bars_wilder1(const double *constants, int64_t timeframe_ms);
double rules_bars_one(const double *constants, int64_t timeframe_ms);

/* Steps a bar. */
double rules_steps_4(const double *constants);

double rules_steps_8(const double *constants);

#endif
