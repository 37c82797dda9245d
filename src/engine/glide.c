/*
 * The fast way over bars in which nothing can happen: no order waits, no signal acts, and no level is near. It computes
 * what run_bar computes, to the last bit; what it cannot decide, it leaves to run_bar. Most bars of a strategy are
 * such.
 */
#include <math.h>

#include "base/attr.h"
#include "engine/sim.h"

/* Bars of one step: so few that it costs little to look for a signal after a level. */
enum { GLIDE_BARS = 256 };

struct glide {
    const uint64_t *first, *second; /* the conditions that can change anything, or NULL */
    double below, above;            /* a bar that reaches one of them is not for us */
};

/* What is less than this share of the equity above a limit is looked at exactly. */
static const double glide_margin = 1e-12;

static bool glide_condition(const struct sim *s, enum rules_output output, const uint64_t **ret_column)
{
    const struct engine_signals *signals = s->signals;

    *ret_column = signals->has[output] ? signals->condition[output] : NULL;
    return !signals->has[output] || *ret_column != NULL;
}

static double glide_nearer(double a, double b, int side)
{
    if (isnan(a)) return b;
    return isnan(b) || side * (a - b) > 0 ? a : b;
}

/* False if the next bar must be looked at closely. */
static bool glide_prepare(const struct sim *s, struct glide *g)
{
    const struct sim_position *p = &s->position;
    double adverse, favourable;

    if (s->order.action != SIM_NOTHING) return false;
    if (!glide_condition(s, p->side > 0 ? RULES_SHORT_ENTER : RULES_LONG_ENTER, &g->first)) return false;
    if (!glide_condition(s,
                         p->side > 0   ? RULES_LONG_EXIT
                         : p->side < 0 ? RULES_SHORT_EXIT
                                       : RULES_SHORT_ENTER,
                         &g->second)) {
        return false;
    }
    if (p->side == 0) return true;
    if (!isnan(p->trail) || (p->has_levels && s->execution->intrabar == ENGINE_INTRABAR_DETAIL)) return false;
    adverse = glide_nearer(p->protect, p->liquidation, p->side);
    favourable = p->take_trigger;
    if (!isnan(adverse)) *(p->side > 0 ? &g->below : &g->above) = adverse;
    if (!isnan(favourable)) *(p->side > 0 ? &g->above : &g->below) = favourable;
    return true;
}

/* Behind the first of the bars from `i` on at whose close a condition holds; at most `end`. */
static size_t glide_signal(const struct glide *g, size_t i, size_t end)
{
    uint64_t mask = UINT64_MAX << i % RULES_WORD_BARS;

    for (size_t word = i / RULES_WORD_BARS; word * RULES_WORD_BARS < end; word++, mask = UINT64_MAX) {
        const uint64_t bits =
            ((g->first != NULL ? g->first[word] : 0) | (g->second != NULL ? g->second[word] : 0)) & mask;
        const size_t found = word * RULES_WORD_BARS + (bits == 0 ? 0 : (size_t)__builtin_ctzll(bits)) + 1;

        if (bits != 0) return found < end ? found : end;
    }
    return end;
}

/* The bar behind the first signal, of any kind, from bar `i` on; `i` if none is near. */
static size_t glide_ahead(const struct sim *s, size_t i)
{
    const size_t first = i / RULES_WORD_BARS, end = (s->job->end - 1) / RULES_WORD_BARS;

    for (size_t word = first; word < end && word < first + GLIDE_BARS / RULES_WORD_BARS; word++) {
        uint64_t bits = 0;

        for (int output = 0; output < ENGINE_CONDITIONS; output++) {
            const uint64_t *column = s->signals->condition[output];

            if (column != NULL) bits |= column[word];
        }
        if (word == first) bits &= UINT64_MAX << i % RULES_WORD_BARS;
        if (bits != 0) return word * RULES_WORD_BARS + (size_t)__builtin_ctzll(bits) + 1;
    }
    return i;
}

/* Behind the bars that are gone over if no level is near. */
static size_t glide_end(const struct sim *s, const struct glide *g, size_t i)
{
    const size_t most = s->job->end - i > GLIDE_BARS ? i + GLIDE_BARS : s->job->end;

    return glide_signal(g, i, most);
}

static size_t glide_flat(const struct sim *s, size_t i, size_t end, double *equity)
{
    for (; i < end; i++) *equity++ = s->account.high;
    return end;
}

/* The position as its equity needs it: at a price it is worth (price - entry) * quantity - fee. */
struct glide_worth {
    struct exact account;
    double entry, quantity, fee; /* a short one's quantity is below 0 */
};

static inline double glide_worth_at(const struct glide_worth *w, double price)
{
    return (price - w->entry) * w->quantity - w->fee;
}

/* The bars from `i` on that reach no level; the lowest and the highest of their prices. */
static size_t glide_levels(const struct sim *s, const struct glide *g, size_t i, size_t end, double *ret_least,
                           double *ret_most)
{
    const double *low = s->candles->low, *high = s->candles->high;
    double least = low[i], most = high[i];
    size_t k;

    for (k = i; k < end; k++) {
        least = low[k] < least ? low[k] : least;
        most = high[k] > most ? high[k] : most;
    }
    if (least <= g->below || most >= g->above) {
        least = low[i], most = high[i];
        for (k = i; k < end && !(low[k] <= g->below) && !(high[k] >= g->above); k++) {
            least = low[k] < least ? low[k] : least;
            most = high[k] > most ? high[k] : most;
        }
    }
    *ret_least = least, *ret_most = most;
    return k;
}

/* A fall to a price of the position, if it is a new deepest one. */
static void glide_fall(struct sim *s, double price)
{
    const double worst = sim_equity(s, price);
    const double fall = worst < s->peak ? 1 - worst / s->peak : 0;

    if (fall > s->intrabar_drawdown) s->intrabar_drawdown = fall;
}

/* The deepest fall within bars of which some may close at a new peak: bar by bar, unless the worst of all prices is not
 * a new deepest fall below the last peak; then no bar's is. `equity` is at their closes. */
static void glide_falls(struct sim *s, const struct glide_worth *w, const double *adverse, double worst,
                        const double *equity, size_t count)
{
    double peak = s->peak, limit = s->peak * (1 - s->intrabar_drawdown) * (1 + glide_margin);

    for (size_t k = 0; k < count; k++) peak = equity[k] > peak ? equity[k] : peak;
    if (w->account.high + glide_worth_at(w, worst) > peak * (1 - s->intrabar_drawdown) * (1 + glide_margin)) {
        s->peak = peak;
        return;
    }
    for (size_t k = 0; k < count; k++) {
        if (w->account.high + glide_worth_at(w, adverse[k]) <= limit) {
            glide_fall(s, adverse[k]);
        } else if (equity[k] <= s->peak) {
            continue;
        }
        if (equity[k] > s->peak) s->peak = equity[k];
        limit = s->peak * (1 - s->intrabar_drawdown) * (1 + glide_margin);
    }
}

static ATTR_WIDE void glide_curve(const struct glide_worth *worth, const double *restrict close,
                                  double *restrict equity, size_t count)
{
    const struct glide_worth w = *worth;

    for (size_t k = 0; k < count; k++) equity[k] = exact_plus(w.account, glide_worth_at(&w, close[k]));
}

static size_t glide_held(struct sim *s, const struct glide *g, size_t i, size_t most_end, double *equity)
{
    struct sim_position *p = &s->position;
    const bool is_long = p->side > 0;
    const struct glide_worth worth = {s->account, p->entry, is_long ? p->quantity : -p->quantity, p->entry_fee};
    double least, most, worst;
    const size_t end = glide_levels(s, g, i, most_end, &least, &most);
    const size_t count = end - i;

    if (count == 0) return i;
    glide_curve(&worth, s->candles->close + i, equity, count);
    worst = is_long ? least : most;
    if (worth.account.high + glide_worth_at(&worth, is_long ? most : least) > s->peak * (1 - glide_margin)) {
        glide_falls(s, &worth, (is_long ? s->candles->low : s->candles->high) + i, worst, equity, count);
    } else {
        /* Rounding keeps the order: below one peak, the worst of all prices is the deepest fall. */
        glide_fall(s, worst);
    }
    s->exposed += count;
    if (is_long ? most > p->best : least < p->best) p->best = is_long ? most : least;
    if (is_long ? least < p->worst : most > p->worst) p->worst = is_long ? least : most;
    return end;
}

size_t sim_glide(struct sim *s, size_t i)
{
    double *equity = &s->result->equity[i - s->job->first + 1];
    struct glide g = {.below = -INFINITY, .above = INFINITY};
    size_t end;

    if (!glide_prepare(s, &g)) return i;
    end = glide_end(s, &g, i);
    /* What the order after the next one will need: it takes longer to come from memory than the bars up to there take.
     * (In a function of their own GCC would drop this line, as one that does nothing. The other columns are read bar by
     * bar, and the processor fetches them by itself; to ask for them costs more than it brings.) */
    if (end < s->job->end) __builtin_prefetch(&s->candles->open[glide_ahead(s, end)]);
    return s->position.side == 0 ? glide_flat(s, i, end, equity) : glide_held(s, &g, i, end, equity);
}
