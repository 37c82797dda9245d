#include "engine/daily.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exact.h"

static const int64_t day_ms = 86400000;
static const double year_days = 365.25;
/* Markets that trade every day have 2 of 7 (28.6 %), currencies with stubs on Sundays 1 of 6 (16.7 %). */
static const double weekend_share = 0.171;
/* Returns are quotients of doubles near 1. */
static const double daily_rounding = 1e-14;
enum { DAILY_TAIL_MIN = 20, DAILY_THURSDAY = 4 };

static int64_t day_of(int64_t time_ms)
{
    return time_ms / day_ms - (time_ms % day_ms < 0);
}

/* If nothing was left, there is no return. */
static double daily_return(double now, double before)
{
    return before > 0 ? now / before - 1 : 0;
}

/* The first bar from `i` on that opens at `next_ms` or later. Without gaps it is where arithmetic says. */
static size_t daily_end(const struct engine_job *job, size_t i, int64_t next_ms)
{
    const struct candles *c = job->candles;
    const size_t most = (size_t)((next_ms - c->time_ms[i] - 1) / c->timeframe_ms) + 1;

    i = most < job->end - i ? i + most : job->end;
    while (c->time_ms[i - 1] >= next_ms) i--;
    return i;
}

void daily_init(struct daily *daily, const struct engine_job *job, const double *equity, double first_price)
{
    const struct candles *c = job->candles;
    const int64_t days = day_of(c->time_ms[job->end - 1]) - day_of(c->time_ms[job->first]) + 1;
    const size_t bars = job->end - job->first;
    const size_t most = days > 0 && (uint64_t)days < bars ? (size_t)days : bars;
    double equity_before = equity[0], price_before = first_price;

    *daily = (struct daily){.returns = mem_array(most, 2 * sizeof(double))};
    daily->prices = daily->returns + most;
    for (size_t i = job->first; i < job->end;) {
        const int64_t day = day_of(c->time_ms[i]), next = (day + 1) * day_ms;
        const int64_t weekday = (((day + DAILY_THURSDAY) % 7) + 7) % 7;
        double now;

        i = daily_end(job, i, next);
        now = equity[i - job->first];
        daily->returns[daily->count] = daily_return(now, equity_before);
        daily->prices[daily->count++] = daily_return(c->close[i - 1], price_before);
        daily->weekend += weekday == 0 || weekday == 6;
        equity_before = now, price_before = c->close[i - 1];
    }
}

void daily_clear(struct daily *daily)
{
    free(daily->returns);
}

/* Days a year; longer bars are periods of their own. */
static double daily_periods(const struct daily *daily, const struct engine_job *job)
{
    if (job->execution->periods_per_year > 0) return job->execution->periods_per_year;
    if (job->candles->timeframe_ms > day_ms) return year_days * (double)day_ms / (double)job->candles->timeframe_ms;
    return (double)daily->weekend > weekend_share * (double)daily->count ? 365 : 252;
}

static double daily_mean(const double *values, size_t count)
{
    struct exact sum = {0};

    for (size_t i = 0; i < count; i++) sum = exact_add(sum, values[i]);
    return sum.high / (double)count;
}

/* Sum of the products of two columns' distances from their means. */
static double daily_products(const double *a, double a_mean, const double *b, double b_mean, size_t count)
{
    struct exact sum = {0};

    for (size_t i = 0; i < count; i++) sum = exact_add(sum, (a[i] - a_mean) * (b[i] - b_mean));
    return sum.high;
}

/* The standard deviation of a sample; 0 for one that is but rounding. */
static double daily_deviation(const double *values, double mean, size_t count)
{
    const double deviation = sqrt(daily_products(values, mean, values, mean, count) / (double)(count - 1));

    return deviation > daily_rounding ? deviation : 0;
}

static int daily_compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void daily_tail(const struct daily *daily, struct engine_metrics *m)
{
    const size_t n = daily->count;
    struct exact sum = {0};
    double *sorted, at, share;
    size_t below, count = 0;

    if (n < DAILY_TAIL_MIN) return;
    sorted = mem_array(n, sizeof(double));
    memcpy(sorted, daily->returns, n * sizeof(double));
    qsort(sorted, n, sizeof(double), daily_compare);
    at = 0.05 * (double)(n - 1);
    below = (size_t)at;
    share = at - (double)below;
    m->value_at_risk_95 = sorted[below] + (sorted[below + 1] - sorted[below]) * share;
    while (count < n && sorted[count] <= m->value_at_risk_95 + daily_rounding) sum = exact_add(sum, sorted[count++]);
    m->expected_shortfall_95 = sum.high / (double)count;
    free(sorted);
}

static void daily_moments(const struct daily *daily, double mean, struct engine_metrics *m)
{
    struct exact second = {0}, third = {0}, fourth = {0};
    const double n = (double)daily->count;
    double variance;

    for (size_t i = 0; i < daily->count; i++) {
        const double d = daily->returns[i] - mean;

        second = exact_add(second, d * d);
        third = exact_add(third, d * d * d);
        fourth = exact_add(fourth, d * d * d * d);
    }
    variance = second.high / n;
    m->skew = third.high / n / (variance * sqrt(variance));
    m->kurtosis = fourth.high / n / (variance * variance);
}

/* The probability that the Sharpe ratio, a day's, is above 0 (Bailey and López de Prado, 2012). */
static double daily_psr(double sharpe, const struct engine_metrics *m, size_t count)
{
    const double spread = 1 - m->skew * sharpe + (m->kurtosis - 1) / 4 * sharpe * sharpe;

    if (!(spread > 0)) return NAN;
    return 0.5 * erfc(-sharpe * sqrt((double)(count - 1)) / sqrt(spread) / sqrt(2));
}

void daily_metrics(const struct daily *daily, const struct engine_job *job, struct engine_metrics *m)
{
    const size_t n = daily->count;
    const double year = daily_periods(daily, job);
    const double free = pow(1 + job->execution->risk_free, 1 / year) - 1;
    const double mean = daily_mean(daily->returns, n), price_mean = daily_mean(daily->prices, n);
    struct exact below = {0};
    double deviation, variance;

    m->days = (double)n;
    m->periods_per_year = year;
    daily_tail(daily, m);
    if (n < 2) return;
    deviation = daily_deviation(daily->returns, mean, n);
    m->volatility = deviation * sqrt(year);
    for (size_t i = 0; i < n; i++) {
        const double short_of = fmin(daily->returns[i] - free, 0);

        below = exact_add(below, short_of * short_of);
    }
    if (below.high > daily_rounding * daily_rounding)
        m->sortino = (mean - free) / sqrt(below.high / (double)n) * sqrt(year);
    if (deviation > 0) {
        m->sharpe = (mean - free) / deviation * sqrt(year);
        daily_moments(daily, mean, m);
        m->psr = daily_psr((mean - free) / deviation, m, n);
    }
    if (daily_deviation(daily->prices, price_mean, n) == 0) return;
    variance = daily_products(daily->prices, price_mean, daily->prices, price_mean, n);
    m->beta = daily_products(daily->returns, mean, daily->prices, price_mean, n) / variance;
    m->alpha = (mean - free - m->beta * (price_mean - free)) * year;
}
