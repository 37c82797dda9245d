#include "backtestd/table.h"

#include <math.h>

#include "candles/series.h"
#include "candles/timeframe.h"
#include "engine/text.h"

enum { TABLE_NAME_COLUMNS = 20, TABLE_VALUE_COLUMNS = 16 };

static const double table_year_ms = 365.25 * (double)CANDLES_DAY_MS;

void table_money(double value, struct buf *out)
{
    struct buf digits = {0};
    size_t whole;

    if (!isfinite(value)) {
        buf_add_char(out, '-');
        return;
    }
    buf_printf(&digits, "%.2f", fabs(value));
    whole = digits.len - strlen(".00");
    if (value < 0 && buf_cstr(&digits)[strspn(buf_cstr(&digits), "0.")] != '\0') buf_add_char(out, '-');
    for (size_t i = 0; i < digits.len; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0) buf_add_char(out, ',');
        buf_add_char(out, digits.data[i]);
    }
    buf_clear(&digits);
}

static void table_value(enum engine_metric_kind kind, double value, struct buf *out)
{
    switch (kind) {
    case ENGINE_METRIC_FRACTION:
        if (isfinite(value)) {
            buf_printf(out, "%.2f %%", 100 * value);
        } else {
            buf_add_char(out, '-');
        }
        break;
    case ENGINE_METRIC_CASH:
        table_money(value, out);
        break;
    case ENGINE_METRIC_COUNT:
        buf_printf(out, "%.0f", value);
        break;
    case ENGINE_METRIC_SECONDS:
        buf_printf(out, "%.1f days", 1000 * value / (double)CANDLES_DAY_MS);
        break;
    default:
        if (isfinite(value)) {
            buf_printf(out, "%.2f", value);
        } else {
            buf_add_char(out, '-');
        }
        break;
    }
}

/* `beside` is NULL, or what is printed in the column of buying and holding. */
static void table_row(const char *name, enum engine_metric_kind kind, double value, const double *beside,
                      struct buf *out)
{
    struct buf text = {0};

    table_value(kind, value, &text);
    buf_printf(out, "%-*s %*s", TABLE_NAME_COLUMNS, name, TABLE_VALUE_COLUMNS, buf_cstr(&text));
    if (beside != NULL) {
        buf_reset(&text);
        table_value(kind, *beside, &text);
        buf_printf(out, " %*s", TABLE_VALUE_COLUMNS, buf_cstr(&text));
    }
    buf_add_char(out, '\n');
    buf_clear(&text);
}

/* What buying at the first open and holding to the last close would have made: growth a year, and the deepest fall. */
static void table_holding(const struct table_subject *subject, double *ret_cagr, double *ret_drawdown)
{
    const struct engine_job *job = subject->job;
    const struct candles *c = job->candles;
    const size_t last = job->end - 1;
    const double elapsed_ms = (double)(c->time_ms[last] + c->timeframe_ms - c->time_ms[job->first]);
    const double growth = 1 + subject->result->metrics.buy_and_hold;
    double peak = c->open[job->first];

    *ret_cagr = elapsed_ms >= (double)CANDLES_DAY_MS ? pow(growth, table_year_ms / elapsed_ms) - 1 : (double)NAN;
    *ret_drawdown = 0;
    for (size_t i = job->first; i <= last; i++) {
        peak = fmax(peak, c->close[i]);
        *ret_drawdown = fmax(*ret_drawdown, 1 - c->close[i] / peak);
    }
}

static void table_step(const char *name, double set, double found, const char *whence, struct buf *out)
{
    buf_printf(out, "%s %.12g (%s)", name, set > 0 ? set : found, set > 0 ? "--execution" : whence);
}

/* The steps of prices and quantities, and where they come from. */
static void table_steps(const struct table_subject *subject, struct buf *out)
{
    const struct engine_execution *e = subject->job->execution;
    const struct candles *c = subject->job->candles;

    table_step("tick", e->tick, c->tick, "from the prices", out);
    buf_add_str(out, ", ");
    table_step("lot", e->lot, c->lot, subject->lot_was_assumed ? "assumed" : "from the volumes", out);
    buf_add_char(out, '\n');
}

static void table_head(const struct table_subject *subject, struct buf *out)
{
    const struct candles *c = subject->job->candles;
    const char *timeframe = candles_timeframe_name(c->timeframe_ms);

    buf_printf(out, "%s\n%s, %s: %.0f candle%s from ", subject->title, subject->file,
               timeframe == NULL ? "candles" : timeframe, subject->result->metrics.bars,
               subject->result->metrics.bars == 1 ? "" : "s");
    engine_time_text(c->time_ms[subject->job->first], out);
    buf_add_str(out, " to ");
    engine_time_text(c->time_ms[subject->job->end - 1] + c->timeframe_ms, out);
    buf_add_char(out, '\n');
    table_steps(subject, out);
    buf_printf(out, "\n%-*s %*s %*s\n", TABLE_NAME_COLUMNS, "", TABLE_VALUE_COLUMNS, "Strategy", TABLE_VALUE_COLUMNS,
               "Buy and hold");
}

static void table_performance(const struct table_subject *subject, struct buf *out)
{
    const struct engine_metrics *m = &subject->result->metrics;
    double cagr, drawdown;

    table_holding(subject, &cagr, &drawdown);
    table_row("Return", ENGINE_METRIC_FRACTION, m->total_return, &m->buy_and_hold, out);
    table_row("CAGR", ENGINE_METRIC_FRACTION, m->cagr, &cagr, out);
    table_row("Max drawdown", ENGINE_METRIC_FRACTION, m->max_drawdown, &drawdown, out);
    table_row("  intrabar", ENGINE_METRIC_FRACTION, m->max_drawdown_intrabar, NULL, out);
    table_row(m->recovered != 0 ? "  longest" : "  longest (ongoing)", ENGINE_METRIC_SECONDS,
              m->max_drawdown_duration_s, NULL, out);
    table_row("Sharpe", ENGINE_METRIC_RATIO, m->sharpe, NULL, out);
    table_row("Sortino", ENGINE_METRIC_RATIO, m->sortino, NULL, out);
    table_row("Calmar", ENGINE_METRIC_RATIO, m->calmar, NULL, out);
    table_row("Annual volatility", ENGINE_METRIC_FRACTION, m->volatility, NULL, out);
    table_row("Exposure", ENGINE_METRIC_FRACTION, m->exposure, NULL, out);
    table_row("Annual alpha", ENGINE_METRIC_FRACTION, m->alpha, NULL, out);
    table_row("Beta", ENGINE_METRIC_RATIO, m->beta, NULL, out);
}

static void table_trades(const struct engine_metrics *m, struct buf *out)
{
    table_row("Trades", ENGINE_METRIC_COUNT, m->trades, NULL, out);
    if (m->open > 0) table_row("  still open", ENGINE_METRIC_COUNT, m->open, NULL, out);
    table_row("Win rate", ENGINE_METRIC_FRACTION, m->win_rate, NULL, out);
    table_row("Profit factor", ENGINE_METRIC_RATIO, m->profit_factor, NULL, out);
    table_row("Average trade", ENGINE_METRIC_CASH, m->expectancy, NULL, out);
    table_row("Best trade", ENGINE_METRIC_CASH, m->best, NULL, out);
    table_row("Worst trade", ENGINE_METRIC_CASH, m->worst, NULL, out);
    table_row("Costs", ENGINE_METRIC_CASH, m->fees + m->slippage_cost + m->spread_cost, NULL, out);
    table_row("Net profit", ENGINE_METRIC_CASH, m->net_profit, NULL, out);
    table_row("Final equity", ENGINE_METRIC_CASH, m->equity, NULL, out);
}

/* What one should know before one believes the rest. */
static void table_remarks(const struct table_subject *subject, struct buf *out)
{
    const struct engine_metrics *m = &subject->result->metrics;
    const bool rests = candles_rests_at_weekends(subject->job->candles);
    const struct {
        double count;
        const char *text;  /* after "1 " */
        const char *texts; /* after any other number */
    } remarks[] = {
        {m->gaps, "gap in the candles", "gaps in the candles"},
        {m->ambiguous_bars, "candle reached both a loss and a profit level, and does not tell which came first",
         "candles reached both a loss and a profit level, and do not tell which came first"},
        {m->rejected_orders, "entry was rejected: too large for the equity, less than a lot, or not allowed",
         "entries were rejected: too large for the equity, less than a lot, or not allowed"},
        {m->liquidations, "position was liquidated", "positions were liquidated"},
    };
    bool any = false;

    for (size_t i = 0; i < countof(remarks); i++) {
        if (!(remarks[i].count > 0)) continue;
        buf_printf(out, "%s%.0f %s%s.\n", any ? "" : "\n", remarks[i].count,
                   remarks[i].count == 1 ? remarks[i].text : remarks[i].texts,
                   i == 0 && rests ? " (holidays included, weekends not)" : "");
        any = true;
    }
    if (m->short_sample != 0) {
        buf_printf(out, "%sThe test spans less than a year: annual figures, such as CAGR and Sharpe, say little.\n",
                   any ? "" : "\n");
    }
}

void table_print(const struct table_subject *subject, struct buf *out)
{
    table_head(subject, out);
    table_performance(subject, out);
    buf_add_char(out, '\n');
    table_trades(&subject->result->metrics, out);
    table_remarks(subject, out);
    buf_printf(out, "\nResult hash: %s\n", subject->result->hash);
}
