/*
 * What the tests of children stand on: the test is the master. It forks a child, hears it on its channel, and looks at
 * its cells on the scoreboard. One rig a test.
 *
 * The server is the one of STRATSLAB_TEST_DATABASE_URL, as superuser; the program has a database of its own in it.
 */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "child/session.h"
#include "ipc/channel.h"
#include "unit.h"

enum { RIG_PATIENCE_MS = 30000, RIG_TEXT_BYTES = 4096 };

struct rig {
    struct scoreboard *board;
    struct scoreboard_worker *cells;
    struct channel channel;
    struct child_place place;
    pid_t pid;
    int status;                         /* of waitpid, once it has ended */
    char heard[16];                     /* what the child said so far, a letter each */
    char addresses[CHANNEL_TEXT_BYTES]; /* with the letter A */
    int error_fd;                       /* what it writes to standard error comes out here */
    char said[RIG_TEXT_BYTES];          /* read from there so far; cut */
};

/* The database exists while this is between, with an empty ledger. False, and said why, where there is no server. */
bool rig_setup(void);
void rig_teardown(void);
extern const char *rig_conninfo; /* of that database */
const char *rig_name(void);      /* the application_name of this test's sessions */
/* First value of a query on a control connection to another database, in a buffer that the next call reuses. */
const char *rig_sql(const char *sql);
/* The same in the database of the children. */
const char *rig_sql_inside(const char *sql);
void rig_admit(bool on); /* whether the database takes connections; those that there are end */

void rig_open(struct rig *rig);
/* Forks; the child is `run`, to which `arg` goes. */
void rig_start(struct rig *rig, int (*run)(const struct child_place *place, void *arg), void *arg);
/* True as soon as it is so; false after RIG_PATIENCE_MS. */
bool rig_hears(struct rig *rig, const char *heard);
bool rig_until_database(struct rig *rig, enum scoreboard_database database);
bool rig_until_equal(const _Atomic uint32_t *cell, uint32_t value);
bool rig_until_ended(struct rig *rig);  /* with status 0, by itself */
bool rig_until_killed(struct rig *rig); /* by a signal, or with another status */
void rig_close(struct rig *rig);

/* A worker that holds a session and does nothing else: test_session.c. `arg` is a struct idler, or NULL. */
struct idler {
    const char *versions;      /* NULL: none */
    uint64_t memory_max_bytes; /* 0: no bound */
};
int idler_run(const struct child_place *place, void *arg);

extern const struct unit_part child_tests, crash_tests, schema_tests, session_tests;

#endif
