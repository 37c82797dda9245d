/* What is told of files of candles, and of what an import has made of them. */
#ifndef BACKTESTD_REPORT_H
#define BACKTESTD_REPORT_H

#include "backtestd/market.h"
#include "backtestd/store.h"
#include "base/buf.h"
#include "command/command.h"

struct report {
    const struct market *market;
    const char *data;                  /* the fingerprint of the files' candles, or NULL */
    const char *symbol;                /* as which they are to be stored; NULL: they are checked alone */
    bool is_imported;                  /* they are stored by now */
    const struct store_series *stored; /* the series as it is stored; NULL: there is none */
};

void report_json(const struct report *subject, struct buf *out);
void report_text(const struct command_line *line, const struct report *subject, struct buf *out);

/* RFC 3339; valid until the next use of `scratch`. */
const char *report_time(int64_t time_ms, struct buf *scratch);
/* How many candles are not there between the first and the last one, weekends included. */
int64_t report_missing(const struct store_series *series);
/* "12.3 MB" */
void report_bytes(uint64_t bytes, struct buf *out);

#endif
