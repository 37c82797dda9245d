/* What the files of this room share. Nobody else includes it. */
#ifndef DB_INTERNAL_H
#define DB_INTERNAL_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/client_id.h"
#include "base/list.h"
#include "db/db.h"
#include "pg/pg.h"

struct event;

/* The rule of values (db.h) is checked in builds with AddressSanitizer: reading a freed value is then found as well. */
#if defined(__SANITIZE_ADDRESS__)
#define DB_CHECKS_VALUES true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DB_CHECKS_VALUES true
#endif
#endif
#ifndef DB_CHECKS_VALUES
#define DB_CHECKS_VALUES false
#endif

enum {
    DB_REASON_BYTES = PG_REASON_BYTES,
    /* One failure in a batch of reads makes those behind it run again: keep that cheap. */
    DB_BATCH_MAX = 32,
    /* Queries handed to libpq at a time. A query that waits on our side can still be taken back, and has certainly not
     * happened if the connection is lost. */
    DB_FLIGHT_MAX = 128,
    /* A new connection begins with fewer, to spare a database that has only just come back. */
    DB_FLIGHT_FIRST = 8,
    /* After this long without an answer nothing more is handed over; after this long an answer was slow. */
    DB_HOLD_MS = 50,
    DB_SLOW_MS = 200,
    /* Reads of one batch may be silent for so long while others wait. */
    DB_CUT_MS = 250,
    /* After the end of a batch that was to be cancelled, the request may still be on its way; and up to version 17 the
     * server signals twice for each (postmaster.c, signal_child). What meets it meanwhile is sent again. If the request
     * found nothing to cancel in its batch, nothing is sent for a moment. */
    DB_CUT_STRAY_MS = 5000,
    DB_CUT_HOLD_MS = 100,
    /* So often for one query: the second signal may come when the same one runs again. */
    DB_CUTS_MAX = 3,
    /* Writes that share a commit: at the most, at first, and the bytes of their values. See commit.c. */
    DB_MATES_MAX = 64,
    DB_MATES_STATEMENTS = 32,
    DB_MATES_FIRST = 8,
    DB_MATES_BYTES = 64 * 1024,
    /* A commit that takes so long is slow: to go alone costs a write more than to be rolled back again, for a while. */
    DB_COMMIT_SLOW_MS = 4,
    DB_MATES_TRIES_SLOW = 8,
    DB_MATES_TRIES_FOR_MS = 500,
    /* After a slow one of so many writers the next one waits for them, for a part of the time that it took. */
    DB_COMPANY_LEAST = 8,
    DB_COMPANY_PART = 2,
    DB_COMPANY_MAX_MS = 10,
    DB_COMPANY_PAUSE_MAX = 31,
    /* What they may take together, and wait for locks, without the commit. */
    DB_MATES_MS = 2000,
    DB_MATES_LOCK_MS = 500,
    /* So often is a write rolled back with others, and one that goes in a statement with others once more; then it goes
     * alone. */
    DB_MATES_TRIES = 2,
    /* While so few may share, because many fail, each has a statement of its own. */
    DB_MATES_APART = 4,
    /* How often a read is sent again that had to give way to another transaction. */
    DB_AGAIN_MAX = 3,
    /* While there is something that may mend itself, this often is looked at it. */
    DB_DOUBT_MS = 1000,
    /* A row that takes more fails its own query. It has come by then; the session that it came in ends, so that libpq
     * gives back what it took. What can be so large is to be refused by its statement, before it is sent. */
    DB_ROW_BYTES_MAX = 32 * 1024 * 1024,
    /* Handed over before we ask libpq to write, which shows whether the socket takes it. */
    DB_PUSH_BYTES = 16384,
};

/* Whose queries share a queue, while there are any. See share.c. */
struct db_client {
    struct list link; /* in its part of db->clients */
    struct list turn; /* in db->turns, while something waits */
    struct client_id id;
    struct list waiting; /* of db_query.turn */
    struct list writes;  /* the same, of writes that may share a commit; each list in the order in which they came */
    unsigned count;      /* queries anywhere */
    unsigned flight;     /* of them handed to libpq and not answered */
};

struct db_query {
    struct list link; /* in db->waiting, a batch, or db->failing */
    struct list turn; /* in its client's `waiting` or `writes`, while it is in db->waiting */
    struct db *db;
    struct db_client *client;
    const struct db_statement *statement;
    struct db_fit *fit; /* of the statement; of one that is none of ours, a place that nobody looks at */
    db_done_fn *done;   /* NULL: abandoned */
    void *arg;
    uint64_t submitted_ns;
    uint64_t since_ms;       /* submitted; once it is sent, sent */
    PGresult *result;        /* a write's own result, kept until its Sync; owned */
    enum db_outcome outcome; /* in db->failing: what to report if there is no result */
    bool sent;               /* handed to libpq; a read may be sent again */
    bool alone;              /* it was sent as one that may be slow */
    bool solo;               /* a write that shares its commit with no other */
    bool apart;              /* a write that shares its statement with no other */
    unsigned together;       /* as it was sent, with so many in one statement; of the first of them */
    unsigned tries;          /* how often it was rolled back with others */
    unsigned cuts;           /* how often it was cancelled, to be sent again */
    bool in_callback;        /* its callback runs now */
    bool renewed;            /* its statement was prepared again for it once */
    char sqlstate[6];        /* of an error that stands for the result's own; "" if none does */
    bool moved;              /* the session was replaced for it once */
    unsigned again;          /* how often it was sent again, because it had to give way */
    uint64_t began_ms;       /* when it was first sent, of a write */
    bool was_lost;           /* a connection died under it once; a second time is one too many */
    uint64_t values_sum;     /* when it was submitted: db_values_sum */
    struct slice values[];
};

/* What is sent with one Sync, in the order of the pipeline. */
enum db_batch_kind {
    DB_BATCH_PINS,     /* queries of our own, without which nothing may be asked */
    DB_BATCH_SETTINGS, /* one that may fail */
    DB_BATCH_LISTEN,   /* the same, for one channel */
    DB_BATCH_PREPARE,  /* every statement, or those from `first` on */
    DB_BATCH_RENEW,    /* one statement again */
    DB_BATCH_READS,
    DB_BATCH_WRITE, /* one query, or several that share the commit */
    DB_BATCH_PROBE, /* nothing but the Sync */
};

struct db_batch {
    struct list link; /* in db->flight */
    enum db_batch_kind kind;
    unsigned count;                   /* queries sent in it */
    unsigned statements;              /* of a write: what they are sent as */
    size_t first;                     /* the statements that it prepares begin with this one */
    size_t prepared;                  /* statements answered */
    bool refused;                     /* one of them was refused, and those behind it skipped */
    bool late;                        /* nobody waits for what is left of it */
    bool cancelled;                   /* a cancel request was sent for it */
    bool cut;                         /* because it kept others waiting: what was cancelled is sent again, alone */
    bool was_cut;                     /* the request has come there */
    struct list queries;              /* not answered yet; a write stays until its Sync */
    struct list aborted;              /* to send again: skipped by the server, or refused for a stale statement */
    const struct db_statement *stale; /* prepare it again after the Sync; at most one, as its error skips the rest */

    /* Of writes. See commit.c. */
    bool shares;                   /* others may share this commit */
    bool full;                     /* some that wait could not go along */
    bool limits_due;               /* the result of the statement that bounds them is still to come */
    bool limits_refused;           /* it failed, and everything with it */
    bool flushed;                  /* the server was asked for the results before the commit */
    uint64_t ran_ms;               /* when the last result came */
    size_t result_bytes;           /* of the results that wait for the commit */
    bool complete;                 /* the Sync was handed to libpq: without it nothing is committed */
    const struct db_query *opener; /* the first of them; only to compare with, as it may have left the batch */
    struct list *due;              /* whose result comes next; the list itself: all are there */
    struct db_query *failed;       /* the first whose result is an error of the server */
    PGresult *verdict;             /* an error at the Sync; owned; NULL: none came */
    bool doubtful;                 /* a result is libpq's own error: the server's may have been one too */
};

/* Between attempts, connecting, preparing, serving. */
enum db_phase { DB_PHASE_PAUSE, DB_PHASE_DIALING, DB_PHASE_PREPARING, DB_PHASE_READY };

/* What is known of one statement, beyond that it was prepared once: how it and the schema are (fit.c), and whether it
 * is quick (share.c). */
struct db_fit {
    bool quick;              /* it was, when it last ran */
    uint64_t slow_ms;        /* when it last was not; 0: never */
    bool misfit;             /* the schema is not the one that it was written for */
    uint64_t last_ms;        /* when that last showed */
    uint64_t moved_ms;       /* when the session was last replaced for it; 0: never */
    uint64_t tried_ms;       /* when it was last prepared again */
    char sqlstate[6];        /* of the refusal */
    char *refusal;           /* why it cannot be prepared; owned; NULL: it is prepared */
    enum db_outcome outcome; /* of a query, while there is a refusal */
};

/* What an error says about the plan of a statement: a table in outcome.c. */
enum db_plan {
    DB_PLAN_KEPT,   /* nothing */
    DB_PLAN_STALE,  /* plan and schema no longer agree: made anew, it may work */
    DB_PLAN_DENIED, /* the role may not, and a new plan does not change that */
};

struct db {
    struct event_base *base;
    struct db_options options; /* its strings are not kept: see target */
    struct pg_target *target;
    db_state_fn *on_state;
    void *arg;

    PGconn *conn;     /* NULL in a pause, and while dialing */
    PGcancel *cancel; /* of conn, whatever becomes of its socket; owned; may be NULL */
    bool dismissed;   /* the server said that it ends the session: nothing of ours runs there any more */
    enum db_phase phase;
    enum db_state state;
    char reason[DB_REASON_BYTES];      /* of the state */
    char last_notice[DB_REASON_BYTES]; /* the server's last message, if libpq passed it on as a notice */
    unsigned failures;                 /* attempts since the last connection that lasted */
    uint64_t ready_ms;
    uint64_t times_ready;

    struct event *timer;        /* back-off or deadline, by phase */
    struct event *turn;         /* sends what was submitted in this turn of the loop */
    struct event *deadline;     /* see deadline.c */
    struct event *retry_window; /* ends the wait of reads for a connection */
    struct event *readable;     /* these two watch one socket */
    struct event *writable;

    struct list waiting; /* all that wait, in the order in which they came */
    struct list turns;   /* the clients whose queries they are, in the order of their turns */
    struct list clients[256];
    /* How many writes of the clients in each of these lists have failed, one after the other. */
    unsigned char failed_writes[256];

    uint64_t client_secret;
    unsigned client_count;
    unsigned client_max;       /* queries of one client */
    bool lone_flight;          /* one that may be slow is in flight */
    uint64_t rest_until_ms;    /* until then nothing is sent that was slow lately */
    uint64_t hold_until_ms;    /* until then nothing is sent at all */
    uint64_t stray_until_ms;   /* until then a cancel request may come for what has ended */
    uint64_t head_ms;          /* when the batch at the head of the pipeline came there */
    unsigned mates_max;        /* how many writes may share a commit now */
    unsigned mates_ms;         /* what they may take together */
    bool mates_refused;        /* they cannot be bounded in this session, so each goes alone */
    bool crowded;              /* more than two writes were there lately: those that come wait for a commit under way */
    unsigned commits;          /* batches in flight of writes that may share */
    unsigned writes_waiting;   /* in the lists `writes` of all clients */
    unsigned company;          /* so many of them are waited for, … */
    uint64_t company_until_ms; /* … until then */
    unsigned company_pause;    /* so many batches do not wait, after one that has waited in vain; … */
    unsigned company_paused;   /* … so many have not */
    bool slow_commits;         /* the last commit that was measured took long */
    struct list flight;        /* of db_batch */
    struct list failing;       /* have their outcome, and are to be told of it */
    unsigned depth;            /* queries anywhere */
    unsigned flight_count;     /* queries handed to libpq and not answered */
    unsigned window;           /* how many there may be */
    bool slow;                 /* the last input took long to come */
    uint64_t input_ms;         /* when bytes last came, or when the pipeline was last empty */
    uint64_t deadline_ms;      /* when the deadline's timer fires */
    bool overslept;            /* the deadline came late, and what came meanwhile is read first */
    size_t unpushed;           /* bytes handed to libpq since it last wrote */
    bool output_blocked;       /* the socket takes no more for now */
    bool held;                 /* by db_hold: no attempt begins */
    bool draining;             /* since db_drain: no new query is taken, and none is sent again */

    struct db_fit *fits; /* as many as there are statements */
    bool renew_wanted;   /* the session is replaced once nothing is in flight; nothing more is sent in it */
    char renew_reason[DB_REASON_BYTES];
    bool deaf;         /* a LISTEN was refused */
    bool unreplicated; /* a warning said that the write that runs is committed, but perhaps not on the standbys */

    struct db *scout;       /* looks whether a new session takes writes; NULL: none is out. See renew.c */
    bool read_only;         /* a write was refused because the session is read-only, and none has been taken since */
    unsigned scouts;        /* sent out in vain */
    uint64_t refused_ms;    /* when such a write last came */
    uint64_t scout_next_ms; /* not before this */
    char *conninfo;         /* for it; owned */
    char *application_name;

    struct buf scratch;
    size_t input_bytes;  /* of libpq's buffer, judged by the largest result of the session */
    size_t result_bytes; /* of the result whose callback runs */
    size_t kept_bytes;   /* of the results of writes that wait for their commits */

    unsigned entered; /* how many of our own event handlers are on the stack */
    bool freed;       /* db_free was called from a callback: touch nothing, and return */
};

/* db.c */
/* Why queries fail after db_drain. */
extern const char db_draining_reason[];
/* Every event handler calls both: a callback may free the db while the handler runs. */
void db_enter(struct db *db);
void db_leave(struct db *db);
/* Takes the query out of its list, calls its callback, and frees it and the result. The db may be `freed` afterwards.
 */
void db_query_finish(struct db_query *q, enum db_outcome outcome, PGresult *result, const char *message);
void db_query_free(struct db_query *q);
/* Finishes all of db->failing. */
void db_fail_all(struct db *db, const char *message);
void db_timer_set(struct event *timer, uint64_t ms);

/* outcome.c */
/* Whether this error of preparing will come next time too, unless somebody mends something. */
bool db_sqlstate_is_refusal(const char *sqlstate);
/* Whether a read that met this had to give way to another transaction, and may be sent again at once. */
bool db_sqlstate_is_again(const char *sqlstate);
/* What the outcome is for a statement of this kind: nothing of a read can have happened. */
enum db_outcome db_outcome_for(enum db_outcome outcome, enum db_access access);
enum db_plan db_plan_of(const char *sqlstate); /* what the code alone says */

/* result.c */
struct db_result {
    enum db_outcome outcome;
    const PGresult *pg; /* may be NULL */
    const char *message;
    const char *sqlstate; /* NULL: that of pg */
};
enum db_outcome db_pg_outcome(const PGresult *pg);
/* Whether it has rows above DB_ROW_BYTES_MAX. Its outcome then is DB_FAULT. */
bool db_pg_is_large(const PGresult *pg);
/* Whether the server ends the session with this error. */
bool db_pg_is_fatal(const PGresult *pg);
/* Whether the warning says that what was committed may be missing on the standbys. */
bool db_pg_is_unreplicated(const PGresult *pg);
/* What the server's error says about the statement's plan. */
enum db_plan db_pg_plan(const PGresult *pg);
const char *db_pg_sqlstate(const PGresult *pg); /* "" if there is none: libpq made the result itself */
const char *db_pg_message(const PGresult *pg);

/* target.c */
/* Where to connect, and the settings of each session. */
struct pg_target *db_target_new(const struct db_options *o);
/* The statement that pins them; the caller's (free). */
char *db_target_pins(const struct db_options *o);

/* reason.c */
/* libpq's message on one line, without source locations. */
void db_reason_clean(char out[DB_REASON_BYTES], const char *text);

/* share.c */
void db_share_init(struct db *db);
/* Whether the client has as much here as it may. */
bool db_share_is_full(struct db *db, struct client_id id);
/* A new query belongs to its client from now on; at its end it parts from it. */
void db_share_join(struct db_query *q, struct client_id id);
void db_share_part(struct db_query *q);
/* Puts a query among those that wait: after the others of its client, or before them. */
void db_share_wait(struct db_query *q, bool first);
/* Takes it out of the list that it is in, whichever that is. */
void db_share_leave(struct db_query *q);
/* Whose turn it is; NULL: nothing may be sent now. *ret_alone: in a batch of its own. */
struct db_query *db_share_next(struct db *db, bool *ret_alone);
/* It is in flight from now on, and in no list. */
void db_share_sent(struct db_query *q, bool alone);
void db_share_landed(struct db_query *q); /* if it is in flight: it is so no more */
/* Whether a write may share a commit, as far as its statement and its own past say; and whether its statement is known
 * to be quick, as it then must be. */
bool db_share_is_sociable(const struct db_query *q);
bool db_share_is_quick(const struct db_query *q);
/* Keeps in mind that a write of its client was committed, or has failed; and whether all that it asked for lately has
 * failed, so that it shares commits with nobody. Never so for the service itself. */
void db_share_note_write(const struct db_query *q, bool failed);
bool db_share_is_unlucky(const struct db_query *q);
/* The next write that may share a commit with another one; NULL if there is none. */
struct db_query *db_share_next_mate(struct db *db);
/* Whether the batch at the head may be cut if it is silent, since others wait. */
bool db_share_may_cut(const struct db *db);
/* Whether the query, which ended with this, is sent again because its batch was cut, or because the request to cut the
 * one before it came too late. Neither has changed anything: the server has rolled it back. */
bool db_share_was_cut(struct db_batch *batch, struct db_query *q, const PGresult *pg);
/* It has been answered, and was one of so many in its batch, which ran until then. `is_sure`: this is the time of its
 * statements; else a commit may be in it, and if it was long, nobody knows what was slow. */
void db_share_learn(const struct db_query *q, unsigned sent_with, uint64_t until_ms, bool is_sure);

/* connect.c */
void db_session_timer(struct db *db); /* the timer fired: begins an attempt, or ends one that took too long */
/* The session, or the attempt to begin one, is over. Decides what becomes of every query and plans the next attempt.
 * `reason` is copied before the memory that it may point into is freed. */
void db_session_end(struct db *db, enum db_state state, const char *reason);
void db_session_ready(struct db *db);
/* Closes it, and tries again after a pause, which grows from one failure to the next; `hopeless`: after the longest. */
void db_session_pause(struct db *db, bool hopeless);
/* Frees connection and socket events. */
void db_session_close(struct db *db);

/* The state is what the fits say: ready, or connected with a statement that does not fit. Only of a session that is
 * ready. */
void db_session_tell(struct db *db);
void db_session_set_state(struct db *db, enum db_state state, const char *reason);

/* fit.c */
enum db_second {
    DB_SECOND_NONE,    /* the error is the query's outcome */
    DB_SECOND_PREPARE, /* prepare the statement again, then send the query again */
    DB_SECOND_SESSION, /* send the query again in another session: renew_wanted is set */
};
void db_fits_init(struct db *db);
void db_fits_clear(struct db *db);
/* What is done about a query's error. */
enum db_second db_fit_judge(struct db_query *q, const PGresult *pg);
/* Keeps in mind what a query's end says about its statement. If the query failed because its statement cannot be
 * prepared, *outcome and `why` (else "") are those of that. */
void db_fit_note(struct db_query *q, const PGresult *pg, enum db_outcome *outcome, char why[DB_REASON_BYTES]);
/* The answer to a PREPARE: NULL if it is prepared. */
void db_fit_prepared(struct db *db, size_t index, const PGresult *refusal);
size_t db_fit_index(const struct db *db, const struct db_statement *s); /* statement_count if it is none of ours */
bool db_fit_is_lost(const struct db *db);                               /* no statement can be prepared */
/* Why one of the statements does not fit; "" if all do. */
void db_fit_reason(const struct db *db, char reason[DB_REASON_BYTES]);
bool db_fit_is_doubtful(const struct db *db); /* a statement does not fit, or did not a moment ago */
/* Now and then, and after each change: tries refused statements again, and says how it is. May end the session. */
void db_fit_review(struct db *db, uint64_t now_ms);

/* renew.c */
/* Replaces the session as soon as nothing is in flight. Queries, also those that come meanwhile, wait for the next. */
void db_renew_want(struct db *db, const char *reason);
bool db_renew_is_due(const struct db *db);
void db_renew(struct db *db);
void db_scout_refused(struct db *db); /* a write was refused, because the session is read-only */
void db_scout_tick(struct db *db, uint64_t now_ms);
void db_scout_recall(struct db *db); /* if one is out */

/* cancel.c */
/* Takes both, and closes the connection. If `statements` of ours may still run or be due in its session, they are
 * cancelled, outside of the loop, and nobody waits for it. They may be NULL. */
void db_cancel_and_close(PGconn *conn, PGcancel *cancel, unsigned statements);

/* pipeline.c */
bool db_pipeline_prepare(struct db *db, size_t index); /* a statement, again; false if the connection is broken */
bool db_pipeline_listen(struct db *db);                /* on every channel, likewise */
void db_pipeline_push(struct db *db);                  /* writes what was handed over */
void db_pipeline_open(struct db *db);                  /* the connection is up: sends settings and statements */
void db_pipeline_wake(struct db *db);                  /* sends at the end of this turn of the loop */
void db_pipeline_turn(int fd, short what, void *arg);
struct db_batch *db_batch_push(struct db *db, enum db_batch_kind kind); /* a new one, at the end of the pipeline */
void db_batch_free(struct db *db, struct db_batch *batch);              /* its lists are empty */
/* All results of a batch are taken: what was skipped or is to be sent again goes back to the head of the queue. */
void db_batch_synced(struct db *db, struct db_batch *batch);
/* Whether the query is sent again, because its statement or its session is made anew. The server has rolled back what
 * it may have begun, so this goes for a write too. */
bool db_batch_renews(struct db_batch *batch, struct db_query *q, const PGresult *pg);
/* A request to cancel may still be on its way to what has ended. */
void db_batch_expect_stray(struct db *db, const struct db_batch *batch);
void db_pipeline_finish(struct db_query *q, enum db_outcome outcome, PGresult *pg);
void db_pipeline_probe(struct db *db);
/* Whether the db still has this connection after a callback. */
bool db_session_is(const struct db *db, const PGconn *conn);

/* commit.c */
/* Whether the next commit waits for more writers than are there. */
bool db_commit_awaits_company(const struct db *db, uint64_t now_ms);
/* Whether a write that may share a commit goes now, or waits for one. */
bool db_commit_may_send(const struct db *db, uint64_t now_ms);
/* Sends a write whose turn it is, with those that may share its commit; false if the connection is broken. */
bool db_commit_send(struct db *db, struct db_query *q, bool alone);
void db_commit_result(struct db *db, struct db_batch *batch, PGresult *pg); /* owns pg */
void db_commit_synced(struct db *db, struct db_batch *batch);               /* frees the batch */
/* The server ends the session in the place of a result. Takes pg. */
void db_commit_dismissed(struct db_batch *batch, PGresult *pg);
/* What became of one of them, if the session was lost before the answer to the Sync. Its result stays only if it is
 * what is told. */
enum db_outcome db_commit_lost(const struct db_batch *batch, struct db_query *q);

/* together.c */
/* Into the batch: behind one with which it may go as one statement, or else at the end. */
void db_together_place(struct db_batch *batch, struct db_query *q);
/* Sends all of a batch of writes; false if the connection is broken. */
bool db_together_send(struct db *db, struct db_batch *batch);
/* The row of one of those that went together, as a result of its own; NULL if it cannot be told, or there is no memory
 * for it. */
PGresult *db_together_row(const struct db_query *first, const PGresult *pg, unsigned place);
/* None of them goes with another again. */
void db_together_part(struct db_query *first);

/* deadline.c */
void db_deadline_arm(struct db *db);
void db_on_deadline(int fd, short what, void *arg);

/* send.c */
/* These hand over to libpq; false if the connection is broken. */
bool db_send_query(struct db *db, struct db_query *q);
/* A query whose statement takes many, and those behind it in its batch: so many together. */
bool db_send_together(struct db *db, struct db_query *q, unsigned together);
/* Of everything that the values point to; 0 in builds that do not check the rule of values (db.h). */
uint64_t db_values_sum(const struct db_statement *s, const struct slice *values);
void db_values_check(const struct db_query *q); /* aborts if they are not what was submitted */
bool db_send_statement(struct db *db, const struct db_statement *s);
bool db_send_listen(struct db *db, const char *channel);
/* Bounds, for this transaction, what each statement after it may take and wait for a lock. */
bool db_send_limits(struct db *db, unsigned statement_ms, unsigned lock_ms);
/* Drops a prepared statement on the server. */
bool db_send_deallocate(struct db *db, const struct db_statement *s);
/* Asks the server for the results that it has, before the Sync. */
bool db_send_flush(struct db *db);
bool db_send_sync(struct db *db);

#endif
