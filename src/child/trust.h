/* Asks the database whether others could put something of theirs in the place of what the service means (pg/trust.c).
 */
#ifndef CHILD_TRUST_H
#define CHILD_TRUST_H

#include "db/db.h"

/* Embedded; set db and label. */
struct trust_check {
    struct db *db;
    const char *label; /* the database's name in the log */
    bool running;
    bool told;
};

/* db_trust_statement must be prepared with the others. Asks, unless it waits for an answer already, and warns in the
 * log, once. The service goes on: it may have served in this way for long, and `check` refuses it. */
void trust_check_run(struct trust_check *check);

#endif
