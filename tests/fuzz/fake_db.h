/*
 * A database behind src/db/db.h that does what a fuzz target says: queries wait in it until the target answers them,
 * loses them, or ends. It watches over the contract of db_submit as well: what a query submitted holds is there and
 * unchanged until it is done or abandoned, and nobody is called twice, or after he has left.
 */
#ifndef FAKE_DB_H
#define FAKE_DB_H

#include <stddef.h>

#include "db/db.h"

enum { FAKE_COLUMNS_MAX = 6, FAKE_ROWS_MAX = 8, FAKE_QUERIES_MAX = 16 };

/* An answer as the server would give it. What it points to lives until fake_db_answer returns. */
struct fake_result {
    enum db_outcome outcome;
    const char *sqlstate; /* NULL: none */
    const char *constraint;
    unsigned column_count;
    const char *columns[FAKE_COLUMNS_MAX];
    unsigned row_count;
    struct slice values[FAKE_ROWS_MAX][FAKE_COLUMNS_MAX];
};

struct fake_query {
    const struct db_statement *statement;
    const struct slice *values; /* as they came */
};

struct db *fake_db_new(void);
/* Drops what waits, as db_free does. */
void fake_db_free(struct db *db);
void fake_db_set_state(struct db *db, enum db_state state);
/* Those that wait, the oldest first. */
unsigned fake_db_waiting(const struct db *db);
struct fake_query fake_db_look(const struct db *db, unsigned index);
void fake_db_answer(struct db *db, unsigned index, const struct fake_result *result);

#endif
