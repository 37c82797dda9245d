#include <math.h>

#include "engine/daily.h"
#include "engine/sim.h"

static const double year_seconds = 365.25 * 86400, day_seconds = 86400;
/* Below it, a figure a year says little: a year of days, whichever it is. */
static const double short_sample_seconds = 365.0 * 86400;

/* What is so small a part of the equity, or of a trade's value, is the rounding of doubles: neither a drawdown nor a
 * profit. */
static const double metrics_rounding = 1e-12;

static void metrics_undefine(struct engine_metrics *m)
{
    size_t count;
    const struct engine_metric *table = engine_metric_table(&count);

    for (size_t i = 0; i < count; i++) *(double *)(void *)((char *)m + table[i].offset) = NAN;
}

/* The opening of the first bar that something could be bought in. */
static double metrics_first_price(const struct sim *s)
{
    const struct engine_job *job = s->job;

    for (size_t i = job->first; i < job->end; i++) {
        if (job->invented != NULL && job->invented[i]) continue;
        if (!s->execution->require_volume || s->candles->volume[i] > 0) return s->candles->open[i];
    }
    return s->candles->open[job->first];
}

/* From the last point at a peak to the first that is back there, or the end. */
static void metrics_drawdown_ends(const struct sim *s, struct sim_curve *c, size_t at, bool recovered)
{
    const int64_t lasted = engine_point_time(s->job, at) - engine_point_time(s->job, c->peak_at);

    if (lasted > c->longest_ms) c->longest_ms = lasted, c->recovered = recovered;
}

/* The deepest fall below a peak counts when the peak goes, and at the end: until then it is but the largest. */
static void metrics_fall_ends(struct sim_curve *c)
{
    c->deepest = sim_larger(c->deepest, c->fall * c->share);
    c->deepest_cash = sim_larger(c->deepest_cash, c->fall);
    c->fall = 0;
}

/* The points up to the first that is not below the peak. */
static void metrics_fall(struct sim_curve *c, const double *equity, size_t points)
{
    const double peak = c->peak, share = c->share, least = c->peak * metrics_rounding;
    double sum = c->sum, squares = c->squares, most = c->fall;
    size_t k = c->next;

    for (; k < points; k++) {
        const double fall = peak - equity[k], depth = fall * share;

        if (!(fall > least)) break;
        sum += equity[k];
        squares += depth * depth;
        most = fall > most ? fall : most;
    }
    c->next = k, c->fall = most;
    c->squares = squares, c->sum = sum;
}

void sim_curve_feed(struct sim *s, size_t points)
{
    struct sim_curve *c = &s->curve;
    const double *equity = s->result->equity;

    for (metrics_fall(c, equity, points); c->next < points; metrics_fall(c, equity, points)) {
        const double now = equity[c->next];

        c->sum += now;
        if (c->next - c->peak_at > 1) metrics_drawdown_ends(s, c, c->next, true);
        if (now > c->peak) {
            metrics_fall_ends(c);
            c->peak = now, c->share = 1 / now;
        }
        c->peak_at = c->next++;
    }
}

static void metrics_curve(struct sim *s, struct engine_metrics *m)
{
    const size_t last = s->result->point_count - 1;
    struct sim_curve *c = &s->curve;

    sim_curve_feed(s, last + 1);
    if (c->peak_at < last) metrics_drawdown_ends(s, c, last, false);
    metrics_fall_ends(c);
    m->max_drawdown = c->deepest;
    m->max_drawdown_cash = c->deepest_cash;
    m->max_drawdown_duration_s = (double)c->longest_ms / 1000;
    m->recovered = c->longest_ms == 0 || c->recovered;
    m->ulcer_index = sqrt(c->squares / (double)(last + 1));
}

static void metrics_sum_add(struct sim_sum *sum, const struct engine_trade *t, double fraction)
{
    sum->cash = exact_add(sum->cash, t->pnl);
    sum->fraction = exact_add(sum->fraction, fraction);
    sum->count++;
}

void sim_trades_feed(struct sim_trades *trades, const struct engine_trade *t)
{
    const double fraction = t->pnl / (t->entry_price * t->quantity);

    metrics_sum_add(&trades->all, t, fraction);
    if (fraction > metrics_rounding) metrics_sum_add(&trades->wins, t, fraction);
    if (fraction < -metrics_rounding) metrics_sum_add(&trades->losses, t, fraction);
    trades->best = sim_larger(trades->best, t->pnl),
    trades->best_fraction = sim_larger(trades->best_fraction, fraction);
    trades->worst = sim_smaller(trades->worst, t->pnl),
    trades->worst_fraction = sim_smaller(trades->worst_fraction, fraction);
}

static void metrics_sum_mean(const struct sim_sum *sum, double *ret_cash, double *ret_fraction)
{
    if (sum->count == 0) return;
    *ret_cash = sum->cash.high / (double)sum->count;
    *ret_fraction = sum->fraction.high / (double)sum->count;
}

static void metrics_quality(const struct engine_trade *trades, size_t n, struct engine_metrics *m)
{
    struct exact squares = {0};
    double value = 0, deviation;

    if (n < 2) return;
    for (size_t i = 0; i < n; i++) {
        squares = exact_add(squares, (trades[i].pnl - m->expectancy) * (trades[i].pnl - m->expectancy));
        value = sim_larger(value, trades[i].entry_price * trades[i].quantity);
    }
    deviation = sqrt(squares.high / (double)(n - 1));
    if (deviation > metrics_rounding * value) m->sqn = sqrt((double)n) * m->expectancy / deviation;
    m->kelly = m->win_rate - (1 - m->win_rate) / m->payoff;
}

static void metrics_trades(const struct sim *s, struct engine_metrics *m)
{
    const struct engine_result *result = s->result;
    const struct sim_trades *t = &s->trades;
    const size_t n = t->all.count;

    m->open = result->trade_count > n;
    m->net_profit = m->open > 0 ? exact_plus(t->all.cash, result->trades[n].pnl) : t->all.cash.high;
    m->trades = (double)n;
    m->wins = (double)t->wins.count, m->losses = (double)t->losses.count;
    m->even = (double)(n - t->wins.count - t->losses.count);
    m->best = t->best, m->best_fraction = t->best_fraction;
    m->worst = t->worst, m->worst_fraction = t->worst_fraction;
    metrics_sum_mean(&t->all, &m->expectancy, &m->expectancy_fraction);
    metrics_sum_mean(&t->wins, &m->avg_win, &m->avg_win_fraction);
    metrics_sum_mean(&t->losses, &m->avg_loss, &m->avg_loss_fraction);
    if (n > 0) m->win_rate = m->wins / m->trades;
    if (t->losses.count > 0) m->profit_factor = t->wins.cash.high / -t->losses.cash.high;
    m->payoff = m->avg_win / -m->avg_loss;
    metrics_quality(result->trades, n, m);
}

static void metrics_growth(struct sim *s, struct engine_metrics *m)
{
    const struct engine_result *result = s->result;
    const double elapsed =
        (double)(engine_point_time(s->job, result->point_count - 1) - engine_point_time(s->job, 0)) / 1000;
    const double growth = m->equity / s->execution->capital;
    double mean;

    metrics_curve(s, m);
    mean = s->curve.sum / (double)result->point_count;
    if (elapsed >= day_seconds) m->cagr = growth > metrics_rounding ? pow(growth, year_seconds / elapsed) - 1 : -1;
    if (m->max_drawdown > 0) {
        m->calmar = m->cagr / m->max_drawdown;
        m->recovery_factor = m->net_profit / m->max_drawdown_cash;
    }
    if (mean > 0) m->turnover = s->notional / mean / (elapsed / year_seconds);
    m->short_sample = elapsed < short_sample_seconds;
}

void engine_metrics_compute(struct sim *s)
{
    const struct engine_job *job = s->job;
    const double *equity = s->result->equity;
    const double first_price = metrics_first_price(s);
    struct engine_metrics *m = &s->result->metrics;
    struct daily daily;

    metrics_undefine(m);
    m->bars = (double)(job->end - job->first);
    m->equity = equity[s->result->point_count - 1];
    m->total_return = m->equity / s->execution->capital - 1;
    m->buy_and_hold = s->candles->close[job->end - 1] / first_price - 1;
    m->exposure = (double)s->exposed / m->bars;
    metrics_trades(s, m);
    metrics_growth(s, m);
    m->max_drawdown_intrabar = sim_larger(s->intrabar_drawdown, m->max_drawdown);
    m->fees = s->fees, m->slippage_cost = s->slippage, m->spread_cost = s->spread, m->funding = 0;
    m->ambiguous_bars = (double)s->ambiguous, m->gaps = (double)s->gaps;
    m->rejected_orders = (double)s->rejected, m->liquidations = (double)s->liquidations;
    daily_init(&daily, job, equity, first_price);
    daily_metrics(&daily, job, m);
    daily_clear(&daily);
}
