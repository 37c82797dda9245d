#include <string.h>

#include "db/internal.h"

/*
 * PostgreSQL, appendix A. A pattern is a whole SQLSTATE or its class. The first one that fits counts, so a code stands
 * before its class.
 *
 * Others' work is in the way in three manners. Who waits for a lock for too long has changed nothing, and nobody came
 * first: that is the same for reads and writes. If one of two had to give way, a write is told so, since what it would
 * change may be another thing by now; a read may simply be sent again (a standby cancels reads in this manner, too).
 */
static const struct {
    const char *pattern;
    enum db_outcome outcome;
    bool is_again; /* a read that meets it is sent again, and is DB_BUSY if that does not help */
} sqlstates[] = {
    {"00000", DB_OK, false},          {"08007", DB_UNKNOWN, true}, /* transaction_resolution_unknown */
    {"08", DB_UNAVAILABLE, false},    {"22", DB_INVALID_VALUE, false},
    {"23001", DB_FOREIGN_KEY, false}, {"23502", DB_CHECK, false},
    {"23503", DB_FOREIGN_KEY, false}, {"23505", DB_UNIQUE, false},
    {"23514", DB_CHECK, false},       {"23P01", DB_UNIQUE, false},
    {"25006", DB_READ_ONLY, false},   {"25P03", DB_TIMEOUT, false}, /* idle_in_transaction_session_timeout */
    {"25P04", DB_TIMEOUT, false},                                   /* transaction_timeout */
    {"40003", DB_UNKNOWN, true},                                    /* statement_completion_unknown */
    {"40", DB_CONFLICT, true},                                      /* a serialization failure, a deadlock */
    {"42501", DB_DENIED, false},      {"44000", DB_CHECK, false},   /* a view's WITH CHECK OPTION */
    {"53300", DB_UNAVAILABLE, false}, {"53", DB_RESOURCES, false},
    {"54", DB_RESOURCES, false},      {"55006", DB_BUSY, false}, /* object_in_use */
    {"55P03", DB_BUSY, false},                                   /* lock_timeout, NOWAIT */
    {"57014", DB_TIMEOUT, false},     {"57P01", DB_UNAVAILABLE, false},
    {"57P02", DB_UNAVAILABLE, false}, {"57P03", DB_UNAVAILABLE, false},
    {"57P05", DB_UNAVAILABLE, false}, {"72000", DB_CONFLICT, true}, /* snapshot_too_old, up to version 16 */
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
    [DB_BUSY] = "busy",
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

/* countof(sqlstates) if no pattern fits. */
static size_t outcome_find(const char *sqlstate)
{
    size_t i = 0;

    if (sqlstate == NULL || strlen(sqlstate) != 5) return countof(sqlstates);
    while (i < countof(sqlstates) && strncmp(sqlstate, sqlstates[i].pattern, strlen(sqlstates[i].pattern)) != 0) i++;
    return i;
}

enum db_outcome db_outcome_of(const char *sqlstate)
{
    const size_t at = outcome_find(sqlstate);

    return at < countof(sqlstates) ? sqlstates[at].outcome : DB_FAULT;
}

bool db_sqlstate_is_again(const char *sqlstate)
{
    const size_t at = outcome_find(sqlstate);

    return at < countof(sqlstates) && sqlstates[at].is_again;
}

enum db_outcome db_outcome_for(enum db_outcome outcome, enum db_access access)
{
    if (!db_access_is_write(access) && (outcome == DB_CONFLICT || outcome == DB_UNKNOWN)) return DB_BUSY;
    return outcome;
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
        [DB_UNAVAILABLE] = true, [DB_UNKNOWN] = true, [DB_CONFLICT] = true,
        [DB_BUSY] = true,        [DB_TIMEOUT] = true, [DB_RESOURCES] = true,
    };

    return !passing[db_outcome_of(sqlstate)];
}
