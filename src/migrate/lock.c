/* The advisory lock that lets one migration run at a time on a database. */
#include <stdio.h>

#include "base/clock.h"
#include "base/number.h"
#include "migrate/session.h"

/* "Stra": the class of our advisory locks. The second key is made of the ledger's name; the database is implied. */
#define LOCK_CLASS "1400140385"

enum { LOCK_PAUSE_MS = 20, LOCK_PAUSE_MAX_MS = 400, LOCK_SAY_MS = 10000 };

static int lock_try(struct migrate_session *s, struct error *err)
{
    const char *const values[] = {s->ledger};
    PGresult *result = NULL;

    if (session_query(s, "SELECT pg_try_advisory_lock(" LOCK_CLASS ", hashtext($1))", 1, values, &result, err) != 0)
        return -1;
    s->locked = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return 0;
}

/* "process 4711 (stratslabd migrate, from 10.0.0.7, connected 2026-11-23T14:03:52Z)" */
static int lock_holder(struct migrate_session *s, char *out, size_t size, struct error *err)
{
    static const char sql[] =
        "SELECT l.pid, coalesce(nullif(a.application_name, ''), 'no application name'),\n"
        "       coalesce(host(a.client_addr), 'a local socket'),\n"
        "       coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'unknown')\n"
        "  FROM pg_locks AS l\n"
        "  LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid\n"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2\n"
        "   AND l.database = (SELECT oid\n"
        "                       FROM pg_database\n"
        "                      WHERE datname = current_database())\n"
        "   AND l.classid::bigint = " LOCK_CLASS "\n"
        "   AND l.objid = (hashtext($1)::bigint & 4294967295)::oid";
    const char *const values[] = {s->ledger};
    PGresult *result = NULL;

    if (session_query(s, sql, 1, values, &result, err) != 0) return -1;
    if (PQntuples(result) > 0) {
        snprintf(out, size, "process %s (%s, from %s, connected since %s)", PQgetvalue(result, 0, 0),
                 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3));
    } else {
        snprintf(out, size, "another session");
    }
    PQclear(result);
    return 0;
}

static int lock_give_up(struct migrate_session *s, struct error *err)
{
    char holder[256];
    char waited[NUMBER_UNIT_TEXT_BYTES];

    if (lock_holder(s, holder, sizeof(holder), err) != 0) return -1;
    number_format_duration_ms(s->options.lock_timeout_ms, waited);
    return error_set(err, ERROR_TIMEOUT,
                     "the migration lock of %s is held by %s; waited %s (STRATSLAB_MIGRATE_LOCK_TIMEOUT).\n"
                     "Wait for it to end. If it hangs: SELECT pg_terminate_backend(its number)",
                     s->options.label, holder, waited);
}

int session_lock(struct migrate_session *s, struct error *err)
{
    uint64_t started_ms = clock_monotonic_ms();
    uint64_t said_ms = 0;
    unsigned pause_ms = LOCK_PAUSE_MS;
    char holder[256];

    for (;;) {
        if (lock_try(s, err) != 0) return -1;
        if (s->locked) return 0;
        uint64_t now_ms = clock_monotonic_ms();

        if (now_ms - started_ms >= s->options.lock_timeout_ms) return lock_give_up(s, err);
        /* Not at once: most are held for the blink of an eye. */
        if (now_ms - started_ms >= 1000 && (said_ms == 0 || now_ms - said_ms >= LOCK_SAY_MS)) {
            if (lock_holder(s, holder, sizeof(holder), err) != 0) return -1;
            session_say(s, MIGRATE_NOTE_WAIT, "waiting for the migration lock, held by %s", holder);
            said_ms = now_ms;
        }
        session_pause(&pause_ms, LOCK_PAUSE_MAX_MS);
    }
}

void session_unlock(struct migrate_session *s)
{
    if (!s->locked) return;
    if (!session_is_lost(s)) PQclear(PQexec(s->conn, "SELECT pg_advisory_unlock_all()"));
    s->locked = false;
}
