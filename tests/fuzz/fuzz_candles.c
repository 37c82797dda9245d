/*
 * Candles: readers, time zones and the chunk codec. The first byte picks the mode, the second how a file is cut into
 * pieces and which options it is read with.
 *
 *     f  a file: cut anywhere the result is the same; what comes out is sound, is counted, survives the codec, and is
 *        all equal at a second import
 *     c  a packed chunk: refused, or exactly what the encoder makes of its bars
 *     e  a packed piece of an equity's curve: the same
 *     z  a time zone's file, or its tail
 */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "candles/chunk.h"
#include "candles/derive.h"
#include "candles/import.h"
#include "candles/timeframe.h"
#include "engine/curve.h"
#include "fuzz.h"

enum { FUZZ_BYTES_MAX = 1 << 20, FUZZ_PIECES = 16 };

struct outcome {
    int status;
    struct candles_series *series;
    struct candles_report *report;
    struct error err;
};

static void outcome_clear(struct outcome *outcome)
{
    candles_series_free(outcome->series);
    free(outcome->report);
}

static bool same_bars(const struct candles *a, const struct candles *b)
{
    const size_t bytes = a->count * sizeof(double);

    if (a->count != b->count) return false;
    if (a->count == 0) return true;
    return memcmp(a->time_ms, b->time_ms, bytes) == 0 && memcmp(a->open, b->open, bytes) == 0 &&
           memcmp(a->high, b->high, bytes) == 0 && memcmp(a->low, b->low, bytes) == 0 &&
           memcmp(a->close, b->close, bytes) == 0 && memcmp(a->volume, b->volume, bytes) == 0;
}

/* In pieces of `piece` bytes; 0: whole. */
static struct outcome import(struct slice text, size_t piece, const struct candles_import_options *options,
                             const struct candles *there)
{
    struct outcome outcome = {.status = -1, .report = mem_zalloc(sizeof(*outcome.report))};
    struct candles_import *import = candles_import_new(options, &outcome.err);
    int status = 0;

    FUZZ_CHECK(import != NULL, "options are refused: %s", outcome.err.message);
    candles_import_begin(import, "f");
    while (text.len > 0 && status == 0) {
        const size_t len = piece == 0 || text.len < piece ? text.len : piece;
        char *exact = mem_strndup(text.data, len);

        status = candles_import_feed(import, (struct slice){exact, len}, &outcome.err);
        free(exact);
        text.data += len;
        text.len -= len;
    }
    if (status == 0) status = candles_import_end(import, &outcome.err);
    if (status == 0) status = candles_import_finish(import, there, &outcome.series, outcome.report, &outcome.err);
    candles_import_free(import);
    outcome.status = status;
    FUZZ_CHECK(status == 0 || outcome.err.message[0] != '\0', "refused without a word");
    return outcome;
}

static void check_counts(const struct outcome *outcome)
{
    const struct candles_report *report = outcome->report;
    const uint64_t sum = report->new + report->equal + report->replaced + report->conflicts + report->rejected;

    FUZZ_CHECK(report->read == sum + report->others, "rows that are not counted");
    FUZZ_CHECK(report->bars == report->new, "bars that are not new");
    FUZZ_CHECK(report->rejections.count ==
                   (report->rejected < CANDLES_NOTES_MAX ? report->rejected : CANDLES_NOTES_MAX),
               "rejections that are not told");
}

static void check_codec(const struct candles *view)
{
    struct candles_series *back = candles_series_new(view->timeframe_ms);
    struct error err = {.message = ""};

    for (size_t at = 0; at < view->count;) {
        const size_t count = chunk_span(view, at);
        const struct candles part = candles_view(view, at, count);
        struct chunk_summary summary, again;
        struct buf packed = {0};

        FUZZ_CHECK(chunk_encode(&part, &packed, &summary, &err) == 0, "%s", err.message);
        FUZZ_CHECK(chunk_decode(buf_slice(&packed), &summary, back, &again, &err) == 0, "%s", err.message);
        buf_clear(&packed);
        at += count;
    }
    FUZZ_CHECK(same_bars(view, candles_series_view(back)), "chunks do not come back");
    candles_series_free(back);
}

static void check_derived(const struct candles *view)
{
    struct error err;
    struct candles_derived *derived = candles_derive(view, CANDLES_WEEK_MS, &err);
    size_t index;

    FUZZ_CHECK(derived != NULL, "%s", err.message);
    FUZZ_CHECK(candles_derived_view(derived)->count <= view->count, "more bars than before");
    /* Volumes may add up to infinity, which the sum of no market does. */
    (void)candles_check(candles_derived_view(derived), &index);
    candles_derived_free(derived);
}

static void check_same_notes(const struct candles_notes *a, const struct candles_notes *b)
{
    FUZZ_CHECK(a->count == b->count, "%zu and %zu notes", a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        FUZZ_CHECK(a->items[i].line == b->items[i].line, "lines differ");
        FUZZ_CHECK(strcmp(a->items[i].source, b->items[i].source) == 0, "sources differ");
        FUZZ_CHECK(strcmp(a->items[i].reason, b->items[i].reason) == 0, "reasons differ");
    }
}

static void check_same_report(const struct candles_report *a, const struct candles_report *b)
{
    FUZZ_CHECK(a->format == b->format && a->timeframe_ms == b->timeframe_ms, "formats differ");
    FUZZ_CHECK(a->read == b->read && a->new == b->new && a->equal == b->equal && a->conflicts == b->conflicts &&
                   a->rejected == b->rejected && a->others == b->others && a->local_assumed == b->local_assumed &&
                   a->members_skipped == b->members_skipped && a->gap_count == b->gap_count,
               "counts differ");
    check_same_notes(&a->rejections, &b->rejections);
    check_same_notes(&a->contradictions, &b->contradictions);
}

static void check_file(uint8_t choice, struct slice text)
{
    struct candles_zone *zone = candles_zone_fixed(-5 * 3600);
    const struct candles_import_options options = {
        .zone = (choice & 16) != 0 ? zone : NULL,
        .stamp_is_close = (choice & 32) != 0,
        .adjusted = (choice & 64) != 0,
        .timeframe_ms = (choice & 128) != 0 ? CANDLES_MINUTE_MS : 0,
        .bytes_max = FUZZ_BYTES_MAX,
    };
    struct outcome whole = import(text, 0, &options, NULL);
    struct outcome pieces = import(text, 1 + choice % FUZZ_PIECES, &options, NULL);

    FUZZ_CHECK(whole.status == pieces.status, "pieces: \"%s\" and \"%s\"", whole.err.message, pieces.err.message);
    if (whole.status == 0) {
        const struct candles *view = candles_series_view(whole.series);
        size_t index;

        check_same_report(whole.report, pieces.report);
        FUZZ_CHECK(same_bars(view, candles_series_view(pieces.series)), "bars differ");
        FUZZ_CHECK(candles_check(view, &index), "bar %zu is not sound", index);
        check_counts(&whole);
        check_codec(view);
        check_derived(view);
        struct outcome twice = import(text, 0, &options, view);

        FUZZ_CHECK(twice.status == 0 && twice.report->new == 0, "a second import finds something new");
        FUZZ_CHECK(same_bars(view, candles_series_view(twice.series)), "a second import changes bars");
        outcome_clear(&twice);
    } else {
        FUZZ_CHECK(strcmp(whole.err.message, pieces.err.message) == 0, "errors differ: \"%s\" and \"%s\"",
                   whole.err.message, pieces.err.message);
    }
    outcome_clear(&whole);
    outcome_clear(&pieces);
    candles_zone_free(zone);
}

static void check_chunk(struct slice packed)
{
    static const int64_t timeframes[] = {CANDLES_MINUTE_MS, CANDLES_DAY_MS, CANDLES_WEEK_MS};

    for (size_t i = 0; i < countof(timeframes); i++) {
        struct candles_series *series = candles_series_new(timeframes[i]);
        struct chunk_summary summary, again;
        struct error err = {.message = ""};
        struct buf packed_again = {0};

        if (chunk_decode(packed, NULL, series, &summary, &err) == 0) {
            FUZZ_CHECK(chunk_encode(candles_series_view(series), &packed_again, &again, &err) == 0, "%s", err.message);
            FUZZ_CHECK(slice_eq(packed, buf_slice(&packed_again)), "two forms of the same bars");
        } else {
            FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
            FUZZ_CHECK(candles_series_view(series)->count == 0, "bars of a chunk that is refused");
        }
        buf_clear(&packed_again);
        candles_series_free(series);
    }
}

static int64_t curve_time(const void *arg, size_t point)
{
    const struct curve *curve = arg;

    return curve->points[point].time_ms;
}

static void curve_same(void *arg, const struct curve_piece *piece)
{
    const struct slice *packed = arg;

    FUZZ_CHECK(slice_eq(*packed, piece->packed), "two forms of the same points");
}

static void check_curve(struct slice packed)
{
    struct curve curve = {0};
    struct error err = {.message = ""};

    if (curve_unpack(packed, &curve, &err) == 0) {
        double *equity = mem_array(curve.count, sizeof(*equity));
        struct curve_point first = curve.points[0], last = curve.points[curve.count - 1];

        for (size_t i = 0; i < curve.count; i++) equity[i] = curve.points[i].equity;
        FUZZ_CHECK(
            curve_pack(&(struct curve_source){curve.count, equity, curve_time, &curve}, curve_same, &packed, &err) == 0,
            "%s", err.message);
        curve_thin(&curve, 2 + packed.len % 100);
        FUZZ_CHECK(curve.count <= 2 + packed.len % 100, "%zu points", curve.count);
        FUZZ_CHECK(curve.points[0].time_ms == first.time_ms, "the first point is gone");
        FUZZ_CHECK(curve.points[curve.count - 1].time_ms == last.time_ms, "the last point is gone");
        free(equity);
    } else {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
        FUZZ_CHECK(curve.count == 0, "points of a piece that is refused");
    }
    curve_clear(&curve);
}

static void check_zone(struct slice tzif)
{
    struct error err = {.message = ""};
    struct candles_zone *zone = candles_zone_parse(SLICE_LIT("fuzz"), tzif, &err);
    int64_t moments[2];

    if (zone == NULL) {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
        return;
    }
    for (int64_t local_ms = CANDLES_TIME_MIN_MS; local_ms < CANDLES_TIME_MAX_MS;
         local_ms += INT64_C(172800000) * 97 + 1) {
        const unsigned count = candles_zone_resolve(zone, local_ms, moments);

        FUZZ_CHECK(count <= 2 && (count < 2 || moments[0] < moments[1]), "%u moments", count);
    }
    candles_zone_free(zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    const struct slice rest = {(const char *)data + 2, size - 2};

    if (data[0] == 'c') {
        check_chunk(rest);
    } else if (data[0] == 'e') {
        check_curve(rest);
    } else if (data[0] == 'z') {
        check_zone(rest);
    } else {
        check_file(data[1], rest);
    }
    return 0;
}
