/* A database that takes no changes: a standby that is about to be promoted, or one that is fenced for a while. */
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "migrate/session.h"

enum { WRITABLE_PAUSE_MS = 200, WRITABLE_PAUSE_MAX_MS = 2000, WRITABLE_SAY_MS = 10000 };

/* If whoever runs this asked for it (options=…, PGOPTIONS), the database has nothing to do with it, and waiting does
 * not help: the migration then says what is wrong. */
static int writable_look(struct migrate_session *s, bool *ret_writable, struct error *err)
{
    static const char sql[] =
        "SELECT NOT pg_catalog.pg_is_in_recovery() AND (o.setting = 'off' OR o.source = 'client')\n"
        "  FROM pg_catalog.pg_settings AS o\n"
        " WHERE o.name = 'default_transaction_read_only'";
    PGresult *result = NULL;

    if (session_query(s, sql, 0, NULL, &result, err) != 0) return -1;
    *ret_writable = PQntuples(result) == 0 || strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    return 0;
}

/* Another one in the place of the session: its server may be another by now, and a session keeps the settings that its
 * role and its database had when it began. */
static int writable_reopen(struct migrate_session *s, uint64_t left_ms, struct error *err)
{
    struct migrate_options options = s->options;
    PGconn *conn = NULL;

    options.boot_timeout_ms = (unsigned)left_ms;
    if (session_connect(&options, &conn, err) != 0) return -1;
    session_take(s, conn);
    return 0;
}

int session_wait_writable(struct migrate_session *s, size_t pending, struct error *err)
{
    const uint64_t deadline_ms = clock_monotonic_ms() + s->options.boot_timeout_ms;
    const char *plural = pending == 1 ? " is" : "s are";
    uint64_t said_ms = 0;
    unsigned pause_ms = WRITABLE_PAUSE_MS;
    bool writable = false;

    for (;;) {
        if (writable_look(s, &writable, err) != 0) return -1;
        if (writable) return 0;
        uint64_t now_ms = clock_monotonic_ms();

        if (now_ms >= deadline_ms) break;
        if (said_ms == 0 || now_ms - said_ms >= WRITABLE_SAY_MS) {
            session_say(s, MIGRATE_NOTE_WAIT,
                        "waiting for the database %s to take changes (%llu s more): it is read-only", s->options.label,
                        (unsigned long long)(deadline_ms - now_ms + 999) / 1000);
            said_ms = now_ms;
        }
        session_pause(&pause_ms, WRITABLE_PAUSE_MAX_MS);
        if (writable_reopen(s, deadline_ms > now_ms ? deadline_ms - now_ms : 0, err) != 0) return -1;
    }
    char waited[NUMBER_UNIT_TEXT_BYTES];

    number_format_duration_ms(s->options.boot_timeout_ms, waited);
    return error_set(err, ERROR_UNAVAILABLE,
                     "the database %s is read-only (a standby, or default_transaction_read_only is on), after %s of "
                     "waiting, and %zu migration%s pending: promote it, or name the primary in DATABASE_URL",
                     s->options.label, waited, pending, plural);
}
