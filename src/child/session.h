/*
 * A worker's session with the database: one connection (db/db.h) for as long as the worker lives. If it is lost,
 * another one takes its place. A worker that serves clients has a second one for its own queries, so that they do not
 * wait behind those of clients; while that one is out of reach, all share the first. It shows on the scoreboard how the
 * database is: out of reach, ready, or without migrations that this build knows. It looks again while it waits for
 * them.
 */
#ifndef CHILD_SESSION_H
#define CHILD_SESSION_H

#include "base/db_limits.h"
#include "child/child.h"
#include "db/db.h"

struct child_session;

struct child_session_options {
    const char *conninfo;         /* libpq connection string or URI */
    const char *label;            /* the database's name in the log, without secrets */
    const char *application_name; /* in pg_stat_activity */
    struct db_limits limits;
    const struct db_statement *const *statements;
    size_t statement_count;
    /* Those of them that are the service's own. None: there is no second connection. */
    const struct db_statement *const *own_statements;
    size_t own_statement_count;
    const char *own_application_name;
    const char *const *channels; /* the channels that each connection LISTENs to; as in struct db_options */
    size_t channel_count;
    const char *schema_versions; /* every migration that this build knows, as a text[] literal */
    void *ctx;
    /* There is a connection (again); `reconnects` says how many were made anew since the last call. What the worker
     * remembers about the database may be old, and notifications may have been lost. Called before the schema is
     * checked. May be NULL. */
    void (*connected)(void *ctx, uint64_t reconnects);
    /* Called when the state of the database is known and the worker is still starting: it calls child_ready or
     * child_end. NULL: child_ready is called. */
    void (*known)(void *ctx);
    /* The schema was found to hold every migration that this build knows: after each `connected`, and when the last of
     * them has come. May be NULL. */
    void (*fits)(void *ctx);
    /* As in struct db_options; they may be NULL. */
    void (*notified)(void *ctx, const char *channel, struct slice payload);
    void (*finished)(void *ctx, enum db_outcome outcome, uint64_t took_ns);
    void (*committed)(void *ctx, const struct db_commit *commit);
    /* The time of child_session_drain is over, and what is under way is about to be cancelled: what the worker still
     * waits for from elsewhere will not come in time. May be NULL. */
    void (*over)(void *ctx);
    /* That has had its time too; the worker calls child_end. NULL: child_end is called. */
    void (*drained)(void *ctx);
};

/* Starts connecting at once. The child has cells and outlives the session. Copies the options, and borrows the label,
 * the statements, the channels and the versions. */
struct child_session *child_session_new(struct child *child, const struct child_session_options *options);
void child_session_free(struct child_session *session); /* takes NULL */
struct db *child_session_db(struct child_session *session);
struct db *child_session_own_db(struct child_session *session); /* for db_choose; NULL if there is none */
/* The worker's health: what the service does, its own session with the database, and the schema. */
enum health child_session_health(const struct child_session *session);
/* Whether the database answers, and its schema holds every migration that this build knows. */
bool child_session_fits(const struct child_session *session);
/* Checks the schema. Call it if something happened that a changed schema would explain. */
void child_session_check(struct child_session *session);
/* For a drain: what is under way has `ms` to finish; a second call may only shorten that. What is left then is
 * cancelled. What does not end even then fails, whatever the database does. When the answers have had a moment to go
 * out, `drained` is called. */
void child_session_drain(struct child_session *session, unsigned ms);

#endif
