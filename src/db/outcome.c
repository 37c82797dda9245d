#include <string.h>

#include "db/internal.h"

/*
 * PostgreSQL, appendix A. A pattern is a whole SQLSTATE or its class. The first one that fits counts, so a code stands
 * before its class.
 */
static const struct {
    const char *pattern;
    enum db_outcome outcome;
} sqlstates[] = {
    {"00000", DB_OK},          {"08", DB_UNAVAILABLE},    {"22", DB_INVALID_VALUE},  {"23001", DB_FOREIGN_KEY},
    {"23502", DB_CHECK},       {"23503", DB_FOREIGN_KEY}, {"23505", DB_UNIQUE},      {"23514", DB_CHECK},
    {"23P01", DB_UNIQUE},      {"25006", DB_READ_ONLY},   {"40001", DB_CONFLICT},    {"40P01", DB_CONFLICT},
    {"42501", DB_DENIED},      {"53300", DB_UNAVAILABLE}, {"53", DB_RESOURCES},      {"54", DB_RESOURCES},
    {"55P03", DB_CONFLICT},    {"57014", DB_TIMEOUT},     {"57P01", DB_UNAVAILABLE}, {"57P02", DB_UNAVAILABLE},
    {"57P03", DB_UNAVAILABLE}, {"57P05", DB_UNAVAILABLE},
};

static const char *const names[DB_OUTCOME_COUNT] = {
    [DB_OK] = "ok",
    [DB_UNAVAILABLE] = "unavailable",
    [DB_UNKNOWN] = "unknown",
    [DB_OVERLOADED] = "overloaded",
    [DB_TOO_MANY] = "too_many",
    [DB_UNIQUE] = "unique",
    [DB_FOREIGN_KEY] = "foreign_key",
    [DB_CHECK] = "check",
    [DB_INVALID_VALUE] = "invalid_value",
    [DB_CONFLICT] = "conflict",
    [DB_TIMEOUT] = "timeout",
    [DB_RESOURCES] = "resources",
    [DB_READ_ONLY] = "read_only",
    [DB_DENIED] = "denied",
    [DB_FAULT] = "fault",
};

const char *db_outcome_name(enum db_outcome outcome)
{
    return (unsigned)outcome < DB_OUTCOME_COUNT ? names[outcome] : names[DB_FAULT];
}

enum db_outcome db_outcome_of(const char *sqlstate)
{
    if (sqlstate == NULL || strlen(sqlstate) != 5) return DB_FAULT;
    for (size_t i = 0; i < countof(sqlstates); i++) {
        if (strncmp(sqlstate, sqlstates[i].pattern, strlen(sqlstates[i].pattern)) == 0) return sqlstates[i].outcome;
    }
    return DB_FAULT;
}

/*
 * What says that a statement's plan and the schema no longer agree, although it was prepared well once (PostgreSQL,
 * appendix A). Our statements' texts do not change, so all of class 42 (names, types, operators, columns that are
 * missing or have become ambiguous) speaks of the schema: no value of a request causes it.
 * Whatever error this is, the server rolls the implicit transaction back in which it happened: nothing was executed.
 * As above, a code stands before its class. db_pg_plan knows two more, which need more than the code.
 */
static const struct {
    const char *pattern;
    enum db_plan plan;
} plans[] = {
    {"26000", DB_PLAN_STALE},  /* the prepared statement is gone: DISCARD, a pooler */
    {"3F000", DB_PLAN_STALE},  /* the schema is gone */
    {"42501", DB_PLAN_DENIED}, /* a table that was made again lacks the rights of the one before */
    {"42", DB_PLAN_STALE},     /* also 42804, of a function whose own plan is of a column's type before */
    {"55000", DB_PLAN_STALE},  /* the table is a view now */
};

enum db_plan db_plan_of(const char *sqlstate)
{
    for (size_t i = 0; i < countof(plans); i++) {
        if (strncmp(sqlstate, plans[i].pattern, strlen(plans[i].pattern)) == 0) return plans[i].plan;
    }
    return DB_PLAN_KEPT;
}

bool db_sqlstate_is_refusal(const char *sqlstate)
{
    static const bool passing[DB_OUTCOME_COUNT] = {
        [DB_UNAVAILABLE] = true, [DB_CONFLICT] = true, [DB_TIMEOUT] = true, [DB_RESOURCES] = true};

    return !passing[db_outcome_of(sqlstate)];
}
