#include <math.h>
#include <string.h>

#include "base/attr.h"
#include "engine/metrics.h"
#include "engine/text.h"

/* clang-format off */
#define METRIC(name, member, kind, help)                                          \
    {                                                                             \
        name, ENGINE_METRIC_##kind, offsetof(struct engine_metrics, member), help \
    }
/* clang-format on */

/* In the order in which they are printed. */
static const struct engine_metric metrics_table[] = {
    METRIC("equity", equity, CASH, "equity at the last close"),
    METRIC("net_profit", net_profit, CASH, "profit of all trades after costs, the open one included"),
    METRIC("return", total_return, FRACTION, "final equity / initial capital - 1"),
    METRIC("buy_and_hold", buy_and_hold, FRACTION, "return of buy and hold: last close / first open - 1"),
    METRIC("cagr", cagr, FRACTION, "compound annual growth rate, by calendar time"),
    METRIC("max_drawdown", max_drawdown, FRACTION, "largest drawdown of the equity, at closes"),
    METRIC("max_drawdown_cash", max_drawdown_cash, CASH, "largest drawdown in money, at closes"),
    METRIC("max_drawdown_intrabar", max_drawdown_intrabar, FRACTION,
           "largest drawdown of the equity, at the worst price of each bar"),
    METRIC("max_drawdown_duration_s", max_drawdown_duration_s, SECONDS,
           "longest drawdown: seconds from a peak to its recovery, or to the end"),
    METRIC("recovered", recovered, FLAG, "whether the longest drawdown had recovered before the end"),
    METRIC("calmar", calmar, RATIO, "Calmar ratio: cagr / max_drawdown"),
    METRIC("recovery_factor", recovery_factor, RATIO, "net_profit / max_drawdown_cash"),
    METRIC("ulcer_index", ulcer_index, FRACTION, "root mean square of the drawdowns"),
    METRIC("exposure", exposure, FRACTION, "share of the bars with an open position"),
    METRIC("volatility", volatility, FRACTION, "standard deviation of daily returns, annualised"),
    METRIC("sharpe", sharpe, RATIO,
           "Sharpe ratio: mean daily return above the risk-free rate / standard deviation, annualised"),
    METRIC("sortino", sortino, RATIO,
           "Sortino ratio: mean daily return above the risk-free rate / downside deviation, annualised"),
    METRIC("value_at_risk_95", value_at_risk_95, FRACTION, "daily return that only 5 % of the days are below"),
    METRIC("expected_shortfall_95", expected_shortfall_95, FRACTION,
           "mean of the daily returns that are at most value_at_risk_95"),
    METRIC("skew", skew, RATIO, "skewness of daily returns"),
    METRIC("kurtosis", kurtosis, RATIO, "kurtosis of daily returns; a normal distribution has 3"),
    METRIC("psr", psr, FRACTION, "probabilistic Sharpe ratio: probability that the true Sharpe ratio is above 0"),
    METRIC("alpha", alpha, FRACTION, "annual return that beta does not explain, against buy and hold"),
    METRIC("beta", beta, RATIO, "sensitivity of daily returns to those of buy and hold"),
    METRIC("periods_per_year", periods_per_year, COUNT, "trading days a year, as used to annualise"),
    METRIC("days", days, COUNT, "number of daily returns"),
    METRIC("trades", trades, COUNT, "closed trades"),
    METRIC("wins", wins, COUNT, "closed trades with a profit after costs"),
    METRIC("losses", losses, COUNT, "closed trades with a loss after costs"),
    METRIC("even", even, COUNT, "closed trades with neither profit nor loss"),
    METRIC("open", open, COUNT, "trades that are still open at the end"),
    METRIC("win_rate", win_rate, FRACTION, "wins / trades"),
    METRIC("profit_factor", profit_factor, RATIO, "gross profit / gross loss"),
    METRIC("expectancy", expectancy, CASH, "mean profit of a trade"),
    METRIC("expectancy_fraction", expectancy_fraction, FRACTION, "mean profit of a trade / its value at the entry"),
    METRIC("avg_win", avg_win, CASH, "mean profit of the winning trades"),
    METRIC("avg_win_fraction", avg_win_fraction, FRACTION, "the same over the value at the entry"),
    METRIC("avg_loss", avg_loss, CASH, "mean result of the losing trades, below 0"),
    METRIC("avg_loss_fraction", avg_loss_fraction, FRACTION, "the same over the value at the entry"),
    METRIC("payoff", payoff, RATIO, "avg_win / -avg_loss"),
    METRIC("best", best, CASH, "profit of the best trade"),
    METRIC("best_fraction", best_fraction, FRACTION, "largest profit of a trade / its value at the entry"),
    METRIC("worst", worst, CASH, "result of the worst trade"),
    METRIC("worst_fraction", worst_fraction, FRACTION, "largest loss of a trade / its value at the entry"),
    METRIC("sqn", sqn, RATIO, "system quality number: sqrt(trades) * mean profit / its standard deviation"),
    METRIC("kelly", kelly, FRACTION, "Kelly fraction: win_rate - (1 - win_rate) / payoff"),
    METRIC("turnover", turnover, RATIO, "value of all fills / mean equity, annualised"),
    METRIC("fees", fees, CASH, "all fees"),
    METRIC("slippage_cost", slippage_cost, CASH, "cost of slippage"),
    METRIC("spread_cost", spread_cost, CASH, "cost of the spread: half of it at each fill"),
    METRIC("funding", funding, CASH, "cost of holding a position; always 0, as none is charged yet"),
    METRIC("bars", bars, COUNT, "candles in the test"),
    METRIC("ambiguous_bars", ambiguous_bars, COUNT,
           "bars that reached both a loss and a profit level, and do not tell which came first"),
    METRIC("gaps", gaps, COUNT, "places where candles are missing"),
    METRIC("rejected_orders", rejected_orders, COUNT,
           "entries that were too large for the equity, less than a lot, or not allowed"),
    METRIC("liquidations", liquidations, COUNT, "positions that were liquidated"),
    METRIC("short_sample", short_sample, FLAG, "whether the test spans less than 365 days"),
};

const struct engine_metric *engine_metric_table(size_t *ret_count)
{
    *ret_count = countof(metrics_table);
    return metrics_table;
}

const struct engine_metric *engine_metric_find(struct slice name)
{
    for (size_t i = 0; i < countof(metrics_table); i++) {
        if (slice_is(name, metrics_table[i].name)) return &metrics_table[i];
    }
    return NULL;
}

double engine_metric_value(const struct engine_metrics *metrics, const struct engine_metric *metric)
{
    double value;

    memcpy(&value, (const char *)metrics + metric->offset, sizeof(value));
    return value;
}

void engine_metrics_json(const struct engine_metrics *metrics, struct buf *out)
{
    for (size_t i = 0; i < countof(metrics_table); i++) {
        const double value = engine_metric_value(metrics, &metrics_table[i]);

        buf_printf(out, "%c\"%s\":", i == 0 ? '{' : ',', metrics_table[i].name);
        if (metrics_table[i].kind == ENGINE_METRIC_FLAG && !isnan(value)) {
            buf_add_str(out, value != 0 ? "true" : "false");
        } else {
            engine_number_json(value, out);
        }
    }
    buf_add_char(out, '}');
}
