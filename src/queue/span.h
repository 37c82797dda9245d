/*
 * The bars of one stored series, from the look-back to the end of a span, as a sheet: the list of the chunks that hold
 * them, and then their bars, from the cache or by pages from the database. For queue/load.c.
 */
#ifndef QUEUE_SPAN_H
#define QUEUE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/digest.h"
#include "queue/cache.h"

struct db;
struct db_result;
struct db_statement;
struct event_base;
struct span;

enum span_fault {
    SPAN_OK,
    SPAN_CHANGED,  /* chunks, or the series, are not what they were when they were listed: begin again */
    SPAN_DATABASE, /* out of reach, or refused */
    SPAN_DAMAGED,  /* what is stored is not what was stored */
    SPAN_TOO_LARGE,
};

/* `detail` is a sentence, valid during the call only. */
typedef void span_done_fn(void *arg, enum span_fault fault, const char *detail);

struct span_request {
    int64_t series;
    const char *symbol; /* borrowed for as long as the span lives */
    int64_t timeframe_ms;
    int64_t from_ms, to_ms; /* bars that open in [from, to) */
    uint64_t before;        /* and as many before them */
    uint64_t bytes_max;     /* of the sheet; 0: no bound */
};

/* Of the database, as they were when the list was read. */
struct span_list {
    int64_t revision;
    int price_digits, lot_digits;
    int64_t first_ms, last_ms; /* of the series */
    int64_t begin_ms;          /* from here on every bar of the series is in the sheet, as far as the last chunk goes */
    bool is_first;             /* no bar of the series is earlier than the sheet's */
    size_t chunks;             /* 0: there are no bars */
    uint64_t bars;
    const unsigned char (*sha256)[DIGEST_SHA256_BYTES]; /* of each; borrowed */
    struct sheet_key key;                               /* of the sheet */
};

/* What it cost. */
struct span_cost {
    uint64_t bars, cached_bytes, fetched_bytes;
    unsigned hits, misses, damaged;
};

struct span *span_new(struct event_base *base, struct db *db, struct cache *cache, const struct span_request *request,
                      struct span_cost *cost) ATTR_CHECKED;
/* Frees it, whatever it waits for: no callback comes. May be called from one. Takes NULL. */
void span_free(struct span *span);
/* Reads the list. */
void span_find(struct span *span, span_done_fn *done, void *arg);
const struct span_list *span_list(const struct span *span);
/* After that: reads the bars. */
void span_read(struct span *span, span_done_fn *done, void *arg);
/* After that: the caller's, who frees it. */
struct sheet *span_take(struct span *span) ATTR_CHECKED;

/* Checks a sheet that was found in the cache, some megabytes a turn of the loop. */
struct sheet_checker;
typedef void sheet_checked_fn(void *arg, bool is_sound);
struct sheet_checker *sheet_checker_new(struct event_base *base, struct sheet *sheet, sheet_checked_fn *done,
                                        void *arg) ATTR_CHECKED;
void sheet_checker_free(struct sheet_checker *checker); /* takes NULL */

/* Words for a query that failed. */
void span_database_words(const struct db_result *result, struct buf *out);
bool span_number(const struct db_result *result, unsigned row, const char *name, int64_t *ret_number) ATTR_CHECKED;

extern const struct db_statement span_list_statement, span_page_statement;

#endif
