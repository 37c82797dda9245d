/*
 * Runs jobs of the engine that it reads from standard input, and prints their fills and metrics: what
 * tests/lab/reference.py, determinism and tradingview speak with. Not installed; trusts its input.
 *
 *     set NAME VALUE                          a setting of the execution
 *     series TIMEFRAME_MS TICK LOT DIGITS N   then N lines: time open high low close volume
 *     detail TIMEFRAME_MS N                   likewise, the finer series
 *     span FIRST END                          bars that are judged; all by default
 *     times START_MS END_MS                   likewise, by time; with `rules`
 *     size equity|cash|units fill|close
 *     column OUTPUT V…                        a value for each bar of the series, as it is after `missing`
 *     dynamic OUTPUT held|entry F             bars_held >= F, or entry_price * F
 *     rules KIND PARAMETERS                   instead of columns: a document, JSON on one line
 *     run [equity]                            prints trades, hash, metrics, the curve if asked for, and "end"
 *     values OUTPUT                           instead of run: prints the column of an output of the rules, which are
 *                                             forgotten then; the series stays
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/engine.h"

static const char *const output_names[RULES_OUTPUTS] = {
    [RULES_LONG_ENTER] = "long_enter",
    [RULES_LONG_EXIT] = "long_exit",
    [RULES_SHORT_ENTER] = "short_enter",
    [RULES_SHORT_EXIT] = "short_exit",
    [RULES_STOP_DISTANCE] = "stop_distance",
    [RULES_STOP_PERCENT] = "stop_percent",
    [RULES_STOP_PRICE] = "stop_price",
    [RULES_TAKE_DISTANCE] = "take_distance",
    [RULES_TAKE_PERCENT] = "take_percent",
    [RULES_TAKE_PRICE] = "take_price",
    [RULES_TRAIL_DISTANCE] = "trail_distance",
    [RULES_TRAIL_PERCENT] = "trail_percent",
    [RULES_SIZE] = "size",
};

struct dynamic {
    bool is_held;
    double factor;
};

struct drive {
    struct candles series, detail;
    bool has_detail, has_span, has_times;
    size_t first, end;
    int64_t start_ms, end_ms;
    struct engine_execution execution;
    struct engine_signals signals;
    double *columns[RULES_OUTPUTS];
    uint64_t *conditions[ENGINE_CONDITIONS];
    struct dynamic dynamics[RULES_OUTPUTS];
    struct engine_result result;
    struct rules *rules;
    char *line;
    size_t line_bytes;
};

static void drive_fail(const char *what)
{
    fprintf(stderr, "drive: %s\n", what);
    exit(EXIT_FAILURE);
}

/* The next word of the line; fails if there is none. */
static char *drive_word(char **rest)
{
    char *word = strsep(rest, " \n");

    if (word == NULL || *word == '\0') drive_fail("a line is too short");
    return word;
}

static double drive_number(char **rest)
{
    return strtod(drive_word(rest), NULL);
}

static size_t drive_count(char **rest)
{
    return strtoull(drive_word(rest), NULL, 10);
}

static void candles_free(struct candles *c)
{
    free((void *)(uintptr_t)c->time_ms);
    free((void *)(uintptr_t)c->open);
    *c = (struct candles){0};
}

static void drive_read_candles(struct drive *d, size_t count, struct candles *c)
{
    int64_t *times = mem_array(count + 1, sizeof(int64_t));
    double *prices = mem_array(count + 1, 5 * sizeof(double));

    c->count = count, c->time_ms = times;
    c->open = prices, c->high = prices + count, c->low = prices + 2 * count;
    c->close = prices + 3 * count, c->volume = prices + 4 * count;
    for (size_t i = 0; i < count; i++) {
        if (getline(&d->line, &d->line_bytes, stdin) < 0) drive_fail("the candles end early");
        char *rest = d->line;

        times[i] = strtoll(drive_word(&rest), NULL, 10);
        for (size_t k = 0; k < 5; k++) prices[k * count + i] = drive_number(&rest);
    }
}

static double drive_value(const void *arg, enum rules_output output, size_t bar, const struct rules_position *position)
{
    const struct drive *d = arg;
    const struct dynamic *dynamic = &d->dynamics[output];

    (void)bar;
    return dynamic->is_held ? position->bars_held >= dynamic->factor : position->entry_price * dynamic->factor;
}

static enum rules_output drive_output(const char *name)
{
    for (int i = 0; i < RULES_OUTPUTS; i++) {
        if (strcmp(name, output_names[i]) == 0) return (enum rules_output)i;
    }
    drive_fail(name);
    return RULES_OUTPUTS;
}

static void drive_reset(struct drive *d)
{
    candles_free(&d->series);
    candles_free(&d->detail);
    for (int i = 0; i < RULES_OUTPUTS; i++) {
        free(d->columns[i]);
        d->columns[i] = NULL;
    }
    for (int i = 0; i < ENGINE_CONDITIONS; i++) {
        free(d->conditions[i]);
        d->conditions[i] = NULL;
    }
    if (d->rules != NULL) rules_free(d->rules);
    d->rules = NULL;
    d->has_detail = d->has_span = d->has_times = false;
    d->signals = (struct engine_signals){.value = drive_value, .arg = d};
    engine_execution_init(&d->execution);
}

static void on_set(struct drive *d, char *rest)
{
    struct error err;
    const char *name = drive_word(&rest);

    if (engine_execution_set(&d->execution, slice_of(name), slice_of(drive_word(&rest)), &err) != 0) {
        drive_fail(err.message);
    }
}

static void on_series(struct drive *d, char *rest)
{
    d->series.timeframe_ms = strtoll(drive_word(&rest), NULL, 10);
    d->series.tick = drive_number(&rest);
    d->series.lot = drive_number(&rest);
    d->series.price_digits = (int)drive_count(&rest);
    drive_read_candles(d, drive_count(&rest), &d->series);
}

static void on_detail(struct drive *d, char *rest)
{
    d->detail.timeframe_ms = strtoll(drive_word(&rest), NULL, 10);
    d->has_detail = true;
    drive_read_candles(d, drive_count(&rest), &d->detail);
}

static void on_span(struct drive *d, char *rest)
{
    d->has_span = true;
    d->first = drive_count(&rest);
    d->end = drive_count(&rest);
}

static void on_times(struct drive *d, char *rest)
{
    d->has_times = true;
    d->start_ms = strtoll(drive_word(&rest), NULL, 10);
    d->end_ms = strtoll(drive_word(&rest), NULL, 10);
}

static void on_size(struct drive *d, char *rest)
{
    const char *kind = drive_word(&rest);

    d->signals.size_kind = strcmp(kind, "units") == 0  ? RULES_SIZE_UNITS
                           : strcmp(kind, "cash") == 0 ? RULES_SIZE_CASH
                                                       : RULES_SIZE_EQUITY;
    d->signals.size_at_close = strcmp(drive_word(&rest), "close") == 0;
}

static void on_column(struct drive *d, char *rest)
{
    const enum rules_output output = drive_output(drive_word(&rest));
    size_t count = 0, capacity = 0;

    while (rest != NULL && *rest != '\0') {
        if (count == capacity) {
            capacity = capacity == 0 ? 256 : 2 * capacity;
            d->columns[output] = mem_realloc(d->columns[output], capacity * sizeof(double));
        }
        d->columns[output][count++] = drive_number(&rest);
    }
    d->signals.has[output] = true;
    if (output > RULES_SHORT_EXIT) {
        d->signals.column[output] = d->columns[output];
        return;
    }
    d->conditions[output] = mem_array(count / RULES_WORD_BARS + 1, sizeof(uint64_t));
    for (size_t i = 0; i < count; i++) {
        d->conditions[output][i / RULES_WORD_BARS] |= (uint64_t)(d->columns[output][i] > 0) << i % RULES_WORD_BARS;
    }
    d->signals.condition[output] = d->conditions[output];
}

static void on_dynamic(struct drive *d, char *rest)
{
    const enum rules_output output = drive_output(drive_word(&rest));

    d->dynamics[output].is_held = strcmp(drive_word(&rest), "held") == 0;
    d->dynamics[output].factor = drive_number(&rest);
    d->signals.has[output] = true;
}

static void on_rules(struct drive *d, char *rest)
{
    struct rules_faults faults = {.arena = arena_new()};
    const char *kind = drive_word(&rest);
    const struct slice parameters = slice_trim(slice_of(rest == NULL ? "" : rest));

    d->rules = rules_new(slice_of(kind), parameters, NULL, 0, &faults);
    for (size_t i = 0; i < faults.count; i++) {
        fprintf(stderr, "drive: %.*s\n", SLICE_FMT(rules_fault_text(&faults.items[i], faults.arena)));
    }
    if (d->rules == NULL) drive_fail("the rules are wrong");
    arena_free(faults.arena);
}

static void drive_print(const struct engine_result *r, bool equity)
{
    struct buf json = {0};

    for (size_t i = 0; i < r->trade_count; i++) {
        const struct engine_trade *t = &r->trades[i];

        printf("trade %d %.17g %" PRId64 " %.17g %s %" PRId64 " %.17g %s %.17g %.17g %zu %.17g %.17g\n", t->side,
               t->quantity, t->entry_time, t->entry_price, engine_reason_name(t->entry_reason), t->exit_time,
               t->exit_price, t->exit_reason == ENGINE_REASON_NONE ? "open" : engine_reason_name(t->exit_reason),
               t->pnl, t->fees, t->exit_bar - t->entry_bar, t->adverse, t->favourable);
    }
    engine_metrics_json(&r->metrics, &json);
    printf("hash %s\nmetrics %s\n", r->hash, buf_cstr(&json));
    buf_clear(&json);
    if (equity) {
        printf("equity");
        for (size_t i = 0; i < r->point_count; i++) printf(" %.17g", r->equity[i]);
        printf("\n");
    }
}

static int drive_run_rules(struct drive *d, struct error *err)
{
    const struct engine_backtest backtest = {.rules = d->rules,
                                             .candles = &d->series,
                                             .detail = d->has_detail ? &d->detail : NULL,
                                             .execution = &d->execution,
                                             .start_ms = d->has_times ? d->start_ms : INT64_MIN,
                                             .end_ms = d->has_times ? d->end_ms : INT64_MAX};

    return engine_backtest(&backtest, &d->result, err);
}

static int drive_run_columns(struct drive *d, struct error *err)
{
    struct engine_series series;
    struct engine_job job = {.candles = &series.candles,
                             .first = d->first,
                             .detail = d->has_detail ? &d->detail : NULL,
                             .execution = &d->execution,
                             .signals = &d->signals};
    int status;

    if (engine_series_prepare(&d->series, d->execution.missing, &series, err) != 0) return -1;
    job.invented = series.invented;
    if (!d->has_span) job.first = 0;
    job.end = d->has_span ? d->end : series.candles.count;
    status = engine_run(&job, &d->result, err);
    engine_series_clear(&series);
    return status;
}

static void on_run(struct drive *d, char *rest)
{
    const bool equity = rest != NULL && strncmp(rest, "equity", strlen("equity")) == 0;
    struct error err;

    if ((d->rules != NULL ? drive_run_rules(d, &err) : drive_run_columns(d, &err)) != 0) {
        printf("error %s\n", err.message);
    } else {
        drive_print(&d->result, equity);
    }
    printf("end\n");
    fflush(stdout);
    drive_reset(d);
}

static void on_values(struct drive *d, char *rest)
{
    const enum rules_output output = drive_output(drive_word(&rest));
    struct rules_run *run;
    struct error err;

    if (d->rules == NULL) drive_fail("values: there are no rules");
    run = rules_run_new(d->rules, &d->series, &err);
    if (run == NULL) drive_fail(err.message);
    for (size_t i = 0; i < d->series.count; i++) printf("%.17g ", rules_value(run, output, i, NULL));
    printf("\n");
    rules_run_free(run);
    rules_free(d->rules);
    d->rules = NULL;
}

int main(void)
{
    static const struct {
        const char *word;
        void (*run)(struct drive *d, char *rest);
    } commands[] = {
        {"set", on_set},     {"series", on_series}, {"detail", on_detail}, {"span", on_span},
        {"times", on_times}, {"size", on_size},     {"column", on_column}, {"dynamic", on_dynamic},
        {"rules", on_rules}, {"run", on_run},       {"values", on_values},
    };
    struct drive d = {0};
    char *line = NULL;
    size_t line_bytes = 0;

    drive_reset(&d);
    while (getline(&line, &line_bytes, stdin) > 0) {
        char *rest = line;
        const char *word = strsep(&rest, " \n");
        size_t i = 0;

        while (i < countof(commands) && strcmp(word, commands[i].word) != 0) i++;
        if (i == countof(commands)) drive_fail(word);
        commands[i].run(&d, rest);
    }
    free(line);
    free(d.line);
    drive_reset(&d);
    engine_result_clear(&d.result);
    return 0;
}
