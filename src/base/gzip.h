/* Reading gzip (RFC 1952) by zlib. */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/* Adds the content of one whole gzip member to `out`. Returns false if it is not a gzip member, is cut short, is
 * damaged, has something behind it, or holds more than `max` bytes; `out` then has what was read so far. */
bool gzip_read(struct slice packed, size_t max, struct buf *out) ATTR_CHECKED;

#endif
