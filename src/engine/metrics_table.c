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
    METRIC("net_profit", net_profit, CASH, "profit of all trades, the open one included, net of costs"),
    METRIC("return", total_return, FRACTION, "equity at the end over the capital, less 1"),
    METRIC("buy_and_hold", buy_and_hold, FRACTION, "last close over the first open, less 1"),
    METRIC("cagr", cagr, FRACTION, "growth a year, by calendar time"),
    METRIC("max_drawdown", max_drawdown, FRACTION, "deepest fall of the equity at closes from its peak"),
    METRIC("max_drawdown_cash", max_drawdown_cash, CASH, "the same in money"),
    METRIC("max_drawdown_intrabar", max_drawdown_intrabar, FRACTION, "deepest fall, with the worst price of each bar"),
    METRIC("max_drawdown_duration_s", max_drawdown_duration_s, SECONDS,
           "longest time from a peak to its recovery, or to the end"),
    METRIC("recovered", recovered, FLAG, "whether that longest drawdown was over before the end"),
    METRIC("calmar", calmar, RATIO, "cagr over max_drawdown"),
    METRIC("recovery_factor", recovery_factor, RATIO, "net profit over max_drawdown_cash"),
    METRIC("ulcer_index", ulcer_index, FRACTION, "root of the mean squared drawdown"),
    METRIC("exposure", exposure, FRACTION, "share of the bars with a position"),
    METRIC("volatility", volatility, FRACTION, "deviation of daily returns, a year"),
    METRIC("sharpe", sharpe, RATIO, "mean daily return above the risk-free one over its deviation, a year"),
    METRIC("sortino", sortino, RATIO, "the same over the deviation of what lies below"),
    METRIC("value_at_risk_95", value_at_risk_95, FRACTION, "daily return that 5 % of the days are below"),
    METRIC("expected_shortfall_95", expected_shortfall_95, FRACTION, "mean of the daily returns up to that one"),
    METRIC("skew", skew, RATIO, "third moment of daily returns"),
    METRIC("kurtosis", kurtosis, RATIO, "fourth moment of daily returns; 3 is normal"),
    METRIC("psr", psr, FRACTION, "probability that the true Sharpe ratio is above 0"),
    METRIC("alpha", alpha, FRACTION, "return a year beyond what beta explains"),
    METRIC("beta", beta, RATIO, "daily returns against those of buying and holding"),
    METRIC("periods_per_year", periods_per_year, COUNT, "days of trading a year that were reckoned with"),
    METRIC("days", days, COUNT, "daily returns"),
    METRIC("trades", trades, COUNT, "trades that have ended"),
    METRIC("wins", wins, COUNT, "of them with a profit, net"),
    METRIC("losses", losses, COUNT, "of them with a loss, net"),
    METRIC("even", even, COUNT, "of them with neither"),
    METRIC("open", open, COUNT, "trades that are open at the end"),
    METRIC("win_rate", win_rate, FRACTION, "wins over trades"),
    METRIC("profit_factor", profit_factor, RATIO, "gross profit over gross loss, in money"),
    METRIC("expectancy", expectancy, CASH, "mean profit of a trade"),
    METRIC("expectancy_fraction", expectancy_fraction, FRACTION, "mean profit of a trade over its value at the entry"),
    METRIC("avg_win", avg_win, CASH, "mean profit of the wins"),
    METRIC("avg_win_fraction", avg_win_fraction, FRACTION, "the same over the value at the entry"),
    METRIC("avg_loss", avg_loss, CASH, "mean profit of the losses, below 0"),
    METRIC("avg_loss_fraction", avg_loss_fraction, FRACTION, "the same over the value at the entry"),
    METRIC("payoff", payoff, RATIO, "avg_win over the size of avg_loss"),
    METRIC("best", best, CASH, "best trade"),
    METRIC("best_fraction", best_fraction, FRACTION, "best trade over its value at the entry"),
    METRIC("worst", worst, CASH, "worst trade"),
    METRIC("worst_fraction", worst_fraction, FRACTION, "worst trade over its value at the entry"),
    METRIC("sqn", sqn, RATIO, "system quality number: root of trades times mean profit over its deviation"),
    METRIC("kelly", kelly, FRACTION, "Kelly's share: win_rate - (1 - win_rate) / payoff"),
    METRIC("turnover", turnover, RATIO, "value of all fills over mean equity, a year"),
    METRIC("fees", fees, CASH, "all fees"),
    METRIC("slippage_cost", slippage_cost, CASH, "what slippage cost"),
    METRIC("spread_cost", spread_cost, CASH, "what half the spread at each fill cost"),
    METRIC("funding", funding, CASH, "paid for holding; always 0, nothing is charged yet"),
    METRIC("bars", bars, COUNT, "candles that were judged"),
    METRIC("ambiguous_bars", ambiguous_bars, COUNT, "bars whose prices do not tell whether loss or profit came first"),
    METRIC("gaps", gaps, COUNT, "places where candles are missing"),
    METRIC("rejected_orders", rejected_orders, COUNT, "entries that could not be paid, or were not allowed"),
    METRIC("liquidations", liquidations, COUNT, "positions that ended for want of margin"),
    METRIC("short_sample", short_sample, FLAG, "whether it is less than 365 days"),
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
