/*
 * Sums over moving windows, in constant time a bar and without drift.
 *
 * The bars are cut into blocks of the window's length. A window is then the end of one block and the beginning of the
 * next: the sums over ends are made once a block, backwards, and those over beginnings as the bars go by. Nothing is
 * ever subtracted, so no error stays behind in a running sum: each result is made from the window's own values, in one
 * order, with an error of at most about length * 1.1e-16 of the sum of magnitudes. For the same reason a NaN is in a
 * result exactly as long as it is in the window. (The scheme is van Herk's, for any operation that is associative.)
 *
 * window_sum and window_mean round once. Most values are such that two running sums do it without any rounding, and
 * then these are taken: they give the same doubles, and cost a third.
 */
#ifndef RULES_WINDOW_H
#define RULES_WINDOW_H

#include "rules/function.h"

/* Running sums of some values, each cut in two parts that add without rounding. Calls of one group share them, because
 * averages of several lengths often are of the same values. All zero: there are none. */
struct window_sums {
    const double *begin, *end; /* of the values */
    double *high, *low;        /* owned; within one memory. [k]: the sum of the parts of the first k values */
    size_t room;               /* of each */
    size_t back;               /* values before a piece that calls have asked for so far */
    bool is_exact;
};
void window_sums_clear(struct window_sums *sums);

/* Sums and means of the last `n` values; NaN for the first n - 1, and where the result is not finite. */
void window_sum(struct rules_call *call, const double *x, size_t n, double *out);
void window_mean(struct rules_call *call, const double *x, size_t n, double *out);
/* Beside that, the sum with weights 1 (oldest) to n (newest). */
void window_weighted(struct rules_call *call, const double *x, size_t n, double *out_sum, double *out_weighted);
/* The mean, and the sum of squares of the deviations from it; exactly 0 where all values are the same. Either may be
 * NULL. */
void window_moments(struct rules_call *call, const double *x, size_t n, double *out_mean, double *out_squares);
/* Pearson's correlation; NaN where one of the two does not vary. */
void window_correlation(struct rules_call *call, const double *x, const double *y, size_t n, double *out);
/* The largest (sign 1) or smallest (sign -1) of the last `n` values. */
void window_extreme(struct rules_call *call, const double *x, size_t n, int sign, double *out);
/* How many bars ago that one was, the oldest of equal ones: 0 or more. */
void window_extreme_age(struct rules_call *call, const double *x, size_t n, int sign, double *out);

/* ema (alpha = 2 / (n + 1)) and Wilder's average, seeded by the mean of the first n known values. `out` may be `x`. */
void window_ema(const double *x, size_t count, size_t n, double *out);
void window_wilder(const double *x, size_t count, size_t n, double *out);

#endif
