/*
 * Candles in the database, as commands read and write them: one connection, on which every call waits for its answer.
 * The tables are those of sql/migrations/20261126120000_candles.sql. Functions that can fail return 0, or -1 with
 * `err`: ERROR_UNAVAILABLE and ERROR_REFUSED are the database's (exit status 69).
 */
#ifndef BACKTESTD_STORE_H
#define BACKTESTD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "candles/chunk.h"
#include "command/command.h"

/* How many chunks are read or written at once: at most 8 MiB. */
enum { STORE_PAGE_CHUNKS = 64, STORE_STAMP_BYTES = 32 };

struct store;

/* What the session's role must be allowed to do. */
enum store_need { STORE_READS, STORE_IMPORTS, STORE_DELETES };

/* A series' row. Texts are owned by the list, or by the result of store_find. */
struct store_series {
    int64_t id, revision;
    char *symbol, *timeframe;
    int64_t timeframe_ms;
    bool adjusted;
    int price_digits, lot_digits;
    uint64_t bars, bytes;
    int64_t first_ms, last_ms; /* openings */
    char created_at[STORE_STAMP_BYTES], updated_at[STORE_STAMP_BYTES];
};

struct store_list {
    struct store_series *items;
    size_t count;
};

/* Chunks as they are stored: what their rows say of them, and their bytes. */
struct store_page {
    size_t count;
    struct chunk_summary says[STORE_PAGE_CHUNKS];
    size_t begins[STORE_PAGE_CHUNKS + 1]; /* in `bytes` */
    struct buf bytes;
};

/* Connects, once, and looks whether the schema and the role are such that `need` can be done. */
int store_open(const struct command_line *line, const struct conf *conf, enum store_need need, struct store **ret_store,
               struct error *err) ATTR_CHECKED;
void store_close(struct store *store); /* takes NULL */

/* From here on everything is read as it was at one moment, whoever writes meanwhile. */
int store_freeze(struct store *store, struct error *err) ATTR_CHECKED;

/* Series by symbol, then from the shortest timeframe on; of this symbol and timeframe alone if they are not NULL. */
int store_list_read(struct store *store, const char *symbol, const char *timeframe, struct store_list *ret_list,
                    struct error *err) ATTR_CHECKED;
void store_list_clear(struct store_list *list);
/* The series; false in *ret_found if there is none. Its texts are the caller's (store_series_clear). */
int store_find(struct store *store, const char *symbol, const char *timeframe, struct store_series *ret_series,
               bool *ret_found, struct error *err) ATTR_CHECKED;
void store_series_clear(struct store_series *series);
/* ERROR_INVALID: there is no such series (`timeframe` may be NULL), and which there are that may be meant. Returns -1,
 * also if these cannot be read. */
int store_unknown(struct store *store, const char *symbol, const char *timeframe, struct error *err);

/* The first chunks, at most `max` and STORE_PAGE_CHUNKS, with addresses from `first` to `last`. */
int store_read(struct store *store, int64_t series, int64_t first, int64_t last, size_t max, struct store_page *page,
               struct error *err) ATTR_CHECKED;
/* Those of these addresses, at most STORE_PAGE_CHUNKS: a bigint[] of PostgreSQL. */
int store_read_these(struct store *store, int64_t series, const char *addresses, struct store_page *page,
                     struct error *err) ATTR_CHECKED;
void store_page_clear(struct store_page *page);
struct slice store_packed(const struct store_page *page, size_t index);

enum store_put {
    STORE_PUT_DONE,
    STORE_PUT_LATE, /* the series has another revision by now, so nothing was written */
    STORE_PUT_SLOW, /* it took longer than a statement may, so nothing was written */
};

/* One transaction: candles_put of the migration. `known` is 0 if there is no such series. */
int store_put_chunks(struct store *store, const char *symbol, const char *timeframe, int64_t known, const char *change,
                     enum store_put *ret_put, int64_t *ret_revision, struct error *err) ATTR_CHECKED;
/* Removes the series of this id and all of its candles; *ret_gone is false if somebody else did. */
int store_delete(struct store *store, int64_t series, bool *ret_gone, struct error *err) ATTR_CHECKED;

#endif
