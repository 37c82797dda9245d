/* What a statement that failed means to whoever typed a command: a table of SQLSTATEs with words that help. */
#ifndef PG_REFUSAL_H
#define PG_REFUSAL_H

#include <stddef.h>

#include "base/error.h"
#include "pg/pg.h"

struct pg_refusal {
    const char *sqlstate;   /* or its class */
    const char *constraint; /* "": any */
    enum error_code code;
    const char *message;
};

struct pg_refusals {
    const struct pg_refusal *items;
    size_t count;
};

/* Says what has become of a statement that failed in the session of a command: `own` are looked at before those that
 * every command has (refusal.c). `label` is the database for people; `result` may be NULL: no answer came. Returns -1.
 */
int pg_fail(const struct pg_conn *conn, const char *label, const struct pg_result *result,
            const struct pg_refusals *own, struct error *err);

#endif
