#include <string.h>

#include "db/internal.h"

static const char *result_field(const PGresult *pg, int code)
{
    const char *text = pg == NULL ? NULL : PQresultErrorField(pg, code);

    return text == NULL ? "" : text;
}

const char *db_pg_sqlstate(const PGresult *pg)
{
    return result_field(pg, PG_DIAG_SQLSTATE);
}

const char *db_pg_message(const PGresult *pg)
{
    return result_field(pg, PG_DIAG_MESSAGE_PRIMARY);
}

bool db_pg_is_fatal(const PGresult *pg)
{
    const char *severity = result_field(pg, PG_DIAG_SEVERITY_NONLOCALIZED);

    return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

/* 0A000 has many causes. Ours ("cached plan must not change result type", after a migration) comes only from the
 * function that revalidates plans. */
bool db_pg_is_stale(const PGresult *pg)
{
    const char *sqlstate = db_pg_sqlstate(pg);

    if (strcmp(sqlstate, "0A000") == 0)
        return strcmp(result_field(pg, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") == 0;
    return strcmp(sqlstate, "26000") == 0;
}

enum db_outcome db_pg_outcome(const PGresult *pg)
{
    switch (PQresultStatus(pg)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        return DB_OK;
    case PGRES_FATAL_ERROR:
        return db_outcome_of(db_pg_sqlstate(pg));
    default:
        return DB_FAULT;
    }
}

enum db_outcome db_result_outcome(const struct db_result *r)
{
    return r->outcome;
}

unsigned db_result_rows(const struct db_result *r)
{
    return r->outcome == DB_OK && r->pg != NULL ? (unsigned)PQntuples(r->pg) : 0;
}

/* Not PQfnumber, which folds the name as SQL does. */
int db_result_column(const struct db_result *r, const char *name)
{
    int columns = r->pg == NULL ? 0 : PQnfields(r->pg);

    for (int i = 0; i < columns; i++) {
        if (strcmp(PQfname(r->pg, i), name) == 0) return i;
    }
    return -1;
}

struct slice db_result_value(const struct db_result *r, unsigned row, int column)
{
    if (row >= db_result_rows(r) || column < 0 || column >= PQnfields(r->pg)) return SLICE_NONE;
    if (PQgetisnull(r->pg, (int)row, column)) return SLICE_NONE;
    return (struct slice){PQgetvalue(r->pg, (int)row, column), (size_t)PQgetlength(r->pg, (int)row, column)};
}

const char *db_result_sqlstate(const struct db_result *r)
{
    return db_pg_sqlstate(r->pg);
}

const char *db_result_message(const struct db_result *r)
{
    return r->message;
}

const char *db_result_constraint(const struct db_result *r)
{
    return result_field(r->pg, PG_DIAG_CONSTRAINT_NAME);
}
