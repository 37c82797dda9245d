/*
 * One asynchronous PostgreSQL connection, on libevent and libpq in pipeline mode.
 *
 * It connects, prepares every statement it was given, and then takes queries. When the connection is lost, it reports
 * that, fails or keeps what was in flight (see below), and reconnects with jittered back-off until it is freed. It
 * knows neither HTTP nor JSON. Everything runs in the event loop's thread, and nothing blocks: the names of hosts are
 * looked up in threads of their own. Which hosts are tried, in which order, and for how long, is in pg/pg.h.
 *
 * Pipeline: reads that are submitted in one turn of the loop share one Sync. A read that was skipped because a
 * neighbour failed (PGRES_PIPELINE_ABORTED) is sent again. Writes that are ready at the same time share a Sync too,
 * which is one transaction and one commit: db/commit.c says how. If one of them fails, none has happened, and they are
 * sent again, so that each has the outcome that it would have had alone. Source: libpq documentation, "Pipeline Mode".
 *
 * A migration of somebody else may make plan and schema disagree (db/outcome.c has the table). The query then is sent
 * again after its statement was prepared again; if that does not help, in another session, since functions keep plans
 * for as long as their session lives; if that does not help either, it fails, and the state is DB_STATE_MISFIT until
 * the statement works. This goes for writes too: an error of the server aborts the transaction that it happened in.
 *
 * Clients take turns: db/share.c says how. Queries that one client's slow ones must not hold up at all, such as the
 * service's own, go to another db.
 *
 * A read that had to give way to another transaction (a deadlock, a serialization failure, a standby that replays) is
 * sent again, some times; if it meets that each time, it fails with DB_BUSY. A write that had to fails with
 * DB_CONFLICT.
 *
 * A session that refuses a write because it is read-only is replaced as soon as a new session would take writes, which
 * is tried with back-off on a second connection, so that reads go on.
 *
 * Nobody waits for ever. If wait_max_ms is set, a query that is not sent by then fails with DB_OVERLOADED. A query that
 * was sent has an answer within statement_timeout and probe_timeout (in the worst case DB_TIMEOUT for a read,
 * DB_UNKNOWN for a write), whatever is before it in the pipeline. While the head of the pipeline is slow, nothing is
 * sent behind it.
 *
 * When the connection is lost:
 * - reads wait for the next connection for at most `retry_window_ms`, and are sent again. If it does not come by then,
 *   or if the read was lost once before, they fail with DB_UNAVAILABLE;
 * - writes that were sent fail with DB_UNKNOWN, and are never repeated. If the server has said before that their
 *   transaction is rolled back, they fail with DB_UNAVAILABLE;
 * - writes that were not yet sent fail with DB_UNAVAILABLE.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/client_id.h"
#include "base/db_limits.h"
#include "base/slice.h"

struct event_base;
struct db;
struct db_query;

enum db_access {
    DB_READ,  /* changes nothing: may share a Sync, may be sent again */
    DB_WRITE, /* a transaction, of its own or shared with other writes; sent again only if it was rolled back */
    /* A read whose values come in the binary form of their types: bytea as its bytes, int8 as eight bytes, the highest
     * first. For what is large: text is twice as long, or more. */
    DB_READ_BINARY,
    /* A write that shares its transaction with no other: it is large, or takes locks that others want. */
    DB_WRITE_ALONE,
};

static inline bool db_access_is_write(enum db_access access)
{
    return access == DB_WRITE || access == DB_WRITE_ALONE;
}

/* OIDs of PostgreSQL's pg_type. Their wire format is stable. */
enum db_type {
    DB_TYPE_BOOL = 16,
    DB_TYPE_INT8 = 20,
    DB_TYPE_INT4 = 23,
    DB_TYPE_TEXT = 25,
    DB_TYPE_UUID = 2950,
    DB_TYPE_TIMESTAMPTZ = 1184,
    DB_TYPE_NUMERIC = 1700,
    DB_TYPE_JSONB = 3802,
    DB_TYPE_INT8_ARRAY = 1016,
    DB_TYPE_TEXT_ARRAY = 1009
};

enum { DB_PARAMS_MAX = 16 };

/* A prepared statement. Its table belongs to the caller and outlives the connection. */
struct db_statement {
    const char *name; /* unique in its connection; appears in logs */
    const char *sql;  /* $1, $2, … */
    enum db_access access;
    unsigned param_count;
    enum db_type params[DB_PARAMS_MAX];
    /* A DB_WRITE of one parameter that several queries may share. The value of each is one JSON text, and not absent;
     * the server is given an array of them (of one, for one query), and returns a row for each, in their order. A
     * query's result has the row that is its own. */
    bool takes_many;
};

/* Asks who but its owners could put something in the way of our names (pg_trust_sql in pg/pg.h). */
extern const struct db_statement db_trust_statement;

/* What became of a query. One table in db/outcome.c makes it from SQLSTATE (PostgreSQL, appendix A). */
enum db_outcome {
    DB_OK,
    DB_UNAVAILABLE,   /* no connection, the server shuts down or starts (08, 57P01-57P03, 53300): nothing happened; try
                         later */
    DB_UNKNOWN,       /* a write was sent, and the connection lost or silent before its result: it may or may not have
                         happened */
    DB_OVERLOADED,    /* our own queue is full, or the query waited in it for too long: it was not sent */
    DB_TOO_MANY,      /* its client has as many queries in our queue as one client may: it was not sent */
    DB_UNIQUE,        /* 23505, 23P01 */
    DB_FOREIGN_KEY,   /* 23503, 23001 */
    DB_CHECK,         /* 23514, 23502 */
    DB_INVALID_VALUE, /* class 22: a value that SQL cannot take (too long, out of range, malformed) */
    DB_CONFLICT,      /* of a write, 40001, 40P01: another transaction won; trying again may help */
    DB_BUSY,          /* 55P03: others held a lock for too long; or a read met the above each time that it was sent.
                         Nothing happened; try later */
    DB_TIMEOUT,       /* 57014: statement_timeout, or cancelled */
    DB_RESOURCES,     /* class 53 (disk full, memory), 54 */
    DB_READ_ONLY,     /* 25006: a standby, or default_transaction_read_only */
    DB_DENIED,        /* 42501: our role may not */
    DB_FAULT,         /* anything else: a bug of ours, or the schema is not ours; a row of more than 32 MiB */
    DB_OUTCOME_COUNT,
};

const char *db_outcome_name(enum db_outcome outcome); /* "unique" */
/* Of a write; five characters; DB_FAULT for NULL or unknown. */
enum db_outcome db_outcome_of(const char *sqlstate);

/* Valid during the callback only. */
struct db_result;

enum db_outcome db_result_outcome(const struct db_result *r);
unsigned db_result_rows(const struct db_result *r); /* 0 unless DB_OK */
/* The column of this name; -1 if there is none. */
int db_result_column(const struct db_result *r, const char *name);
/* The value in text form (but see DB_READ_BINARY), NUL-terminated. It is absent (its data is NULL) for SQL's NULL. */
struct slice db_result_value(const struct db_result *r, unsigned row, int column);
const char *db_result_sqlstate(const struct db_result *r); /* "" if there is none */
const char *
db_result_message(const struct db_result *r); /* the server's primary message, or our own words; never NULL */
const char *db_result_constraint(const struct db_result *r); /* "" if there is none */

typedef void db_done_fn(void *arg, const struct db_result *result);

/* Session states, in the order of a life. */
enum db_state {
    DB_STATE_CONNECTING, /* the first attempt is under way */
    DB_STATE_READY,      /* connected, every statement prepared */
    DB_STATE_RENEWING,   /* the session is being replaced by another one; queries are taken, and wait for it */
    DB_STATE_MISFIT,     /* connected, and queries are taken, but a statement does not fit the schema any more: its
                            queries fail. It is tried again, and DB_STATE_READY comes when it fits */
    DB_STATE_DOWN,       /* lost or not reached; trying again with back-off */
    DB_STATE_UNFIT,      /* connected, but a statement cannot be prepared: the schema is not the one that this build was
                            written for; tried again, more slowly */
    DB_STATE_REFUSED,    /* the server answered and refused (password, database, role): tried again more slowly, because
                            somebody may mend it */
};

/* Called when the state or its reason changes, always from the loop, never from within db_new; db_free may be called
 * from it, and from a query's `done`. `reason` is one line for the log, without secrets; "" when ready. */
typedef void db_state_fn(void *arg, enum db_state state, const char *reason);

struct db_commit {
    bool happened;   /* it was committed */
    unsigned writes; /* in it */
    unsigned again;  /* if it was rolled back: how many of them are sent again */
};

struct db_options {
    const char *conninfo; /* libpq connection string or URI */
    const char *application_name;
    struct db_limits limits;
    unsigned client_check_interval_ms; /* client_connection_check_interval; not set if the server refuses it */
    unsigned backoff_min_ms;           /* the first pause after a loss, jittered; it doubles up to … */
    unsigned backoff_max_ms;
    unsigned retry_window_ms;   /* how long reads wait for the next connection */
    unsigned probe_interval_ms; /* an idle connection is probed this often by an empty Sync */
    /* If something is due and nothing comes for this long, the connection is lost. If queries are due,
     * statement_timeout is added, once: reads that share a Sync do not have it one after another, because the one that
     * runs is cancelled before that. */
    unsigned probe_timeout_ms;
    /* A query that other queries keep from being sent for this long fails with DB_OVERLOADED. 0: it waits. */
    unsigned wait_max_ms;
    const struct db_statement *const *statements;
    size_t statement_count;
    /* Each session LISTENs to these channels. The array and the names live as long as the db. A server that refuses
     * LISTEN (a standby) notifies nobody, so look now and then as well. */
    const char *const *channels;
    size_t channel_count;
    /* Called when one of them is notified, with the arg of db_new; it may call db_free. A notification is lost while
     * there is no session, so look again at DB_STATE_READY. May be NULL. */
    void (*notified)(void *arg, const char *channel, struct slice payload);
    /* Called when a query has its outcome, with the time since it was submitted; or when it is not taken, with 0 and
     * from within db_submit. With the arg of db_new; it must not touch the db. May be NULL. */
    void (*finished)(void *arg, enum db_outcome outcome, uint64_t took_ns);
    /* Called when a transaction of writes was committed, or when one of several was rolled back; not if nobody knows
     * which. As `finished`. */
    void (*committed)(void *arg, const struct db_commit *commit);
};

/* Copies the strings; borrows base and statements. Starts connecting at once. Ends the process if memory runs out. */
struct db *db_new(struct event_base *base, const struct db_options *options, db_state_fn *on_state, void *arg);
/* Every query still under way is dropped without its callback. Takes NULL. */
void db_free(struct db *db);
enum db_state db_state(const struct db *db);
/* Whether its state is one in which queries are taken. */
bool db_takes_queries(const struct db *db);
unsigned db_queue_depth(const struct db *db);
unsigned db_clients(const struct db *db); /* whose queries wait or are under way; the service itself counts as one */
/* Bytes that results take, as far as it can be known: libpq's buffer for what comes in, which grows to the largest
 * result of the session and stays, the result that is at hand, and those that wait for their commit. 0 for a NULL. */
size_t db_memory(const struct db *db);
uint64_t db_reconnects(const struct db *db); /* since db_new */
/* The password of the session, wherever it came from (PQpass of libpq); "" if there is none, or no session. For whoever
 * must see to it that nobody else gets it. Valid until the loop goes on. */
const char *db_password(const struct db *db);
/* Which addresses the names of the hosts have, for a db in another process (pg_target_addresses, pg_target_recall):
 * it uses them if the name server is silent when it starts. */
void db_addresses(const struct db *db, char *out, size_t size);
void db_recall_addresses(struct db *db, const char *text);

/*
 * Submits one query, for nobody: it is the service's own. `values` has statement->param_count slices in text form; an
 * absent slice is SQL's NULL. `done` is called exactly once, never from within this call. Returns NULL with
 * *ret_outcome DB_UNAVAILABLE, DB_OVERLOADED, DB_TOO_MANY or (a value with a NUL byte) DB_INVALID_VALUE if the query is
 * not taken; `done` is then not called.
 *
 * The rule of values: what the slices point to (the array itself is copied) is not changed and not freed until `done`
 * is called or the query is abandoned. It is read whenever the query is sent, and a read whose connection was lost is
 * sent again. So a value is constant, or belongs to this query alone. Builds with AddressSanitizer compare the bytes
 * with those that were submitted at each sending and at the end, and abort if they differ.
 */
struct db_query *db_submit(struct db *db, const struct db_statement *statement, const struct slice *values,
                           db_done_fn *done, void *arg, enum db_outcome *ret_outcome) ATTR_CHECKED;
/* The same for a client, which takes turns with others and has a bound of its own: a quarter of limits.queue_max, or 16
 * if that is more. */
struct db_query *db_submit_for(struct db *db, struct client_id client, const struct db_statement *statement,
                               const struct slice *values, db_done_fn *done, void *arg,
                               enum db_outcome *ret_outcome) ATTR_CHECKED;
/* Where a query of the service itself goes: to `own`, or to `shared` if that takes none now, or is NULL. */
struct db *db_choose(struct db *own, struct db *shared);
/* The client has left: `done` will not be called. A query that was not sent is dropped. One that was sent runs on,
 * because others share the connection. The slices need not live any longer. */
void db_abandon(struct db_query *query);
/* Replaces the session by a new one as soon as nothing is in flight: it may be one with another server than is asked
 * for now. */
void db_refresh(struct db *db, const char *reason);
/* Held: the connection is ended, and none is made until it is let go again. What was under way is treated as at any
 * loss. */
void db_hold(struct db *db, bool held);
/* A session that is given up while something runs in it does not stay on the server: what runs is cancelled there, for
 * as long as it takes (db/cancel.c). */

/* Sends a cancel request for what runs now. Does not block. */
void db_cancel_running(struct db *db);
/* The end of a graceful stop: takes no more queries, fails those that were not sent yet (DB_TIMEOUT), and cancels what
 * runs, one after the other. A cancel request may come too early for the next query, so call this again until
 * db_queue_depth is 0. */
void db_drain(struct db *db);
/* The end of a drain: nothing that is still under way is waited for. Writes fail with DB_UNKNOWN, reads with
 * DB_UNAVAILABLE. */
void db_abort(struct db *db);

#endif
