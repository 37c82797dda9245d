/*
 * The metrics of a run: one flat list. Fractions, not percent; money in the quote currency. What is undefined is NaN
 * here and null in JSON. docs/engine.md has the formulas; the table in metrics_table.c the names.
 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Counts and flags are doubles too, so that one table and one objective of a sweep reaches all. */
struct engine_metrics {
    /* the curve */
    double equity, net_profit, total_return, buy_and_hold, cagr;
    double max_drawdown, max_drawdown_cash, max_drawdown_intrabar, max_drawdown_duration_s, recovered;
    double calmar, recovery_factor, ulcer_index, exposure;
    /* daily returns */
    double volatility, sharpe, sortino, value_at_risk_95, expected_shortfall_95, skew, kurtosis, psr, alpha, beta;
    double periods_per_year, days;
    /* trades */
    double trades, wins, losses, even, open, win_rate, profit_factor;
    double expectancy, avg_win, avg_loss, payoff, best, worst;
    double expectancy_fraction, avg_win_fraction, avg_loss_fraction, best_fraction, worst_fraction;
    double sqn, kelly;
    /* costs */
    double turnover, fees, slippage_cost, spread_cost, funding;
    /* honesty */
    double bars, ambiguous_bars, gaps, rejected_orders, liquidations, short_sample;
};

enum engine_metric_kind {
    ENGINE_METRIC_FRACTION,
    ENGINE_METRIC_CASH,
    ENGINE_METRIC_RATIO,
    ENGINE_METRIC_COUNT,
    ENGINE_METRIC_SECONDS,
    ENGINE_METRIC_FLAG, /* 0 or 1; true or false in JSON */
};

struct engine_metric {
    const char *name;
    enum engine_metric_kind kind;
    size_t offset; /* in struct engine_metrics; a double */
    const char *help;
};

const struct engine_metric *engine_metric_table(size_t *ret_count);
const struct engine_metric *engine_metric_find(struct slice name); /* NULL: there is none */
double engine_metric_value(const struct engine_metrics *metrics, const struct engine_metric *metric);
/* The flat JSON object of all, NaN as null. */
void engine_metrics_json(const struct engine_metrics *metrics, struct buf *out);

#endif
