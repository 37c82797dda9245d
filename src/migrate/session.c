#include "migrate/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "migrate/ledger.h"
#include "migrate/run.h"
#include "pg/pg.h"

void session_say(const struct migrate_session *s, enum migrate_note kind, const char *fmt, ...)
{
    char line[ERROR_MESSAGE_MAX];
    va_list ap;

    if (s->options.say == NULL) return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    s->options.say(s->options.say_arg, kind, line);
}

static void session_notice(void *arg, const PGresult *result)
{
    const struct migrate_session *s = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (s->quiet || message == NULL) return;
    session_say(s, MIGRATE_NOTE_NOTICE, "%s: %s", severity == NULL ? "NOTICE" : severity, message);
}

bool session_is_lost(const struct migrate_session *s)
{
    return s->silent || PQstatus(s->conn) != CONNECTION_OK;
}

/* We gave up: the server's words would be about the cancelling. */
static int session_fail_locked(const struct migrate_session *s, struct error *err)
{
    char waited[NUMBER_UNIT_TEXT_BYTES];

    number_format_duration_ms(s->options.lock_timeout_ms, waited);
    if (s->subject != NULL) {
        return error_set(err, ERROR_TIMEOUT,
                         "it waits for a lock in %s that %s holds; waited %s (STRATSLAB_MIGRATE_LOCK_TIMEOUT).\n"
                         "Wait for it to end. If it hangs: SELECT pg_terminate_backend(its number)",
                         s->options.label, s->blocker, waited);
    }
    return error_set(err, ERROR_TIMEOUT,
                     "the ledger %s of %s is locked by %s; waited %s (STRATSLAB_MIGRATE_LOCK_TIMEOUT).\n"
                     "Wait for it to end. If it hangs: SELECT pg_terminate_backend(its number)",
                     s->ledger == NULL ? "schema_migrations" : s->ledger, s->options.label, s->blocker, waited);
}

int session_fail(struct migrate_session *s, const PGresult *result, struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    struct slice text = slice_of(PQerrorMessage(s->conn));

    while (text.len > 0 && text.data[text.len - 1] == '\n') text.len--;
    if (s->silent) return error_set(err, ERROR_UNAVAILABLE, "the database %s does not answer", s->options.label);
    if (session_is_lost(s)) {
        return error_set(err, ERROR_UNAVAILABLE, "the connection to the database %s was lost: %.*s", s->options.label,
                         SLICE_FMT(text));
    }
    if (s->gave_up && s->deadline_ms == 0) return session_fail_locked(s, err);
    if (message == NULL) return error_set(err, ERROR_FAILED, "the database: %.*s", SLICE_FMT(text));
    snprintf(s->sqlstate, sizeof(s->sqlstate), "%s", sqlstate == NULL ? "" : sqlstate);
    return error_set(err, ERROR_FAILED, "the database: %s %s%s%s", sqlstate == NULL ? "" : sqlstate, message,
                     hint == NULL ? "" : "\nhint: ", hint == NULL ? "" : hint);
}

static int session_result(struct migrate_session *s, PGresult *result, PGresult **ret_result, struct error *err)
{
    const ExecStatusType status = PQresultStatus(result);
    int outcome = 0;

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) outcome = session_fail(s, result, err);
    if (outcome != 0 || ret_result == NULL) {
        PQclear(result);
    } else {
        *ret_result = result;
    }
    return outcome;
}

int session_query(struct migrate_session *s, const char *sql, int count, const char *const *values,
                  PGresult **ret_result, struct error *err)
{
    static const char *const none[] = {NULL};

    return session_result(s, session_exec(s, sql, count, values == NULL ? none : values, NULL), ret_result, err);
}

int session_run(struct migrate_session *s, const char *sql, struct error *err)
{
    return session_result(s, session_exec(s, sql, 0, NULL, NULL), NULL, err);
}

int migrate_prepare(struct migrate_session *s, const char *name, const char *sql, size_t count, const unsigned *types,
                    struct error *err)
{
    char subject[128];

    snprintf(subject, sizeof(subject), "statement %s", name);
    s->subject = subject;
    const int outcome = session_result(s, session_exec_prepare(s, name, sql, count, types), NULL, err);

    s->subject = NULL;
    return outcome == 0 ? 0 : error_prefix(err, "statement %s cannot be prepared", name);
}

/* As far as that works. */
static void session_try(struct migrate_session *s, const char *sql)
{
    if (!session_is_lost(s)) PQclear(session_exec(s, sql, 0, NULL, NULL));
}

/* What a file may have left in the session. Not DISCARD ALL, which gives back the advisory lock and is not for
 * transactions. RESET ALL leaves role and session authorization. NULL: pg_pins_first. */
static const char *const session_clearing[] = {
    "RESET SESSION AUTHORIZATION",
    "RESET ROLE",
    "RESET ALL",
    NULL,
    "CLOSE ALL",
    "UNLISTEN *",
    "DEALLOCATE ALL",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
};

/* NULL if there is nothing to be run there on this server. */
static const char *session_clearing_sql(const struct migrate_session *s, size_t i)
{
    return session_clearing[i] == NULL ? pg_pins_first(s->conn) : session_clearing[i];
}

/* So that the server stops the work of a master that was killed; not every server can. */
static const char session_check_client[] = "SET client_connection_check_interval = '2s'";

void session_reset(struct migrate_session *s)
{
    const bool was_quiet = s->quiet;

    s->quiet = true;
    s->deadline_ms = 0;
    if (PQtransactionStatus(s->conn) != PQTRANS_IDLE) session_try(s, "ROLLBACK");
    for (size_t i = 0; i < countof(session_clearing); i++) {
        const char *sql = session_clearing_sql(s, i);

        if (sql != NULL) session_try(s, sql);
    }
    session_try(s, s->pins);
    if (!session_is_lost(s)) {
        PGresult *result = session_exec(s, session_check_client, 0, NULL, NULL);

        s->checks_client = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    s->quiet = was_quiet;
}

/* Deferred constraints speak, and those that begin deferred are so again. By their names: after ALL, one that is made
 * later in the transaction would not begin as it says. */
static int session_constraints(struct migrate_session *s, struct error *err)
{
    static const char sql[] =
        "SELECT pg_catalog.concat('SET CONSTRAINTS ' || pg_catalog.string_agg(name, ', ') || ' IMMEDIATE;',\n"
        "                         'SET CONSTRAINTS ' || pg_catalog.string_agg(name, ', ') FILTER (WHERE condeferred)\n"
        "                             || ' DEFERRED')\n"
        "  FROM (SELECT pg_catalog.format('%I.%I', n.nspname, c.conname) AS name,\n"
        "               pg_catalog.bool_or(c.condeferred) AS condeferred\n"
        "          FROM pg_catalog.pg_constraint AS c\n"
        "          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.connamespace\n"
        "         WHERE c.condeferrable\n"
        "         GROUP BY 1) AS found";
    PGresult *result = NULL;

    if (session_query(s, sql, 0, NULL, &result, err) != 0) return -1;
    const char *commands = PQgetvalue(result, 0, 0);
    const int outcome = commands[0] == '\0' ? 0 : session_run(s, commands, err);

    PQclear(result);
    return outcome;
}

int session_between(struct migrate_session *s, struct error *err)
{
    const bool was_quiet = s->quiet;

    s->quiet = true;
    int outcome = session_run(s, "RESET statement_timeout; RESET lock_timeout", err);

    if (outcome == 0) outcome = session_constraints(s, err);

    if (outcome != 0) error_prefix(err, "at its COMMIT");
    for (size_t i = 0; i < countof(session_clearing) && outcome == 0; i++) {
        const char *sql = session_clearing_sql(s, i);

        if (sql != NULL) outcome = session_run(s, sql, err);
    }
    if (outcome == 0) outcome = session_run(s, s->pins, err);
    if (outcome == 0 && s->checks_client) outcome = session_run(s, session_check_client, err);
    s->quiet = was_quiet;
    return outcome;
}

int session_as_ourselves(struct migrate_session *s, struct error *err)
{
    return session_run(s, SESSION_AS_OURSELVES, err);
}

/* "app, ext": schemas of extensions that are not on the search path, and what to do; without a row if there are none.
 */
static void session_advise_extensions(struct migrate_session *s, struct error *err)
{
    static const char sql[] =
        "SELECT string_agg(format('%s is in the schema %s', e.extname, n.nspname), ', '),\n"
        "       format('ALTER ROLE %I IN DATABASE %I SET search_path = %s, %s', current_user, current_database(),\n"
        "              current_setting('search_path'), string_agg(DISTINCT quote_ident(n.nspname), ', '))\n"
        "  FROM pg_extension AS e\n"
        "  JOIN pg_namespace AS n ON n.oid = e.extnamespace\n"
        " WHERE NOT n.nspname = ANY (current_schemas(true))\n"
        "HAVING count(*) > 0";
    PGresult *result = NULL;
    struct error ignored;

    if (session_query(s, sql, 0, NULL, &result, &ignored) != 0) return;
    if (PQntuples(result) > 0) {
        run_append(err,
                   "hint: extensions are found by the search path, and these are not on it: %s. If it is one of them, "
                   "for each role that uses it: %s",
                   PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    }
    PQclear(result);
}

/* What the role lacks of what nearly every migration needs. */
static void session_advise_grants(struct migrate_session *s, struct error *err)
{
    static const char sql[] = "SELECT CASE\n"
                              "       WHEN NOT has_schema_privilege(current_schema(), 'CREATE') THEN format(\n"
                              "           'GRANT CREATE ON SCHEMA %I TO %I', current_schema(), current_user)\n"
                              "       WHEN NOT has_database_privilege(current_database(), 'CREATE') THEN format(\n"
                              "           'GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)\n"
                              "       END, current_user";
    PGresult *result = NULL;
    struct error ignored;

    if (session_query(s, sql, 0, NULL, &result, &ignored) != 0) return;
    if (PQgetisnull(result, 0, 0)) {
        run_append(err,
                   "hint: the migrations' role %s lacks the privilege: grant it, or run the migrations as the owner of "
                   "what they change",
                   PQgetvalue(result, 0, 1));
    } else {
        run_append(err, "hint: as the owner of the database or a superuser, run: %s", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
}

void session_advise(struct migrate_session *s, struct error *err)
{
    static const char *const unknown[] = {"42704", "42883"};

    if (session_is_lost(s)) return;
    if (strcmp(s->sqlstate, "42501") == 0) session_advise_grants(s, err);
    for (size_t i = 0; i < countof(unknown); i++) {
        if (strcmp(s->sqlstate, unknown[i]) == 0) session_advise_extensions(s, err);
    }
}

int migrate_check_trust(struct migrate_session *s, struct error *err)
{
    PGresult *result = NULL;
    int outcome = 0;

    if (session_query(s, pg_trust_sql, 0, NULL, &result, err) != 0) return -1;
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
        outcome = error_set(err, ERROR_FAILED, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return outcome;
}

int migrate_connect(const struct migrate_options *options, struct pg_conn **ret_conn, struct error *err)
{
    return session_connect(options, ret_conn, err);
}

/* Keeps the search path that the connection was given, so that a schema which a file makes changes nothing in it. */
static void session_pin(struct migrate_session *s)
{
    PGresult *result = session_exec(s, "SELECT pg_catalog.current_setting('search_path')", 0, NULL, NULL);

    free(s->pins);
    s->pins = pg_pins_sql(NULL, 0, PG_PATH_OWN_FIRST, PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : NULL);
    PQclear(result);
}

void session_take(struct migrate_session *s, PGconn *conn)
{
    PQfinish(s->conn);
    s->conn = conn;
    s->silent = false;
    PQsetNoticeReceiver(conn, session_notice, s);
    session_pin(s);
    session_reset(s);
}

static int session_check_encoding(const struct migrate_session *s, struct error *err)
{
    char why[ERROR_MESSAGE_MAX];

    return pg_is_utf8(s->conn, s->options.label, why, sizeof(why)) ? 0 : error_set(err, ERROR_REFUSED, "%s", why);
}

int migrate_session_open(const struct migrate_options *options, struct migrate_session **ret_session, struct error *err)
{
    PGconn *conn = NULL;

    if (session_connect(options, &conn, err) != 0) return -1;
    struct migrate_session *s = mem_zalloc(sizeof(*s));

    s->options = *options;
    session_take(s, conn);
    if (session_check_encoding(s, err) != 0 || ledger_find(s, err) != 0) {
        migrate_session_close(s);
        return -1;
    }
    *ret_session = s;
    return 0;
}

void migrate_session_close(struct migrate_session *s)
{
    if (s == NULL) return;
    PQfinish(s->conn);
    free(s->ledger);
    free(s->journal);
    free(s->pins);
    free(s);
}
