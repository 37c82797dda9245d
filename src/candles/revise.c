#include "candles/revise.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/number.h"
#include "candles/csv.h"
#include "candles/stamp.h"

/* Conflicts have no line of a file: they come behind the notes that have one. */
#define REVISE_PLACE UINT64_MAX

struct revise {
    const struct revise_stored *stored;
    const struct candles *coming;
    const struct revise_options *options;
    struct candles_notes *notes;
    struct revision revision;
    size_t first, at; /* the next bar of `coming`, and of `stored` the next chunk that may be its */
    /* The chunk that is worked on: what is stored of it, the coming bars, and whether any of them changes it. */
    const struct candles *there, *part;
    bool changes, mends; /* it takes the place of a damaged one */
    const struct revise_chunk *damaged;
    struct buf packed;
};

size_t revise_addresses(const struct candles *coming, struct buf *out)
{
    size_t count = 0;

    buf_add_char(out, '{');
    for (size_t first = 0; first < coming->count; first += chunk_span(coming, first), count++) {
        const int64_t address = chunk_address(coming->time_ms[first], coming->timeframe_ms);

        buf_printf(out, "%s%" PRId64, count == 0 ? "" : ",", address);
    }
    buf_add_char(out, '}');
    return count;
}

/* "2024-01-31T09:00:00Z,1.5,1.6,1.4,1.5,10" without its line's end. */
static void revise_bar_text(const struct candles *candles, size_t index, struct buf *out)
{
    const struct candles bar = candles_view(candles, index, 1);

    candles_csv_add(&bar, out);
    out->len--;
}

static void revise_note(struct revise *r, size_t index)
{
    struct buf stored = {0}, came = {0};

    if (r->notes == NULL || r->notes->count == CANDLES_NOTES_MAX) return;
    revise_bar_text(r->there, candles_find(r->there, r->part->time_ms[index]), &stored);
    revise_bar_text(r->part, index, &came);
    const int time = (int)strcspn(buf_cstr(&stored), ",");

    candles_note(r->notes, REVISE_PLACE, 0, "", "%.*s: stored is %s, but %s comes", time, buf_cstr(&stored),
                 buf_cstr(&stored) + time + 1, buf_cstr(&came) + time + 1);
    buf_clear(&stored);
    buf_clear(&came);
}

static void revise_met(void *context, size_t index, enum candles_meeting meeting)
{
    struct revise *r = context;
    struct revision *revision = &r->revision;
    const int64_t time_ms = r->part->time_ms[index];
    const bool is_first = revision->met[CANDLES_NEW] + revision->met[CANDLES_REPLACED] == 0;

    if (r->mends) meeting = CANDLES_REPLACED;
    revision->met[meeting]++;
    if (meeting == CANDLES_CONFLICT) revise_note(r, index);
    if (r->options->met != NULL) r->options->met(r->options->context, r->first + index, meeting);
    if (meeting != CANDLES_NEW && meeting != CANDLES_REPLACED) return;
    r->changes = true;
    if (is_first) revision->first_ms = time_ms;
    revision->last_ms = time_ms;
}

static void revise_number(const char *name, double value, struct buf *out)
{
    char text[NUMBER_DOUBLE_TEXT_BYTES];

    number_format_double(value, text);
    buf_printf(out, ",\"%s\":%s", name, text);
}

static int revise_pack(struct revise *r, const struct candles *bars, struct error *err)
{
    struct buf *out = &r->revision.change;
    struct chunk_summary is;

    buf_reset(&r->packed);
    if (chunk_encode(bars, &r->packed, &is, err) != 0) return -1;
    if (!isfinite(is.volume)) return error_set(err, ERROR_INVALID, "the volumes are too large to be added up");
    buf_printf(out, "%s{\"address\":%" PRId64 ",\"bars\":%u,\"first_ms\":%" PRId64 ",\"last_ms\":%" PRId64,
               out->len == 0 ? "{\"chunks\":[" : ",", is.address, (unsigned)is.bars, is.first_ms, is.last_ms);
    revise_number("low_min", is.low_min, out);
    revise_number("high_max", is.high_max, out);
    revise_number("volume", is.volume, out);
    buf_add_str(out, ",\"packed\":\"");
    base64_add(buf_slice(&r->packed), out);
    buf_add_str(out, "\"}");
    return 0;
}

static const struct revise_chunk *revise_find(const struct revise_stored *stored, int64_t address, size_t *at)
{
    if (!stored->is_there) return NULL;
    while (*at < stored->count && stored->chunks[*at].says->address < address) ++*at;
    return *at < stored->count && stored->chunks[*at].says->address == address ? &stored->chunks[*at] : NULL;
}

/* What is in the place of a damaged chunk cannot be compared. Nothing of it is lost that could have been kept. */
static bool revise_mends(const struct revise *r, const struct chunk_summary *says, const struct candles *part)
{
    return r->options->replace && part->count >= says->bars && part->time_ms[0] <= says->first_ms &&
           part->time_ms[part->count - 1] >= says->last_ms;
}

static int revise_refuse(struct revise *r, const struct revise_chunk *chunk, struct error *err)
{
    char first[CANDLES_STAMP_BYTES], last[CANDLES_STAMP_BYTES];
    char what[sizeof(err->message)];

    candles_stamp_format(chunk->says->first_ms, first);
    candles_stamp_format(chunk->says->last_ms, last);
    snprintf(what, sizeof(what), "%s", err->message);
    r->damaged = chunk;
    return error_set(err, ERROR_INVALID,
                     "the %u stored candles from %s to %s are damaged (%s); import all of them again with --replace",
                     (unsigned)chunk->says->bars, first, last, what);
}

/* The coming bars of one chunk. */
static int revise_part(struct revise *r, const struct revise_chunk *chunk, const struct candles *part,
                       struct error *err)
{
    struct candles_series *there = candles_series_new(part->timeframe_ms);
    struct candles_series *merged = NULL;
    struct chunk_summary is;
    int rc = 0;

    candles_series_digits(there, part->price_digits, candles_step_digits(part->lot));
    r->mends = false;
    if (chunk != NULL && chunk_decode(chunk->packed, chunk->says, there, &is, err) != 0) {
        r->mends = revise_mends(r, chunk->says, part);
        if (!r->mends) rc = revise_refuse(r, chunk, err);
    }
    if (rc == 0) {
        r->there = candles_series_view(there);
        r->part = part;
        r->changes = false;
        merged = candles_merge(r->there, part, r->options->replace, revise_met, r);
        if (r->changes) r->revision.chunks++;
        if (r->changes && !r->options->only_looks) rc = revise_pack(r, candles_series_view(merged), err);
    }
    candles_series_free(merged);
    candles_series_free(there);
    return rc;
}

static int revise_finer(int stored, int coming)
{
    return stored > coming ? stored : coming;
}

static void revise_finish(struct revise *r)
{
    const struct revise_stored *stored = r->stored;
    struct buf *out = &r->revision.change;
    const int price_digits = revise_finer(stored->is_there ? stored->price_digits : 0, r->coming->price_digits);
    const int lot_digits = revise_finer(stored->is_there ? stored->lot_digits : 0, candles_step_digits(r->coming->lot));

    buf_printf(out,
               "],\"timeframe_ms\":%" PRId64
               ",\"adjusted\":%s,\"price_digits\":%d,\"lot_digits\":%d,\"first_ms\":%" PRId64 ",\"last_ms\":%" PRId64
               "}",
               r->coming->timeframe_ms, r->options->adjusted ? "true" : "false", price_digits, lot_digits,
               r->revision.first_ms, r->revision.last_ms);
    if (!stored->is_there || stored->id == 0) return;
    out->len--;
    buf_printf(out, ",\"series\":%" PRId64 "}", stored->id);
}

struct revise *revise_new(const struct revise_stored *stored, const struct candles *coming,
                          const struct revise_options *options, struct candles_notes *notes)
{
    struct revise *r = mem_zalloc(sizeof(*r));

    *r = (struct revise){.stored = stored, .coming = coming, .options = options, .notes = notes};
    return r;
}

void revise_free(struct revise *revise)
{
    if (revise == NULL) return;
    revision_clear(&revise->revision);
    buf_clear(&revise->packed);
    free(revise);
}

int revise_step(struct revise *r, struct error *err)
{
    const struct candles *coming = r->coming;

    if (r->first < coming->count) {
        const int64_t address = chunk_address(coming->time_ms[r->first], coming->timeframe_ms);
        const struct candles part = candles_view(coming, r->first, chunk_span(coming, r->first));

        if (revise_part(r, revise_find(r->stored, address, &r->at), &part, err) != 0) return -1;
        r->first += part.count;
    }
    if (r->first < coming->count) return 1;
    if (r->revision.change.len > 0) revise_finish(r);
    return 0;
}

const struct revise_chunk *revise_damaged(const struct revise *revise)
{
    return revise->damaged;
}

struct revision revise_take(struct revise *revise)
{
    const struct revision revision = revise->revision;

    revise->revision = (struct revision){0};
    return revision;
}

int revise_make(const struct revise_stored *stored, const struct candles *coming, const struct revise_options *options,
                struct candles_notes *notes, struct revision *ret_revision, struct error *err)
{
    struct revise *r = revise_new(stored, coming, options, notes);
    int more = 1;

    while (more > 0) more = revise_step(r, err);
    *ret_revision = (struct revision){0};
    if (more == 0) *ret_revision = revise_take(r);
    revise_free(r);
    return more;
}

void revision_clear(struct revision *revision)
{
    buf_clear(&revision->change);
}
