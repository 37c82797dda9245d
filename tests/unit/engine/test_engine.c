/* What must not change, or must change in a known way: over many seeded series, signals and settings. */
#include <math.h>

#include "engine/exact.h"
#include "scene.h"
#include "test_engine.h"

enum { WORLD_BARS = 5000, WORLD_CASES = 30, WORLD_OFTEN = 12, WORLD_SELDOM = 4000 };

struct world {
    int64_t time_ms[WORLD_BARS];
    double open[WORLD_BARS], high[WORLD_BARS], low[WORLD_BARS], close[WORLD_BARS], volume[WORLD_BARS];
    double columns[RULES_OUTPUTS][WORLD_BARS];
    uint64_t words[ENGINE_CONDITIONS][WORLD_BARS / RULES_WORD_BARS + 1];
    struct candles candles;
    struct engine_execution execution;
    struct engine_signals signals;
    struct engine_job job;
    struct engine_result result;
    uint64_t seed;
    unsigned once_in; /* so many bars a condition holds */
};

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t world_random(struct world *w)
{
    uint64_t z = w->seed += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static double world_below(struct world *w, unsigned n)
{
    return (double)(world_random(w) % n);
}

static void world_column(struct world *w, enum rules_output output, double (*make)(struct world *w))
{
    for (size_t i = 0; i < WORLD_BARS; i++) w->columns[output][i] = make(w);
    w->signals.has[output] = true;
    w->signals.column[output] = w->columns[output];
}

static double make_signal(struct world *w)
{
    return world_below(w, w->once_in) == 0;
}

/* In quarters: exact in binary, and on the tick. */
static double make_distance(struct world *w)
{
    return (1 + world_below(w, 24)) / 4;
}

static void world_prices(struct world *w)
{
    double at = 4000 + world_below(w, 4000);

    for (size_t i = 0; i < WORLD_BARS; i++) {
        const double close = at + world_below(w, 33) - 16;

        w->time_ms[i] = 1700000000000 / 3600000 * 3600000 + (int64_t)i * 3600000;
        w->open[i] = at / 4, w->close[i] = close / 4;
        w->high[i] = (fmax(at, close) + world_below(w, 9)) / 4;
        w->low[i] = (fmin(at, close) - world_below(w, 9)) / 4;
        w->volume[i] = 1;
        at = close + (world_below(w, 8) == 0 ? world_below(w, 33) - 16 : 0);
    }
}

static void world_make(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed, .once_in = seed % 3 == 0 ? WORLD_SELDOM : WORLD_OFTEN};
    world_prices(w);
    w->candles = (struct candles){.count = WORLD_BARS,
                                  .time_ms = w->time_ms,
                                  .open = w->open,
                                  .high = w->high,
                                  .low = w->low,
                                  .close = w->close,
                                  .volume = w->volume,
                                  .timeframe_ms = 3600000,
                                  .tick = 0.25,
                                  .lot = 0x1p-20,
                                  .price_digits = 2};
    engine_execution_init(&w->execution);
    for (int output = RULES_LONG_ENTER; output <= RULES_SHORT_EXIT; output++) {
        world_column(w, (enum rules_output)output, make_signal);
    }
    if (world_below(w, 2) > 0) world_column(w, RULES_STOP_DISTANCE, make_distance);
    if (world_below(w, 2) > 0) world_column(w, RULES_TAKE_DISTANCE, make_distance);
    if (world_below(w, 2) > 0) world_column(w, RULES_TRAIL_DISTANCE, make_distance);
    if (world_below(w, 3) > 0) w->execution.intrabar = ENGINE_INTRABAR_TRADINGVIEW;
    if (world_below(w, 3) > 0) w->execution.limit_fill = ENGINE_LIMIT_THROUGH;
    if (world_below(w, 2) > 0) w->execution.slippage_ticks = 1;
    if (world_below(w, 2) > 0) w->execution.spread = 0.5;
    w->job = (struct engine_job){
        .candles = &w->candles, .end = WORLD_BARS, .execution = &w->execution, .signals = &w->signals};
}

/* Costs and sizes that the mirror does not have. */
static void world_add_costs(struct world *w)
{
    w->execution.fee_percent = 0.1;
    if (world_below(w, 2) > 0) w->execution.fee_fixed = 1;
    if (world_below(w, 2) > 0) w->execution.leverage = 4, w->execution.maintenance_margin = 0.05;
}

static void world_run(struct world *w)
{
    struct error err;

    for (int output = 0; output < ENGINE_CONDITIONS; output++) {
        const double *column = w->signals.column[output];

        memset(w->words[output], 0, sizeof(w->words[output]));
        for (size_t i = 0; column != NULL && i < WORLD_BARS; i++) {
            w->words[output][i / RULES_WORD_BARS] |= (uint64_t)(column[i] > 0) << i % RULES_WORD_BARS;
        }
        w->signals.condition[output] = column != NULL ? w->words[output] : NULL;
    }
    CU_ASSERT_EQUAL_FATAL(engine_run(&w->job, &w->result, &err), 0);
}

static void world_clear(struct world *w)
{
    engine_result_clear(&w->result);
}

/* Prices, ticks and money times 8: every result times 8, to the last bit. */
static void test_metamorphic_scale(void)
{
    static struct world w, scaled;
    size_t trades = 0;

    for (uint64_t seed = 0; seed < WORLD_CASES; seed++) {
        world_make(&w, seed);
        world_add_costs(&w);
        scaled = w;
        scaled.candles.open = scaled.open, scaled.candles.high = scaled.high, scaled.candles.low = scaled.low;
        scaled.candles.close = scaled.close, scaled.candles.tick = 8 * w.candles.tick;
        for (size_t i = 0; i < WORLD_BARS; i++) {
            scaled.open[i] *= 8, scaled.high[i] *= 8, scaled.low[i] *= 8, scaled.close[i] *= 8;
            for (int output = RULES_STOP_DISTANCE; output < RULES_SIZE; output++) scaled.columns[output][i] *= 8;
        }
        for (int output = 0; output < RULES_OUTPUTS; output++) {
            if (w.signals.has[output]) scaled.signals.column[output] = scaled.columns[output];
        }
        scaled.job.candles = &scaled.candles, scaled.job.execution = &scaled.execution;
        scaled.job.signals = &scaled.signals;
        scaled.execution.capital *= 8, scaled.execution.spread *= 8, scaled.execution.fee_fixed *= 8;
        world_run(&w);
        world_run(&scaled);
        UNIT_INT(scaled.result.trade_count, w.result.trade_count);
        for (size_t i = 0; i < w.result.trade_count; i++) {
            const struct engine_trade *a = &w.result.trades[i], *b = &scaled.result.trades[i];

            CU_ASSERT_TRUE(b->quantity == a->quantity && b->entry_price == 8 * a->entry_price &&
                           b->exit_price == 8 * a->exit_price && b->pnl == 8 * a->pnl && b->fees == 8 * a->fees &&
                           b->exit_time == a->exit_time && b->exit_reason == a->exit_reason);
        }
        for (size_t i = 0; i < w.result.point_count; i++) {
            CU_ASSERT_EQUAL(scaled.result.equity[i], 8 * w.result.equity[i]);
        }
        CU_ASSERT_EQUAL(scaled.result.metrics.max_drawdown, w.result.metrics.max_drawdown);
        CU_ASSERT_EQUAL(scaled.result.metrics.exposure, w.result.metrics.exposure);
        trades += w.result.trade_count;
        world_clear(&w);
        world_clear(&scaled);
    }
    CU_ASSERT_TRUE(trades > WORLD_CASES * 10);
}

static bool trades_are_equal(const struct engine_trade *a, const struct engine_trade *b)
{
    return a->side == b->side && a->entry_bar == b->entry_bar && a->exit_bar == b->exit_bar &&
           a->quantity == b->quantity && a->entry_price == b->entry_price && a->exit_price == b->exit_price &&
           a->pnl == b->pnl && a->fees == b->fees && a->exit_reason == b->exit_reason && a->adverse == b->adverse &&
           a->favourable == b->favourable;
}

static bool curves_are_equal(const struct engine_result *a, const struct engine_result *b, size_t points)
{
    return a->point_count >= points && b->point_count >= points && a->equity != NULL && b->equity != NULL &&
           memcmp(a->equity, b->equity, points * sizeof(double)) == 0;
}

static bool metrics_are_equal(const struct engine_result *a, const struct engine_result *b)
{
    struct buf first = {0}, second = {0};
    bool equal;

    engine_metrics_json(&a->metrics, &first);
    engine_metrics_json(&b->metrics, &second);
    equal = slice_eq(buf_slice(&first), buf_slice(&second));
    buf_clear(&first);
    buf_clear(&second);
    return equal;
}

/* The data cut at a bar, or bars appended: all that was before is the same. */
static void test_metamorphic_cut(void)
{
    static struct world w;
    struct engine_result whole;

    for (uint64_t seed = 0; seed < WORLD_CASES; seed++) {
        world_make(&w, seed);
        world_add_costs(&w);
        world_run(&w);
        whole = w.result;
        w.result = (struct engine_result){0};
        for (size_t end = 1; end < WORLD_BARS; end += 1 + end / 3) {
            size_t i = 0;

            w.candles.count = w.job.end = end;
            world_run(&w);
            CU_ASSERT_TRUE(curves_are_equal(&w.result, &whole, end + 1));
            for (; i < w.result.trade_count && w.result.trades[i].exit_reason != ENGINE_REASON_NONE; i++) {
                CU_ASSERT_TRUE(trades_are_equal(&w.result.trades[i], &whole.trades[i]));
            }
            if (i < w.result.trade_count) {
                CU_ASSERT_EQUAL(w.result.trades[i].entry_price, whole.trades[i].entry_price);
                CU_ASSERT_EQUAL(w.result.trades[i].quantity, whole.trades[i].quantity);
                i++;
            }
            CU_ASSERT_TRUE(i == whole.trade_count || whole.trades[i].entry_bar >= end);
        }
        engine_result_clear(&whole);
        world_clear(&w);
    }
}

/* Prices p become 4000 - p, long becomes short: the fills are mirrored. */
static void test_metamorphic_mirror(void)
{
    static struct world w, mirror;

    for (uint64_t seed = 0; seed < WORLD_CASES; seed++) {
        world_make(&w, seed);
        w.signals.size_kind = RULES_SIZE_UNITS;
        for (size_t i = 0; i < WORLD_BARS; i++) {
            w.columns[RULES_SIZE][i] = 1;
            if (w.columns[RULES_LONG_ENTER][i] > 0) w.columns[RULES_SHORT_ENTER][i] = 0; /* long comes before short */
            /* Extremes that are equally near have an order of their own. */
            while (w.high[i] - w.open[i] == w.open[i] - w.low[i]) w.high[i] += 0.25;
        }
        w.signals.has[RULES_SIZE] = true, w.signals.column[RULES_SIZE] = w.columns[RULES_SIZE];
        w.execution.capital = 1e6;
        mirror = w;
        for (size_t i = 0; i < WORLD_BARS; i++) {
            mirror.open[i] = 4000 - w.open[i], mirror.close[i] = 4000 - w.close[i];
            mirror.high[i] = 4000 - w.low[i], mirror.low[i] = 4000 - w.high[i];
        }
        mirror.candles.open = mirror.open, mirror.candles.high = mirror.high, mirror.candles.low = mirror.low;
        mirror.candles.close = mirror.close;
        mirror.signals.column[RULES_LONG_ENTER] = w.columns[RULES_SHORT_ENTER];
        mirror.signals.column[RULES_SHORT_ENTER] = w.columns[RULES_LONG_ENTER];
        mirror.signals.column[RULES_LONG_EXIT] = w.columns[RULES_SHORT_EXIT];
        mirror.signals.column[RULES_SHORT_EXIT] = w.columns[RULES_LONG_EXIT];
        mirror.job.candles = &mirror.candles, mirror.job.execution = &mirror.execution;
        mirror.job.signals = &mirror.signals;
        world_run(&w);
        world_run(&mirror);
        UNIT_INT(mirror.result.trade_count, w.result.trade_count);
        for (size_t i = 0; i < w.result.trade_count; i++) {
            const struct engine_trade *a = &w.result.trades[i], *b = &mirror.result.trades[i];

            CU_ASSERT_TRUE(b->side == -a->side && b->entry_price == 4000 - a->entry_price &&
                           b->exit_price == 4000 - a->exit_price && b->pnl == a->pnl && b->exit_bar == a->exit_bar &&
                           b->exit_reason == a->exit_reason);
        }
        world_clear(&w);
        world_clear(&mirror);
    }
}

/* Capital and the profits of all trades, added without rounding, are the last point of the curve. */
static void test_metamorphic_sum(void)
{
    static struct world w;

    for (uint64_t seed = 0; seed < WORLD_CASES; seed++) {
        struct exact sum;

        world_make(&w, seed);
        world_add_costs(&w);
        w.execution.close_at_end = seed % 2 == 0;
        world_run(&w);
        sum = exact_of(w.execution.capital);
        for (size_t i = 0; i < w.result.trade_count; i++) sum = exact_add(sum, w.result.trades[i].pnl);
        CU_ASSERT_EQUAL(sum.high, w.result.equity[w.result.point_count - 1]);
        CU_ASSERT_EQUAL(w.result.equity[w.result.point_count - 1], w.result.metrics.equity);
        world_clear(&w);
    }
}

static double world_value(const void *arg, enum rules_output output, size_t bar, const struct rules_position *position)
{
    const struct world *w = arg;

    (void)position;
    return w->columns[output][bar];
}

/* Asked bar by bar, conditions take the slow way; as columns the fast one. Both are the same to the last bit. */
static void test_metamorphic_ways(void)
{
    static struct world w;
    struct engine_result fast;

    for (uint64_t seed = 0; seed < WORLD_CASES; seed++) {
        world_make(&w, seed);
        world_add_costs(&w);
        world_run(&w);
        fast = w.result;
        w.result = (struct engine_result){0};
        for (int output = 0; output < RULES_OUTPUTS; output++) w.signals.column[output] = NULL;
        w.signals.value = world_value, w.signals.arg = &w;
        world_run(&w);
        UNIT_STR(w.result.hash, fast.hash);
        CU_ASSERT_TRUE(metrics_are_equal(&w.result, &fast));
        CU_ASSERT_TRUE(curves_are_equal(&w.result, &fast, fast.point_count));
        for (size_t i = 0; i < fast.trade_count; i++) {
            CU_ASSERT_TRUE(trades_are_equal(&w.result.trades[i], &fast.trades[i]));
        }
        engine_result_clear(&fast);
        world_clear(&w);
    }
}

/* A result that is used again holds nothing of the run before. */
static void test_metamorphic_again(void)
{
    static struct world w;
    struct engine_result used = {0};

    for (uint64_t seed = 0; seed < WORLD_CASES; seed++) {
        struct error err;

        world_make(&w, seed);
        w.job.end = 1 + (size_t)world_below(&w, WORLD_BARS);
        world_run(&w);
        CU_ASSERT_EQUAL(engine_run(&w.job, &used, &err), 0);
        UNIT_STR(used.hash, w.result.hash);
        CU_ASSERT_TRUE(metrics_are_equal(&used, &w.result));
        world_clear(&w);
    }
    engine_result_clear(&used);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_metamorphic_scale), UNIT_TEST(test_metamorphic_cut),  UNIT_TEST(test_metamorphic_mirror),
    UNIT_TEST(test_metamorphic_sum),   UNIT_TEST(test_metamorphic_ways), UNIT_TEST(test_metamorphic_again),
};
static const struct unit_part engine_tests = UNIT_PART(tests);

int main(void)
{
    static const struct unit_part *const parts[] = {
        &engine_tests, &backtest_tests, &curve_tests,   &document_tests, &exact_tests,  &execution_tests, &fill_tests,
        &grid_tests,   &level_tests,    &metrics_tests, &run_tests,      &series_tests, &size_tests,      &text_tests};

    return unit_main_parts("engine", parts, countof(parts));
}
