#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/file.h"
#include "base/inflate.h"
#include "base/mem.h"
#include "candles/stamp.h"
#include "test_candles.h"

static int import_pieces(struct candles_import *import, struct slice bytes, size_t piece, struct error *err)
{
    if (piece == 0) return candles_import_feed(import, bytes, err);
    while (bytes.len > 0) {
        const size_t len = bytes.len < piece ? bytes.len : piece;
        /* A copy of its own size, so that a sanitizer sees what is read behind its end. */
        char *exact = mem_strndup(bytes.data, len);
        const int outcome = candles_import_feed(import, (struct slice){exact, len}, err);

        free(exact);
        if (outcome != 0) return -1;
        bytes.data += len;
        bytes.len -= len;
    }
    return 0;
}

void import_bytes(struct imported *ret, const struct candles_import_options *options, struct slice bytes, size_t piece,
                  const struct candles *there)
{
    struct candles_import *import;

    *ret = (struct imported){.outcome = -1, .report = mem_zalloc(sizeof(*ret->report))};
    import = candles_import_new(options, &ret->err);
    if (import == NULL) return;
    candles_import_begin(import, "f.csv");
    if (import_pieces(import, bytes, piece, &ret->err) == 0 && candles_import_end(import, &ret->err) == 0) {
        ret->outcome = candles_import_finish(import, there, &ret->series, ret->report, &ret->err);
    }
    candles_import_free(import);
}

void import_text(struct imported *ret, const struct candles_import_options *options, const char *text)
{
    import_bytes(ret, options, slice_of(text), 0, NULL);
}

void imported_clear(struct imported *imported)
{
    candles_series_free(imported->series);
    free(imported->report);
    *imported = (struct imported){0};
}

const struct candles *imported_view(const struct imported *imported)
{
    static const struct candles nothing = {.timeframe_ms = 60000, .tick = 1, .lot = 1};

    return imported->series == NULL ? &nothing : candles_series_view(imported->series);
}

static void notes_print(const struct candles_notes *notes, struct buf *out)
{
    for (size_t i = 0; i < notes->count; i++) {
        const struct candles_note *note = &notes->items[i];

        buf_printf(out, "%s:%" PRIu64 ": %s\n", note->source, note->line, note->reason);
    }
}

void imported_print(const struct imported *imported, struct buf *out)
{
    const struct candles_report *report = imported->report;
    const struct candles *view = imported_view(imported);

    buf_printf(out, "%d %s\n", imported->outcome, imported->err.message);
    if (imported->outcome != 0) return;
    buf_printf(out,
               "%s %" PRId64 " %d read %" PRIu64 " new %" PRIu64 " equal %" PRIu64 " replaced %" PRIu64
               " conflicts %" PRIu64 " rejected %" PRIu64 " others %" PRIu64 " skipped %" PRIu64 " local %" PRIu64 "\n",
               report->format, report->timeframe_ms, report->timeframe_was_found, report->read, report->new,
               report->equal, report->replaced, report->conflicts, report->rejected, report->others,
               report->members_skipped, report->local_assumed);
    buf_printf(out, "gaps %zu of %" PRId64 ", %zu bars, %" PRId64 " to %" PRId64 ", tick %a lot %a digits %d\n",
               report->gap_count, report->gap_bars, report->bars, report->first_ms, report->last_ms, view->tick,
               view->lot, view->price_digits);
    for (size_t i = 0; i < report->gaps_listed; i++) {
        buf_printf(out, "%" PRId64 "-%" PRId64 " ", report->gaps[i].first_ms, report->gaps[i].last_ms);
    }
    notes_print(&report->rejections, out);
    notes_print(&report->contradictions, out);
    for (size_t i = 0; i < view->count; i++) {
        buf_printf(out, "%" PRId64 " %a %a %a %a %a\n", view->time_ms[i], view->open[i], view->high[i], view->low[i],
                   view->close[i], view->volume[i]);
    }
}

void bars_print(const struct candles *candles, struct buf *out)
{
    char stamp[CANDLES_STAMP_BYTES];

    for (size_t i = 0; i < candles->count; i++) {
        candles_stamp_format(candles->time_ms[i], stamp);
        buf_printf(out, "%s %.10g %.10g %.10g %.10g %.10g\n", stamp, candles->open[i], candles->high[i],
                   candles->low[i], candles->close[i], candles->volume[i]);
    }
}

static void pack_deflate(struct slice bytes, int window_bits, struct buf *out)
{
    z_stream stream = {0};

    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    const uLong bound = deflateBound(&stream, (uLong)bytes.len);

    stream.next_in = (Bytef *)(uintptr_t)bytes.data;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = (Bytef *)buf_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) abort();
    out->len += stream.total_out;
    deflateEnd(&stream);
}

void pack_gzip(struct slice bytes, struct buf *out)
{
    pack_deflate(bytes, 15 + 16, out);
}

static void pack_integer(struct buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) buf_add_char(out, (char)(value >> (8 * i)));
}

static void pack_local(const struct pack_member *member, struct slice packed, uint32_t crc, struct buf *out)
{
    const bool behind = member->has_sizes_behind, wide = member->is_64;

    pack_integer(out, 0x04034b50, 4);
    pack_integer(out, 20, 2);
    pack_integer(out, behind ? 8 : 0, 2);
    pack_integer(out, member->is_stored ? 0 : 8, 2);
    pack_integer(out, 0, 4);
    pack_integer(out, behind ? 0 : crc, 4);
    pack_integer(out, wide ? UINT32_MAX : behind ? 0 : packed.len, 4);
    pack_integer(out, wide ? UINT32_MAX : behind ? 0 : member->bytes.len, 4);
    pack_integer(out, strlen(member->name), 2);
    pack_integer(out, wide ? 25 : 0, 2);
    buf_add_str(out, member->name);
    if (wide) {
        pack_integer(out, 0x5455, 2); /* something else */
        pack_integer(out, 1, 2);
        pack_integer(out, 0, 1);
        pack_integer(out, 1, 2);
        pack_integer(out, 16, 2);
        pack_integer(out, behind ? 0 : member->bytes.len, 8);
        pack_integer(out, behind ? 0 : packed.len, 8);
    }
    buf_add_slice(out, packed);
    if (behind) {
        pack_integer(out, 0x08074b50, 4);
        pack_integer(out, crc, 4);
        pack_integer(out, packed.len, wide ? 8 : 4);
        pack_integer(out, member->bytes.len, wide ? 8 : 4);
    }
}

/* What the reader does not look at is zero. */
void pack_zip(const struct pack_member *members, size_t count, struct buf *out)
{
    bool is_wide = false;

    for (size_t i = 0; i < count; i++) {
        struct buf packed = {0};

        is_wide = is_wide || members[i].is_64;

        if (members[i].is_stored) {
            buf_add_slice(&packed, members[i].bytes);
        } else {
            pack_deflate(members[i].bytes, -15, &packed);
        }
        pack_local(&members[i], buf_slice(&packed), inflate_crc32(0, members[i].bytes), out);
        buf_clear(&packed);
    }
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(members[i].name);

        pack_integer(out, 0x02014b50, 4);
        for (size_t byte = 4; byte < 28; byte++) buf_add_char(out, '\0');
        pack_integer(out, len, 2);
        for (size_t byte = 30; byte < 46; byte++) buf_add_char(out, '\0');
        buf_add_str(out, members[i].name);
    }
    if (is_wide) {
        pack_integer(out, 0x06064b50, 4);
        pack_integer(out, 44 + 5, 8);
        for (size_t byte = 12; byte < 56 + 5; byte++) buf_add_char(out, '\0');
        pack_integer(out, 0x07064b50, 4);
        for (size_t byte = 4; byte < 20; byte++) buf_add_char(out, '\0');
    }
    pack_integer(out, 0x06054b50, 4);
    pack_integer(out, 0, 4);
    pack_integer(out, count, 2);
    pack_integer(out, count, 2);
    pack_integer(out, 0, 8);
    pack_integer(out, 3, 2);
    buf_add_str(out, "end");
}

uint64_t noise(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

bool zone_bytes(const char *name, struct buf *out)
{
    char path[128];

    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    return file_read(path, 65536, out);
}

void zone_file(const char *tail, struct buf *out)
{
    static const char counts[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4};

    for (int block = 0; block < 2; block++) {
        buf_add(out, "TZif2", 5);
        for (int i = 0; i < 15; i++) buf_add_char(out, '\0');
        buf_add(out, counts, sizeof(counts));
        buf_add(out, "\xff\xff\xb9\xb0\0\0EST\0", 10);
    }
    buf_printf(out, "\n%s\n", tail);
}

struct candles_zone *zone_with_tail(const char *tail)
{
    struct error err;
    struct buf file = {0};

    zone_file(tail, &file);
    struct candles_zone *zone = candles_zone_parse(SLICE_LIT("made"), buf_slice(&file), &err);

    buf_clear(&file);
    if (zone == NULL) abort();
    return zone;
}

struct candles_zone *zone_new_york(void)
{
    return zone_with_tail("EST5EDT,M3.2.0,M11.1.0");
}
