/*
 * The ledger, schema_migrations, and the journal of transaction:false files, schema_migrations_journal. Both stand in
 * the schema where the ledger is found first, or else in the first schema of the search path, and are always named with
 * it.
 */
#ifndef MIGRATE_LEDGER_H
#define MIGRATE_LEDGER_H

#include "migrate/file.h"
#include "migrate/session.h"

/* Where the ledger is, or would be made. ERROR_FAILED if a table of that name is another tool's. */
int ledger_find(struct migrate_session *s, struct error *err) ATTR_CHECKED;
/* Makes the ledger, or takes over dbmate's; to be called under the lock. */
int ledger_ensure(struct migrate_session *s, struct error *err) ATTR_CHECKED;
int ledger_insert(struct migrate_session *s, const struct migrate_file *file, int64_t duration_ms,
                  struct error *err) ATTR_CHECKED;
int ledger_delete(struct migrate_session *s, const struct migrate_file *file, struct error *err) ATTR_CHECKED;
/* The row takes the file's name and checksum. */
int ledger_refresh(struct migrate_session *s, const struct migrate_file *file, struct error *err) ATTR_CHECKED;

/* Rows are known by version, direction and the number of the statement, from 1. */
struct journal_mark {
    const struct migrate_file *file;
    const struct migrate_block *block;
    unsigned statement;
    unsigned line;
    const char *checksum; /* of the statement */
};

int journal_ensure(struct migrate_session *s, struct error *err) ATTR_CHECKED;
int journal_exists(struct migrate_session *s, bool *ret_exists, struct error *err) ATTR_CHECKED;
/* Columns statement, checksum, started_at, finished_at (NULL if it did not), error; in order. */
int journal_read(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                 PGresult **ret_result, struct error *err) ATTR_CHECKED;
/* Marks are written as who we are, in transactions of their own. */
int journal_begin(struct migrate_session *s, const struct journal_mark *mark, struct error *err) ATTR_CHECKED;
/* Inside a transaction it shares, and ends, that one. */
int journal_finish(struct migrate_session *s, const struct journal_mark *mark, struct error *err) ATTR_CHECKED;
/* As far as that works: the statement's own error is what is told. */
void journal_fail(struct migrate_session *s, const struct journal_mark *mark, const char *message);
/* Does nothing if there is no journal. */
int journal_forget(struct migrate_session *s, const struct migrate_file *file, struct error *err) ATTR_CHECKED;

#endif
