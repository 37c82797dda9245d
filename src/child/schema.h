/* Asks the database whether its schema holds every migration that this build knows. */
#ifndef CHILD_SCHEMA_H
#define CHILD_SCHEMA_H

#include "db/db.h"

enum schema_verdict {
    SCHEMA_MET,
    SCHEMA_MISSING,
    SCHEMA_REFUSED, /* the database does not tell, and does not tell later either: a right is missing, for example */
    SCHEMA_BUSY,    /* it did not tell in time */
    SCHEMA_UNKNOWN, /* the connection was lost */
};

/* Embedded; set own, db, versions (a text[] literal), done and ctx. */
struct schema_check {
    struct db *own; /* may be NULL: see db_choose */
    struct db *db;
    struct slice versions;
    /* `text` is the versions that are missing, or why the database does not tell. */
    void (*done)(void *ctx, enum schema_verdict verdict, const char *text);
    void *ctx;
    bool running;
};

extern const struct db_statement schema_check_statement; /* must be prepared with the others */

/* Asks, unless it waits for an answer already. */
void schema_check_run(struct schema_check *check);

#endif
