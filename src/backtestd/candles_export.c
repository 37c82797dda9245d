/* `backtestd candles export`: a series of the database as CSV, page by page. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backtestd/backtestd.h"
#include "backtestd/output.h"
#include "backtestd/progress.h"
#include "backtestd/report.h"
#include "backtestd/store.h"
#include "base/distance.h"
#include "candles/csv.h"
#include "candles/derive.h"
#include "candles/timeframe.h"
#include "command/daemon.h"

struct export
{
    const struct command_line *line;
    struct store *store;
    struct output *output;
    struct progress progress;
    struct store_series series;  /* the one that is read */
    int64_t timeframe_ms;        /* that is asked for: that of the series, or a longer one */
    int64_t start_ms, end_ms;    /* openings from the one on, and before the other */
    struct candles_series *bars; /* read, and not written yet */
    uint64_t read, written, left_out;
    struct buf text;
};

static int export_timeframe(const char *text, int64_t *ret_ms, struct error *err)
{
    struct distance_guess guess = {.wanted = slice_of(text)};
    struct buf all = {0};

    if (candles_timeframe_parse(slice_of(text), ret_ms)) return 0;
    for (unsigned i = 0; candles_timeframe_at(i) != 0; i++) {
        const char *name = candles_timeframe_name(candles_timeframe_at(i));

        if (slice_is_nocase(guess.wanted, name)) guess.best = slice_of(name), guess.distance = 0;
        distance_offer(&guess, slice_of(name));
    }
    candles_timeframe_list(&all);
    error_set(err, ERROR_USAGE, "\"%s\" is not a timeframe%s%.*s%s; the timeframes are %s", text,
              guess.best.data == NULL ? "" : " (did you mean ", SLICE_FMT(guess.best),
              guess.best.data == NULL ? "" : "?)", buf_cstr(&all));
    buf_clear(&all);
    return -1;
}

/* The series itself if it is stored, else the finest one of the symbol from which it can be derived. */
static int export_find(struct export *e, const char *symbol, const char *timeframe, struct error *err)
{
    struct store_list list;
    size_t found;

    if (store_list_read(e->store, symbol, NULL, &list, err) != 0) return -1;
    for (found = 0; found < list.count && strcmp(list.items[found].timeframe, timeframe) != 0; found++) continue;
    for (size_t i = 0; i < list.count && found == list.count; i++) {
        const int64_t step = list.items[i].timeframe_ms;

        if (step < e->timeframe_ms && e->timeframe_ms % step == 0) found = i;
    }
    const bool is_there = found < list.count;

    if (is_there) {
        e->series = list.items[found];
        list.items[found].symbol = list.items[found].timeframe = NULL;
    }
    store_list_clear(&list);
    return is_there ? 0 : store_unknown(e->store, symbol, timeframe, err);
}

static int export_decode(struct export *e, const struct store_page *page, struct candles_series *bars,
                         struct error *err)
{
    const size_t before = candles_series_view(bars)->count;

    for (size_t i = 0; i < page->count; i++) {
        struct chunk_summary summary;
        struct buf scratch = {0};

        if (chunk_decode(store_packed(page, i), &page->says[i], bars, &summary, err) == 0) continue;
        error_prefix(err, "%s %s: chunk %" PRId64 ", from %s on", e->series.symbol, e->series.timeframe,
                     page->says[i].address, report_time(page->says[i].first_ms, &scratch));
        buf_clear(&scratch);
        return -1;
    }
    e->read += candles_series_view(bars)->count - before;
    return 0;
}

static int export_write(struct export *e, const struct candles *bars, struct error *err)
{
    const size_t first = candles_find(bars, e->start_ms), end = candles_find(bars, e->end_ms);
    const struct candles part = candles_view(bars, first, end > first ? end - first : 0);

    buf_reset(&e->text);
    if (e->written == 0 && part.count > 0) buf_add_str(&e->text, candles_csv_head);
    candles_csv_add(&part, &e->text);
    e->written += part.count;
    return output_add(e->output, buf_slice(&e->text), err);
}

/* Whether the last candle that is derived has ended: with the series, or with the week if the market rests at its end.
 */
static int export_is_closed(struct export *e, bool *ret_closed, struct error *err)
{
    struct candles_series *bars = candles_series_new(e->series.timeframe_ms);
    struct candles_derived *derived = NULL;
    struct store_page page = {0};
    const int64_t last = chunk_address(e->series.last_ms, e->series.timeframe_ms);
    const uint64_t read = e->read;
    int rc = store_read(e->store, e->series.id, last - STORE_PAGE_CHUNKS + 1, last, STORE_PAGE_CHUNKS, &page, err);

    if (rc == 0) rc = export_decode(e, &page, bars, err);
    e->read = read; /* these are read twice */
    if (rc == 0) {
        derived = candles_derive(candles_series_view(bars), e->timeframe_ms, err);
        rc = derived == NULL ? -1 : 0;
    }
    if (rc == 0) *ret_closed = candles_derived_is_closed(derived, candles_derived_view(derived)->count - 1);
    candles_derived_free(derived);
    candles_series_free(bars);
    store_page_clear(&page);
    return rc;
}

/* The derived candles of `bars`, without a first one that began before the series, and a last one that still runs. */
static int export_derived(struct export *e, const struct candles *bars, struct error *err)
{
    struct candles_derived *derived = candles_derive(bars, e->timeframe_ms, err);
    bool is_closed = true;
    int rc = derived == NULL ? -1 : 0;

    if (rc != 0) return -1;
    const struct candles *all = candles_derived_view(derived);
    const size_t first = all->count > 0 && all->time_ms[0] < e->series.first_ms ? 1 : 0;
    size_t count = all->count - first;

    if (count > 0 && bars->time_ms[bars->count - 1] == e->series.last_ms) rc = export_is_closed(e, &is_closed, err);
    if (!is_closed) count--;
    if (first > 0 && all->time_ms[0] >= e->start_ms) e->left_out++;
    if (!is_closed && all->time_ms[all->count - 1] < e->end_ms) e->left_out++;
    if (rc == 0) {
        const struct candles part = candles_view(all, first, count);

        rc = export_write(e, &part, err);
    }
    candles_derived_free(derived);
    return rc;
}

/* Writes what was read. Of candles that are derived the last one may go on in the next page: its parts stay. */
static int export_bars(struct export *e, bool is_last, struct error *err)
{
    const struct candles *bars = candles_series_view(e->bars);
    struct candles_series *kept = candles_series_new(e->series.timeframe_ms);
    const bool is_derived = e->timeframe_ms != e->series.timeframe_ms;
    size_t end = bars->count;

    if (is_derived && !is_last && end > 0) {
        const int64_t slot = candles_slot(bars->time_ms[end - 1], e->timeframe_ms);

        end = candles_find(bars, candles_slot_time(slot, e->timeframe_ms));
    }
    candles_series_digits(kept, e->series.price_digits, e->series.lot_digits);
    for (size_t i = end; i < bars->count; i++) {
        const struct candles_bar bar = candles_bar_at(bars, i);

        candles_series_add(kept, &bar);
    }
    const struct candles part = candles_view(bars, 0, end);
    const int rc = end == 0 ? 0 : is_derived ? export_derived(e, &part, err) : export_write(e, &part, err);

    candles_series_free(e->bars);
    e->bars = kept;
    return rc;
}

/* The chunks that hold the span. False if the series has nothing of it. */
static bool export_chunks(const struct export *e, int64_t *ret_first, int64_t *ret_last)
{
    const int64_t step = e->series.timeframe_ms;
    /* What a derived candle is made of begins with it, and ends with it. */
    int64_t first_ms = candles_slot_time(candles_slot(e->start_ms, e->timeframe_ms), e->timeframe_ms);
    int64_t last_ms = candles_slot_time(candles_slot(e->end_ms - 1, e->timeframe_ms) + 1, e->timeframe_ms) - 1;

    if (first_ms < e->series.first_ms) first_ms = e->series.first_ms;
    if (last_ms > e->series.last_ms) last_ms = e->series.last_ms;
    *ret_first = chunk_address(first_ms, step);
    *ret_last = chunk_address(last_ms, step);
    return first_ms <= last_ms;
}

static int export_pages(struct export *e, struct error *err)
{
    struct store_page page = {0};
    int64_t next, last;
    bool goes_on = export_chunks(e, &next, &last);
    const int64_t first = next;
    int rc = 0;

    while (rc == 0 && goes_on && output_is_taken(e->output)) {
        rc = store_read(e->store, e->series.id, next, last, STORE_PAGE_CHUNKS, &page, err);
        if (rc == 0) rc = export_decode(e, &page, e->bars, err);
        if (rc != 0) break;
        if (page.count > 0) next = page.says[page.count - 1].address + 1;
        goes_on = page.count == STORE_PAGE_CHUNKS && next <= last;
        rc = export_bars(e, !goes_on, err);
        progress_tell(&e->progress, "exporting", e->series.symbol, (uint64_t)(next - first),
                      (uint64_t)(last - first) + 1);
    }
    store_page_clear(&page);
    return rc;
}

static int export_nothing(const struct export *e, struct error *err)
{
    struct buf from = {0}, to = {0};

    error_set(err, ERROR_INVALID,
              "%s %s has no candles between --start and --end; the first opens at %s, the last at %s", e->series.symbol,
              e->series.timeframe, report_time(e->series.first_ms, &from), report_time(e->series.last_ms, &to));
    buf_clear(&from);
    buf_clear(&to);
    return -1;
}

/* A chunk that is not there would be a gap like any other. */
static int export_whole(const struct export *e, struct error *err)
{
    if (command_has(e->line, "--start") || command_has(e->line, "--end") || e->read == e->series.bars) return 0;
    return error_set(err, ERROR_INVALID,
                     "%s %s should have %" PRIu64 " candles, but %" PRIu64
                     " are there; backtestd candles verify says more",
                     e->series.symbol, e->series.timeframe, e->series.bars, e->read);
}

static int export_file(struct export *e, struct error *err)
{
    const char *path = command_has(e->line, "--output") ? command_text(e->line, "--output") : "-";
    int rc = output_open(path, &e->output, err);

    if (rc != 0) return -1;
    /* What goes to a terminal shows by itself how far it is. */
    if (strcmp(path, "-") != 0) progress_begin(&e->progress);
    e->bars = candles_series_new(e->series.timeframe_ms);
    candles_series_digits(e->bars, e->series.price_digits, e->series.lot_digits);
    rc = export_pages(e, err);
    if (rc == 0 && output_is_taken(e->output)) rc = export_whole(e, err);
    progress_end(&e->progress);
    candles_series_free(e->bars);
    if (rc == 0 && e->written == 0 && output_is_taken(e->output)) rc = export_nothing(e, err);
    if (rc == 0) return output_commit(e->output, err);
    output_abandon(e->output);
    return -1;
}

static int export_run(struct export *e, struct error *err)
{
    const char *symbol = e->line->operands[0], *timeframe = e->line->operands[1];
    const struct command_value *start = command_get(e->line, "--start"), *end = command_get(e->line, "--end");

    e->start_ms = start == NULL ? CANDLES_TIME_MIN_MS : start->time_ms;
    e->end_ms = end == NULL ? CANDLES_TIME_MAX_MS : end->time_ms;
    if (e->start_ms >= e->end_ms) {
        return error_set(err, ERROR_USAGE, "--start must be before --end, but %s is not before %s",
                         start == NULL ? "its default" : start->text, end == NULL ? "its default" : end->text);
    }
    if (store_freeze(e->store, err) != 0 || export_find(e, symbol, timeframe, err) != 0) return -1;
    const int rc = export_file(e, err);

    if (rc == 0 && e->series.timeframe_ms != e->timeframe_ms) {
        backtestd_note(e->line, "%s %s is not stored: the candles are derived from %s", symbol, timeframe,
                       e->series.timeframe);
    }
    if (rc == 0 && e->left_out > 0) {
        backtestd_note(e->line, "%" PRIu64 " candle%s at the ends of the series %s left out", e->left_out,
                       e->left_out == 1 ? "" : "s",
                       e->left_out == 1 ? "is incomplete and was" : "are incomplete and were");
    }
    store_series_clear(&e->series);
    return rc;
}

static int candles_export_main(const struct command_line *line, const struct command_context *context)
{
    struct export e = {.line = line};
    struct error err;
    int status = COMMAND_OK;

    if (export_timeframe(line->operands[1], &e.timeframe_ms, &err) != 0 ||
        store_open(line, context->conf, STORE_READS, &e.store, &err) != 0 || export_run(&e, &err) != 0) {
        status = backtestd_database_fail(line, &err);
    }
    buf_clear(&e.text);
    store_close(e.store);
    return status;
}

static const struct command_option export_options[] = {
    {.name = "--start", .value = "TIME", .type = COMMAND_TIME, .help = "only candles that open at TIME or later (UTC)"},
    {.name = "--end", .value = "TIME", .type = COMMAND_TIME, .help = "only candles that open before TIME (UTC)"},
    {.name = "--output",
     .value = "FILE",
     .type = COMMAND_TEXT,
     .help = "write to FILE, which is replaced when all of it is on the disk (default: standard output)"},
    {0},
};

const struct command_entry candles_verb_export = {
    .name = "export",
    .summary = "write a series of the database as CSV",
    .about = "The CSV has the header time,open,high,low,close,volume. Times are those of openings, as RFC\n"
             "3339 in UTC. What is imported from it is the same to the last bit.\n"
             "If the timeframe is not stored, its candles are derived from the shortest one that divides it,\n"
             "without one at the beginning or the end that is not complete.\n",
    .options = export_options,
    .operand = "SYMBOL TIMEFRAME",
    .operands_min = 2,
    .operands_max = 2,
    .settings = true,
    .connects = true,
    .run = candles_export_main,
};
