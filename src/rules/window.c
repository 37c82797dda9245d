#include "rules/window.h"

/* A sum, and what rounding has taken from it so far (Knuth's two-sum). */
struct window_exact {
    double sum, lost;
};

static inline struct window_exact window_exact_add(struct window_exact a, double x)
{
    const double sum = a.sum + x;
    const double part = sum - a.sum;

    return (struct window_exact){sum, a.lost + ((a.sum - (sum - part)) + (x - part))};
}

/*
 * The sums are rounded once, at the end, as TradingView's are. So an average stands still while the market does: else
 * it would tremble in its last bit, and averages would cross each other by rounding.
 */
static void window_sum_by(struct rules_call *call, const double *x, size_t n, double divisor, double *out)
{
    /* end[i]: of the block before, from its value i on; end[n] is 0. */
    struct window_exact *end = arena_zalloc(call->scratch, (n + 1) * sizeof(*end));

    for (size_t block = 0; block < call->count; block += n) {
        const size_t bars = call->count - block < n ? call->count - block : n;
        struct window_exact begin = {0, 0};

        for (size_t i = 0; i < bars; i++) {
            begin = window_exact_add(begin, x[block + i]);
            const struct window_exact all = window_exact_add(end[i + 1], begin.sum);

            out[block + i] = rules_finite((all.sum + (all.lost + begin.lost)) / divisor);
        }
        if (block == 0) rules_unknown(out, call->count, n - 1);
        if (bars < n) break;
        for (size_t i = n; i-- > 0;) end[i] = window_exact_add(end[i + 1], x[block + i]);
    }
    call->steps += 2 * call->count;
}

void window_sum(struct rules_call *call, const double *x, size_t n, double *out)
{
    window_sum_by(call, x, n, 1, out);
}

void window_mean(struct rules_call *call, const double *x, size_t n, double *out)
{
    window_sum_by(call, x, n, (double)n, out);
}

void window_weighted(struct rules_call *call, const double *x, size_t n, double *out_sum, double *out_weighted)
{
    double *end = rules_scratch(call, n + 1);      /* as in window_sum */
    double *weighted = rules_scratch(call, n + 1); /* the same, weights from 1 */

    end[n] = weighted[n] = 0;
    for (size_t block = 0; block < call->count; block += n) {
        const size_t bars = call->count - block < n ? call->count - block : n;
        double begin = 0, begin_weighted = 0;

        for (size_t i = 0; i < bars; i++) {
            const double older = (double)(n - 1 - i); /* values of the window that lie in the block before */

            begin += x[block + i];
            begin_weighted += (double)(i + 1) * x[block + i];
            if (block == 0 && i + 1 < n) {
                out_sum[i] = out_weighted[i] = (double)NAN;
                continue;
            }
            out_sum[block + i] = i + 1 == n ? begin : end[i + 1] + begin;
            out_weighted[block + i] = i + 1 == n ? begin_weighted : weighted[i + 1] + (begin_weighted + older * begin);
        }
        if (bars < n) break;
        for (size_t i = n; i-- > 0;) {
            end[i] = end[i + 1] + x[block + i];
            weighted[i] = weighted[i + 1] + end[i];
        }
    }
    call->steps += 4 * call->count;
}

/* Mean and sum of squared deviations of some values. */
struct window_moment {
    double mean, squares;
};

/* One more value, the `share` = 1 / how many they are then (Welford's step). */
static inline struct window_moment window_moment_add(struct window_moment m, double x, double share)
{
    const double d = x - m.mean;
    const double mean = m.mean + d * share;

    return (struct window_moment){mean, m.squares + d * (x - mean)};
}

/* Two disjoint sets together (Chan's formula); weight_b = nb / n, cross = na nb / n. */
static inline struct window_moment window_moment_join(struct window_moment a, struct window_moment b, double weight_b,
                                                      double cross)
{
    const double d = b.mean - a.mean;

    return (struct window_moment){a.mean + d * weight_b, a.squares + b.squares + d * d * cross};
}

static double *window_shares(struct rules_call *call, size_t n)
{
    double *share = rules_scratch(call, n + 1); /* share[k] = 1 / k */

    share[0] = 0;
    for (size_t k = 1; k <= n; k++) share[k] = 1 / (double)k;
    return share;
}

void window_moments(struct rules_call *call, const double *x, size_t n, double *out_mean, double *out_squares)
{
    struct window_moment *end = arena_alloc(call->scratch, (n + 1) * sizeof(*end));
    const double *share = window_shares(call, n);

    for (size_t block = 0; block < call->count; block += n) {
        const size_t bars = call->count - block < n ? call->count - block : n;
        struct window_moment begin = {0};

        for (size_t i = 0; i < bars; i++) {
            struct window_moment all;

            begin = i == 0 ? (struct window_moment){x[block], 0 * x[block]}
                           : window_moment_add(begin, x[block + i], share[i + 1]);
            all = begin;
            if (i + 1 < n && block > 0) {
                const double weight = (double)(i + 1) * share[n];

                all = window_moment_join(end[i + 1], begin, weight, (double)(n - 1 - i) * weight);
            } else if (i + 1 < n) {
                all = (struct window_moment){(double)NAN, (double)NAN};
            }
            if (out_mean != NULL) out_mean[block + i] = all.mean;
            if (out_squares != NULL) out_squares[block + i] = all.squares;
        }
        if (bars < n) break;
        end[n - 1] = (struct window_moment){x[block + n - 1], 0 * x[block + n - 1]};
        for (size_t i = n - 1; i-- > 0;) end[i] = window_moment_add(end[i + 1], x[block + i], share[n - i]);
    }
    call->steps += 4 * call->count;
}

/* The same of pairs. */
struct window_pair {
    double x, y, xx, yy, xy;
};

static inline struct window_pair window_pair_add(struct window_pair p, double x, double y, double share)
{
    const double dx = x - p.x, dy = y - p.y;

    p.x += dx * share;
    p.y += dy * share;
    p.xx += dx * (x - p.x);
    p.yy += dy * (y - p.y);
    p.xy += dx * (y - p.y);
    return p;
}

static double window_pair_correlation(struct window_pair a, struct window_pair b, double cross)
{
    const double dx = b.x - a.x, dy = b.y - a.y;
    const double xx = a.xx + b.xx + dx * dx * cross, yy = a.yy + b.yy + dy * dy * cross;
    const double xy = a.xy + b.xy + dx * dy * cross;

    if (!(xx > 0 && yy > 0)) return (double)NAN;
    const double r = xy / (sqrt(xx) * sqrt(yy));

    return r > 1 ? 1 : r < -1 ? -1 : r;
}

void window_correlation(struct rules_call *call, const double *x, const double *y, size_t n, double *out)
{
    struct window_pair *end = arena_alloc(call->scratch, (n + 1) * sizeof(*end));
    const double *share = window_shares(call, n);

    for (size_t block = 0; block < call->count; block += n) {
        const size_t bars = call->count - block < n ? call->count - block : n;
        struct window_pair begin = {0};

        for (size_t i = 0; i < bars; i++) {
            const double u = x[block + i], v = y[block + i];

            begin = i == 0 ? (struct window_pair){u, v, 0 * u, 0 * v, 0 * u * v}
                           : window_pair_add(begin, u, v, share[i + 1]);
            if (i + 1 == n) {
                out[block + i] = window_pair_correlation((struct window_pair){.x = begin.x, .y = begin.y}, begin, 0);
            } else if (block == 0) {
                out[block + i] = (double)NAN;
            } else {
                out[block + i] =
                    window_pair_correlation(end[i + 1], begin, (double)(i + 1) * (double)(n - 1 - i) * share[n]);
            }
        }
        if (bars < n) break;
        const double u = x[block + n - 1], v = y[block + n - 1];

        end[n - 1] = (struct window_pair){u, v, 0 * u, 0 * v, 0 * u * v};
        for (size_t i = n - 1; i-- > 0;) {
            end[i] = window_pair_add(end[i + 1], x[block + i], y[block + i], share[n - i]);
        }
    }
    call->steps += 8 * call->count;
}

/* NaN where either is. */
static inline double window_larger(double a, double b)
{
    const bool keeps = (a > b) | (a != a);

    return keeps ? a : b;
}

void window_extreme(struct rules_call *call, const double *x, size_t n, int sign, double *out)
{
    const double way = sign;
    double *end = rules_scratch(call, n + 1);

    for (size_t block = 0; block < call->count; block += n) {
        const size_t bars = call->count - block < n ? call->count - block : n;
        double begin = -INFINITY;

        for (size_t i = 0; i < bars; i++) {
            begin = window_larger(begin, way * x[block + i]);
            if (i + 1 == n) {
                out[block + i] = way * begin;
            } else {
                out[block + i] = block == 0 ? (double)NAN : way * window_larger(end[i + 1], begin);
            }
        }
        if (bars < n) break;
        end[n - 1] = way * x[block + n - 1];
        for (size_t i = n - 1; i-- > 0;) end[i] = window_larger(end[i + 1], way * x[block + i]);
    }
    call->steps += 2 * call->count;
}

void window_extreme_age(struct rules_call *call, const double *x, size_t n, int sign, double *out)
{
    /* A queue of the window's bars of which no later one beats them: falling values, the extreme first. */
    size_t *queue = arena_alloc(call->scratch, (n + 1) * sizeof(*queue));
    size_t head = 0, used = 0, known = 0;
    const double way = sign;

    for (size_t i = 0; i < call->count; i++) {
        out[i] = (double)NAN;
        call->steps++;
        if (x[i] != x[i]) {
            used = known = 0;
            continue;
        }
        while (used > 0 && way * x[i] > way * x[queue[(head + used - 1) % (n + 1)]]) used--, call->steps++;
        queue[(head + used) % (n + 1)] = i;
        used++;
        if (queue[head] + n <= i) head = (head + 1) % (n + 1), used--;
        if (++known >= n) out[i] = (double)(i - queue[head]);
    }
}

/* The mean of the first n known values at the bar of the last of them; NaN up to it. How many bars that took. */
static size_t window_seed(const double *x, size_t count, size_t n, double *out, double *ret_seed)
{
    double sum = 0;
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        const double value = x[i];

        out[i] = (double)NAN;
        if (value != value) continue;
        sum += value;
        if (++known < n) continue;
        out[i] = *ret_seed = sum / (double)n;
        return i + 1;
    }
    return count;
}

void window_ema(const double *x, size_t count, size_t n, double *out)
{
    const double alpha = 2 / ((double)n + 1);
    double state = 0;

    for (size_t i = window_seed(x, count, n, out, &state); i < count; i++) {
        const double value = x[i];

        if (value == value) state = n == 1 ? value : state + alpha * (value - state);
        out[i] = value == value ? state : value;
    }
}

void window_wilder(const double *x, size_t count, size_t n, double *out)
{
    const double length = (double)n;
    double state = 0;

    for (size_t i = window_seed(x, count, n, out, &state); i < count; i++) {
        const double value = x[i];

        if (value == value) state = (state * (length - 1) + value) / length;
        out[i] = value == value ? state : value;
    }
}
