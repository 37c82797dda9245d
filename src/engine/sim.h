/* The state of a run, for engine/ alone. */
#ifndef ENGINE_SIM_H
#define ENGINE_SIM_H

#include "engine/engine.h"
#include "engine/exact.h"
#include "engine/grid.h"

/* Prices of a bar or of a finer one, and where it stands. */
struct sim_bar {
    double open, high, low, close;
    size_t index;    /* of the series' bar */
    int64_t time_ms; /* of this bar's own opening */
};

/* Levels that are not there are NaN, so that no comparison with them holds. */
struct sim_position {
    int side; /* 1 long, -1 short, 0: none */
    enum engine_reason reason;
    double quantity, entry, entry_fee;
    size_t bar;
    int64_t time_ms;
    double stop, take, take_trigger; /* the trigger is where the take counts as reached */
    double trail_distance, trail_percent, trail;
    double protect; /* the nearer of stop and trail */
    enum engine_reason protect_reason;
    double liquidation; /* the price at which the margin is too small */
    bool has_levels;    /* any of the above */
    double best, worst; /* prices seen for certain, from the fill on */
};

enum sim_action { SIM_NOTHING, SIM_EXIT, SIM_ENTER };

/* A market order that waits for the next open. */
struct sim_order {
    enum sim_action action;
    int side;                   /* to enter */
    size_t bar;                 /* whose close decided it */
    double price, equity, cash; /* of that close, for a size "at close" */
};

/* What is known of the curve so far. It is looked at while it is in the cache, a piece after the other. */
struct sim_curve {
    size_t next; /* point that was not looked at yet */
    double sum, peak, share /* 1 / peak */, fall /* deepest below this peak */;
    double deepest, deepest_cash, squares;
    size_t peak_at;
    int64_t longest_ms; /* drawdown */
    bool recovered;     /* that one */
};

struct sim_sum {
    struct exact cash, fraction;
    size_t count;
};

/* The same of the trades. */
struct sim_trades {
    size_t next; /* trade that was not looked at yet */
    struct sim_sum all, wins, losses;
    double best, best_fraction, worst, worst_fraction; /* NaN: there is none */
    struct digest *digest;
};

struct sim {
    const struct engine_job *job;
    const struct candles *candles;
    const struct engine_execution *execution;
    const struct engine_signals *signals;
    struct engine_result *result;
    struct grid tick, lot;
    double half_spread;
    bool is_even;         /* no bar of the test is missing */
    int64_t start_ms;     /* of its first bar */
    struct exact account; /* capital and the profits of all that has ended */
    struct sim_position position;
    struct sim_order order;
    size_t detail_at; /* next finer bar */
    double peak;      /* of equity at closes, before this bar's */
    double low;       /* least equity within this bar; infinity: not looked at */

    struct sim_curve curve;
    struct sim_trades trades;
    double intrabar_drawdown;
    double notional, fees, slippage, spread;
    size_t exposed, ambiguous, rejected, liquidations, gaps;
};

/* fmax and fmin, a NaN left out, without a call: the library's cost more than the arithmetic around them. */
static inline double sim_larger(double a, double b)
{
    return a > b || b != b ? a : b;
}

static inline double sim_smaller(double a, double b)
{
    return a < b || b != b ? a : b;
}

/* How far a price is for the position, against its entry; 0 is never -0. */
static inline double sim_distance(const struct sim_position *p, double price)
{
    return p->side > 0 ? price - p->entry : p->entry - price;
}

/* The equity with the position marked at a price. */
static inline double sim_equity(const struct sim *s, double price)
{
    const struct sim_position *p = &s->position;

    if (p->side == 0) return s->account.high;
    return exact_plus(s->account, sim_distance(p, price) * p->quantity - p->entry_fee);
}

/* An output's value; NaN (false) if there is none. */
double sim_value(const struct sim *s, enum rules_output output, size_t bar, const struct rules_position *position);

/* fill.c: what fills, at which price, at what cost. */

/* Enters the order's side at the bar's open. False if the order was rejected, which is counted. */
bool sim_enter(struct sim *s, const struct sim_bar *bar, enum engine_reason reason);
/* Ends the position at a price that the market had. `gap`: the bar opened there. */
void sim_exit(struct sim *s, const struct sim_bar *bar, double price, enum engine_reason reason, bool gap);
/* What the open position is worth goes to the end of the trades. */
void sim_mark_open(struct sim *s, const struct sim_bar *bar);

/* size.c */

/* Quantity of the order, in whole lots, at the price of the fill; 0: reject it. */
double sim_size(const struct sim *s, const struct sim_order *order, double price);
double sim_fee(const struct engine_execution *execution, double notional);

/* level.c: stops, takes, trails, liquidation. */

/* Sets the levels of a position that has just been entered. `signal`: the bar whose close decided it. */
void sim_levels_set(struct sim *s, size_t signal);
/* The trail after a bar that the position was held through. */
void sim_levels_trail(struct sim *s, const struct sim_bar *bar);
/* Looks whether a level ends the position within the bar. `brackets`: stop, trail and take are in force. */
bool sim_levels_judge(struct sim *s, const struct sim_bar *bar, bool brackets);

/* glide.c: goes over the bars from `i` on in which nothing happens. Returns the first that it did not go over; the
 * caller asks the rules at the close of the bar before it. */
size_t sim_glide(struct sim *s, size_t i);

/* daily.c, metrics.c */
/* Looks at the curve's points before `points`, which no longer change. */
void sim_curve_feed(struct sim *s, size_t points);
/* Adds a trade that has ended. */
void sim_trades_feed(struct sim_trades *trades, const struct engine_trade *trade);
void engine_metrics_compute(struct sim *s);

#endif
