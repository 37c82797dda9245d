#include "pg/refusal.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/slice.h"

/* Of every command's statements. */
static const struct pg_refusal refusal_common[] = {
    {"25006", "", ERROR_UNAVAILABLE,
     "the database takes no changes now (a standby, or default_transaction_read_only is on): name the primary in "
     "DATABASE_URL, and in MIGRATE_DATABASE_URL if that is set"},
    {"57014", "", ERROR_UNAVAILABLE,
     "the database took longer than STRATSLAB_DATABASE_STATEMENT_TIMEOUT, so it was cancelled: try again later"},
    {"40", "", ERROR_UNAVAILABLE, "another transaction was in the way, and nothing was changed: try again"},
    {"53", "", ERROR_UNAVAILABLE,
     "the database has run out of a resource (disk, memory, connections), and nothing was changed: its log says more"},
    {"42P01", "", ERROR_FAILED, "the database lacks migrations of this build: run stratslabd migrate up"},
    {"42883", "", ERROR_FAILED, "the database lacks migrations of this build: run stratslabd migrate up"},
};

static const struct pg_refusal *refusal_find(const struct pg_refusals *refusals, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

    for (size_t i = 0; sqlstate != NULL && i < refusals->count; i++) {
        const struct pg_refusal *refusal = &refusals->items[i];

        if (strncmp(sqlstate, refusal->sqlstate, strlen(refusal->sqlstate)) != 0) continue;
        if (refusal->constraint[0] == '\0') return refusal;
        if (constraint != NULL && strcmp(constraint, refusal->constraint) == 0) return refusal;
    }
    return NULL;
}

int pg_fail(const PGconn *conn, const char *label, const PGresult *result, const struct pg_refusals *own,
            struct error *err)
{
    const struct pg_refusals common = {refusal_common, countof(refusal_common)};
    const struct pg_refusal *refusal = refusal_find(own, result);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (refusal == NULL) refusal = refusal_find(&common, result);
    if (refusal != NULL) return error_set(err, refusal->code, "%s", refusal->message);
    if (PQstatus(conn) != CONNECTION_OK) {
        return error_set(err, ERROR_UNAVAILABLE, "the connection to the database %s was lost", label);
    }
    if (result == NULL) return error_set(err, ERROR_UNAVAILABLE, "the database %s does not answer", label);
    return error_set(err, ERROR_REFUSED, "the database %s refuses: %s", label,
                     message == NULL ? "no reason was given" : message);
}
