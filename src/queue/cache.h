/*
 * Candles that were read before, in files that every worker of the machine maps: a folder with a file for each
 * fingerprint and timeframe (queue/sheet.h has the form), written beside and renamed, so that a file is there as a
 * whole or not at all. Any number of workers, of several masters and containers, use a folder at once; none of them
 * locks.
 *
 * The files are bounded in bytes and in number: those that were used the longest ago go first. What another worker has
 * mapped stays for it, and costs its space until it ends.
 *
 * Nothing here can fail a job. If the folder cannot be used, or the disk is full, candles live in memory; cache_trouble
 * tells why, once. On a full disk, files that were used the longest ago make room for the next. The folder and its
 * files belong to the process's user, and nobody else may write there: a folder for which that is not so is not used.
 *
 * After cache_new, files are only made, written, renamed, removed and dated, all in the folder (wall_options.writes).
 */
#ifndef QUEUE_CACHE_H
#define QUEUE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "queue/sheet.h"

struct cache;

struct cache_options {
    const char *folder; /* made if its parent is there; NULL or "": no files */
    uint64_t bytes_max; /* of all files */
    /* After trouble no file is written for so long, then for twice as long if there is trouble again, and so on up to a
     * minute; 0: it is tried again at once. */
    unsigned pause_ms;
};

/* Makes the folder, mode 0700, if it is not there and its parent is; says nothing, as cache_new will. For who enters
 * the wall before cache_new. */
void cache_make_folder(const char *path);
/* Opens the folder and removes what is too much in it. Never NULL. */
struct cache *cache_new(const struct cache_options *options);
void cache_free(struct cache *cache); /* takes NULL */
/* Whether there is a folder that could be used when it was last tried. */
bool cache_is_on(const struct cache *cache);
/* What has gone wrong since the last call, a sentence for a warning; NULL if nothing has. The same trouble is told
 * once, and again if there was none for ten minutes. */
const char *cache_trouble(struct cache *cache);
/* Whether the folder's path leads to another folder than it did at cache_new, or to one now, or to none and one could
 * be made. Then a new process would have a cache, or the one that is meant. This one may make no folder, and write in
 * no other than its own (wall_options.writes). */
bool cache_has_moved(const struct cache *cache);

/* The candles of this key, if they are there: their content has yet to be checked (sheet_check). NULL: they are not. */
struct sheet *cache_find(struct cache *cache, const struct sheet_key *key) ATTR_CHECKED;
/* What cache_find gave is damaged. */
void cache_forget(struct cache *cache, const struct sheet_key *key);
/* A sheet for `about->count` bars, to be filled: in the folder, or else in memory. */
struct sheet *cache_create(struct cache *cache, const struct sheet_about *about) ATTR_CHECKED;
/* It is full, and ended: other workers find it from now on, if it is a file. It stays the caller's. */
void cache_keep(struct cache *cache, struct sheet *sheet);
/* Frees one that was created, and will not be kept. Takes NULL. */
void cache_drop(struct cache *cache, struct sheet *sheet);

/* The symbols of which there are files, those that were used last first, at most `max` different ones, as a literal of
 * PostgreSQL's text[]: for the claim. Cheap as long as the folder does not change. */
void cache_symbols(struct cache *cache, unsigned max, struct buf *out);
/* Bytes of all files when they were last counted. */
uint64_t cache_bytes(const struct cache *cache);

#endif
