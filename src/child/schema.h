/* Whether the database's schema holds every migration that this build knows, asked through the session. */
#ifndef CHILD_SCHEMA_H
#define CHILD_SCHEMA_H

#include "db/db.h"

enum schema_verdict { SCHEMA_MET, SCHEMA_MISSING, SCHEMA_UNKNOWN };

/* Embedded; set db, versions (a text[] literal), done and ctx. */
struct schema_check {
    struct db *db;
    struct slice versions;
    /* `missing` names the first few versions that are not there. */
    void (*done)(void *ctx, enum schema_verdict verdict, const char *missing);
    void *ctx;
    bool running;
};

extern const struct db_statement schema_check_statement; /* to be prepared with the others */

/* Asks, unless an answer is awaited already. */
void schema_check_run(struct schema_check *check);

#endif
