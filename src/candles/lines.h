/*
 * Lines out of pieces of any size, and cells out of a line. A line that lies whole in a piece is not copied.
 */
#ifndef CANDLES_LINES_H
#define CANDLES_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

enum {
    LINES_BYTES_MAX = 16 * 1024, /* a longer line is given cut, as is_cut says */
    LINES_CELLS_MAX = 64,        /* cells after these are not looked at */
};

struct line {
    struct slice text; /* without its end (LF or CR LF), and of the first line without a byte order mark */
    uint64_t number;   /* from 1 */
    bool is_cut;
};

/* 0, or -1 after filling `err`, which ends the reading. */
typedef int line_take(void *context, const struct line *line, struct error *err);

/* Embedded: all zero, then lines_clear frees what it holds. */
struct lines {
    struct buf part; /* of a line whose end has not come yet */
    uint64_t count;
    bool is_cut;
};

void lines_clear(struct lines *lines);
int lines_feed(struct lines *lines, struct slice bytes, line_take *take, void *context, struct error *err) ATTR_CHECKED;
/* The last line may have no end. Afterwards `lines` is as new. */
int lines_end(struct lines *lines, line_take *take, void *context, struct error *err) ATTR_CHECKED;

/* Cells between `separator`s, without spaces and double quotes around them; a separator between quotes does not count.
 * Returns how many there are, LINES_CELLS_MAX at most. */
size_t lines_split(struct slice line, char separator, struct slice cells[LINES_CELLS_MAX]);

#endif
