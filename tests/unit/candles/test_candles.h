/* The tests of candles/, a file each; and what they share: files in memory, imported in pieces of any size. */
#ifndef TEST_CANDLES_H
#define TEST_CANDLES_H

#include "base/buf.h"
#include "candles/import.h"
#include "unit.h"

extern const struct unit_part chunk_tests, csv_tests, decimal_tests, derive_tests, fingerprint_tests, format_tests,
    import_tests, lines_tests, merge_tests, report_tests, revise_tests, row_tests, series_tests, settle_tests,
    stamp_tests, sum_tests, timeframe_tests, unpack_tests, zone_tests;

/* Made-up rows of each format: three bars, or as the sample says. */
struct sample {
    const char *format; /* as which it is found */
    const char *text;
    const char *bars;   /* as bars_print prints them */
    const char *symbol; /* NULL: the file has one */
};
extern const struct sample samples[];
extern const size_t sample_count;

/* What came of one import. */
struct imported {
    int outcome;
    struct candles_series *series; /* owned; NULL if it failed */
    struct candles_report *report; /* owned */
    struct error err;              /* its message is "" unless it failed */
};

/* One file, in pieces of `piece` bytes (0: whole). `there` as in candles_import_finish. */
void import_bytes(struct imported *ret, const struct candles_import_options *options, struct slice bytes, size_t piece,
                  const struct candles *there);
void import_text(struct imported *ret, const struct candles_import_options *options, const char *text);
void imported_clear(struct imported *imported);
const struct candles *imported_view(const struct imported *imported);
/* All of it, to the last bit, as text. */
void imported_print(const struct imported *imported, struct buf *out);
/* "time open high low close volume", a line each, as people write them. */
void bars_print(const struct candles *candles, struct buf *out);

/* Packed forms, made by zlib. */
void pack_gzip(struct slice bytes, struct buf *out);
struct pack_member {
    const char *name;
    struct slice bytes;
    bool is_stored, has_sizes_behind, is_64;
};
void pack_zip(const struct pack_member *members, size_t count, struct buf *out);

/* Noise that is the same each time. */
uint64_t noise(uint64_t *state);

/* The file of a zone in the database of the machine; false if it has none. */
bool zone_bytes(const char *name, struct buf *out);
/* A zone's file without changes, five hours west, and with `tail` for what comes behind them. */
void zone_file(const char *tail, struct buf *out);
struct candles_zone *zone_with_tail(const char *tail);
/* New York as it has been since 2007, without the years before: made here, so that no machine's files matter. */
struct candles_zone *zone_new_york(void);

#endif
