#include "backtestd/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "candles/timeframe.h"
#include "engine/text.h"
#include "json/write.h"

enum { REPORT_GAPS_TOLD = 10 };

/* What is counted, in the order in which it is printed. */
static const struct {
    const char *name, *words;
    const char *stored_words; /* beside stored candles; NULL: the same */
    size_t offset;
} report_counts[] = {
    {"read", "rows read", NULL, offsetof(struct candles_report, read)},
    {"new", "new", NULL, offsetof(struct candles_report, new)},
    {"equal", "identical to an earlier row", "identical to what is there", offsetof(struct candles_report, equal)},
    {"replaced", "replaced", NULL, offsetof(struct candles_report, replaced)},
    {"conflicts", "in conflict with an earlier row", "in conflict with what is there",
     offsetof(struct candles_report, conflicts)},
    {"rejected", "rejected", NULL, offsetof(struct candles_report, rejected)},
    {"others", "of other symbols", NULL, offsetof(struct candles_report, others)},
};

static uint64_t report_count(const struct candles_report *report, size_t i)
{
    uint64_t count;

    memcpy(&count, (const char *)report + report_counts[i].offset, sizeof(count));
    return count;
}

const char *report_time(int64_t time_ms, struct buf *scratch)
{
    buf_reset(scratch);
    engine_time_text(time_ms, scratch);
    return buf_cstr(scratch);
}

int64_t report_missing(const struct store_series *series)
{
    const int64_t slots = (series->last_ms - series->first_ms) / series->timeframe_ms + 1;

    return slots - (int64_t)series->bars;
}

void report_bytes(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes / 1000;
    size_t unit = 0;

    for (; size >= 999.95 && unit + 1 < countof(units); unit++) size /= 1000;
    buf_printf(out, "%.1f %s", size, units[unit]);
}

static void report_notes_json(struct json_writer *w, const char *name, const struct candles_notes *notes)
{
    json_key_open(w, name, '[');
    for (size_t i = 0; i < notes->count; i++) {
        json_open(w, '{');
        if (notes->items[i].line > 0) {
            json_key_text(w, "file", notes->items[i].source);
            json_key_uint(w, "line", notes->items[i].line);
        }
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

/* What the series is after an import. */
static void report_stored_json(struct json_writer *w, const struct store_series *stored, struct buf *scratch)
{
    json_key_open(w, "stored", '{');
    json_key_uint(w, "bars", stored->bars);
    json_key_uint(w, "missing", (unsigned long long)report_missing(stored));
    json_key_text(w, "first", report_time(stored->first_ms, scratch));
    json_key_text(w, "last", report_time(stored->last_ms, scratch));
    json_key_uint(w, "bytes", stored->bytes);
    json_key_uint(w, "revision", (unsigned long long)stored->revision);
    json_close(w, '}');
}

void report_json(const struct report *subject, struct buf *out)
{
    const struct market *market = subject->market;
    const struct candles_report *report = &market->report;
    const struct candles *c = candles_series_view(market->series);
    const char *timeframe = candles_timeframe_name(report->timeframe_ms);
    struct json_writer w = {.out = out};
    struct buf scratch = {0};

    json_open(&w, '{');
    if (subject->symbol != NULL) {
        json_key_text(&w, "symbol", subject->symbol);
        json_key_raw(&w, "imported", subject->is_imported ? "true" : "false");
    }
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
    if (subject->data != NULL) json_key_text(&w, "data", subject->data);
    if (subject->stored != NULL) report_stored_json(&w, subject->stored, &scratch);
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
        buf_add_str(out, "  ");
        if (notes->items[i].line > 0) buf_printf(out, "%s:%" PRIu64 ": ", notes->items[i].source, notes->items[i].line);
        buf_printf(out, "%s\n", notes->items[i].reason);
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

static void report_stored_text(const struct store_series *stored, struct buf *out)
{
    struct buf scratch = {0};

    buf_printf(out, "stored      %" PRIu64 " candles from %s", stored->bars, report_time(stored->first_ms, &scratch));
    buf_printf(out, " to %s", report_time(stored->last_ms, &scratch));
    if (report_missing(stored) > 0) buf_printf(out, ", %" PRId64 " missing between them", report_missing(stored));
    buf_add_str(out, "\n            ");
    report_bytes(stored->bytes, out);
    buf_printf(out, ", %.1f bytes a candle\n", (double)stored->bytes / (double)stored->bars);
    buf_clear(&scratch);
}

void report_text(const struct command_line *line, const struct report *subject, struct buf *out)
{
    const struct market *market = subject->market;
    const struct candles_report *report = &market->report;
    const struct candles *c = candles_series_view(market->series);
    const char *timeframe = candles_timeframe_name(report->timeframe_ms);
    struct buf scratch = {0};

    if (subject->symbol != NULL) buf_printf(out, "symbol      %s\n", subject->symbol);
    buf_printf(out, "format      %s\ntimeframe   %s%s\ncandles     %zu\n", report->format,
               timeframe == NULL ? "-" : timeframe, report->timeframe_was_found ? " (found from the times)" : "",
               report->bars);
    if (report->bars == 0) {
        buf_add_str(out, "span        none\n");
    } else {
        buf_printf(out, "span        %s", report_time(report->first_ms, &scratch));
        buf_printf(out, " to %s (opening times)\n", report_time(report->last_ms, &scratch));
    }
    buf_printf(out, "tick        %.12g\nlot         %.12g%s\n", c->tick, c->lot,
               report->lot_was_assumed ? " (assumed, as the volumes have no decimals)" : "");
    if (subject->data != NULL) buf_printf(out, "fingerprint %s\n", subject->data);
    buf_printf(out, "rows        %" PRIu64 " read", report->read);
    for (size_t i = 1; i < countof(report_counts); i++) {
        const char *words = report_counts[i].words;

        if (report_count(report, i) == 0) continue;
        if (subject->symbol != NULL && report_counts[i].stored_words != NULL) words = report_counts[i].stored_words;
        buf_printf(out, ", %" PRIu64 " %s", report_count(report, i), words);
    }
    buf_add_char(out, '\n');
    if (subject->stored != NULL) report_stored_text(subject->stored, out);
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
