/* The loop over the bars: open, within, close, rules. */
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "candles/series.h"
#include "engine/sim.h"

/* Points of the curve that are looked at together: 16 KiB. */
enum { CURVE_PIECE = 2048 };

static struct sim_bar bar_of(const struct candles *c, size_t i, int64_t time_ms)
{
    return (struct sim_bar){
        .open = c->open[i], .high = c->high[i], .low = c->low[i], .close = c->close[i], .index = i, .time_ms = time_ms};
}

/* When a bar of the test opens. Without gaps arithmetic says it, and the times need not come from memory. */
static int64_t bar_time(const struct sim *s, size_t i)
{
    if (!s->is_even) return s->candles->time_ms[i];
    return s->start_ms + (int64_t)(i - s->job->first) * s->candles->timeframe_ms;
}

/* May anything fill in this bar? */
static bool bar_trades(const struct sim *s, size_t i)
{
    if (s->job->invented != NULL && s->job->invented[i]) return false;
    return !s->execution->require_volume || s->candles->volume[i] > 0;
}

static void run_open(struct sim *s, const struct sim_bar *bar)
{
    enum engine_reason reason = ENGINE_REASON_SIGNAL;

    if (s->order.action == SIM_ENTER && s->position.side != 0) reason = ENGINE_REASON_REVERSE;
    if (s->position.side != 0) sim_exit(s, bar, bar->open, reason, true);
    if (s->order.action == SIM_ENTER) sim_enter(s, bar, reason);
    s->order.action = SIM_NOTHING;
}

/* Walks the finer bars within the series' bar; true if one of them ended the position. `ret_found` says whether there
 * were any. */
static bool run_detail(struct sim *s, size_t i, bool *ret_found)
{
    const struct candles *fine = s->job->detail;
    const int64_t start = s->candles->time_ms[i], end = start + s->candles->timeframe_ms;

    *ret_found = false;
    while (s->detail_at < fine->count && fine->time_ms[s->detail_at] < start) s->detail_at++;
    for (; s->detail_at < fine->count && fine->time_ms[s->detail_at] < end; s->detail_at++) {
        struct sim_bar bar = bar_of(fine, s->detail_at, fine->time_ms[s->detail_at]);
        const int side = s->position.side;

        bar.index = i;
        *ret_found = true;
        if (sim_levels_judge(s, &bar, true)) return true;
        s->low = sim_smaller(s->low, sim_equity(s, side > 0 ? bar.low : bar.high));
    }
    return false;
}

static void run_within(struct sim *s, const struct sim_bar *bar)
{
    const bool is_entry = s->position.bar == bar->index;
    bool found;

    if (s->execution->intrabar == ENGINE_INTRABAR_DETAIL) {
        if (run_detail(s, bar->index, &found) || found) return;
    }
    sim_levels_judge(s, bar, !(is_entry && s->execution->intrabar == ENGINE_INTRABAR_TRADINGVIEW));
}

static bool run_holds(const struct sim *s, enum rules_output output, size_t bar, const struct rules_position *position)
{
    const uint64_t *words = s->signals->condition[output];

    if (!s->signals->has[output]) return false;
    return words != NULL ? rules_bit(words, bar) : sim_value(s, output, bar, position) > 0;
}

/* Which side is to be entered at this close: long if both are. */
static int run_wish(const struct sim *s, size_t bar, const struct rules_position *position)
{
    if (run_holds(s, RULES_LONG_ENTER, bar, position)) return 1;
    return run_holds(s, RULES_SHORT_ENTER, bar, position) ? -1 : 0;
}

/* What is to be done at the close of a bar. */
static void run_decide(struct sim *s, size_t bar, double equity)
{
    const struct sim_position *p = &s->position;
    struct rules_position known = {.entry_price = NAN, .bars_held = NAN, .equity = equity};
    enum sim_action action = SIM_NOTHING;
    int wish;

    if (p->side != 0) {
        known.entry_price = p->entry;
        known.bars_held = (double)(bar - p->bar);
    }
    wish = run_wish(s, bar, &known);
    if (wish != 0 && wish != p->side) {
        action = SIM_ENTER;
    } else if (p->side != 0 && run_holds(s, p->side > 0 ? RULES_LONG_EXIT : RULES_SHORT_EXIT, bar, &known)) {
        action = SIM_EXIT;
    }
    if (action == SIM_NOTHING) return;
    s->order = (struct sim_order){.action = action,
                                  .side = wish,
                                  .bar = bar,
                                  .price = s->candles->close[bar],
                                  .equity = equity,
                                  .cash = equity - p->side * p->quantity * s->candles->close[bar]};
}

static void run_bar(struct sim *s, size_t i, double *ret_equity)
{
    const struct sim_bar bar = bar_of(s->candles, i, bar_time(s, i));
    const bool trades = (s->position.side != 0 || s->order.action != SIM_NOTHING) && bar_trades(s, i);
    bool exposed = s->position.side != 0;
    double equity;

    if (trades) {
        s->low = INFINITY;
        if (s->order.action != SIM_NOTHING) run_open(s, &bar);
        exposed = exposed || s->position.side != 0;
        if (s->position.side != 0 && s->position.has_levels) run_within(s, &bar);
    }
    equity = sim_equity(s, bar.close);
    if (s->position.side != 0) {
        s->low = sim_smaller(s->low, sim_equity(s, s->position.side > 0 ? bar.low : bar.high));
        sim_levels_trail(s, &bar);
    }
    if (exposed) {
        const double low = sim_smaller(s->low, equity);

        s->exposed++;
        if (low < s->peak) s->intrabar_drawdown = sim_larger(s->intrabar_drawdown, 1 - low / s->peak);
        s->low = INFINITY;
    }
    if (equity > s->peak) s->peak = equity;
    *ret_equity = equity;
    run_decide(s, i, equity);
}

/* Over bars in which nothing happens, or over one. */
static size_t run_next(struct sim *s, size_t i)
{
    double *equity = &s->result->equity[i - s->job->first + 1];
    const size_t next = sim_glide(s, i);

    if (next == i) {
        run_bar(s, i, equity);
        return i + 1;
    }
    run_decide(s, next - 1, s->result->equity[next - s->job->first]);
    return next;
}

static void run_end(struct sim *s)
{
    const size_t last = s->job->end - 1;
    const struct sim_bar bar = bar_of(s->candles, last, bar_time(s, last));

    if (s->position.side == 0) return;
    if (!s->execution->close_at_end) {
        sim_mark_open(s, &bar);
        return;
    }
    sim_exit(s, &bar, bar.close, ENGINE_REASON_END, true);
    s->result->equity[s->result->point_count - 1] = s->account.high;
}

/* Does each bar of the test open when the one before it closes? */
static bool run_is_even(const struct engine_job *job)
{
    const struct candles *c = job->candles;
    const int64_t span = c->time_ms[job->end - 1] - c->time_ms[job->first];

    return span == (int64_t)(job->end - job->first - 1) * c->timeframe_ms;
}

/* Gaps between the bars of the test. */
static size_t run_gaps(const struct engine_job *job)
{
    const struct candles *c = job->candles;
    bool rests;
    size_t gaps = 0;

    if (job->invented == NULL && run_is_even(job)) return 0;
    rests = candles_rests_at_weekends(c);
    for (size_t i = job->first + 1; i < job->end; i++) {
        gaps += candles_missing(c, i, rests) > 0;
        if (job->invented != NULL) gaps += job->invented[i] && !job->invented[i - 1];
    }
    return gaps;
}

static int run_check(const struct engine_job *job, struct error *err)
{
    const struct candles *c = job->candles, *fine = job->detail;
    const struct engine_execution *x = job->execution;

    if (engine_execution_check(x, err) != 0) return -1;
    if (job->first >= job->end || job->end > c->count) {
        return error_set(err, ERROR_INVALID,
                         "there are no candles between start and end; the series has %zu candles, look-back included",
                         c->count);
    }
    if (c->timeframe_ms <= 0) return error_set(err, ERROR_INVALID, "the series has no timeframe");
    if (!(c->tick > 0 || x->tick > 0) || !(c->lot > 0 || x->lot > 0)) {
        return error_set(err, ERROR_INVALID, "the series has no tick or lot; set execution.tick and execution.lot");
    }
    if (x->intrabar == ENGINE_INTRABAR_DETAIL) {
        if (fine == NULL) {
            return error_set(err, ERROR_INVALID,
                             "execution.intrabar is detail, but there are no candles of a shorter timeframe; add them, "
                             "or use pessimistic");
        }
        if (fine->timeframe_ms <= 0 || fine->timeframe_ms >= c->timeframe_ms ||
            c->timeframe_ms % fine->timeframe_ms != 0) {
            return error_set(err, ERROR_INVALID,
                             "the shorter timeframe, %lld ms, must divide that of the series, %lld ms",
                             (long long)fine->timeframe_ms, (long long)c->timeframe_ms);
        }
    }
    return 0;
}

/* 25 bytes a fill, see engine.h. */
enum { HASH_FILL_BYTES = 25, HASH_FILLS = 128 };

static void hash_u64(unsigned char *at, uint64_t value)
{
    const uint64_t little = htole64(value);

    memcpy(at, &little, sizeof(little));
}

static unsigned char *hash_fill(unsigned char *at, int64_t time_ms, int direction, double quantity, double price)
{
    uint64_t bits;

    hash_u64(at, (uint64_t)time_ms);
    at[8] = direction > 0 ? 1 : 2;
    memcpy(&bits, &quantity, sizeof(bits));
    hash_u64(at + 9, bits);
    memcpy(&bits, &price, sizeof(bits));
    hash_u64(at + 17, bits);
    return at + HASH_FILL_BYTES;
}

/* Looks at the trades that have come since the last look: hash and metrics. */
static void run_trades(struct sim *s)
{
    const struct engine_result *result = s->result;
    unsigned char bytes[HASH_FILLS * HASH_FILL_BYTES], *at = bytes;

    for (size_t i = s->trades.next; i < result->trade_count; i++) {
        const struct engine_trade *t = &result->trades[i];

        if ((size_t)(at - bytes) + 2 * HASH_FILL_BYTES > sizeof(bytes)) {
            digest_sha256_add(s->trades.digest, bytes, (size_t)(at - bytes));
            at = bytes;
        }
        at = hash_fill(at, t->entry_time, t->side, t->quantity, t->entry_price);
        if (t->exit_reason == ENGINE_REASON_NONE) continue;
        at = hash_fill(at, t->exit_time, -t->side, t->quantity, t->exit_price);
        sim_trades_feed(&s->trades, t);
    }
    s->trades.next = result->trade_count;
    if (at != bytes) digest_sha256_add(s->trades.digest, bytes, (size_t)(at - bytes));
}

static void run_prepare(struct sim *s)
{
    const struct engine_job *job = s->job;
    struct engine_result *result = s->result;

    s->tick = grid_of(s->execution->tick > 0 ? s->execution->tick : s->candles->tick);
    s->lot = grid_of(s->execution->lot > 0 ? s->execution->lot : s->candles->lot);
    s->half_spread = s->execution->spread / 2;
    s->account = exact_of(s->execution->capital);
    s->peak = s->execution->capital;
    s->curve = (struct sim_curve){.peak = s->peak, .share = 1 / s->peak};
    s->trades = (struct sim_trades){
        .best = NAN, .best_fraction = NAN, .worst = NAN, .worst_fraction = NAN, .digest = digest_sha256_begin()};
    s->low = INFINITY;
    s->is_even = run_is_even(job);
    s->start_ms = s->candles->time_ms[job->first];
    s->gaps = run_gaps(job);
    result->trade_count = 0;
    result->point_count = job->end - job->first + 1;
    if (result->point_capacity < result->point_count) {
        free(result->equity);
        result->equity = mem_alloc(result->point_count * sizeof(result->equity[0]));
        result->point_capacity = result->point_count;
    }
    result->equity[0] = s->execution->capital;
}

int engine_run(const struct engine_job *job, struct engine_result *result, struct error *err)
{
    struct sim s = {
        .job = job, .candles = job->candles, .execution = job->execution, .signals = job->signals, .result = result};

    result->trade_count = result->point_count = 0;
    if (run_check(job, err) != 0) return -1;
    run_prepare(&s);
    for (size_t i = job->first; i < job->end;) {
        i = run_next(&s, i);
        /* Point i - first is the last that there is; the end may change it. */
        if (i - job->first - s.curve.next <= CURVE_PIECE) continue;
        sim_curve_feed(&s, i - job->first);
        run_trades(&s);
        if (job->progress != NULL) job->progress(job->progress_arg, i - job->first);
    }
    run_end(&s);
    run_trades(&s);
    digest_sha256_end_hex(s.trades.digest, result->hash);
    engine_metrics_compute(&s);
    return 0;
}

void engine_result_clear(struct engine_result *result)
{
    free(result->trades);
    free(result->equity);
    *result = (struct engine_result){0};
}

int64_t engine_point_time(const struct engine_job *job, size_t point)
{
    const struct candles *c = job->candles;

    return point == 0 ? c->time_ms[job->first] : c->time_ms[job->first + point - 1] + c->timeframe_ms;
}
