/*
 * Getting a connection to PostgreSQL: which hosts a connection string names, which addresses these have, and one after
 * the other until one of them takes us. libpq does that too, but it looks names up in the caller's thread without a
 * deadline, and leaves the deadline of each address to its blocking calls (libpq documentation, "Database Connection
 * Control Functions"). So each attempt that it gets here has one host and one address (host and hostaddr; host stays
 * for the check of certificates, for .pgpass, and for people).
 *
 * A round is one try at all of them: names are looked up in threads (base/lookup.h), and the time of the round is
 * shared among the addresses that are left, each of which gets a second at least. If the name server is silent, the
 * last addresses that it gave are used. What libpq does with several hosts is done in its place:
 * - target_session_attrs, with the second pass of prefer-standby (a single server's check stays libpq's);
 * - load_balance_hosts, also if this libpq is older than the word (16).
 * Unlike libpq, a server that refuses (a password, a database) does not end the round: the other hosts are tried.
 *
 * Nothing here waits but pg_dial_wait. All of it runs in one thread.
 */
#ifndef PG_PG_H
#define PG_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/lookup.h"

struct pg_conn;   /* libpq's PGconn */
struct pg_result; /* libpq's PGresult */
struct pg_target;

enum { PG_REASON_BYTES = 1024 };

/* Copies the string: a URI, or keywords and values. Never fails: see pg_target_refusal. */
struct pg_target *pg_target_new(const char *conninfo);
void pg_target_free(struct pg_target *t); /* takes NULL; ends a round */
/* Why the string cannot be used, as long as nobody changes it: one line that quotes nothing of it. NULL if it can. */
const char *pg_target_refusal(const struct pg_target *t);
/* What the string itself says for a keyword of libpq's; NULL if it does not. Not for hosts, addresses and ports. */
const char *pg_target_given(const struct pg_target *t, const char *keyword);
/* A keyword for each attempt, which wins over the string's own. Copies both. */
void pg_target_set(struct pg_target *t, const char *keyword, const char *value);
/* Who gets the server's notices while it connects; if nobody is set, libpq prints them. */
void pg_target_notices(struct pg_target *t, void (*receive)(void *arg, const struct pg_result *notice), void *arg);
/* "name=address,address name=…": the addresses that the name server gave for the hosts, to be remembered by another
 * process; "" if there are none. What does not fit is left out, from the end. */
void pg_target_addresses(const struct pg_target *t, char *out, size_t size);
/* Takes them for hosts of these names that have none yet. What is not an address is passed over. */
void pg_target_recall(struct pg_target *t, const char *text);
/* Instead of getaddrinfo: for tests. */
void pg_target_resolver(struct pg_target *t, lookup_fn *resolve);

enum pg_dial {
    PG_DIAL_WAITING,
    PG_DIAL_UP, /* pg_dial_take it */
    PG_DIAL_FAILED,
};

/* Wait until `fd` is ready, but no longer than `until_ms`; then go on. A descriptor is only good until then. */
struct pg_wait {
    int fd;
    short events; /* POLLIN or POLLOUT */
    uint64_t until_ms;
};

/* Begins a round of about `timeout_ms`: longer only if there are so many addresses that a second for each is more (all
 * of that second, or `timeout_ms` if it is less). A round that is under way ends. The target has no refusal. */
void pg_dial_begin(struct pg_target *t, unsigned timeout_ms);
/* Goes as far as it can without waiting. Fills `ret_wait` if it is PG_DIAL_WAITING. */
enum pg_dial pg_dial_go(struct pg_target *t, struct pg_wait *ret_wait) ATTR_CHECKED;
/* The connection, now the caller's (PQfinish). */
struct pg_conn *pg_dial_take(struct pg_target *t) ATTR_CHECKED;
/* Ends the round. A look-up that hangs is left alone, and its late answer is used in the next round. */
void pg_dial_stop(struct pg_target *t);
/* After PG_DIAL_FAILED: what was tried and why it failed, one line without secrets; valid until the next round. */
const char *pg_dial_reason(const struct pg_target *t);
/* After PG_DIAL_FAILED: every host has answered and refused, in a way that the next round will not change (a password,
 * a role, a database). */
bool pg_dial_refused(const struct pg_target *t);

/* A whole round, waiting. 0, or -1 as of PG_DIAL_FAILED. */
int pg_dial_wait(struct pg_target *t, unsigned timeout_ms, struct pg_conn **ret_conn) ATTR_CHECKED;

/* Whether the database of a connection can hold every text: other encodings lack characters, and SQL_ASCII takes any
 * bytes. If not, `why` says so in one line, with what helps; `database` is its name for people. */
bool pg_is_utf8(struct pg_conn *conn, const char *database, char *why, size_t size) ATTR_CHECKED;

/*
 * Settings of a session that the SQL of this house relies on, and the values that they must have (docs/operations.md,
 * "What is set in each session"). They are asked for at connection, so that they come back at RESET ALL; and set again
 * by a statement, which works through a pooler that drops what is asked for at connection, and knows which of them this
 * server has.
 */
struct pg_pin {
    const char *name, *value;
};

enum pg_path {
    PG_PATH_OWN,       /* the schema of our tables, and pg_temp at last */
    PG_PATH_OWN_FIRST, /* between the two what else is on the session's path: a migration may need extensions */
};

/* What `options` is to be: what the connection string has there (NULL: PGOPTIONS has it), the pins, and `own` ones. If
 * one is there several times, the server takes the last. The caller's (free). */
char *pg_pins_options(const char *given, const struct pg_pin *own, size_t count);
/* What must come before that statement, and behind each RESET ALL: a role's transaction_timeout cannot be set aside at
 * connection, where an older server would refuse it, and may be too short for more than this. NULL if this server has
 * no such setting. */
const char *pg_pins_first(const struct pg_conn *conn);
/* One statement that sets the pins and `own` ones, and the search path: to `path`, or (NULL) as the session finds it.
 * The last row of its result is the search path. The caller's (free). */
char *pg_pins_sql(const struct pg_pin *own, size_t count, enum pg_path way, const char *path);

/* Asks, in a session with its search path, who but its owners could put something in the way of our names: one row with
 * one value, the reasons with what helps, or NULL. */
extern const char pg_trust_sql[];

/* Cancels what runs there. Does not wait: libpq has no way to do it with a deadline, so a thread does it, which ends
 * with the process. */
void pg_cancel(struct pg_conn *conn);

/*
 * On a connection, whoever made it: one statement with text parameters, or without parameters (`values` NULL) several.
 * The last result is the caller's (PQclear). NULL if the connection is lost, or if nothing has come for `timeout_ms`:
 * then it is cancelled, and nothing more can be asked on it. A server that hangs closes no connection, so libpq's own
 * calls wait for ever.
 */
struct pg_result *pg_exec_within(struct pg_conn *conn, const char *sql, int count, const char *const *values,
                                 unsigned timeout_ms) ATTR_CHECKED;

#endif
