/* The end of an import: rows in the order of the input become bars in the order of time, and each row is counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "candles/internal.h"
#include "candles/merge.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"

enum { SETTLE_TIMEFRAMES_MAX = 32, SETTLE_COMMON = 20, SETTLE_SECOND_MS = 1000, SETTLE_GIVEN_UP = 1 << 18 };

/* More ups than downs between neighbours: the file goes forward. */
static bool settle_goes_forward(const struct candles_import *import)
{
    size_t up = 0, down = 0;

    for (size_t i = 1; i < import->row_count; i++) {
        const int64_t before = import->rows[i - 1].bar.time_ms, now = import->rows[i].bar.time_ms;

        up += now > before;
        down += now < before;
    }
    return up >= down;
}

/* Local times that were there twice: forward, a row has the first moment as long as that is later than the row before;
 * backward, the second one as long as that is earlier. */
static void settle_twice(struct candles_import *import)
{
    const bool forward = settle_goes_forward(import);

    for (size_t i = 0; i < import->twice_count; i++) {
        struct import_row *row = &import->rows[import->twice[i].row];
        const bool is_first = import->twice[i].row == 0;
        const int64_t before_ms = is_first ? 0 : row[-1].bar.time_ms, later_ms = import->twice[i].later_ms;
        const bool takes_later =
            forward ? !is_first && row->bar.time_ms <= before_ms : is_first || later_ms < before_ms;

        if (takes_later) row->bar.time_ms = later_ms;
    }
}

static int settle_order(const void *a, const void *b)
{
    const struct import_row *one = a, *other = b;

    if (one->bar.time_ms != other->bar.time_ms) return one->bar.time_ms < other->bar.time_ms ? -1 : 1;
    return (one->place > other->place) - (one->place < other->place);
}

static void settle_reverse(struct candles_import *import)
{
    struct import_row *rows = import->rows;
    const size_t count = import->row_count;

    for (size_t i = 0; i < count / 2; i++) {
        const struct import_row row = rows[i];

        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = row;
    }
}

/* By time, and rows of one time as they came. *ret_reversed: the input went backward throughout. */
static void settle_sort(struct candles_import *import, bool *ret_reversed)
{
    struct import_row *rows = import->rows;
    const size_t count = import->row_count;
    bool up = true, down = true;

    for (size_t i = 1; i < count; i++) {
        up = up && rows[i].bar.time_ms >= rows[i - 1].bar.time_ms;
        down = down && rows[i].bar.time_ms < rows[i - 1].bar.time_ms;
    }
    *ret_reversed = !up && down;
    if (up) return;
    if (!down) {
        qsort(rows, count, sizeof(*rows), settle_order);
        return;
    }
    settle_reverse(import);
}

/* The timeframe that is the distance of neighbours most often; 0 if less than one in SETTLE_COMMON has such a one.
 * Months, say, are multiples of days, and yet no days with gaps between them. */
static int64_t settle_most_common(const struct candles_import *import)
{
    size_t counts[SETTLE_TIMEFRAMES_MAX] = {0}, all = 0, best = 0;
    int64_t found = 0;

    for (size_t i = 1; i < import->row_count; i++) {
        const int64_t distance = import->rows[i].bar.time_ms - import->rows[i - 1].bar.time_ms;

        all += distance > 0;
        for (unsigned j = 0; candles_timeframe_at(j) != 0 && candles_timeframe_at(j) <= distance; j++) {
            if (candles_timeframe_at(j) == distance) counts[j]++;
        }
    }
    for (unsigned j = 0; candles_timeframe_at(j) != 0; j++) {
        if (counts[j] > best) best = counts[j], found = candles_timeframe_at(j);
    }
    return best * SETTLE_COMMON >= all ? found : 0;
}

static int64_t settle_timeframe(struct candles_import *import, const struct candles *there)
{
    int64_t found = import->options.timeframe_ms;

    if (found == 0 && there != NULL) found = there->timeframe_ms;
    import->report->timeframe_was_found = found == 0;
    if (found == 0) found = settle_most_common(import);
    return found;
}

/* The opening that a row's time means. */
static int64_t settle_opening(const struct candles_import *import, int64_t time_ms, int64_t step)
{
    const struct candles_zone *zone = import->options.zone;

    if (import->options.stamp_is_close) {
        /* 09:59:59 and 09:59:59.999 are written for ten o'clock. */
        const int64_t next = candles_slot_time(candles_slot(time_ms, step) + 1, step);

        time_ms = (next - time_ms <= SETTLE_SECOND_MS ? next : time_ms) - step;
    }
    /* A day that begins at midnight there has that date. */
    if (zone != NULL && step >= CANDLES_DAY_MS && !candles_is_on_grid(time_ms, step)) {
        const int64_t local_ms = time_ms + (int64_t)candles_zone_at(zone, time_ms / 1000) * 1000;

        if (candles_is_on_grid(local_ms, step)) return local_ms;
    }
    return time_ms;
}

/* Keeps the rows that are on the grid. They are looked at in the order of the input, as far as that is known, so that
 * notes come in order. */
static void settle_grid(struct candles_import *import, int64_t step, bool reversed)
{
    const size_t count = import->row_count;
    const char *name = candles_timeframe_name(step);
    size_t kept = 0;

    for (size_t n = 0; n < count; n++) {
        struct import_row *row = &import->rows[reversed ? count - 1 - n : n];
        const int64_t time_ms = settle_opening(import, row->bar.time_ms, step);
        char reason[CANDLES_NOTE_BYTES], stamp[CANDLES_STAMP_BYTES];

        if (candles_is_on_grid(time_ms, step)) {
            row->bar.time_ms = time_ms;
            continue;
        }
        candles_stamp_format(row->bar.time_ms, stamp);
        snprintf(reason, sizeof(reason), "the time %s is not one at which a bar of %s %s", stamp,
                 name == NULL ? "this timeframe" : name, import->options.stamp_is_close ? "closes" : "opens");
        import_reject(import, row->place, reason, SLICE_NONE);
        import->report->off_grid++;
        row->bar.volume = -1; /* marks it */
    }
    for (size_t i = 0; i < count; i++) {
        if (import->rows[i].bar.volume >= 0) import->rows[kept++] = import->rows[i];
    }
    import->row_count = kept;
}

static void settle_contradict(const struct candles_import *import, const struct import_row *row, const char *whom,
                              struct candles_report *report)
{
    struct candles_notes *notes = &report->contradictions;
    char stamp[CANDLES_STAMP_BYTES];

    report->conflicts++;
    candles_stamp_format(row->bar.time_ms, stamp);
    candles_note(notes, row->place, import_line(row->place), import_source(import, row->place),
                 "the values for %s are not those of %s", stamp, whom);
}

/* Rows of one time become one: the first, or the last if they replace one another. */
static void settle_equals(struct candles_import *import)
{
    struct import_row *rows = import->rows;
    size_t kept = 0;

    for (size_t i = 0; i < import->row_count; i++) {
        if (kept == 0 || rows[kept - 1].bar.time_ms != rows[i].bar.time_ms) {
            rows[kept++] = rows[i];
        } else if (candles_bar_equal(&rows[kept - 1].bar, &rows[i].bar)) {
            import->report->equal++;
        } else if (import->options.replace) {
            import->report->replaced++;
            rows[kept - 1] = rows[i];
        } else {
            char whom[CANDLES_NOTE_BYTES];
            const uint64_t place = rows[kept - 1].place;

            snprintf(whom, sizeof(whom), "line %" PRIu64 " of %s", import_line(place), import_source(import, place));
            settle_contradict(import, &rows[i], whom, import->report);
        }
    }
    import->row_count = kept;
}

/* The decimals that one number in a hundred goes beyond at most; `noisy` if more do, whatever the decimals. */
static int settle_digits(const struct import_digits *digits, int noisy)
{
    uint64_t all = 0, beyond = 0;
    int found = CANDLES_DIGITS_MAX + 1;

    for (int i = 0; i <= CANDLES_DIGITS_MAX + 1; i++) all += digits->counts[i];
    for (; found > 0; found--) {
        beyond += digits->counts[found];
        /* Up to eight decimals are how prices are quoted; more may be what a float leaves. */
        if (beyond > all / 100 || (found <= CANDLES_LOT_DIGITS && digits->counts[found] > 0)) break;
    }
    return found > CANDLES_DIGITS_MAX ? noisy : found;
}

void candles_import_met(void *comparison, size_t index, enum candles_meeting meeting)
{
    const struct candles_comparison *to = comparison;
    struct candles_report *report = to->report;

    switch (meeting) {
    case CANDLES_NEW:
        report->new ++;
        break;
    case CANDLES_EQUAL:
        report->equal++;
        break;
    case CANDLES_REPLACED:
        report->replaced++;
        break;
    case CANDLES_CONFLICT:
        settle_contradict(to->import, &to->import->rows[index], "the stored series", report);
        break;
    case CANDLES_MEETINGS:
        break;
    }
}

/* Whole volumes say nothing of the lot: files of many sources have them rounded, or count changes of price in them. */
static int settle_lot_digits(struct candles_import *import, double volume)
{
    const int digits = volume > 0 ? settle_digits(&import->volume_digits, CANDLES_LOT_DIGITS) : 0;

    import->report->lot_was_assumed = digits == 0;
    return digits == 0 ? CANDLES_LOT_DIGITS : digits;
}

/* The rows become a series, and are given up as they do, so that they are not in memory twice. */
static struct candles_series *settle_take(struct candles_import *import, int64_t step, double *ret_volume)
{
    struct candles_series *series = candles_series_new(step);

    /* The earliest is the last one now, and memory is given back from the end. */
    settle_reverse(import);
    *ret_volume = 0;
    while (import->row_count > 0) {
        const struct candles_bar *bar = &import->rows[--import->row_count].bar;

        candles_series_add(series, bar);
        *ret_volume += bar->volume;
        if (import->row_count % SETTLE_GIVEN_UP == 0 && import->row_count > 0) {
            import->row_capacity = import->row_count;
            import->rows = mem_realloc(import->rows, import->row_capacity * sizeof(*import->rows));
        }
    }
    return series;
}

static struct candles_series *settle_copy(const struct candles_import *import, int64_t step, double *ret_volume)
{
    struct candles_series *series = candles_series_new(step);

    *ret_volume = 0;
    for (size_t i = 0; i < import->row_count; i++) {
        candles_series_add(series, &import->rows[i].bar);
        *ret_volume += import->rows[i].bar.volume;
    }
    return series;
}

static struct candles_series *settle_merge(struct candles_import *import, const struct candles *there, int64_t step)
{
    static const double price_small = 0.01;
    const int noisy = import->price_min < price_small ? CANDLES_DIGITS_MAX : CANDLES_LOT_DIGITS;
    struct candles_comparison comparison = {import, import->report};
    const bool gives_up = there == NULL && import->options.gives_up_rows;
    double volume;
    struct candles_series *coming = gives_up ? settle_take(import, step, &volume) : settle_copy(import, step, &volume);

    candles_series_digits(coming, settle_digits(&import->price_digits, noisy), settle_lot_digits(import, volume));
    if (there == NULL) {
        import->report->new = candles_series_view(coming)->count;
        return coming;
    }
    struct candles_series *merged =
        candles_merge(there, candles_series_view(coming), import->options.replace, candles_import_met, &comparison);

    candles_series_free(coming);
    return merged;
}

static void settle_span(struct candles_report *report, const struct candles *view)
{
    report->bars = view->count;
    report->rests_at_weekends = candles_rests_at_weekends(view);
    report->gap_count = candles_gaps(view, report->gaps, CANDLES_NOTES_MAX, &report->gap_bars);
    report->gaps_listed = report->gap_count < CANDLES_NOTES_MAX ? report->gap_count : CANDLES_NOTES_MAX;
    if (view->count == 0) return;
    report->first_ms = view->time_ms[0];
    report->last_ms = view->time_ms[view->count - 1];
}

/* "; 3 rows are wrong, the first in line 7: the high is below the low", or nothing. */
static const char *settle_first_fault(const struct candles_import *import, struct buf *scratch)
{
    const struct candles_note *first = import->report->rejections.items;

    if (import->report->rejected == 0) return "";
    buf_printf(scratch, "; %" PRIu64 " %s wrong, the first is in line %" PRIu64 ": %s", import->report->rejected,
               import->report->rejected == 1 ? "row is" : "rows are", first->line, first->reason);
    return buf_cstr(scratch);
}

static int settle_check(const struct candles_import *import, const struct candles *there, int64_t step,
                        struct error *err)
{
    struct buf list = {0}, why = {0};

    if (import->format == NULL && import->skipped_why != NULL) {
        return error_set(err, ERROR_INVALID, "%s", import->skipped_why);
    }
    if (import->format == NULL) {
        return error_set(err, ERROR_INVALID, "%s: the file has no rows of candles", import->file);
    }
    if (step == 0 && import->row_count == 0) {
        const struct candles_note *first = import->report->rejections.items;

        if (import->report->rejections.count == 0 && import->report->others == 0) {
            return error_set(err, ERROR_INVALID, "%s: the file has a header, but no rows of candles", import->file);
        }
        if (import->report->rejections.count == 0) {
            return error_set(err, ERROR_INVALID, "%s: none of its %" PRIu64 " rows has the symbol %s", import->file,
                             import->report->others, import->options.symbol);
        }
        return error_set(err, ERROR_INVALID, "%s: all %" PRIu64 " rows are wrong; the first is line %" PRIu64 ": %s",
                         first->source, import->report->rejected, first->line, first->reason);
    }
    if (step > 0 && (there == NULL || there->timeframe_ms == step)) return 0;
    if (step > 0) return error_set(err, ERROR_INVALID, "the stored series has another timeframe");
    candles_timeframe_list(&list);
    if (import->row_count == 1) {
        error_set(err, ERROR_INVALID, "%s: the timeframe cannot be found from one valid row; give one of %s%s",
                  import->file, buf_cstr(&list), settle_first_fault(import, &why));
    } else {
        error_set(
            err, ERROR_INVALID,
            "%s: the timeframe cannot be found, as the distances between the %zu rows match none; give one of %s%s",
            import->file, import->row_count, buf_cstr(&list), settle_first_fault(import, &why));
    }
    buf_clear(&why);
    buf_clear(&list);
    return -1;
}

int candles_import_finish(struct candles_import *import, const struct candles *there,
                          struct candles_series **ret_series, struct candles_report *ret_report, struct error *err)
{
    struct candles_report *report = import->report;
    bool reversed;

    settle_twice(import);
    settle_sort(import, &reversed);
    const int64_t step = settle_timeframe(import, there);

    if (settle_check(import, there, step, err) != 0) return -1;
    settle_grid(import, step, reversed);
    settle_equals(import);
    *ret_series = settle_merge(import, there, step);
    report->format = import->has_several_formats ? "several" : import->format->name;
    report->timeframe_ms = step;
    settle_span(report, candles_series_view(*ret_series));
    *ret_report = *report;
    return 0;
}
