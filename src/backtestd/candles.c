/* `backtestd candles check`: what is in files of candles, and whether it is sound. */
#include <inttypes.h>
#include <stdio.h>

#include "backtestd/backtestd.h"
#include "backtestd/market.h"
#include "candles/fingerprint.h"
#include "candles/timeframe.h"
#include "engine/text.h"
#include "json/write.h"

enum { REPORT_GAPS_TOLD = 10 };

static const struct command_option candles_check_options[] = {
    BACKTESTD_READING_OPTIONS,
    {.name = "--json", .type = COMMAND_FLAG, .help = "print the report as JSON, for programs"},
    {0},
};

/* What is counted, in the order in which it is printed. */
static const struct {
    const char *name, *words;
    size_t offset;
} report_counts[] = {
    {"read", "rows read", offsetof(struct candles_report, read)},
    {"new", "new", offsetof(struct candles_report, new)},
    {"equal", "identical to an earlier row", offsetof(struct candles_report, equal)},
    {"replaced", "replaced", offsetof(struct candles_report, replaced)},
    {"conflicts", "in conflict with an earlier row", offsetof(struct candles_report, conflicts)},
    {"rejected", "rejected", offsetof(struct candles_report, rejected)},
    {"others", "of other symbols", offsetof(struct candles_report, others)},
};

static uint64_t report_count(const struct candles_report *report, size_t i)
{
    uint64_t count;

    memcpy(&count, (const char *)report + report_counts[i].offset, sizeof(count));
    return count;
}

static const char *report_time(int64_t time_ms, struct buf *scratch)
{
    buf_reset(scratch);
    engine_time_text(time_ms, scratch);
    return buf_cstr(scratch);
}

static void report_notes_json(struct json_writer *w, const char *name, const struct candles_notes *notes)
{
    json_key_open(w, name, '[');
    for (size_t i = 0; i < notes->count; i++) {
        json_open(w, '{');
        json_key_text(w, "file", notes->items[i].source);
        json_key_uint(w, "line", notes->items[i].line);
        json_key_text(w, "reason", notes->items[i].reason);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void report_gaps_json(struct json_writer *w, const struct candles_report *report, struct buf *scratch)
{
    json_key_raw(w, "weekends_rest", report->rests_at_weekends ? "true" : "false");
    json_key_uint(w, "gaps", report->gap_count);
    json_key_uint(w, "missing", (unsigned long long)report->gap_bars);
    json_key_open(w, "gap_list", '[');
    for (size_t i = 0; i < report->gaps_listed; i++) {
        json_open(w, '{');
        json_key_text(w, "first", report_time(report->gaps[i].first_ms, scratch));
        json_key_text(w, "last", report_time(report->gaps[i].last_ms, scratch));
        json_key_uint(w, "bars", (unsigned long long)report->gaps[i].bars);
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* A series without candles has no first time. */
static void report_key_time(struct json_writer *w, const char *name, const struct candles_report *report,
                            int64_t time_ms, struct buf *scratch)
{
    if (report->bars == 0) {
        json_key_raw(w, name, "null");
    } else {
        json_key_text(w, name, report_time(time_ms, scratch));
    }
}

static void report_json(const struct market *market, const char *data, struct buf *out)
{
    const struct candles_report *report = &market->report;
    const struct candles *c = candles_series_view(market->series);
    const char *timeframe = candles_timeframe_name(report->timeframe_ms);
    struct json_writer w = {.out = out};
    struct buf scratch = {0};

    json_open(&w, '{');
    json_key_text(&w, "format", report->format);
    json_key_text(&w, "timeframe", timeframe == NULL ? "" : timeframe);
    for (size_t i = 0; i < countof(report_counts); i++) {
        json_key_uint(&w, report_counts[i].name, report_count(report, i));
    }
    json_key_uint(&w, "bars", report->bars);
    report_key_time(&w, "first", report, report->first_ms, &scratch);
    report_key_time(&w, "last", report, report->last_ms, &scratch);
    json_key(&w, "tick");
    json_double(&w, c->tick);
    json_key(&w, "lot");
    json_double(&w, c->lot);
    json_key_raw(&w, "lot_assumed", report->lot_was_assumed ? "true" : "false");
    json_key_uint(&w, "price_digits", (unsigned long long)c->price_digits);
    json_key_text(&w, "data", data);
    report_gaps_json(&w, report, &scratch);
    report_notes_json(&w, "rejections", &report->rejections);
    report_notes_json(&w, "contradictions", &report->contradictions);
    json_close(&w, '}');
    buf_add_char(out, '\n');
    buf_clear(&scratch);
}

static void report_notes_text(const char *title, const struct candles_notes *notes, uint64_t count, struct buf *out)
{
    if (count == 0) return;
    buf_printf(out, "\n%s:\n", title);
    for (size_t i = 0; i < notes->count; i++) {
        buf_printf(out, "  %s:%" PRIu64 ": %s\n", notes->items[i].source, notes->items[i].line, notes->items[i].reason);
    }
    if (count > notes->count)
        buf_printf(out, "  and %" PRIu64 " more row%s\n", count - notes->count, count - notes->count == 1 ? "" : "s");
}

/* Only the first ones; --json has more. */
static void report_gaps_text(const struct candles_report *report, struct buf *out)
{
    const size_t told = report->gaps_listed < REPORT_GAPS_TOLD ? report->gaps_listed : REPORT_GAPS_TOLD;
    struct buf scratch = {0};

    if (report->gap_count == 0) return;
    buf_printf(out, "\nmissing candles: %" PRId64 " in %zu gap%s%s\n", report->gap_bars, report->gap_count,
               report->gap_count == 1 ? "" : "s", report->rests_at_weekends ? " (holidays included)" : "");
    for (size_t i = 0; i < told; i++) {
        buf_printf(out, "  %s", report_time(report->gaps[i].first_ms, &scratch));
        buf_printf(out, " to %s: %" PRId64 " candle%s\n", report_time(report->gaps[i].last_ms, &scratch),
                   report->gaps[i].bars, report->gaps[i].bars == 1 ? "" : "s");
    }
    if (report->gap_count > told) {
        buf_printf(out, "  and %zu more gap%s\n", report->gap_count - told, report->gap_count - told == 1 ? "" : "s");
    }
    buf_clear(&scratch);
}

static void report_text(const struct command_line *line, const struct market *market, const char *data, struct buf *out)
{
    const struct candles_report *report = &market->report;
    const struct candles *c = candles_series_view(market->series);
    const char *timeframe = candles_timeframe_name(report->timeframe_ms);
    struct buf scratch = {0};

    buf_printf(out, "format      %s\ntimeframe   %s%s\ncandles     %zu\n", report->format,
               timeframe == NULL ? "-" : timeframe, report->timeframe_was_found ? " (found from the times)" : "",
               report->bars);
    if (report->bars == 0) {
        buf_add_str(out, "span        none\n");
    } else {
        buf_printf(out, "span        %s", report_time(report->first_ms, &scratch));
        buf_printf(out, " to %s (opening times)\n", report_time(report->last_ms, &scratch));
    }
    buf_printf(out, "tick        %.12g\nlot         %.12g%s\nfingerprint %s\n", c->tick, c->lot,
               report->lot_was_assumed ? " (assumed, as the volumes have no decimals)" : "", data);
    buf_printf(out, "rows        %" PRIu64 " read", report->read);
    for (size_t i = 1; i < countof(report_counts); i++) {
        if (report_count(report, i) > 0)
            buf_printf(out, ", %" PRIu64 " %s", report_count(report, i), report_counts[i].words);
    }
    buf_add_char(out, '\n');
    buf_reset(&scratch);
    if (market_zone_remark(report, &scratch)) buf_printf(out, "note        %s\n", buf_cstr(&scratch));
    if (report->has_adjusted_column) {
        buf_add_str(out, "note        there is a column of adjusted closes; --adjusted uses it\n");
    }
    buf_reset(&scratch);
    if (market_grid_remark(line, report, &scratch)) buf_printf(out, "note        %s\n", buf_cstr(&scratch));
    if (report->rests_at_weekends) {
        buf_add_str(out,
                    "note        no candle opens on a Saturday or Sunday, so these days are not counted as missing\n");
    }
    report_gaps_text(report, out);
    report_notes_text("rejected rows", &report->rejections, report->rejected, out);
    report_notes_text("conflicting rows", &report->contradictions, report->conflicts, out);
    buf_clear(&scratch);
}

static int candles_check_main(const struct command_line *line, const struct command_context *context)
{
    struct market market = {0};
    char data[DIGEST_SHA256_HEX_BYTES];
    struct buf out = {0};
    struct error err;
    int64_t timeframe_ms;
    int status = COMMAND_OK;

    (void)context;
    if (market_timeframe(line, &timeframe_ms, &err) != 0 ||
        market_read(line, line->operands, line->operand_count, timeframe_ms, &market, &err) != 0 ||
        candles_fingerprint(candles_series_view(market.series), data, &err) != 0) {
        status = backtestd_fail(line, &err);
    } else {
        if (command_has(line, "--json")) {
            report_json(&market, data, &out);
        } else {
            report_text(line, &market, data, &out);
        }
        fwrite(out.data, 1, out.len, stdout);
        if (market.report.rejected > 0 || market.report.conflicts > 0) status = COMMAND_WRONG;
    }
    buf_clear(&out);
    market_clear(&market);
    return status;
}

static const struct command_entry candles_verb_check = {
    .name = "check",
    .summary = "check every row of files of candles, and report what is in them",
    .about = "FILE is CSV in many formats, also as gzip or zip; - is standard input.\n"
             "Several files make one series. Rows need not be sorted. Gaps are listed, not filled.\n"
             "Exit status: 0 if every row is valid, 65 if some are not; each is listed with file and line.\n",
    .options = candles_check_options,
    .operand = "FILE",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .run = candles_check_main,
};

static const struct command_entry *const candles_verbs[] = {&candles_verb_check, NULL};

const struct command_entry backtestd_candles = {
    .name = "candles",
    .summary = "check files of candles",
    .verbs = candles_verbs,
};
