/*
 * What the database tests stand on: an event loop, a db under test, a plain second connection to look at things from
 * the side, and a proxy between db and server that can be told to misbehave. One rig a test.
 *
 * The server is the one of STRATSLAB_TEST_DATABASE_URL, as superuser; each program has a schema of its own in it.
 */
#ifndef RIG_H
#define RIG_H

#include <event2/event.h>
#include <libpq-fe.h>

#include "db/db.h"
#include "unit.h"

enum { RIG_PATIENCE_MS = 30000, RIG_TEXT_BYTES = 512 };

struct answer {
    unsigned calls;
    enum db_outcome outcome;
    unsigned rows;
    size_t value_len;           /* of the first column of the first row */
    char value[RIG_TEXT_BYTES]; /* cut */
    char bytes[16];             /* the first of them, whatever they are */
    char second[64];            /* the second column of the first row; cut */
    char sqlstate[6];
    char message[RIG_TEXT_BYTES];
    char constraint[64];
    struct db_query *query;
    /* Called from within done. */
    void (*then)(struct answer *a);
    void *arg;
};

struct proxy;

struct rig {
    struct event_base *base;
    struct event *tick;
    struct db *db;
    struct db_options options;
    char *conninfo; /* owned */
    PGconn *control;
    struct proxy *proxy;
    enum db_state state;
    unsigned states[DB_STATE_REFUSED + 1]; /* how often each was reported */
    char reason[RIG_TEXT_BYTES];
    char name[32]; /* of its sessions, in pg_stat_activity */
    void (*on_state)(struct rig *rig);
};

/* The schema exists while this is between. False, and said why, where there is no server. */
bool rig_setup(void);
void rig_teardown(void);

void rig_open(struct rig *rig); /* no db yet: change rig->options first */
void rig_start(struct rig *rig);
bool rig_start_ready(struct rig *rig); /* with room for DB_FLIGHT_FIRST queries, however slow the machine was */
void rig_close(struct rig *rig);

/* The environment's connection string with parts replaced (NULL keeps them), in our schema. */
char *rig_conninfo(const char *host, const char *port, const char *user, const char *dbname);
void rig_use_conninfo(struct rig *rig, char *conninfo); /* takes it */

/* Turns the loop until `done(arg)`; false after RIG_PATIENCE_MS. */
bool rig_until(struct rig *rig, bool (*done)(void *arg), void *arg);
bool rig_until_state(struct rig *rig, enum db_state state);
bool rig_until_answered(struct rig *rig, struct answer *answers, size_t count);
/* Turns the loop for so long; only for showing that something does not happen. */
void rig_turn(struct rig *rig, unsigned ms);
/* Until the control connection's query returns `expected`. */
bool rig_until_sql(struct rig *rig, const char *sql, const char *expected);

/* Until a session of this db sleeps in pg_sleep, or waits at the gate. */
bool rig_until_sleeping(struct rig *rig);
/* The gate is shut until it is opened, or the rig is closed: the function gate(n) waits there, without a lock, and
 * returns n. */
void rig_shut_gate(struct rig *rig);
void rig_open_gate(struct rig *rig);

/* Up to two parameters as text; NULL is SQL NULL. Strings must live. */
enum db_outcome rig_submit(struct rig *rig, struct answer *a, const struct db_statement *s, const char *p1,
                           const char *p2);
enum db_outcome rig_submit_for(struct rig *rig, unsigned client, struct answer *a, const struct db_statement *s,
                               const char *p1, const char *p2); /* 0: for nobody, as the one above */
bool rig_ask(struct rig *rig, struct answer *a, const struct db_statement *s, const char *p1, const char *p2);
/* Each is answered once, as expected. */
void rig_check_outcomes(const struct answer *answers, const enum db_outcome *expected, size_t count);

/* What the db has told of its commits, if options.committed is rig_note_commit. */
extern struct rig_told {
    unsigned commits, writes, rolled_back, again;
} rig_told;
void rig_note_commit(void *arg, const struct db_commit *commit);
extern const char rig_items[]; /* asks for the ids in the table `item` */

/* First value of a query on the control connection, in a buffer of the rig's that the next call reuses. */
const char *rig_sql(struct rig *rig, const char *sql);

/* Puts a proxy in the way of the db to be started. */
void rig_use_proxy(struct rig *rig);
void proxy_cut(struct rig *rig); /* resets every connection; takes new ones */
/* Passes so many bytes more in each direction; with the last of the one or the other every connection is reset. New
 * ones are whole. */
void proxy_cut_after(struct rig *rig, size_t to_server, size_t to_client);
void proxy_mute(struct rig *rig, bool muted); /* what the server says stays in the proxy, old connections and new */
void proxy_close(struct rig *rig);            /* stops listening, resets every connection */
void proxy_reopen(struct rig *rig);           /* listens on the same port again */
/* Instead of passing anything on: answers a new connection's first bytes with these, or not at all where there are
 * none. */
void proxy_answer(struct rig *rig, const void *bytes, size_t len);

/* Statements, every one prepared by rig_start. */
extern const struct db_statement st_int, st_text, st_length, st_divide, st_sleep, st_stamp, st_big, st_pid, st_suicide,
    st_bytes, st_int_binary, st_insert, st_insert_slow, st_insert_gate, st_insert_child, st_insert_late, st_write_stamp;

extern const struct unit_part cancel_tests, commit_tests, connect_tests, outcome_tests, pipeline_tests, reason_tests,
    result_tests, send_tests, target_tests, deadline_tests, fit_tests, renew_tests, share_tests, together_tests;

#endif
