#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/sim.h"

enum { TRADES_FIRST = 64 };

double sim_value(const struct sim *s, enum rules_output output, size_t bar, const struct rules_position *position)
{
    const struct engine_signals *signals = s->signals;

    if (!signals->has[output]) return NAN;
    if (signals->column[output] != NULL) return signals->column[output][bar];
    return signals->value(signals->arg, output, bar, position);
}

/* What a fill loses per unit against the market's price. */
struct fill {
    double price;
    double slippage, half_spread;
};

/* `direction` is 1 for a purchase and -1 for a sale. */
static struct fill fill_at(const struct sim *s, double price, int direction, enum engine_reason reason)
{
    const struct engine_execution *x = s->execution;
    struct fill fill = {.price = price};

    /* A liquidation is filled at the worst price that there was already. */
    if (reason == ENGINE_REASON_LIQUIDATION) return fill;
    /* A limit does not slip. */
    if (reason != ENGINE_REASON_TAKE) {
        fill.slippage = x->slippage_ticks * s->tick.step;
        if (x->slippage_percent > 0) fill.slippage += price * x->slippage_percent / 100;
    }
    fill.half_spread = s->half_spread;
    fill.price = sim_larger(price + direction * (fill.slippage + fill.half_spread), 0);
    return fill;
}

static void fill_count(struct sim *s, const struct fill *fill, double quantity, double fee)
{
    s->notional += quantity * fill->price;
    s->fees += fee;
    s->slippage += quantity * fill->slippage;
    s->spread += quantity * fill->half_spread;
}

bool sim_enter(struct sim *s, const struct sim_bar *bar, enum engine_reason reason)
{
    const int side = s->order.side;
    const struct fill fill = fill_at(s, bar->open, side, reason);
    const double quantity = side < 0 && !s->execution->short_allowed ? 0 : sim_size(s, &s->order, fill.price);

    if (!(quantity > 0)) {
        s->rejected++;
        return false;
    }
    s->position = (struct sim_position){
        .side = side,
        .reason = reason,
        .quantity = quantity,
        .entry = fill.price,
        .entry_fee = sim_fee(s->execution, quantity * fill.price),
        .bar = bar->index,
        .time_ms = bar->time_ms,
        .best = fill.price,
        .worst = fill.price,
    };
    fill_count(s, &fill, quantity, s->position.entry_fee);
    sim_levels_set(s, s->order.bar);
    return true;
}

static struct engine_trade *trade_add(struct engine_result *result)
{
    if (result->trade_count == result->trade_capacity) {
        result->trade_capacity = result->trade_capacity == 0 ? TRADES_FIRST : 2 * result->trade_capacity;
        result->trades = mem_realloc(result->trades, result->trade_capacity * sizeof(result->trades[0]));
    }
    return &result->trades[result->trade_count++];
}

static void trade_record(struct sim *s, const struct sim_bar *bar, double price, enum engine_reason reason, double pnl,
                         double exit_fee)
{
    const struct sim_position *p = &s->position;
    const double best = p->side > 0 ? sim_larger(p->best, price) : sim_smaller(p->best, price);
    const double worst = p->side > 0 ? sim_smaller(p->worst, price) : sim_larger(p->worst, price);

    *trade_add(s->result) = (struct engine_trade){
        .side = p->side,
        .entry_reason = p->reason,
        .exit_reason = reason,
        .entry_bar = p->bar,
        .exit_bar = bar->index,
        .entry_time = p->time_ms,
        .exit_time = bar->time_ms,
        .quantity = p->quantity,
        .entry_price = p->entry,
        .exit_price = price,
        .pnl = pnl,
        .fees = p->entry_fee + exit_fee,
        .adverse = (0 - sim_distance(p, worst)) / p->entry,
        .favourable = sim_distance(p, best) / p->entry,
    };
}

void sim_exit(struct sim *s, const struct sim_bar *bar, double price, enum engine_reason reason, bool gap)
{
    const struct sim_position *p = &s->position;
    const struct fill fill = fill_at(s, price, -p->side, reason);
    double fee = sim_fee(s->execution, p->quantity * fill.price);
    double pnl = sim_distance(p, fill.price) * p->quantity - p->entry_fee - fee;

    if (reason == ENGINE_REASON_LIQUIDATION) {
        s->liquidations++;
        /* Whoever liquidates takes what is left, and not more, unless the market left no chance to. */
        if (!gap && exact_plus(s->account, pnl) < 0) {
            fee = sim_larger(fee + (pnl + s->account.high), 0);
            /* The account may hold less than its rounded value. */
            pnl = s->account.low < 0 ? nextafter(-s->account.high, 0) : -s->account.high;
        }
    }
    fill_count(s, &fill, p->quantity, fee);
    s->account = exact_add(s->account, pnl);
    trade_record(s, bar, fill.price, reason, pnl, fee);
    s->position.side = 0;
}

void sim_mark_open(struct sim *s, const struct sim_bar *bar)
{
    const struct sim_position *p = &s->position;

    trade_record(s, bar, bar->close, ENGINE_REASON_NONE, sim_distance(p, bar->close) * p->quantity - p->entry_fee, 0);
}
