/*
 * A sheet: candles column by column, in a file of the cache or in memory, as the engine reads them. It is filled once,
 * then only read; a sheet in a file is a shared mapping (mmap(2)), which costs no memory of its own.
 *
 * A file is a page of head, then the columns time, open, high, low, close, volume, each of `count` numbers of 8 bytes
 * in the byte order of the machine. Each column has a checksum in the head, and the head has its own. The checksum is
 * not cryptographic, as nobody else may write there: it finds what disks and power cuts do. SHA-256 over a million
 * bars takes 25 to 120 ms (docs/performance.md), this one a tenth of that and less.
 */
#ifndef QUEUE_SHEET_H
#define QUEUE_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "candles/candles.h"

/* 32 characters of UTF-8 at most, and NUL. */
enum { SHEET_SYMBOL_BYTES = 129, SHEET_NAME_BYTES = 96 };

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
    int price_digits, lot_digits;
    /* Of derived candles: the last one has ended by the end of the finer ones (candles_derived_is_closed). */
    bool last_is_closed;
};

/* The name of its file; the version of the form is in it. */
void sheet_name(const struct sheet_key *key, char out[SHEET_NAME_BYTES]);
uint64_t sheet_bytes(uint64_t count); /* of its file, or in memory */

/* To be filled. With a descriptor, which it owns from here on, and writes to; -1: in memory. Ends the process if there
 * is no memory. */
struct sheet *sheet_new(int fd, const struct sheet_about *about) ATTR_CHECKED;
/* Adds the next bars. If the file cannot be written, it goes on in memory: errno_of_file has why. */
void sheet_add(struct sheet *sheet, const struct candles *bars);
/* All are there. A sheet with a file is mapped from here on. */
void sheet_end(struct sheet *sheet);
int sheet_errno(const struct sheet *sheet); /* of the file that could not be written; 0: none */
bool sheet_is_file(const struct sheet *sheet);

/* Maps a file, whose descriptor it owns from here on, or has closed if it returns NULL: it is damaged, or not what
 * `key` asks for. *ret_about is filled if it is one. */
struct sheet *sheet_open(int fd, const struct sheet_key *key) ATTR_CHECKED;
/* The head of a file alone; false if it is damaged. The descriptor stays the caller's. */
bool sheet_read_about(int fd, struct sheet_about *ret_about) ATTR_CHECKED;
/* Checks the next bytes of what was opened, at most about `bytes`: 1 all are checked, 0 there is more, -1 damaged. */
int sheet_check(struct sheet *sheet, size_t bytes) ATTR_CHECKED;

const struct sheet_about *sheet_about(const struct sheet *sheet);
/* Borrowed. */
struct candles sheet_candles(const struct sheet *sheet);
void sheet_free(struct sheet *sheet); /* takes NULL */

#endif
