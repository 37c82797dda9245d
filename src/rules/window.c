#include "rules/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "rules/wide.h"

/* Lengths of a window in a piece, bars in a piece, and in one that calls share if the group's is not longer. */
enum { WINDOW_PIECE_LENGTHS = 8, WINDOW_PIECE = 1024, WINDOW_PIECE_SHARED = 8192 };
/* Values that are looked at for a bound of all, how much above them it lies, and how far exponents may go. */
enum { WINDOW_SAMPLES = 8, WINDOW_SLACK = 4, WINDOW_EXPONENT = 700 };
/* Values that come later are asked for while those before them are added up: memory is that slow. */
enum { WINDOW_AHEAD_BYTES = 8192 };

/* ---- sums that are rounded once ---- */

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

/* One of the pieces of the bars that a sum goes over: `before` bars of the column stand before it. */
struct window_piece {
    const double *x; /* the piece's own first value */
    double *out;
    size_t before, count;
};

/* end[i]: of a block, from its value i on; end[n] is 0. */
static void window_ends(const double *block, size_t n, struct window_exact *end)
{
    end[n] = (struct window_exact){0, 0};
    for (size_t i = n; i-- > 0;) end[i] = window_exact_add(end[i + 1], block[i]);
}

/* Blocks are counted from the column's first bar, so that a result does not depend on the pieces. */
static void window_blocks(const struct window_piece *p, size_t n, double divisor, struct window_exact *end)
{
    const size_t into = p->before % n;

    memset(end, 0, (n + 1) * sizeof(*end));
    if (p->before >= n + into) window_ends(p->x - into - n, n, end);
    for (size_t at = 0, from = into; at < p->count;) {
        const double *block = p->x + at - from;
        const size_t bars = p->count - at < n - from ? p->count - at + from : n;
        struct window_exact begin = {0, 0};

        for (size_t i = 0; i < bars; i++) {
            begin = window_exact_add(begin, block[i]);
            if (i < from) continue;
            const struct window_exact all = window_exact_add(end[i + 1], begin.sum);

            p->out[at++] = rules_finite((all.sum + (all.lost + begin.lost)) / divisor);
        }
        if (bars == n) window_ends(block, n, end);
        from = 0;
    }
}

/* ---- the same if doubles can add without rounding ---- */

#if defined __clang__
#define WINDOW_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else /* GCC has the other one only from 12 on */
#define WINDOW_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (rules_wide_bits){__VA_ARGS__})
#endif

static double window_largest(const double *x, size_t count)
{
    double most = 0;

    for (size_t k = 0; k < WINDOW_SAMPLES; k++) most = fmax(most, fabs(x[(count - 1) * k / (WINDOW_SAMPLES - 1)]));
    return most;
}

/* [k] of `out` becomes `sum` and the first k + 1 values; the last of them is all of `sum` then. */
static inline void window_add(const rules_wide *x, rules_wide *sum, double *out)
{
    const rules_wide none = {0};
    rules_wide values = *x, sums;

    values += WINDOW_SHUFFLE(none, values, 0, 4, 5, 6);
    values += WINDOW_SHUFFLE(none, values, 0, 1, 4, 5);
    sums = *sum + values;
    memcpy(out, &sums, sizeof(sums));
    /* Sums are exact: this is the last of them, and does not wait for it. */
    *sum += WINDOW_SHUFFLE(values, values, 3, 3, 3, 3);
}

/*
 * Cuts each value in two: `high`, a whole number of coarse units, and the rest, `low`, and adds them up: [k] of either
 * is the sum of the first k values' parts. With
 *     2^m the bound of the magnitudes, 2^w more than twice the number of values,
 *     2^(m + w - 51) the coarse unit, 2^(m + 2 w - 103) the fine one,
 * sums of high parts are below 2^53 coarse units, and sums of low ones below 2^53 fine ones if each value is a whole
 * number of fine units. Then no sum of either is rounded, however it is made, nor is the difference of two such sums,
 * which is the sum of a window, and high + low is rounded once. The compensated sum (window_exact) has nothing but
 * whole numbers of fine units in `lost` then, below 2^53 of them, and is rounded once too: it is the same double. False
 * if a value is too large, too fine or not known.
 */
static ATTR_WIDE bool window_cut(const double *x, size_t count, double *high, double *low)
{
    int m = 0, w;                           /* frexp need not set the exponent of infinity */
    rules_wide_bits rest = {0}, sign = {0}; /* of what must be 0, and of what must not be below it */
    rules_wide sum_high = {0}, sum_low = {0};
    double last[RULES_WIDE] = {0};

    (void)frexp(window_largest(x, count) * (double)WINDOW_SLACK, &m);
    (void)frexp((double)(2 * count), &w);
    if (m < -WINDOW_EXPONENT || m > WINDOW_EXPONENT) return false;
    const double most = ldexp(1, m), coarse = ldexp(1.5, m + w + 1), fine = ldexp(1.5, m + 2 * w - 51);

    *high++ = *low++ = 0;
    for (size_t i = 0; i < count; i += RULES_WIDE) {
        const double *from = count - i >= RULES_WIDE ? &x[i] : memcpy(last, &x[i], (count - i) * sizeof(double));
        rules_wide value, h, l;

        __builtin_prefetch((const void *)((uintptr_t)from + WINDOW_AHEAD_BYTES));
        memcpy(&value, from, sizeof(value));
        h = (value + coarse) - coarse;
        l = value - h;
        rest |= (rules_wide_bits)(l - ((l + fine) - fine));
        sign |= (rules_wide_bits)(most - (rules_wide)((rules_wide_bits)value & INT64_MAX));
        window_add(&h, &sum_high, &high[i]);
        window_add(&l, &sum_low, &low[i]);
    }
    return rules_wide_any(&rest) == 0 && (int64_t)rules_wide_any(&sign) >= 0;
}

void window_sums_clear(struct window_sums *sums)
{
    free(sums->high);
    *sums = (struct window_sums){0};
}

/* The sums of the values from `begin` on, up to the end of a piece. */
static bool window_sums_make(struct window_sums *s, const double *begin, const double *end)
{
    const size_t count = (size_t)(end - begin), room = count + RULES_WIDE;

    if (s->high == NULL || s->room < room) {
        free(s->high);
        s->high = mem_alloc(2 * room * sizeof(double));
        s->low = s->high + room;
        s->room = room;
    }
    s->begin = begin, s->end = end;
    s->is_exact = window_cut(begin, count, s->high, s->low);
    return s->is_exact;
}

/* Are there sums of a piece and the `back` values before it? Whoever comes first makes those that the others need. */
static bool window_sums_find(struct window_sums *s, const struct window_piece *p, size_t back)
{
    const double *end = p->x + p->count;

    if (s->end == end && s->begin <= p->x - back) return s->is_exact;
    if (back > s->back) s->back = back;
    if (s->back <= p->before && s->back * WINDOW_PIECE_LENGTHS <= p->count) back = s->back;
    return window_sums_make(s, p->x - back, end);
}

static ATTR_WIDE void window_slide(const double *restrict high, const double *restrict low, size_t count, size_t n,
                                   double divisor, double *restrict out)
{
    for (size_t i = 0; i < count; i++) out[i] = ((high[i + n] - high[i]) + (low[i + n] - low[i])) / divisor;
}

/*
 * The sums are rounded once, at the end, as TradingView's are. So an average stands still while the market does: else
 * it would tremble in its last bit, and averages would cross each other by rounding.
 */
static void window_sum_by(struct rules_call *call, const double *x, size_t n, double divisor, double *out)
{
    const size_t least = n < WINDOW_PIECE / WINDOW_PIECE_LENGTHS ? WINDOW_PIECE : WINDOW_PIECE_LENGTHS * n;
    const size_t piece = call->count > WINDOW_PIECE_SHARED ? least : call->count;
    struct window_exact *end = arena_alloc(call->scratch, (n + 1) * sizeof(*end));
    struct window_sums own = {0}, *sums = call->sums != NULL ? call->sums : &own;

    for (size_t from = 0; from < call->count; from += piece) {
        const struct window_piece p = {.x = x + from,
                                       .out = out + from,
                                       .before = call->before + from,
                                       .count = call->count - from < piece ? call->count - from : piece};
        const size_t back = p.before < n - 1 ? p.before : n - 1, unknown = n - 1 - back;

        rules_unknown(p.out, p.count, unknown);
        call->steps += 2 * p.count + (p.before > 0 ? 4 * n : 0);
        if (unknown >= p.count) continue;
        if (window_sums_find(sums, &p, back)) {
            const size_t first = (size_t)(p.x - sums->begin) - back;

            window_slide(sums->high + first, sums->low + first, p.count - unknown, n, divisor, p.out + unknown);
        } else {
            window_blocks(&p, n, divisor, end);
            rules_unknown(p.out, p.count, unknown);
        }
    }
    window_sums_clear(&own);
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

/* NaN if either is. */
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
