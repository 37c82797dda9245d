/*
 * The formats that are read, one row each, and how a file's format is found: by the names in its header, else by the
 * shape of its first row. If there is a header, columns are found by their names. So the row of a format with a header
 * has only the names that identify it, and their meaning.
 */
#ifndef CANDLES_FORMAT_H
#define CANDLES_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "candles/lines.h"

enum format_column {
    FORMAT_TIME,
    FORMAT_CLOCK, /* the time of the day if the date has a column of its own */
    FORMAT_OPEN,
    FORMAT_HIGH,
    FORMAT_LOW,
    FORMAT_CLOSE,
    FORMAT_VOLUME, /* may be missing: zero */
    FORMAT_SYMBOL, /* may be missing, as what follows */
    FORMAT_ADJUSTED,
    FORMAT_COLUMNS,
};

struct candles_format {
    const char *name;  /* by which it is asked for */
    const char *title; /* for people */
    const char *needs; /* columns of the header that tell it, by their plain names (format.c); NULL: it has no header */
    const char *shape; /* without a header, a letter a cell: t time, k clock, o h l c v, - anything; NULL: it has one */
    char separator;    /* of the shape */
    char date_mark;    /* of the shape: what stands between year, month and day; 0: anything */
    unsigned skip;     /* lines between header and rows */
    int zone_offset_s; /* of local times, if the user names no zone */
};

/* NULL after the last. */
const struct candles_format *candles_format_at(unsigned index);
const struct candles_format *candles_format_named(const char *name);
/* "binance, kraken, …" for messages. */
void candles_format_list(struct buf *out);

enum { FORMAT_VOLUMES_MAX = 2, FORMAT_CURRENCY_BYTES = 16 };

/* A column of the volume in one currency: "Volume USDT". */
struct format_volume {
    int column;
    char currency[FORMAT_CURRENCY_BYTES]; /* in small letters */
};

/* How the rows of one file are read. */
struct format_layout {
    const struct candles_format *format;
    char separator;
    bool has_header;
    int columns[FORMAT_COLUMNS]; /* the cell's index; -1: missing */
    size_t cells;                /* a row has at least so many */
    /* If there are several such columns, the symbol says which one is in the base currency; until then FORMAT_VOLUME is
     * the first. */
    struct format_volume volumes[FORMAT_VOLUMES_MAX];
    size_t volume_count;
};

enum format_verdict {
    FORMAT_UNKNOWN,
    FORMAT_BEFORE, /* nothing yet: an empty line, a comment, an address */
    FORMAT_HEADER, /* found: the line is the header */
    FORMAT_ROW,    /* found: the line is the first row */
};

/* Looks at the first lines, one by one. `wanted`: the format that is asked for, or NULL. With FORMAT_UNKNOWN, `why`
 * gets what was seen, as the end of a sentence. */
enum format_verdict candles_format_find(struct slice line, const struct candles_format *wanted,
                                        struct format_layout *ret_layout, struct buf *why) ATTR_CHECKED;

/* At most 60 printable characters of the file's text, in double quotes. */
void candles_excerpt(struct buf *out, struct slice text);

#endif
