/* An import's inside, for candles/ alone: import.c takes files apart, row.c reads a row, settle.c makes rows a series.
 */
#ifndef CANDLES_INTERNAL_H
#define CANDLES_INTERNAL_H

#include "candles/decimal.h"
#include "candles/format.h"
#include "candles/import.h"
#include "candles/unpack.h"

/* A row that was read. Its place orders it in the input: the source's number, then the line. */
struct import_row {
    struct candles_bar bar;
    uint64_t place;
};

enum { IMPORT_PLACE_LINE_BITS = 40 };

/* A local time that was there twice: the row has the first moment, and this is the other. */
struct import_twice {
    size_t row;
    int64_t later_ms;
};

/* How many numbers had so many decimals. */
struct import_digits {
    uint64_t counts[CANDLES_DIGITS_MAX + 2]; /* the last: more */
};

struct candles_import {
    struct candles_import_options options;
    const struct candles_format *wanted;
    struct unpack *unpack;
    struct lines lines;

    char **sources; /* owned: names of files and members */
    size_t source_count, source_capacity;
    char *file;        /* owned */
    bool is_member;    /* the source is a zip's member, which may hold something else */
    char *skipped_why; /* owned: of the first member that was passed over */

    bool has_layout, is_skipping; /* the source's format is known; it is passed over */
    unsigned skip;                /* lines between header and rows that are left */
    struct format_layout layout;
    const struct candles_format *format; /* of all sources so far */
    bool has_several_formats;
    char symbol[32]; /* of the first row that has one */

    struct import_row *rows; /* owned */
    size_t row_count, row_capacity;
    struct import_twice *twice; /* owned */
    size_t twice_count, twice_capacity;
    struct import_digits price_digits, volume_digits;
    double price_min;
    struct candles_report *report; /* owned, until it is handed over */
};

/* What became of a line. */
enum import_outcome { IMPORT_ROW, IMPORT_REJECTED, IMPORT_OTHER_SYMBOL, IMPORT_FATAL };

/* A line of data. IMPORT_REJECTED has been noted. */
enum import_outcome import_row_read(struct candles_import *import, const struct line *line, struct error *err);
void import_reject(struct candles_import *import, uint64_t place, const char *reason, struct slice cell);

static inline uint64_t import_place(const struct candles_import *import, uint64_t line)
{
    return (uint64_t)(import->source_count - 1) << IMPORT_PLACE_LINE_BITS | line;
}

static inline const char *import_source(const struct candles_import *import, uint64_t place)
{
    return import->sources[place >> IMPORT_PLACE_LINE_BITS];
}

static inline uint64_t import_line(uint64_t place)
{
    return place & ((UINT64_C(1) << IMPORT_PLACE_LINE_BITS) - 1);
}

#endif
