/* Small files, read whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

/* Adds the file's bytes to `out`. Returns false and sets errno if the file cannot be read, EFBIG if it holds more than
 * `max`; `out` then has what was read so far. */
bool file_read(const char *path, size_t max, struct buf *out) ATTR_CHECKED;
/* The same, and how long somebody may take to write it if it is a FIFO or the like; file_read gives 30 s. Then errno is
 * ETIMEDOUT. */
bool file_read_within(const char *path, size_t max, unsigned within_ms, struct buf *out) ATTR_CHECKED;
/* The same for a descriptor that is open, which may be a pipe or a socket: reads to its end. */
bool file_read_fd(int fd, size_t max, struct buf *out) ATTR_CHECKED;

#endif
