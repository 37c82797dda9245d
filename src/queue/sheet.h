/*
 * A sheet: candles column by column, in a file of the cache or in memory, as the engine reads them. It is filled once,
 * then only read. It is a shared mapping (mmap(2)) of its file, which costs no memory of its own, or else private
 * memory.
 *
 * A file is a page of head, then the columns time, open, high, low, close, volume, each of `count` numbers of 8 bytes
 * in the byte order of the machine. Each column has a checksum in the head, and the head has its own. They are not
 * cryptographic, as nobody else may write there: they find what disks and power cuts do. SHA-256 over a million bars
 * takes 27 ms and more, this checksum 5 ms.
 */
#ifndef QUEUE_SHEET_H
#define QUEUE_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "candles/candles.h"

/* A symbol has 32 characters of UTF-8 at most. */
enum { SHEET_SYMBOL_BYTES = 4 * 32 + 1, SHEET_NAME_BYTES = 112, SHEET_HEAD_BYTES = 4096 };

struct sheet;

/* What tells sheets apart: the same chunks and timeframe make the same candles. */
struct sheet_key {
    char fingerprint[DIGEST_SHA256_HEX_BYTES]; /* of the chunks */
    int64_t timeframe_ms;                      /* of the candles, which may be derived from the chunks' */
};

struct sheet_about {
    struct sheet_key key;
    char symbol[SHEET_SYMBOL_BYTES];
    uint64_t count;
    /* Of derived candles: the last one had ended by the end of the finer ones (candles_derived_is_closed). */
    bool last_is_closed;
};

/* The name of its file; the version of the form is in it. */
void sheet_name(const struct sheet_key *key, char out[SHEET_NAME_BYTES]);
/* Of its file, or in memory. */
uint64_t sheet_bytes(uint64_t count);

/* To be filled with about->count bars. It owns the descriptor, which is open for reading and writing, and empty; -1: it
 * goes to memory. `name` is what the file is called until it is kept. Ends the process if memory runs out. */
struct sheet *sheet_new(int fd, const char *name, const struct sheet_about *about) ATTR_CHECKED;
/* Adds the next bars. If the file cannot be written, the sheet goes on in memory. */
void sheet_add(struct sheet *sheet, const struct candles *bars);
/* All bars are there: it can be read from here on. */
void sheet_end(struct sheet *sheet);
/* Of the file that could not be written; 0: there was none, or it could. */
int sheet_errno(const struct sheet *sheet);
/* The name of sheet_new, also of a file that could not be written; NULL if there was no descriptor. */
const char *sheet_file(const struct sheet *sheet);

/* Maps a file, whose descriptor it owns from here on, or has closed if it returns NULL: then it is damaged, or not what
 * `key` asks for. */
struct sheet *sheet_open(int fd, const struct sheet_key *key) ATTR_CHECKED;
/* The head of a file alone; false if it is damaged. The descriptor stays the caller's. */
bool sheet_read_about(int fd, struct sheet_about *ret_about) ATTR_CHECKED;
/* Checks the next `bytes` or so of what was opened: 1 if all has been checked, 0 if there is more, -1 if it is damaged.
 */
int sheet_check(struct sheet *sheet, size_t bytes) ATTR_CHECKED;

const struct sheet_about *sheet_about(const struct sheet *sheet);
/* Borrowed; tick and lot are the caller's to set. */
struct candles sheet_candles(const struct sheet *sheet);
void sheet_free(struct sheet *sheet); /* takes NULL */

#endif
