/*
 * Files of candles to one series. Bytes come in pieces of any size, files one after the other; what is kept of them is
 * rows, never the file. How the bytes are cut changes nothing.
 *
 *     struct candles_import *import = candles_import_new(&options);
 *     candles_import_begin(import, "BTCUSDT-1m-2024-01.zip");
 *     while (…) candles_import_feed(import, piece, &err);
 *     candles_import_end(import, &err);                           and so for the next file
 *     candles_import_finish(import, stored, &series, &report, &err);
 *     candles_import_free(import);
 *
 * Errors are about files: an unknown format, damage, several symbols. Wrong rows are rejected one by one and listed in
 * the report. No bar is made up: one that is missing stays missing.
 */
#ifndef CANDLES_IMPORT_H
#define CANDLES_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "candles/merge.h"
#include "candles/report.h"
#include "candles/zone.h"

/* What the bounds are where options have 0. */
#define CANDLES_IMPORT_BYTES_MAX (UINT64_C(8) << 30)
#define CANDLES_IMPORT_ROWS_MAX (UINT64_C(64) << 20)

/* All zero is what most files need. Everything is borrowed until candles_import_free. */
struct candles_import_options {
    const char *format;              /* the table's name (candles/format.h); NULL: found by header or shape */
    const char *symbol;              /* as the file's column has it; NULL: files of one symbol */
    int64_t timeframe_ms;            /* 0: found from the distances between rows */
    const struct candles_zone *zone; /* of local times; NULL: the format's own, else UTC */
    bool stamp_is_close;             /* times are those of the closing */
    bool replace;                    /* a row in conflict replaces what was there */
    bool gives_up_rows;              /* candles_import_met is not used: half the memory */
    bool adjusted;                   /* prices times adjusted close / close; needs such a column */
    uint64_t bytes_max;              /* of one file when it is unpacked */
    uint64_t rows_max;               /* of all files */
};

struct candles_import;

/* NULL after filling `err` if an option is wrong. */
struct candles_import *candles_import_new(const struct candles_import_options *options, struct error *err) ATTR_CHECKED;
void candles_import_free(struct candles_import *import); /* takes NULL */

/* `name` is for messages, and is copied. Each returns 0, or -1 after which only candles_import_free may be called. */
void candles_import_begin(struct candles_import *import, const char *name);
int candles_import_feed(struct candles_import *import, struct slice bytes, struct error *err) ATTR_CHECKED;
int candles_import_end(struct candles_import *import, struct error *err) ATTR_CHECKED;

/* `there`: the stored bars, or NULL; if no timeframe is given, it is theirs. The result (theirs and
 * the files' bars) is the caller's. A row whose values differ is a conflict. This does not fail then: the caller sees
 * it in the report and refuses. */
int candles_import_finish(struct candles_import *import, const struct candles *there,
                          struct candles_series **ret_series, struct candles_report *ret_report,
                          struct error *err) ATTR_CHECKED;

/*
 * If what is stored is read only when the files' bars are known (candles/revise.h): candles_import_finish with `there`
 * NULL, and then, for each comparison, a copy of its report whose `new` is zero, to which this adds what each bar of
 * the result is. `comparison` is a struct candles_comparison, `index` the bar's.
 */
struct candles_comparison {
    const struct candles_import *import;
    struct candles_report *report;
};

void candles_import_met(void *comparison, size_t index, enum candles_meeting meeting);

#endif
