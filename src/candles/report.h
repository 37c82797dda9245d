/*
 * What an import says of itself. Every row of data that was read is counted once: as new, equal, replaced, a conflict,
 * or rejected, or it is another symbol's.
 */
#ifndef CANDLES_REPORT_H
#define CANDLES_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "candles/series.h"

enum { CANDLES_NOTES_MAX = 100, CANDLES_NOTE_BYTES = 160, CANDLES_SOURCE_BYTES = 96 };

/* A row that is reported. */
struct candles_note {
    uint64_t place;                    /* orders the notes: source, then line */
    uint64_t line;                     /* in its file or member, from 1 */
    char source[CANDLES_SOURCE_BYTES]; /* the file's name, and after a colon a zip member's */
    char reason[CANDLES_NOTE_BYTES];
};

/* The first CANDLES_NOTES_MAX, in the order of the input. */
struct candles_notes {
    size_t count;
    struct candles_note items[CANDLES_NOTES_MAX];
};

struct candles_report {
    const char *format; /* the table's name; "several" if the files are of several formats */
    int64_t timeframe_ms;
    bool timeframe_was_found; /* from the data, not given */
    uint64_t read;            /* rows of data, without headers and empty lines */
    uint64_t new;
    uint64_t equal;
    uint64_t replaced;
    uint64_t conflicts;
    uint64_t rejected;
    uint64_t off_grid;        /* of the rejected: the time is not one at which a bar opens */
    uint64_t others;          /* rows of other symbols than the one that was asked for */
    uint64_t members_skipped; /* of zip files: members that hold no candles */
    uint64_t local_assumed;   /* rows with a local time, though no zone was named */
    int local_offset_s;       /* what was assumed: seconds east of UTC, the format's own or 0 */
    bool lot_was_assumed;     /* the volumes are whole or zero, so the lot cannot be found from them */
    bool has_adjusted_column; /* and it was not asked for: prices are as they were paid */
    bool rests_at_weekends;   /* of the result: its weekends are not gaps */
    size_t gap_count;         /* of the result */
    int64_t gap_bars;
    size_t gaps_listed;
    struct candles_gap gaps[CANDLES_NOTES_MAX];
    size_t bars;      /* of the result */
    int64_t first_ms; /* its span: the opening of the first bar */
    int64_t last_ms;  /* and of the last one; both 0 if there is none */
    struct candles_notes rejections, contradictions;
};

/* Adds a note, or drops the last one if there is no more room. The reason is a printf format. */
void candles_note(struct candles_notes *notes, uint64_t place, uint64_t line, const char *source, const char *fmt, ...)
    ATTR_PRINTF(5, 6);

#endif
