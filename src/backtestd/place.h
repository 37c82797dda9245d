/* Where in a file of JSON something stands. */
#ifndef BACKTESTD_PLACE_H
#define BACKTESTD_PLACE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* A file of JSON in memory. */
struct document {
    const char *path;  /* as messages print it */
    struct slice text; /* valid JSON, but for document_read's own errors */
};

/* Reads the file (- is standard input) into the arena and checks that it is JSON. ERROR_INVALID has file, line and
 * column. */
int document_load(struct document *document, const char *path, struct arena *arena, struct error *err) ATTR_CHECKED;

/* Adds "FILE:LINE:COLUMN: " of an offset in the text. */
void place_at(const struct document *document, size_t offset, struct buf *out);
/* The offset of what a pointer (RFC 6901) leads to; as far as it leads. `column`: in the string's or number's own
 * characters, from 1; 0: its beginning. */
size_t place_of(const struct document *document, struct slice pointer, size_t column, struct arena *arena);

#endif
