#include <math.h>

#include "engine/sim.h"

/* The nearer of stop and trail, and whether there is anything to look at. */
static void level_settle(struct sim_position *p)
{
    const bool trail_is_nearer = isnan(p->stop) || p->side * (p->trail - p->stop) > 0;

    p->protect = trail_is_nearer ? p->trail : p->stop;
    p->protect_reason = trail_is_nearer ? ENGINE_REASON_TRAIL : ENGINE_REASON_STOP;
    p->has_levels = !isnan(p->protect) || !isnan(p->take) || !isnan(p->liquidation);
}

/* A stop moves away from the position to the next tick, a take too: the one against, the other for the trader. */
static double level_round(const struct sim *s, double price, bool up)
{
    if (!isfinite(price)) return NAN;
    return up ? grid_up(&s->tick, price) : grid_down(&s->tick, price);
}

/* A level by the first of the three outputs, `first` for a distance, that is there; `sign` is 1 if it lies above. */
static double level_of(const struct sim *s, enum rules_output distance, size_t signal, int sign,
                       const struct rules_position *position)
{
    const bool *has = s->signals->has;
    const double entry = position->entry_price;

    if (has[distance]) return entry + sign * sim_value(s, distance, signal, position);
    if (has[distance + 1]) return entry + sign * entry * sim_value(s, distance + 1, signal, position) / 100;
    if (has[distance + 2]) return sim_value(s, distance + 2, signal, position);
    return NAN;
}

_Static_assert(RULES_STOP_PERCENT == RULES_STOP_DISTANCE + 1 && RULES_STOP_PRICE == RULES_STOP_DISTANCE + 2 &&
                   RULES_TAKE_PERCENT == RULES_TAKE_DISTANCE + 1 && RULES_TAKE_PRICE == RULES_TAKE_DISTANCE + 2,
               "level_of counts on this order");

static const double level_rounding = 1e-14;

/* Equity at price P is account - entry_fee + side (P - entry) quantity. It is `share` of the position's value P
 * quantity at the price that this returns; NaN if there is no such price above 0. */
static double level_of_equity(const struct sim *s, double share)
{
    const struct sim_position *p = &s->position;
    const double free = (s->account.high - p->entry_fee) / p->quantity; /* a unit */
    const double price = p->side > 0 ? (p->entry - free) / (1 - share) : (p->entry + free) / (1 + share);
    double nearest;

    if (!(price > 0)) return NAN;
    nearest = grid_down(&s->tick, price);
    /* What is a tick but for rounding is met by the price of that tick. */
    return fabs(nearest - price) <= level_rounding * price ? nearest : price;
}

static void level_trail_set(struct sim *s)
{
    struct sim_position *p = &s->position;
    const double distance = isnan(p->trail_percent) ? p->trail_distance : p->best * p->trail_percent / 100;

    p->trail = level_round(s, p->best - p->side * distance, p->side < 0);
}

void sim_levels_set(struct sim *s, size_t signal)
{
    struct sim_position *p = &s->position;
    const bool *has = s->signals->has;
    const struct rules_position known = {.entry_price = p->entry, .bars_held = 0, .equity = s->account.high};

    p->stop = level_round(s, level_of(s, RULES_STOP_DISTANCE, signal, -p->side, &known), p->side < 0);
    p->take = p->take_trigger = level_round(s, level_of(s, RULES_TAKE_DISTANCE, signal, p->side, &known), p->side > 0);
    if (s->execution->limit_fill == ENGINE_LIMIT_THROUGH && !isnan(p->take)) {
        p->take_trigger = grid_at(&s->tick, grid_steps_down(&s->tick, p->take) + p->side);
    }
    p->trail_distance = p->trail_percent = p->trail = NAN;
    if (has[RULES_TRAIL_DISTANCE]) p->trail_distance = sim_value(s, RULES_TRAIL_DISTANCE, signal, &known);
    if (has[RULES_TRAIL_PERCENT]) p->trail_percent = sim_value(s, RULES_TRAIL_PERCENT, signal, &known);
    if (has[RULES_TRAIL_DISTANCE] || has[RULES_TRAIL_PERCENT]) level_trail_set(s);
    p->liquidation = level_of_equity(s, s->execution->maintenance_margin);
    level_settle(p);
}

void sim_levels_trail(struct sim *s, const struct sim_bar *bar)
{
    struct sim_position *p = &s->position;
    const double best = p->side > 0 ? bar->high : bar->low;
    const double worst = p->side > 0 ? bar->low : bar->high;

    if (p->side * (worst - p->worst) < 0) p->worst = worst;
    if (p->side * (best - p->best) <= 0) return;
    p->best = best;
    if (isnan(p->trail)) return;
    level_trail_set(s);
    level_settle(p);
}

static const double level_equal_ticks = 1e-6;

/* Which of the two extremes comes first, as far as that is known or assumed. */
static bool level_adverse_first(const struct sim *s, const struct sim_bar *bar)
{
    /* The differences of decimal prices are not exact; equal ones must not be taken for different. */
    const bool high_first = bar->open - bar->low - (bar->high - bar->open) > level_equal_ticks * s->tick.step;

    if (s->execution->intrabar != ENGINE_INTRABAR_TRADINGVIEW) return true;
    return high_first == (s->position.side < 0);
}

/* Where a liquidation within the bar is filled: at the worst price of the bar, but not beyond the price at which
 * nothing is left. */
static double level_liquidated_at(const struct sim *s, double extreme)
{
    const double bankruptcy = level_of_equity(s, 0);

    return s->position.side * (extreme - bankruptcy) < 0 ? bankruptcy : extreme;
}

bool sim_levels_judge(struct sim *s, const struct sim_bar *bar, bool brackets)
{
    const struct sim_position *p = &s->position;
    const int side = p->side;
    const double protect = brackets ? p->protect : NAN;
    const double trigger = brackets ? p->take_trigger : NAN;
    const double adverse = side > 0 ? bar->low : bar->high, favourable = side > 0 ? bar->high : bar->low;
    /* On its way from the open the price meets the nearer level first. */
    const bool liquidation_first = isnan(protect) || side * (p->liquidation - protect) >= 0;
    const bool is_adverse = side * (adverse - protect) <= 0 || side * (adverse - p->liquidation) <= 0;
    const bool is_take = side * (favourable - trigger) >= 0;
    const bool adverse_first = level_adverse_first(s, bar);

    if (!is_adverse && !is_take) return false;
    if (side * (bar->open - p->liquidation) <= 0 && liquidation_first) {
        sim_exit(s, bar, bar->open, ENGINE_REASON_LIQUIDATION, true);
    } else if (side * (bar->open - protect) <= 0) {
        sim_exit(s, bar, bar->open, p->protect_reason, true);
    } else if (side * (bar->open - trigger) >= 0) {
        sim_exit(s, bar, bar->open, ENGINE_REASON_TAKE, true);
    } else {
        if (is_adverse && is_take) s->ambiguous++;
        if (is_take && !(is_adverse && adverse_first)) {
            /* Before the take, the price may have been as far down as the bar went. */
            if (adverse_first) s->low = sim_smaller(s->low, sim_equity(s, adverse));
            sim_exit(s, bar, p->take, ENGINE_REASON_TAKE, false);
        } else if (liquidation_first && side * (adverse - p->liquidation) <= 0) {
            sim_exit(s, bar, level_liquidated_at(s, adverse), ENGINE_REASON_LIQUIDATION, false);
        } else {
            sim_exit(s, bar, protect, p->protect_reason, false);
        }
    }
    return true;
}
