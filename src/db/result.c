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

/* By the mean of its rows: a result of many small ones is not meant, for it takes what its number takes. */
bool db_pg_is_large(const PGresult *pg)
{
    const int rows = PQresultStatus(pg) == PGRES_TUPLES_OK ? PQntuples(pg) : 0;

    return rows > 0 && PQresultMemorySize(pg) / (size_t)rows > DB_ROW_BYTES_MAX;
}

const char *db_pg_message(const PGresult *pg)
{
    if (pg != NULL && db_pg_is_large(pg)) return "the answer of the database is larger than is taken (32 MiB a row)";
    return result_field(pg, PG_DIAG_MESSAGE_PRIMARY);
}

bool db_pg_is_fatal(const PGresult *pg)
{
    const char *severity = result_field(pg, PG_DIAG_SEVERITY_NONLOCALIZED);

    return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

/* A warning without a code of its own: the transaction was committed here, and the wait for its standbys was cancelled.
 * Source: PostgreSQL's syncrep.c. */
bool db_pg_is_unreplicated(const PGresult *pg)
{
    return strcmp(result_field(pg, PG_DIAG_SOURCE_FUNCTION), "SyncRepWaitForLSN") == 0;
}

/* Internal errors have no code of their own, and their words are never translated (elog). These are of an object that
 * was dropped, or dropped and made again, between a plan or a cache and its use. */
static bool result_is_of_lost_object(const PGresult *pg)
{
    static const char *const beginnings[] = {"cache lookup failed for ", "could not open relation with OID ",
                                             "could not find ", "type with OID ", "relation with OID "};

    for (size_t i = 0; i < countof(beginnings); i++) {
        if (strncmp(db_pg_message(pg), beginnings[i], strlen(beginnings[i])) == 0) return true;
    }
    return false;
}

/* 0A000 has many causes. "cached plan must not change result type" comes only from the function that revalidates plans.
 * And whatever the code: an error with a place in the statement's text comes from the parser, which found the statement
 * right before. (While it waits for a lock, the parser notes a place too.) */
enum db_plan db_pg_plan(const PGresult *pg)
{
    const char *sqlstate = db_pg_sqlstate(pg);
    enum db_plan plan = db_plan_of(sqlstate);
    bool stale = false;

    if (plan != DB_PLAN_KEPT || sqlstate[0] == '\0') return plan;
    if (strcmp(sqlstate, "0A000") == 0)
        stale = strcmp(result_field(pg, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") == 0;
    if (strcmp(sqlstate, "XX000") == 0) stale = result_is_of_lost_object(pg);
    if (result_field(pg, PG_DIAG_STATEMENT_POSITION)[0] != '\0' && db_sqlstate_is_refusal(sqlstate)) stale = true;
    return stale ? DB_PLAN_STALE : DB_PLAN_KEPT;
}

enum db_outcome db_pg_outcome(const PGresult *pg)
{
    switch (PQresultStatus(pg)) {
    case PGRES_TUPLES_OK:
        return db_pg_is_large(pg) ? DB_FAULT : DB_OK;
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
    return r->sqlstate != NULL ? r->sqlstate : db_pg_sqlstate(r->pg);
}

const char *db_result_message(const struct db_result *r)
{
    return r->message;
}

const char *db_result_constraint(const struct db_result *r)
{
    return result_field(r->pg, PG_DIAG_CONSTRAINT_NAME);
}
