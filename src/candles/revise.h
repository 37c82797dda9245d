/*
 * What an import makes of candles that are stored in chunks (candles/chunk.h): the stored chunks that it touches and
 * the bars that come, to the chunks that change. Nothing is asked of a database here: whoever imports reads the chunks
 * of revise_addresses, and writes `change` by candles_put of sql/migrations/20261126120000_candles.sql. A long import
 * is made in pieces: coming bars of some addresses at a time (chunk_span), each piece a revision of its own.
 */
#ifndef CANDLES_REVISE_H
#define CANDLES_REVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "candles/chunk.h"
#include "candles/merge.h"
#include "candles/report.h"

/* A chunk as it is stored; borrowed. */
struct revise_chunk {
    const struct chunk_summary *says; /* what its row says: the address, the SHA-256 */
    struct slice packed;
};

/* What is stored of the series. */
struct revise_stored {
    bool is_there;                /* false: there is no such series, and what follows is not looked at */
    int64_t id;                   /* of the series' row; 0: not known */
    int price_digits, lot_digits; /* of the series' row */
    const struct revise_chunk *chunks;
    size_t count; /* all those of the addresses that the coming bars touch; by address, and others do no harm */
};

struct revise_options {
    /* Values that differ replace those that are stored; otherwise they are conflicts, and those stay. What comes takes
     * the place of a damaged chunk if it has as many bars of all of its span. */
    bool replace;
    bool adjusted;   /* of a new series */
    bool only_looks; /* counts, and makes no change */
    /* Hears of each coming bar, by its index, oldest first; may be NULL. */
    candles_met *met;
    void *context; /* of met */
};

struct revision {
    uint64_t met[CANDLES_MEETINGS]; /* coming bars by what they meet: CANDLES_NEW and so on */
    size_t chunks;                  /* how many change; 0: there is nothing to write */
    int64_t first_ms, last_ms;      /* of the bars that are new or replace others */
    struct buf change;              /* JSON for candles_put; empty if there is nothing to write, or nothing is made */
};

/* Adds the addresses of the chunks that the bars touch, each once, as a bigint[] of PostgreSQL: "{1,2,5}". Returns how
 * many there are. */
size_t revise_addresses(const struct candles *coming, struct buf *out);
/* 0, with *ret_revision for the caller to clear; -1 with ERROR_INVALID if a stored chunk is damaged (the message says
 * what would replace it: `says` needs its bars and times for that), or the coming bars do not keep the promise of
 * `struct candles`. Notes of conflicts are added to `notes` (may be NULL), without a place.
 */
int revise_make(const struct revise_stored *stored, const struct candles *coming, const struct revise_options *options,
                struct candles_notes *notes, struct revision *ret_revision, struct error *err) ATTR_CHECKED;
void revision_clear(struct revision *revision);

/* The same, a chunk at a time, for whoever has others to serve in between. What revise_make takes is borrowed until
 * revise_free. */
struct revise;

struct revise *revise_new(const struct revise_stored *stored, const struct candles *coming,
                          const struct revise_options *options, struct candles_notes *notes) ATTR_CHECKED;
void revise_free(struct revise *revise); /* takes NULL */
/* 1: there is more to do; 0: it is done; -1: as revise_make. */
int revise_step(struct revise *revise, struct error *err) ATTR_CHECKED;
/* After a step that failed: the stored chunk that is damaged; NULL if that was not the reason. */
const struct revise_chunk *revise_damaged(const struct revise *revise);
/* After the last step, once: the caller's to clear. */
struct revision revise_take(struct revise *revise) ATTR_CHECKED;

#endif
