/* Running the blocks of files, and telling what went wrong at which line. */
#ifndef MIGRATE_RUN_H
#define MIGRATE_RUN_H

#include "migrate/file.h"
#include "migrate/session.h"

struct run_statement {
    const struct migrate_file *file;
    const struct migrate_block *block;
    const struct lexer_statement *statement;
};

/* Runs one statement; fails with file:line:column, SQLSTATE, message, hint, and the line itself. */
int run_statement(struct migrate_session *s, const struct run_statement *run, struct error *err) ATTR_CHECKED;
/* A block's timeouts, until the end of the transaction or of the session's use by it. */
int run_set_timeouts(struct migrate_session *s, const struct migrate_block *block, bool local,
                     struct error *err) ATTR_CHECKED;
/* All statements of a block inside the transaction that the caller began, each of which must leave it open. */
int run_block_inside(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                     struct error *err) ATTR_CHECKED;
/* What was deferred to the COMMIT speaks now: the last thing but our own rows. */
int run_settle(struct migrate_session *s, struct error *err) ATTR_CHECKED;
/* The block's row in the ledger comes or goes, and with it what the journal holds of the file. */
int run_record(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
               int64_t duration_ms, struct error *err) ATTR_CHECKED;
/* A transaction:false block, statement by statement with a journal, going on where an earlier run broke off. */
int run_block_journalled(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                         struct error *err) ATTR_CHECKED;

/* One block after the other, each with its row in the ledger, in one transaction if all allow that. */
int run_blocks(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *const *blocks,
               size_t count, struct error *err) ATTR_CHECKED;

/* Adds a line to a message. */
void run_append(struct error *err, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif
