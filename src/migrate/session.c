#include "migrate/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "migrate/ledger.h"

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
    return PQstatus(s->conn) != CONNECTION_OK;
}

int session_fail(struct migrate_session *s, const PGresult *result, struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    struct slice text = slice_of(PQerrorMessage(s->conn));

    while (text.len > 0 && text.data[text.len - 1] == '\n') text.len--;
    if (session_is_lost(s)) {
        return error_set(err, ERROR_UNAVAILABLE, "the connection to the database %s was lost: %.*s", s->options.label,
                         SLICE_FMT(text));
    }
    if (message == NULL) return error_set(err, ERROR_FAILED, "the database: %.*s", SLICE_FMT(text));
    return error_set(err, ERROR_FAILED, "the database: %s %s%s%s", sqlstate == NULL ? "" : sqlstate, message,
                     hint == NULL ? "" : "\nhint: ", hint == NULL ? "" : hint);
}

int session_query(struct migrate_session *s, const char *sql, int count, const char *const *values,
                  PGresult **ret_result, struct error *err)
{
    PGresult *result = PQexecParams(s->conn, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    int outcome = 0;

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) outcome = session_fail(s, result, err);
    if (outcome != 0 || ret_result == NULL) {
        PQclear(result);
    } else {
        *ret_result = result;
    }
    return outcome;
}

int session_run(struct migrate_session *s, const char *sql, struct error *err)
{
    PGresult *result = PQexec(s->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    int outcome = 0;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) outcome = session_fail(s, result, err);
    PQclear(result);
    return outcome;
}

void session_reset(struct migrate_session *s)
{
    /* Not DISCARD ALL, which gives back the advisory lock. RESET ALL leaves role and session authorization. */
    static const char *const commands[] = {
        "RESET SESSION AUTHORIZATION",
        "RESET ALL",
        "CLOSE ALL",
        "UNLISTEN *",
        "DEALLOCATE ALL",
        "DISCARD TEMP",
        "DISCARD SEQUENCES",
        /* So that the server stops the work of a master that was killed; not every server can. */
        "SET client_connection_check_interval = '2s'",
    };
    bool was_quiet = s->quiet;

    s->quiet = true;
    if (PQtransactionStatus(s->conn) != PQTRANS_IDLE) PQclear(PQexec(s->conn, "ROLLBACK"));
    for (size_t i = 0; i < countof(commands) && !session_is_lost(s); i++) PQclear(PQexec(s->conn, commands[i]));
    s->quiet = was_quiet;
}

int migrate_connect(const struct migrate_options *options, struct pg_conn **ret_conn, struct error *err)
{
    return session_connect(options, ret_conn, err);
}

void session_take(struct migrate_session *s, PGconn *conn)
{
    PQfinish(s->conn);
    s->conn = conn;
    PQsetNoticeReceiver(conn, session_notice, s);
    session_reset(s);
}

int migrate_session_open(const struct migrate_options *options, struct migrate_session **ret_session, struct error *err)
{
    PGconn *conn = NULL;

    if (session_connect(options, &conn, err) != 0) return -1;
    struct migrate_session *s = mem_zalloc(sizeof(*s));

    s->options = *options;
    session_take(s, conn);
    if (ledger_find(s, err) != 0) {
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
    free(s);
}
