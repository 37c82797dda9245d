/* Small files, read whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

/* Adds the file's bytes to `out`. False with errno where it cannot be read, EFBIG where it holds more than `max`; `out`
 * has then what was read so far. */
bool file_read(const char *path, size_t max, struct buf *out) ATTR_CHECKED;
/* The same of a descriptor that is open, to its end: a pipe or a socket too. */
bool file_read_fd(int fd, size_t max, struct buf *out) ATTR_CHECKED;

#endif
