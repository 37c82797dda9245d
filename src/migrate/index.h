/* The index that a statement makes: found in its text, so that it alone is looked at, by its whole name. */
#ifndef MIGRATE_INDEX_H
#define MIGRATE_INDEX_H

#include "base/buf.h"
#include "base/slice.h"

enum index_maker {
    INDEX_NONE,    /* the statement makes none */
    INDEX_CREATE,  /* CREATE INDEX … ON target */
    INDEX_REINDEX, /* REINDEX INDEX target */
    INDEX_TABLE,   /* REINDEX TABLE target */
    INDEX_MANY,    /* REINDEX SCHEMA, DATABASE, SYSTEM */
};

struct index_made {
    enum index_maker maker;
    struct buf name;   /* of CREATE, without quotes, as the server folds it; empty if the server chooses it */
    struct buf target; /* as written: quotes, and a schema if there is one */
};

/* PostgreSQL documentation, CREATE INDEX and REINDEX. To be cleared by index_made_clear, whatever it says. */
void index_made_of(struct slice statement, struct index_made *ret_made);
void index_made_clear(struct index_made *made);

#endif
