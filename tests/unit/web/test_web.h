#ifndef TEST_WORKER_H
#define TEST_WORKER_H

#include "base/buf.h"
#include "unit.h"

extern const struct unit_part count_part, docs_part;

/* The table of docs/metrics.md. */
void docs_table(struct buf *out);

#endif
