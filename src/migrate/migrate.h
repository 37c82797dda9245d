/*
 * Migrations: files in dbmate's format, a ledger in the database, and the operations between the two. Synchronous; used
 * by the `migrate` and `check` commands and by the child that migrates at boot, never inside an event loop.
 *
 * A file is sql/migrations/YYYYMMDDHHMMSS_name.sql with one `-- migrate:up` and one `-- migrate:down`. The ledger is
 * the table schema_migrations, as dbmate makes it, with more columns that may be NULL.
 *
 * Errors carry their category as error code: ERROR_INVALID a file, ERROR_FAILED the work itself (both exit 65),
 * ERROR_UNAVAILABLE and ERROR_REFUSED the database (69), ERROR_TIMEOUT the lock (75), ERROR_SETTINGS (78), ERROR_USAGE
 * (64), ERROR_SYSTEM (71). A message may hold several lines; those of files begin with file:line:column.
 */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

struct pg_conn; /* libpq's PGconn */

enum { MIGRATE_VERSION_BYTES = 15 }; /* 14 digits and a NUL */

/* --- files ------------------------------------------------------------------------------------------------------ */

struct migrate_files;

/*
 * Reads every *.sql of the directory, oldest first; other files and those that begin with a dot are ignored. A name
 * that is not a migration's (x.SQL too), a version twice, or a file that does not parse is ERROR_INVALID; no such
 * directory ERROR_SETTINGS.
 */
int migrate_files_load(const char *dir, struct migrate_files **ret_files, struct error *err) ATTR_CHECKED;
void migrate_files_free(struct migrate_files *files); /* takes NULL */
size_t migrate_files_count(const struct migrate_files *files);
const char *migrate_files_version(const struct migrate_files *files, size_t index);
/* Every version as a PostgreSQL text array: "{20261123140000,20261124090000}", "{}" if there is none. */
void migrate_files_array(const struct migrate_files *files, struct buf *out);
/* The same of a directory whose files are not needed further; errors as of migrate_files_load. */
int migrate_versions_load(const char *dir, struct buf *out, struct error *err) ATTR_CHECKED;
/*
 * Writes an empty migration called `name` ([a-z0-9_]+) with the version of `wall_us`, or one second after the newest
 * file if that is later, and puts its path into `ret_path`.
 */
int migrate_files_new(const char *dir, const char *name, uint64_t wall_us, struct buf *ret_path,
                      struct error *err) ATTR_CHECKED;

/* --- a session: one connection for lock and work ---------------------------------------------------------------- */

enum migrate_environment { MIGRATE_PRODUCTION, MIGRATE_DEVELOPMENT };

enum migrate_note {
    MIGRATE_NOTE_INFO,    /* what is being done, what was done */
    MIGRATE_NOTE_WAIT,    /* what is waited for */
    MIGRATE_NOTE_NOTICE,  /* the server's NOTICE and the like */
    MIGRATE_NOTE_WARNING, /* what should be looked at */
};

/* Strings are borrowed until the session is closed. */
struct migrate_options {
    const char *conninfo; /* a URI, or key=value pairs; secret */
    const char *label;    /* the database, for people: without the password */
    const char *setting;  /* the setting that named it, for people; NULL: DATABASE_URL */
    enum migrate_environment environment;
    unsigned lock_timeout_ms;      /* for another master's migration; then ERROR_TIMEOUT */
    unsigned rehearsal_timeout_ms; /* how long all rehearsed files together may run, and so hold locks; 0: none is */
    unsigned boot_timeout_ms;      /* connecting is tried again for this long; 0: once */
    unsigned connect_timeout_ms;   /* one try */
    const char *application_name;
    const char *app_version;
    void (*say)(void *arg, enum migrate_note kind, const char *line); /* may be NULL */
    void *say_arg;
};

struct migrate_session;

/* Waits for a database that is starting or out of reach; not if it says no (password, no such database). */
int migrate_session_open(const struct migrate_options *options, struct migrate_session **ret_session,
                         struct error *err) ATTR_CHECKED;
void migrate_session_close(struct migrate_session *s); /* takes NULL; releases the lock */

/* A connection as a session has it, without one; the caller's (PQfinish). */
int migrate_connect(const struct migrate_options *options, struct pg_conn **ret_conn, struct error *err) ATTR_CHECKED;

/* --- the state: files and ledger, side by side ------------------------------------------------------------------- */

enum migrate_state {
    MIGRATE_STATE_PENDING,
    MIGRATE_STATE_APPLIED,
    MIGRATE_STATE_CHANGED,   /* applied, and the file's up block is another one now */
    MIGRATE_STATE_UNCHECKED, /* applied without a checksum, by dbmate */
    MIGRATE_STATE_MISSING,   /* applied, and this build has no such file: the database is ahead */
};

/* Strings are the report's or the files', valid while both are; those that are not known are NULL. */
struct migrate_entry {
    const char *version;
    const char *name;
    const char *path; /* NULL if MISSING */
    enum migrate_state state;
    bool out_of_order;        /* pending, and older than the newest applied */
    bool transaction;         /* its up block is one transaction */
    unsigned statements_done; /* of a pending transaction:false file that broke off */
    const char *applied_at;   /* RFC 3339, UTC */
    const char *app_version;
    const char *applied_by;
    int64_t duration_ms; /* -1 if not known */
    size_t file;         /* index in the files; SIZE_MAX if MISSING */
};

struct migrate_report {
    struct migrate_entry *entries; /* by version, oldest first */
    size_t count;
    size_t applied; /* rows of the ledger */
    size_t pending;
    size_t changed;
    size_t unchecked;
    size_t missing;
    size_t out_of_order;
    const char *current; /* newest applied version, or NULL */
    struct arena *arena; /* owner of all this */
};

const char *migrate_state_name(enum migrate_state state);
int migrate_report_make(struct migrate_session *s, const struct migrate_files *files, struct migrate_report *ret_report,
                        struct error *err) ATTR_CHECKED;
void migrate_report_clear(struct migrate_report *report);
/* Adds the sentence that the database is ahead of the files; false, and adds nothing, if it is not. */
bool migrate_report_ahead(const struct migrate_report *report, struct buf *out);
/* The same of the database as it is now; false, too, if its ledger cannot be read. */
bool migrate_is_ahead(struct migrate_session *s, const struct migrate_files *files, struct buf *out);
/*
 * What the environment does not allow: a changed file, or one older than the newest applied, is ERROR_FAILED in
 * production and a warning in development. That the database is ahead is said.
 */
int migrate_report_check(struct migrate_session *s, const struct migrate_report *report,
                         struct error *err) ATTR_CHECKED;

/* --- operations ----------------------------------------------------------------------------------------------------
 */

/*
 * Applies what is pending, up to the version `to` (NULL: all). The first look takes no lock; if something is pending
 * the state is read again under the lock. `ret_applied` (may be NULL) is how many files were applied.
 */
int migrate_up(struct migrate_session *s, const struct migrate_files *files, const char *to, bool dry_run,
               size_t *ret_applied, struct error *err) ATTR_CHECKED;

/* Asked before anything is undone, and before the lock; 0 goes on, -1 with an error does not. */
typedef int migrate_confirm_fn(void *arg, const char *const *paths, size_t count, struct error *err);

/* Undoes the newest `steps` migrations, newest first; refused if one of them cannot be undone. */
int migrate_down(struct migrate_session *s, const struct migrate_files *files, unsigned steps,
                 migrate_confirm_fn *confirm, void *arg, struct error *err) ATTR_CHECKED;
/* Undoes the newest migration and applies it again; in one transaction if both its blocks allow that. */
int migrate_redo(struct migrate_session *s, const struct migrate_files *files, migrate_confirm_fn *confirm, void *arg,
                 struct error *err) ATTR_CHECKED;
/*
 * Records `version` and every pending file before it as applied, running nothing. If it is applied already, its row
 * takes the file's checksum.
 */
int migrate_stamp(struct migrate_session *s, const struct migrate_files *files, const char *version,
                  struct error *err) ATTR_CHECKED;
/* Opens sessions of its own until the ledger holds every file; ERROR_TIMEOUT or ERROR_UNAVAILABLE at the deadline. */
int migrate_wait(const struct migrate_options *options, const struct migrate_files *files, unsigned timeout_ms,
                 struct error *err) ATTR_CHECKED;

struct migrate_lock {
    const char *relation; /* qualified */
    const char *mode;     /* "AccessExclusiveLock" */
};

struct migrate_plan_step {
    const char *version;
    const char *path;
    bool rehearsed;     /* false: what works only after a commit, or took too long; and what comes after it */
    const char *reason; /* why it was not */
    int64_t duration_ms;
    struct migrate_lock *locks; /* on relations that others can see, beyond those of the steps before */
    size_t lock_count;
};

struct migrate_plan {
    struct migrate_plan_step *steps;
    size_t count;
    struct arena *arena;
};

/* Whether nobody but its owners may put something in the way of our names: else ERROR_FAILED, with what helps. */
int migrate_check_trust(struct migrate_session *s, struct error *err) ATTR_CHECKED;

/* What else is tried, on the session's connection, with the schema as it would be. */
typedef int migrate_trial_fn(void *arg, struct migrate_session *s, struct error *err);
/* Prepares a statement; `types` are oids of the parameters, 0 for one that the server infers. It waits for a lock as
 * for the ledger's: lock_timeout_ms at most, and says for whose. */
int migrate_prepare(struct migrate_session *s, const char *name, const char *sql, size_t count, const unsigned *types,
                    struct error *err) ATTR_CHECKED;

/* As migrate_plan_make, then `trial`, if everything pending could be rehearsed; *ret_pending (all of it) and
 * *ret_rehearsed say how much that was. Without anything pending there is no lock and no transaction but the trial's
 * own. */
int migrate_rehearse(struct migrate_session *s, const struct migrate_files *files, migrate_trial_fn *trial, void *arg,
                     size_t *ret_pending, size_t *ret_rehearsed, struct error *err) ATTR_CHECKED;

/* Runs what is pending in one transaction, under the lock, and rolls it back. Locks on tables that others use are held
 * meanwhile, for rehearsal_timeout_ms at most. */
int migrate_plan_make(struct migrate_session *s, const struct migrate_files *files, struct migrate_plan *ret_plan,
                      struct error *err) ATTR_CHECKED;
void migrate_plan_clear(struct migrate_plan *plan);

#endif
