/*
 * The one connection of a session, and how its errors become ours. Everything in migrate/ runs its SQL through here.
 */
#ifndef MIGRATE_SESSION_H
#define MIGRATE_SESSION_H

#include <libpq-fe.h>

#include "base/attr.h"
#include "base/error.h"
#include "migrate/migrate.h"

struct migrate_session {
    struct migrate_options options;
    PGconn *conn;
    char *ledger;  /* "schema.schema_migrations", quoted; found when the session is opened */
    char *journal; /* "schema.schema_migrations_journal", likewise */
    bool ledger_exists;
    bool locked;
    bool quiet;           /* notices are our own statements', of no interest */
    bool checks_client;   /* the server takes client_connection_check_interval */
    uint64_t deadline_ms; /* monotonic: what runs then is cancelled; 0: as session_exec says */
    bool silent;          /* the server hangs: nothing more can be asked of this connection */
    char *pins;           /* the statement that sets what a session of ours must have, with the search path that it had
                             at first; owned */
    const char *subject;  /* what a statement of ours is for, in messages; NULL: the ledger */
    bool gave_up;         /* the last statement was cancelled by us … */
    char sqlstate[6];     /* of the last failure */
    char blocker[160];    /* … and waited for this session; "" if for none */
};

/* One connection. Tries again with back-off until boot_timeout_ms have passed, saying what it waits for. */
int session_connect(const struct migrate_options *options, PGconn **ret_conn, struct error *err) ATTR_CHECKED;

/*
 * Sends a statement and waits for its end; past some seconds it is said what it waits for. The last result is the
 * caller's (PQclear); NULL if the connection is lost. `place` is the statement's "file:line", of which no rows are
 * kept; NULL if it is one of ours: those are given up if a lock keeps them waiting for lock_timeout_ms (`gave_up`).
 */
PGresult *session_exec(struct migrate_session *s, const char *sql, int count, const char *const *values,
                       const char *place) ATTR_CHECKED;

/* The same for the preparing of a statement of ours. */
PGresult *session_exec_prepare(struct migrate_session *s, const char *name, const char *sql, size_t count,
                               const unsigned *types) ATTR_CHECKED;

/* One statement with text parameters; `ret_result` may be NULL if only success matters. */
int session_query(struct migrate_session *s, const char *sql, int count, const char *const *values,
                  PGresult **ret_result, struct error *err) ATTR_CHECKED;
/* Statements of ours without parameters. */
int session_run(struct migrate_session *s, const char *sql, struct error *err) ATTR_CHECKED;
/* Fills `err` from a result that is not a success, or from a connection that was lost. */
int session_fail(struct migrate_session *s, const PGresult *result, struct error *err);
bool session_is_lost(const struct migrate_session *s);
/* Ends an open transaction, if any, and undoes what a file has SET, so that nothing of it reaches the next. */
void session_reset(struct migrate_session *s);
/*
 * The same between two blocks of one transaction, where a commit would have been: what was deferred speaks, and nothing
 * that belongs to a session reaches the next block.
 */
int session_between(struct migrate_session *s, struct error *err) ATTR_CHECKED;
/* Inside a transaction: what follows runs as who we are, whatever the file has SET. Until the end of the transaction.
 */
#define SESSION_AS_OURSELVES                                         \
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;\n" \
    "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE NONE"
int session_as_ourselves(struct migrate_session *s, struct error *err) ATTR_CHECKED;
/* Adds to `err` what the server does not say of the last failure: privileges, extensions. After session_reset. */
void session_advise(struct migrate_session *s, struct error *err);
/* Has this connection from now on, and closes the one before. */
void session_take(struct migrate_session *s, PGconn *conn);
/* Until the database takes changes: for boot_timeout_ms, with new connections, saying what it waits for. Then it is
 * ERROR_UNAVAILABLE. `pending` migrations wait for it. */
int session_wait_writable(struct migrate_session *s, size_t pending, struct error *err) ATTR_CHECKED;

void session_say(const struct migrate_session *s, enum migrate_note kind, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* Sleeps between half of `*ms` and all of it, so that masters that start together do not ask together. Then it is twice
 * as long, up to `longest_ms`. */
void session_pause(unsigned *ms, unsigned longest_ms);

/* The advisory lock of the ledger; polled, since a session that waits inside pg_advisory_lock holds a snapshot and so
 * would be waited for by the very CREATE INDEX CONCURRENTLY that it waits for. */
int session_lock(struct migrate_session *s, struct error *err) ATTR_CHECKED;
void session_unlock(struct migrate_session *s);

#endif
