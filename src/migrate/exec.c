/*
 * One statement at the server, and what is said while it runs: that it waits for a lock, and whose, or that it is still
 * running. Sources: libpq documentation, "Asynchronous Command Processing" and "Retrieving Query Results
 * Row-by-Row"; PostgreSQL documentation, pg_blocking_pids.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/session.h"
#include "pg/pg.h"

/* What was cancelled has ANSWER_MS to say so; a server that does not is one that hangs. */
enum { EXEC_LOOK_MS = 2000, EXEC_LOOK_EVERY_MS = 10000, EXEC_ANSWER_MS = 5000 };

enum exec_block { EXEC_NOT_BLOCKED, EXEC_BLOCKED, EXEC_UNKNOWN };

/* Who keeps our session waiting, into s->blocker: "process 4711 (psql, from a local socket, idle in transaction)". A
 * connection of its own asks, because ours is busy. */
static enum exec_block exec_ask(struct migrate_session *s)
{
    static const char sql[] =
        "SELECT b.pid, coalesce(nullif(a.application_name, ''), 'no application name'),\n"
        "       coalesce(host(a.client_addr), 'a local socket'), coalesce(a.state, 'doing what we may not see')\n"
        "  FROM unnest(pg_blocking_pids($1::integer)) AS b (pid)\n"
        "  LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid\n"
        " ORDER BY a.xact_start NULLS LAST\n"
        " LIMIT 1";
    char pid[16];
    const char *const values[] = {pid};
    struct migrate_options options = s->options;
    enum exec_block block = EXEC_UNKNOWN;
    PGconn *conn = NULL;
    struct error ignored;

    snprintf(s->blocker, sizeof(s->blocker), "another session");
    options.boot_timeout_ms = 0;
    options.say = NULL;
    if (session_connect(&options, &conn, &ignored) != 0) return block;
    /* Of several hosts it may have reached another one. */
    if (strcmp(PQhostaddr(conn), PQhostaddr(s->conn)) != 0 || strcmp(PQport(conn), PQport(s->conn)) != 0) {
        PQfinish(conn);
        return block;
    }
    snprintf(pid, sizeof(pid), "%d", PQbackendPID(s->conn));
    PGresult *result = pg_exec_within(conn, sql, countof(values), values, options.connect_timeout_ms);

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        block = PQntuples(result) > 0 ? EXEC_BLOCKED : EXEC_NOT_BLOCKED;
    }
    if (block == EXEC_BLOCKED) {
        snprintf(s->blocker, sizeof(s->blocker), "process %s (%s, from %s, %s)", PQgetvalue(result, 0, 0),
                 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3));
    }
    PQclear(result);
    PQfinish(conn);
    return block;
}

static const char *exec_subject(const struct migrate_session *s)
{
    return s->subject == NULL ? "the ledger" : s->subject;
}

static void exec_look(struct migrate_session *s, const char *place, uint64_t running_ms)
{
    const enum exec_block block = exec_ask(s);

    if (block == EXEC_BLOCKED) {
        session_say(s, MIGRATE_NOTE_WAIT, "%s waits for a lock that %s holds", place == NULL ? exec_subject(s) : place,
                    s->blocker);
    } else if (block == EXEC_UNKNOWN && place == NULL) {
        session_say(s, MIGRATE_NOTE_WAIT, "no answer from the database %s about %s for %llu s", s->options.label,
                    exec_subject(s), (unsigned long long)running_ms / 1000);
    } else if (place != NULL) {
        session_say(s, MIGRATE_NOTE_WAIT, "%s has been running for %llu s", place,
                    (unsigned long long)running_ms / 1000);
    }
}

/* When a statement is given up. Those of a file that is applied have the time that the file gives them. */
static uint64_t exec_deadline(const struct migrate_session *s, const char *place, uint64_t started_ms)
{
    if (s->gave_up) return started_ms + EXEC_ANSWER_MS;
    if (s->deadline_ms > 0) return s->deadline_ms;
    if (place != NULL) return UINT64_MAX;
    return started_ms + (s->options.lock_timeout_ms > EXEC_LOOK_MS ? s->options.lock_timeout_ms : EXEC_LOOK_MS);
}

/* Whether the statement is given up: one of ours that a lock keeps, or that nothing is known of; of a rehearsal any. */
static bool exec_give_up(struct migrate_session *s)
{
    const enum exec_block block = exec_ask(s);

    if (block == EXEC_NOT_BLOCKED) s->blocker[0] = '\0';
    if (block == EXEC_UNKNOWN && s->deadline_ms > 0) s->blocker[0] = '\0';
    s->gave_up = block != EXEC_NOT_BLOCKED || s->deadline_ms > 0;
    if (s->gave_up) pg_cancel(s->conn);
    return s->gave_up;
}

/* Until a result can be taken without waiting, or there is none to come (session_is_lost). */
static void exec_wait(struct migrate_session *s, const char *place)
{
    const uint64_t started_ms = clock_monotonic_ms();
    uint64_t deadline_ms = exec_deadline(s, place, started_ms);
    uint64_t look_ms = started_ms + EXEC_LOOK_MS;

    while (PQisBusy(s->conn)) {
        uint64_t now_ms = clock_monotonic_ms();

        if (!s->gave_up && now_ms >= look_ms) {
            exec_look(s, place, now_ms - started_ms);
            look_ms = now_ms + EXEC_LOOK_EVERY_MS;
        }
        if (now_ms >= deadline_ms) {
            if (s->gave_up) {
                s->silent = true;
                return;
            }
            const unsigned more_ms = exec_give_up(s) ? EXEC_ANSWER_MS : EXEC_LOOK_MS;

            deadline_ms = clock_monotonic_ms() + more_ms;
        }
        const uint64_t next_ms = s->gave_up || deadline_ms < look_ms ? deadline_ms : look_ms;
        struct pollfd watch = {.fd = PQsocket(s->conn), .events = POLLIN};

        now_ms = clock_monotonic_ms();
        const int wait_ms = next_ms <= now_ms ? 0 : (int)(next_ms - now_ms);

        if (poll(&watch, 1, wait_ms) > 0 && PQconsumeInput(s->conn) == 0) return;
    }
}

/* Nothing is known of the statement that is sent now. */
static void exec_begin(struct migrate_session *s)
{
    s->gave_up = false;
    s->blocker[0] = '\0';
}

/* The last result, or the first that failed. Rows are kept for our own statements only. */
static PGresult *exec_results(struct migrate_session *s, const char *place)
{
    PGresult *last = NULL;

    for (;;) {
        exec_wait(s, place);
        if (s->silent) {
            PQclear(last);
            return NULL;
        }
        PGresult *result = PQgetResult(s->conn);
        const ExecStatusType status = PQresultStatus(result);

        if (result == NULL) return last;
        PQclear(last);
        last = result;
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return last;
    }
}

PGresult *session_exec(struct migrate_session *s, const char *sql, int count, const char *const *values,
                       const char *place)
{
    exec_begin(s);
    /* The extended protocol takes one statement only, so a mistake of the lexer cannot hide a COMMIT. */
    const int sent = values == NULL && place == NULL
                         ? PQsendQuery(s->conn, sql)
                         : PQsendQueryParams(s->conn, sql, count, NULL, values, NULL, NULL, 0);

    if (sent == 0) return NULL;
    if (place != NULL) PQsetSingleRowMode(s->conn);
    return exec_results(s, place);
}

PGresult *session_exec_prepare(struct migrate_session *s, const char *name, const char *sql, size_t count,
                               const unsigned *types)
{
    exec_begin(s);
    if (PQsendPrepare(s->conn, name, sql, (int)count, types) == 0) return NULL;
    return exec_results(s, NULL);
}
