/* What a worker asks of the queue: docs/backtests.md has the functions. */
#ifndef QUEUE_STATEMENTS_H
#define QUEUE_STATEMENTS_H

#include <stddef.h>

#include "db/db.h"

/* A lease is one minute; it is extended after a third of that. */
enum { QUEUE_LEASE_MS = 60000 };

extern const struct db_statement queue_claim;     /* worker, kinds, prefers */
extern const struct db_statement queue_heartbeat; /* id, claim, progress or NULL */
extern const struct db_statement queue_put;       /* id, claim, result */
extern const struct db_statement queue_fail;      /* id, claim, error, retry */
extern const struct db_statement queue_give_back; /* id, claim */
extern const struct db_statement queue_length;    /* kinds */

/* All that the session prepares, those of queue/load.h included. */
const struct db_statement *const *queue_statements(size_t *ret_count);

#endif
