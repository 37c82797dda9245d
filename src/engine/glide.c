/*
 * The fast way over bars in which nothing can happen: no order waits, no signal acts, and no level is near. It computes
 * what run_bar computes, to the last bit; what it cannot judge it leaves to it. Most bars of a strategy are such.
 */
#include <math.h>

#include "engine/sim.h"

enum { GLIDE_BARS = 2048 };

struct glide {
    const double *first, *second; /* the conditions that can change anything, or NULL */
    double below, above;          /* a bar that reaches one of them is not for us */
};

/* What is less than this share of the equity above a limit is looked at exactly. */
static const double glide_margin = 1e-12;

static bool glide_condition(const struct sim *s, enum rules_output output, const double **ret_column)
{
    const struct engine_signals *signals = s->signals;

    *ret_column = signals->has[output] ? signals->column[output] : NULL;
    return !signals->has[output] || *ret_column != NULL;
}

static double glide_nearer(double a, double b, int side)
{
    if (isnan(a)) return b;
    return isnan(b) || side * (a - b) > 0 ? a : b;
}

/* False where the next bar is to be looked at closely. */
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
    g->below = p->side > 0 ? adverse : favourable;
    g->above = p->side > 0 ? favourable : adverse;
    if (isnan(g->below)) g->below = -INFINITY;
    if (isnan(g->above)) g->above = INFINITY;
    return true;
}

static inline bool glide_acts(const struct glide *g, size_t i)
{
    return (g->first != NULL && g->first[i] > 0) || (g->second != NULL && g->second[i] > 0);
}

/* Not so far that what was written has left the cache when it is looked at. */
static size_t glide_end(const struct sim *s, size_t i)
{
    return s->job->end - i > GLIDE_BARS ? i + GLIDE_BARS : s->job->end;
}

static size_t glide_flat(const struct sim *s, const struct glide *g, size_t i, double *equity)
{
    const size_t end = glide_end(s, i);

    for (; i < end; i++) {
        *equity++ = s->account.high;
        if (glide_acts(g, i)) return i + 1;
    }
    return i;
}

/* What the compiler would otherwise read again after each store into the curve is copied. */
static size_t glide_held(struct sim *s, const struct glide *from, size_t i, double *restrict equity)
{
    const struct glide copy = *from, *g = &copy;
    const struct candles *c = s->candles;
    struct sim_position *p = &s->position;
    const bool is_long = p->side > 0;
    const double *low = c->low, *high = c->high, *close = c->close, *adverse = is_long ? low : high;
    const struct exact account = s->account;
    const double entry = p->entry, quantity = is_long ? p->quantity : -p->quantity, fee = p->entry_fee;
    const size_t began = i, end = glide_end(s, i);
    double *point = equity;
    double least = c->low[i], most = c->high[i], peak = s->peak;
    double limit = peak * (1 - s->intrabar_drawdown) * (1 + glide_margin);
    bool acts = false;

    for (; i < end && !acts; i++) {
        double now;

        if (low[i] <= g->below || high[i] >= g->above) break;
        now = exact_plus(account, (close[i] - entry) * quantity - fee);
        *point++ = now;
        if (low[i] < least) least = low[i];
        if (high[i] > most) most = high[i];
        if (account.high + ((adverse[i] - entry) * quantity - fee) <= limit) {
            const double worst = sim_equity(s, adverse[i]);
            const double fall = worst < peak ? 1 - worst / peak : 0;

            if (fall > s->intrabar_drawdown) s->intrabar_drawdown = fall;
            limit = peak * (1 - s->intrabar_drawdown) * (1 + glide_margin);
        }
        if (now > peak) {
            peak = now;
            limit = peak * (1 - s->intrabar_drawdown) * (1 + glide_margin);
        }
        acts = glide_acts(g, i);
    }
    if (i == began) return i;
    s->peak = peak;
    s->exposed += i - began;
    if (is_long ? most > p->best : least < p->best) p->best = is_long ? most : least;
    if (is_long ? least < p->worst : most > p->worst) p->worst = is_long ? least : most;
    return i;
}

size_t sim_glide(struct sim *s, size_t i)
{
    double *equity = &s->result->equity[i - s->job->first + 1];
    struct glide g;

    if (!glide_prepare(s, &g)) return i;
    return s->position.side == 0 ? glide_flat(s, &g, i, equity) : glide_held(s, &g, i, equity);
}
