#include <math.h>

#include "engine/sim.h"

enum { SIZE_STEPS_MAX = 8 };

/* All of 19.75824 buys 329304 at 0.00006, although the product of the doubles is more. */
static const double size_rounding = 1e-12;

double sim_fee(const struct engine_execution *execution, double notional)
{
    const double fee = execution->fee_fixed + notional * execution->fee_percent / 100;

    return execution->fee_minimum > 0 && fee < execution->fee_minimum ? execution->fee_minimum : fee;
}

/* Is there the margin for so much, and the fee beside it? A rebate pays for nothing. */
static bool size_is_affordable(const struct sim *s, double quantity, double price)
{
    const double notional = quantity * price;

    return notional / s->execution->leverage + sim_larger(sim_fee(s->execution, notional), 0) <=
           s->account.high * (1 + size_rounding);
}

/* The most lots, of at most `lots`, that can be paid. */
static double size_reduce(const struct sim *s, double lots, double price)
{
    const struct engine_execution *x = s->execution;
    const double unit = 1 / x->leverage + x->fee_percent / 100; /* what one of notional takes, but for a fixed fee */
    double notional = (s->account.high - x->fee_minimum) * x->leverage;

    if (unit > 0) notional = sim_smaller(notional, (s->account.high - x->fee_fixed) / unit);
    if (!(notional > 0)) return 0;
    lots = sim_smaller(lots, grid_steps_down(&s->lot, notional / price));
    /* The quotient may be rounded up by a lot. */
    for (int i = 0; i < SIZE_STEPS_MAX && lots > 0; i++) {
        if (size_is_affordable(s, grid_at(&s->lot, lots), price)) return lots;
        lots = sim_smaller(lots - 1, nextafter(lots, 0));
        lots = floor(lots);
    }
    return 0;
}

double sim_size(const struct sim *s, const struct sim_order *order, double price)
{
    const struct engine_signals *signals = s->signals;
    const bool at_close = signals->size_at_close;
    const double equity = at_close ? order->equity : s->account.high;
    const double cash = at_close ? order->cash : s->account.high;
    const double at = at_close ? order->price : price;
    const struct rules_position position = {.entry_price = NAN, .bars_held = NAN, .equity = equity};
    const double share = signals->has[RULES_SIZE] ? sim_value(s, RULES_SIZE, order->bar, &position) : 1;
    double quantity = share, lots;

    if (signals->size_kind == RULES_SIZE_EQUITY) quantity = share * equity / at;
    if (signals->size_kind == RULES_SIZE_CASH) quantity = share * cash / at;
    if (!(quantity > 0) || !isfinite(quantity) || !(price > 0)) return 0;
    /* What a liquidation leaves of nothing is rounding, and buys nothing. */
    if (s->account.high < size_rounding * s->execution->capital) return 0;
    lots = grid_steps_down(&s->lot, quantity);
    if (!(lots > 0)) return 0;
    if (size_is_affordable(s, grid_at(&s->lot, lots), price)) return grid_at(&s->lot, lots);
    /* So many units were asked for, not what there is money for. */
    if (signals->size_kind == RULES_SIZE_UNITS) return 0;
    return grid_at(&s->lot, size_reduce(s, lots, price));
}
