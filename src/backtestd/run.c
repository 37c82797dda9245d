/* `backtestd run`: one backtest, all of it from files. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backtestd/backtestd.h"
#include "backtestd/market.h"
#include "backtestd/output.h"
#include "backtestd/settings.h"
#include "backtestd/strategy.h"
#include "backtestd/table.h"
#include "candles/fingerprint.h"
#include "candles/series.h"
#include "candles/timeframe.h"
#include "engine/engine.h"
#include "engine/text.h"

enum { RUN_ROWS_TOLD = 20 };

static const struct command_option run_options[] = {
    {.name = "--strategy",
     .value = "FILE",
     .type = COMMAND_TEXT,
     .required = true,
     .help = "the strategy, a JSON file"},
    {.name = "--candles",
     .value = "FILE",
     .type = COMMAND_TEXT,
     .required = true,
     .repeatable = true,
     .help = "the candles: CSV in many formats, also as gzip or zip; several files make one series"},
    BACKTESTD_READING_OPTIONS,
    {.name = "--skip-rejected",
     .type = COMMAND_FLAG,
     .help = "leave wrong rows out; without this option, one wrong row stops the run"},
    {.name = "--execution",
     .value = "FILE",
     .type = COMMAND_TEXT,
     .help = "fees, slippage, leverage and so on, a JSON file; \"backtestd execution\" lists the settings"},
    {.name = "--start",
     .value = "TIME",
     .type = COMMAND_TIME,
     .help = "start of the test: its first candle opens at TIME or later (UTC)"},
    {.name = "--end",
     .value = "TIME",
     .type = COMMAND_TIME,
     .help = "end of the test: its last candle opens before TIME (UTC)"},
    {.name = "--capital",
     .value = "N",
     .type = COMMAND_TEXT,
     .help = "initial capital (default: that of --execution, or else 10000)"},
    {.name = "--param",
     .value = "NAME=VALUE",
     .type = COMMAND_TEXT,
     .repeatable = true,
     .help = "set a parameter of the strategy"},
    {.name = "--trades", .value = "FILE", .type = COMMAND_TEXT, .help = "write the trades to FILE, as CSV"},
    {.name = "--equity",
     .value = "FILE",
     .type = COMMAND_TEXT,
     .help = "write the equity at every close to FILE, as CSV"},
    {.name = "--json", .type = COMMAND_FLAG, .help = "print the metrics as one JSON object, not as a table"},
    {0},
};

struct run {
    const struct command_line *line;
    struct arena *arena;
    struct strategy strategy;
    struct engine_execution execution;
    struct document settings; /* of --execution */
    struct market market;
    struct candles_derived *derived;
    struct candles file;    /* as the file has them */
    struct candles candles; /* of the timeframe that is asked for */
    struct engine_series series;
    struct rules_run *columns;
    struct engine_result result;
    char data[DIGEST_SHA256_HEX_BYTES];
};

/* The file of candles, or the first of several. */
static const char *run_candles_name(const struct run *run)
{
    const struct command_value *first = command_get(run->line, "--candles");
    const char *path = strcmp(first->text, "-") == 0 ? "standard input" : first->text;

    if (command_next(run->line, "--candles", first) == NULL) return path;
    return arena_printf(run->arena, "%s and others", path);
}

/* Two that are read, or two that are written, cannot both be the standard one. */
static int run_check_streams(const struct command_line *line, struct error *err)
{
    static const char *const read[] = {"--strategy", "--candles", "--execution", NULL};
    static const char *const written[] = {"--trades", "--equity", NULL};
    const char *first = command_has(line, "--json") ? "--json" : NULL;

    for (size_t i = 0; written[i] != NULL; i++) {
        if (!command_has(line, written[i]) || strcmp(command_text(line, written[i]), "-") != 0) continue;
        if (first != NULL) {
            return error_set(err, ERROR_USAGE, "%s and %s cannot both go to standard output", first, written[i]);
        }
        first = written[i];
    }
    first = NULL;
    for (size_t i = 0; read[i] != NULL; i++) {
        if (!command_has(line, read[i]) || strcmp(command_text(line, read[i]), "-") != 0) continue;
        if (first != NULL) {
            return error_set(err, ERROR_USAGE, "%s and %s cannot both come from standard input", first, read[i]);
        }
        first = read[i];
    }
    return 0;
}

/* What is written must not overwrite what is read, nor each other. */
static int run_check_files(const struct command_line *line, struct error *err)
{
    static const char *const others[] = {"--strategy", "--candles", "--execution", "--trades", NULL};
    static const char *const written[] = {"--trades", "--equity", NULL};

    for (size_t i = 0; written[i] != NULL; i++) {
        const char *path = command_text(line, written[i]);

        for (size_t j = 0; path != NULL && others[j] != NULL; j++) {
            const struct command_value *other = NULL;

            if (others[j] == written[i]) continue;
            while ((other = command_next(line, others[j], other)) != NULL) {
                if (output_is_same(path, other->text)) {
                    return error_set(err, ERROR_USAGE, "%s would overwrite the file of %s, %s; give another name",
                                     written[i], others[j], other->text);
                }
            }
        }
    }
    return 0;
}

static void run_tell_notes(const struct candles_notes *notes, struct buf *out)
{
    for (size_t i = 0; i < notes->count && i < RUN_ROWS_TOLD; i++) {
        buf_printf(out, "%s:%" PRIu64 ": %s\n", notes->items[i].source, notes->items[i].line, notes->items[i].reason);
    }
}

/* Reports rows that are wrong or in conflict, and fails unless they may be left out. */
static int run_check_rows(const struct run *run, struct error *err)
{
    const struct candles_report *report = &run->market.report;
    const bool may_skip = command_has(run->line, "--skip-rejected");
    struct buf said = {0};

    if (market_zone_remark(report, &said)) {
        backtestd_note(run->line, "%s: %s", run_candles_name(run), buf_cstr(&said));
        buf_reset(&said);
    }
    if (report->equal > 0) {
        backtestd_note(run->line, "%s: %" PRIu64 " %s an earlier row, and %s left out", run_candles_name(run),
                       report->equal, report->equal == 1 ? "row repeats" : "rows repeat",
                       report->equal == 1 ? "was" : "were");
    }
    if (report->rejected == 0 && report->conflicts == 0) return 0;
    run_tell_notes(&report->rejections, &said);
    run_tell_notes(&report->contradictions, &said);
    if (report->rejected > 0 && may_skip) {
        backtestd_note(run->line, "%s: %" PRIu64 " %s left out", run_candles_name(run), report->rejected,
                       report->rejected == 1 ? "row is wrong and was" : "rows are wrong and were");
    }
    if (report->conflicts == 0 && may_skip) {
        buf_clear(&said);
        return 0;
    }
    buf_printf(&said, "%s: ", run_candles_name(run));
    if (report->rejected > 0)
        buf_printf(&said, "wrong rows: %" PRIu64 " of %" PRIu64 "; ", report->rejected, report->read);
    if (market_grid_remark(run->line, report, &said)) buf_add_str(&said, "; ");
    if (report->conflicts > 0)
        buf_printf(&said, "rows in conflict with earlier ones: %" PRIu64 "; ", report->conflicts);
    buf_add_str(&said, "the backtest was not run");
    buf_add_str(&said,
                report->conflicts == 0 ? "; --skip-rejected leaves wrong rows out" : "; remove the rows in conflict");
    error_set(err, ERROR_INVALID, "%s", buf_cstr(&said));
    buf_clear(&said);
    return -1;
}

/* Candles of a longer timeframe, without a first one that began before the file, and a last one that still runs. */
static int run_derive(struct run *run, int64_t timeframe_ms, struct error *err)
{
    size_t first, count;

    run->derived = candles_derive(&run->file, timeframe_ms, err);
    if (run->derived == NULL) return error_prefix(err, "%s", run_candles_name(run));
    const struct candles *all = candles_derived_view(run->derived);

    first = all->count > 0 && all->time_ms[0] < run->file.time_ms[0] ? 1 : 0;
    count = all->count - first;
    if (count > 0 && !candles_derived_is_closed(run->derived, all->count - 1)) count--;
    if (count < all->count) {
        backtestd_note(run->line, "%s: %zu candle%s of %s at the ends of the file %s left out", run_candles_name(run),
                       all->count - count, all->count - count == 1 ? "" : "s", command_text(run->line, "--timeframe"),
                       all->count - count == 1 ? "is incomplete and was" : "are incomplete and were");
    }
    run->candles = candles_view(all, first, count);
    return 0;
}

static int run_import(struct run *run, int64_t asked_ms, struct error *err)
{
    const char **paths = arena_alloc(run->arena, (run->line->value_count + 1) * sizeof(*paths));
    bool may_read_again = true;
    size_t count = 0;

    for (const struct command_value *value = NULL; (value = command_next(run->line, "--candles", value)) != NULL;) {
        paths[count++] = value->text;
        may_read_again = may_read_again && strcmp(value->text, "-") != 0;
    }
    if (market_read(run->line, paths, count, 0, &run->market, err) == 0) return 0;
    /* Of a single row no timeframe can be found. */
    if (asked_ms == 0 || err->code != ERROR_INVALID || !may_read_again) return -1;
    return market_read(run->line, paths, count, asked_ms, &run->market, err);
}

static int run_read(struct run *run, struct error *err)
{
    int64_t asked_ms;

    if (market_timeframe(run->line, &asked_ms, err) != 0 || run_import(run, asked_ms, err) != 0) return -1;
    if (run_check_rows(run, err) != 0) return -1;
    run->file = run->candles = *candles_series_view(run->market.series);
    if (candles_fingerprint(&run->file, run->data, err) != 0) return -1;
    candles_fingerprint_steps(run->data, run->execution.tick > 0 ? -1 : run->file.price_digits,
                              run->execution.lot > 0 ? -1 : candles_step_digits(run->file.lot));
    if (asked_ms == 0 || asked_ms == run->file.timeframe_ms) return 0;
    if (asked_ms > run->file.timeframe_ms) return run_derive(run, asked_ms, err);
    return error_set(err, ERROR_INVALID, "%s: the candles are of %s; shorter candles of %s cannot be made from them",
                     run_candles_name(run), candles_timeframe_name(run->file.timeframe_ms),
                     command_text(run->line, "--timeframe"));
}

static int run_span(const struct run *run, struct engine_job *job, struct error *err)
{
    const struct command_value *start = command_get(run->line, "--start"), *end = command_get(run->line, "--end");
    const struct candles *c = &run->series.candles;
    struct buf from = {0}, to = {0};

    if (start != NULL && end != NULL && start->time_ms >= end->time_ms) {
        return error_set(err, ERROR_USAGE, "--start must be before --end, but %s is not before %s", start->text,
                         end->text);
    }
    job->first = start == NULL ? 0 : candles_find(c, start->time_ms);
    job->end = end == NULL ? c->count : candles_find(c, end->time_ms);
    if (job->first < job->end) return 0;
    if (c->count == 0) return error_set(err, ERROR_INVALID, "%s: no candle is complete", run_candles_name(run));
    engine_time_text(c->time_ms[0], &from);
    engine_time_text(c->time_ms[c->count - 1], &to);
    error_set(err, ERROR_INVALID,
              "%s: there are no candles between --start and --end; the first opens at %s, the last at %s",
              run_candles_name(run), buf_cstr(&from), buf_cstr(&to));
    buf_clear(&from);
    buf_clear(&to);
    return -1;
}

static void run_note_lookback(const struct run *run, const struct engine_job *job)
{
    const size_t needed = rules_lookback(run->strategy.rules, run->candles.timeframe_ms);

    if (!command_has(run->line, "--start") || job->first >= needed) return;
    backtestd_note(run->line,
                   "the strategy needs a look-back of %zu candles, but there are only %zu before --start: its first "
                   "signals may come late",
                   needed, job->first);
}

/* A lot that was found from the volumes may be worth more than the equity. Short entries that are not allowed count
 * too. */
static void run_note_rejected(const struct run *run)
{
    if (!(run->result.metrics.rejected_orders > 0) || run->execution.lot > 0 || !run->execution.short_allowed) return;
    backtestd_note(run->line,
                   "%.0f %s rejected: the size was less than a lot, or the equity was too small; the lot is %.12g "
                   "(%s), and \"lot\" in the file of --execution sets another",
                   run->result.metrics.rejected_orders,
                   run->result.metrics.rejected_orders == 1 ? "entry was" : "entries were", run->candles.lot,
                   run->market.report.lot_was_assumed ? "assumed, as the volumes have no decimals"
                                                      : "found from the volumes");
}

static void run_json(const struct run *run, struct buf *out)
{
    struct buf metrics = {0};

    const double lot = run->execution.lot > 0 ? run->execution.lot : run->candles.lot;
    const double tick = run->execution.tick > 0 ? run->execution.tick : run->candles.tick;

    buf_printf(out, "{\"engine\":\"%s\",\"data\":\"%s\",\"result_hash\":\"%s\",\"tick\":", ENGINE_VERSION, run->data,
               run->result.hash);
    engine_number_json(tick, out);
    buf_add_str(out, ",\"lot\":");
    engine_number_json(lot, out);
    buf_add_char(out, ',');
    engine_metrics_json(&run->result.metrics, &metrics);
    buf_add(out, metrics.data + 1, metrics.len - 1);
    buf_add_char(out, '\n');
    buf_clear(&metrics);
}

static void run_table(const struct run *run, const struct engine_job *job, struct buf *out)
{
    const struct slice name = run->strategy.name, kind = run->strategy.kind;
    struct table_subject subject = {.file = run_candles_name(run),
                                    .job = job,
                                    .lot_was_assumed = run->market.report.lot_was_assumed,
                                    .result = &run->result};

    subject.title =
        name.len == 0 ? kind.data : arena_printf(run->arena, "%.*s (%.*s)", SLICE_FMT(name), SLICE_FMT(kind));
    table_print(&subject, out);
}

static bool run_is_output(const struct run *run, const char *option)
{
    return command_has(run->line, option) && strcmp(command_text(run->line, option), "-") == 0;
}

static int run_write(const struct run *run, const struct engine_job *job, struct error *err)
{
    const char *trades = command_text(run->line, "--trades"), *equity = command_text(run->line, "--equity");
    struct buf out = {0};
    int status = 0;

    if (trades != NULL) {
        engine_trades_csv(&run->result, &run->series.candles, &out);
        status = output_write(trades, buf_slice(&out), err);
    }
    if (equity != NULL && status == 0) {
        buf_reset(&out);
        engine_equity_csv(&run->result, job, &out);
        status = output_write(equity, buf_slice(&out), err);
    }
    buf_reset(&out);
    if (command_has(run->line, "--json")) {
        run_json(run, &out);
    } else if (!run_is_output(run, "--trades") && !run_is_output(run, "--equity")) {
        run_table(run, job, &out);
    }
    if (status == 0) status = output_write("-", buf_slice(&out), err);
    buf_clear(&out);
    return status;
}

static int run_compute(struct run *run, struct error *err)
{
    struct engine_job job = {.execution = &run->execution, .candles = &run->series.candles};

    if (strategy_fits(&run->strategy, run->candles.timeframe_ms, run->arena, err) != 0) return -1;
    if (engine_series_prepare(&run->candles, run->execution.missing, &run->series, err) != 0) {
        return error_prefix(err, "%s", run_candles_name(run));
    }
    job.invented = run->series.invented;
    if (run_span(run, &job, err) != 0) return -1;
    run_note_lookback(run, &job);
    if (run->file.timeframe_ms < run->candles.timeframe_ms) job.detail = &run->file;
    run->columns = rules_run_new(run->strategy.rules, &run->series.candles, err);
    if (run->columns == NULL) return error_prefix(err, "%s", run->strategy.path);
    const struct engine_signals signals = engine_signals_of(run->strategy.rules, run->columns);

    job.signals = &signals;
    if (engine_run(&job, &run->result, err) != 0) return settings_blame(&run->settings, run->arena, err);
    run_note_rejected(run);
    return run_write(run, &job, err);
}

static int run_main(const struct command_line *line, const struct command_context *context)
{
    struct run run = {.line = line, .arena = arena_new()};
    struct error err;
    int status = COMMAND_OK;

    (void)context;
    if (run_check_streams(line, &err) != 0 || run_check_files(line, &err) != 0 ||
        strategy_load(line, run.arena, &run.strategy, &err) != 0 ||
        settings_load(line, run.arena, &run.execution, &run.settings, &err) != 0 || run_read(&run, &err) != 0 ||
        run_compute(&run, &err) != 0) {
        status = backtestd_fail(line, &err);
    }
    engine_result_clear(&run.result);
    rules_run_free(run.columns);
    engine_series_clear(&run.series);
    candles_derived_free(run.derived);
    market_clear(&run.market);
    strategy_clear(&run.strategy);
    arena_free(run.arena);
    return status;
}

const struct command_entry backtestd_run = {
    .name = "run",
    .summary = "run one backtest from files, without a database",
    .about =
        "The strategy is a JSON object, as the API takes it: {\"name\": ..., \"kind\": ..., \"parameters\": {...}}.\n"
        "A FILE of - is standard input if it is read, and standard output if it is written.\n"
        "Candles before --start serve as the look-back of the strategy.\n"
        "Exit status: 0 if the backtest was run, 64 if the command line is wrong, 65 if a file is wrong (the\n"
        "error has file, line and column).\n",
    .options = run_options,
    .run = run_main,
};
