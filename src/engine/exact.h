/*
 * Sums that are exact: a number held as the unevaluated sum of two doubles, some 106 bits. Money is added up in it, so
 * that capital and the profits of all trades give the equity as if they had been added without rounding, in any order,
 * and rounded once.
 *
 * Knuth's two-sum (The Art of Computer Programming, volume 2, 4.2.2, theorem B). It needs IEEE 754 doubles and a
 * compiler that keeps to them; what would break it does not compile.
 */
#ifndef ENGINE_EXACT_H
#define ENGINE_EXACT_H

#include <float.h>

#if defined __FAST_MATH__
#error "The engine needs exact IEEE 754 arithmetic: build it without -ffast-math."
#endif
#if FLT_EVAL_METHOD != 0
#error "The engine needs doubles that are computed as doubles: build it with -msse2 -mfpmath=sse."
#endif

struct exact {
    double high, low; /* high is the sum, rounded; low is what that leaves out */
};

static inline struct exact exact_of(double value)
{
    return (struct exact){value, 0};
}

static inline struct exact exact_add(struct exact sum, double value)
{
    const double high = sum.high + value;
    const double part = high - sum.high;
    const double low = (sum.high - (high - part)) + (value - part) + sum.low;
    struct exact result;

    result.high = high + low;
    result.low = low - (result.high - high);
    return result;
}

/* The sum with `value` added, rounded once. */
static inline double exact_plus(struct exact sum, double value)
{
    return exact_add(sum, value).high;
}

#endif
