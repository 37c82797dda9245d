/*
 * The candles of a job: found in the database, taken from the cache (queue/cache.h) or else read and decoded, page by
 * page, so that the event loop is not held for longer than a page.
 *
 * What is read: the series of the symbol and timeframe, or if there is none, the finest series of the symbol whose
 * timeframe divides it, from which the candles are derived. Of it, the chunks that hold the bars of the look-back and
 * of the span. All that is handed over follows from the chunks that the list named, which is read in one snapshot: if
 * one of them changes before it is fetched, everything begins again.
 */
#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/slice.h"
#include "candles/candles.h"

struct cache;
struct db;
struct db_statement;
struct event_base;
struct load;

struct load_request {
    struct slice symbol;      /* copied */
    int64_t timeframe_ms;     /* one of candles/timeframe.h */
    int64_t start_ms, end_ms; /* bars that open in [start, end) */
    size_t lookback;          /* bars before start, if there are as many */
    bool detail;              /* a finer series over [start, end) as well, if one is stored: the finest */
    bool own_tick, own_lot;   /* the execution has them, so that nothing depends on those of the series */
    uint64_t bytes_max;       /* of the candles in memory (48 bytes a bar); 0: no bound */
};

/* The receiver's, who frees it. The candles are valid for as long. */
struct loaded {
    /* At most `lookback` bars before start, then those of the span, of which there is at least one. Read-only: a shared
     * mapping of a file, or memory. */
    struct candles candles;
    struct candles detail; /* count 0: none */
    /* SHA-256, in hexadecimal, over the SHA-256 of every chunk that was read (candles_fingerprint), those of a series
     * for the detail alone last; and over the steps of the series that the result depends on. */
    char fingerprint[DIGEST_SHA256_HEX_BYTES];
    struct buf read; /* JSON, as backtests.data_read has it: [{"series", "revision", "first_ms", "end_ms", …}, …] */
    bool is_derived;
    /* What it cost, for the metrics. */
    uint64_t bars;          /* in the sheets that were read, which hold whole chunks */
    uint64_t cached_bytes;  /* of sheets that were found in the cache */
    uint64_t fetched_bytes; /* of packed chunks that came from the database */
    unsigned cache_hits, cache_misses, cache_damaged;
};

void loaded_free(struct loaded *loaded); /* takes NULL */

/* Why there are no candles. Valid during the call only. */
struct load_failure {
    bool retry;         /* it may go well another time: the database is out of reach, say */
    const char *code;   /* no_data, data_damaged, out_of_memory, or database, the only one with retry */
    const char *detail; /* a sentence */
};

/* Called once, never from within load_start; `loaded` is the receiver's, or NULL with a failure. */
typedef void load_done_fn(void *arg, struct loaded *loaded, const struct load_failure *failure);

/* `db` has prepared load_statements; it, the base and the cache outlive the load. The load is gone once `done` has been
 * called. */
struct load *load_start(struct event_base *base, struct db *db, struct cache *cache, const struct load_request *request,
                        load_done_fn *done, void *arg) ATTR_CHECKED;
/* `done` will not be called. Not to be called from or after it. Takes NULL. */
void load_cancel(struct load *load);

/* The statements that it needs, for the session. */
extern const struct db_statement *const load_statements[];
enum { LOAD_STATEMENTS = 3 };

#endif
