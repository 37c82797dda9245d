/*
 * How fast a backtest is: a million seeded bars of a minute, an SMA crossover on both sides with everything (trades,
 * curve, all metrics, hash), beside a bare loop of the same arithmetic. Then each function of the rules alone, as the
 * one column of a document, beside a bare loop over two columns that writes a third. One core; each figure is the
 * processor's time, the least of ROUNDS (FUNCTION_ROUNDS).
 *
 *     nice -n -5 build/tests/bench/engine [BARS]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/engine.h"

enum { BARS = 1000000, ROUNDS = 60, FUNCTION_ROUNDS = 9, FAST = 10, SLOW = 50 };

static uint64_t seed = 1;

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t draw(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static struct candles make_candles(size_t count)
{
    int64_t *times = mem_array(count, sizeof(int64_t));
    double *prices = mem_array(count, 5 * sizeof(double));
    double *open = prices, *high = prices + count, *low = prices + 2 * count, *close = prices + 3 * count;
    int64_t at = 1000000;

    for (size_t i = 0; i < count; i++) {
        const int64_t next = at + (int64_t)(draw() % 401) - 200;
        const int64_t top = at > next ? at : next, bottom = at < next ? at : next;

        times[i] = 1600000000000 / 60000 * 60000 + (int64_t)i * 60000;
        open[i] = (double)at / 100, close[i] = (double)next / 100;
        high[i] = (double)(top + (int64_t)(draw() % 100)) / 100;
        low[i] = (double)(bottom - (int64_t)(draw() % 100)) / 100;
        prices[4 * count + i] = 1;
        at = next < 200000 ? 200000 : next;
    }
    return (struct candles){.count = count,
                            .time_ms = times,
                            .open = open,
                            .high = high,
                            .low = low,
                            .close = close,
                            .volume = prices + 4 * count,
                            .timeframe_ms = 60000,
                            .tick = 0.01,
                            .lot = 1e-8,
                            .price_digits = 2};
}

/* Two moving sums, the cross, all in on the other side at the next open, the equity of each bar. */
static double bare_loop(const struct candles *c, double *curve, size_t *ret_trades)
{
    double fast = 0, slow = 0, cash = 10000, units = 0, before = 0;
    int wish = 0, side = 0;
    size_t trades = 0;

    for (size_t i = 0; i < c->count; i++) {
        double difference = 0;

        if (wish != side) {
            cash += units * c->open[i];
            units = wish * cash / c->open[i];
            cash -= units * c->open[i];
            side = wish;
            trades++;
        }
        fast += c->close[i] - (i >= FAST ? c->close[i - FAST] : 0);
        slow += c->close[i] - (i >= SLOW ? c->close[i - SLOW] : 0);
        if (i + 1 >= SLOW) difference = fast / (double)FAST - slow / (double)SLOW;
        if (i >= SLOW && difference > 0 && before <= 0) wish = 1;
        if (i >= SLOW && difference < 0 && before >= 0) wish = -1;
        before = difference;
        curve[i] = cash + units * c->close[i];
    }
    *ret_trades = trades;
    return curve[c->count - 1];
}

/* Of the processor, so that what else the machine does counts little. */
static double now_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

ATTR_NORETURN static void fail(const char *what, const char *why)
{
    fprintf(stderr, "engine: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static struct rules *make_rules(const char *document)
{
    struct rules_faults faults = {.arena = arena_new()};
    struct rules *rules = rules_new(SLICE_LIT("rules"), slice_of(document), NULL, 0, &faults);

    if (rules == NULL) fail(document, rules_fault_text(&faults.items[0], faults.arena).data);
    arena_free(faults.arena);
    return rules;
}

/* What a call is measured with: by the argument's name, else its default, else by its type. */
static const char *function_argument(const struct rules_argument *argument)
{
    static const struct {
        const char *name, *text;
    } usual[] = {
        {"high", "high"}, {"low", "low"},    {"y", "open"},    {"reset", "close < open"},
        {"length", "20"}, {"fast", "12"},    {"slow", "26"},   {"signal", "9"},
        {"smooth", "3"},  {"rsi", "14"},     {"short", "13"},  {"long", "25"},
        {"factor", "3"},  {"start", "0.02"}, {"step", "0.02"}, {"max", "0.2"},
        {"mult", "2"},    {"left", "5"},     {"right", "5"},
    };

    for (size_t i = 0; i < countof(usual); i++) {
        if (strcmp(argument->name, usual[i].name) == 0) return usual[i].text;
    }
    if (argument->fallback != NULL) return argument->fallback;
    return argument->type == RULES_NUMBER ? "close" : argument->type == RULES_CONDITION ? "close > open" : "1";
}

static struct buf function_call(const struct rules_function *function)
{
    struct buf call = {0};

    buf_printf(&call, "%s(", function->name);
    for (size_t i = 0; function->arguments[i].name != NULL; i++) {
        buf_printf(&call, "%s%s", i == 0 ? "" : ", ", function_argument(&function->arguments[i]));
    }
    buf_add_char(&call, ')');
    return call;
}

static double measure_function(const struct rules_function *function, const char *call, const struct candles *candles)
{
    char *document = mem_printf(function->result == RULES_CONDITION
                                    ? "{\"v\":1,\"long\":{\"enter\":\"%s\"}}"
                                    : "{\"v\":1,\"long\":{\"enter\":\"true\"},\"stop\":{\"price\":\"%s\"}}",
                                call);
    struct rules *rules = make_rules(document);
    double least = INFINITY;

    for (int round = 0; round < FUNCTION_ROUNDS; round++) {
        const double began = now_ms();
        struct error err = {0};
        struct rules_run *run = rules_run_new(rules, candles, &err);

        least = fmin(least, now_ms() - began);
        if (run == NULL) fail(call, err.message);
        rules_run_free(run);
    }
    rules_free(rules);
    free(document);
    return least;
}

static void print_functions(const struct candles *candles, double *column)
{
    const struct rules_function *function;
    double bare = INFINITY;

    for (int round = 0; round < ROUNDS; round++) {
        const double began = now_ms();

        for (size_t i = 0; i < candles->count; i++) column[i] = (candles->high[i] + candles->low[i]) / 2;
        __asm__ volatile("" : : "r"(column) : "memory"); /* so that no round is left out */
        bare = fmin(bare, now_ms() - began);
    }
    printf("\n%-40s %9s  %14s  %s\n", "function", "ms", "million bars/s", "times the bare loop");
    printf("%-40s %9.2f  %14.1f\n", "(bare loop: (high + low) / 2)", bare, (double)candles->count / bare / 1e3);
    for (size_t i = 0; (function = rules_function_at(i)) != NULL; i++) {
        struct buf call = function_call(function);
        const double ms = measure_function(function, buf_cstr(&call), candles);

        printf("%-40s %9.2f  %14.1f  %.1f\n", buf_cstr(&call), ms, (double)candles->count / ms / 1e3, ms / bare);
        buf_clear(&call);
    }
}

int main(int argc, char **argv)
{
    const size_t bars = argc > 1 ? strtoull(argv[1], NULL, 10) : BARS;
    const struct candles candles = make_candles(bars);
    struct rules *rules = make_rules("{\"v\":1,\"let\":{\"f\":\"sma(close, 10)\",\"s\":\"sma(close, 50)\"},"
                                     "\"long\":{\"enter\":\"crosses_above(f, s)\"},"
                                     "\"short\":{\"enter\":\"crosses_below(f, s)\"}}");
    double *curve = mem_array(bars, sizeof(double));
    double bare = INFINITY, columns = INFINITY, engine = INFINITY, total = INFINITY;
    struct engine_execution execution;
    struct engine_result result = {0};
    struct error err = {0};
    size_t trades = 0;

    engine_execution_init(&execution);
    execution.fee_percent = 0.01;
    for (int round = 0; round < ROUNDS; round++) {
        double began = now_ms();
        struct rules_run *run;

        bare_loop(&candles, curve, &trades);
        bare = fmin(bare, now_ms() - began);
        began = now_ms();
        run = rules_run_new(rules, &candles, &err);
        const double took = now_ms() - began;
        const struct engine_signals signals = engine_signals_of(rules, run);
        const struct engine_job job = {.candles = &candles, .end = bars, .execution = &execution, .signals = &signals};

        if (engine_run(&job, &result, &err) != 0) fail("engine_run", err.message);
        columns = fmin(columns, took);
        total = fmin(total, now_ms() - began);
        engine = fmin(engine, now_ms() - began - took);
        rules_run_free(run);
    }
    printf("bars %zu, trades %zu (bare loop %zu), hash %.16s\n", bars, result.trade_count, trades, result.hash);
    printf("bare loop   %8.2f ms\n", bare);
    printf("rules       %8.2f ms  the columns\n", columns);
    printf("engine      %8.2f ms  fills, curve, metrics, hash: %.1f times the bare loop\n", engine, engine / bare);
    printf("together    %8.2f ms  %.0f million bars a second\n", total, (double)bars / total / 1e3);
    print_functions(&candles, curve);
    engine_result_clear(&result);
    rules_free(rules);
    free(curve);
    free((void *)(uintptr_t)candles.time_ms);
    free((void *)(uintptr_t)candles.open);
    return 0;
}
