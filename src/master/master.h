/*
 * The master: binds the sockets, starts children, replaces those that die, stops them, and touches neither the database
 * nor a client's bytes. What its children are is a table that the caller passes; the master knows them by what the
 * table says.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stddef.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "ipc/scoreboard.h"

/* Exit statuses of the master itself; those of behaviour.md's list that are its own. */
enum { MASTER_EXIT_CRASH_LOOP = 70, MASTER_EXIT_SYSTEM = 71 };

/*
 * A reload hands the master's state from one executable to the next. This number stands for its form and the
 * scoreboard's: raise it whenever master/state.c's structs or ipc/scoreboard.h's change. The preflight of an executable
 * that cannot read the running one's state fails, and says that it takes a restart.
 */
enum { MASTER_STATE_VERSION = 5 };

/* The preflight's exit status where all is well but the database, and its schema needs nothing: MIGRATE is left out. */
enum { MASTER_PREFLIGHT_NO_DATABASE = 3 };

/* "PID:FD": set for the next image, by the master alone. */
#define MASTER_RESUME_VARIABLE "STRATSLABD_RESUME"

enum { MASTER_ROLE_COUNT = SCOREBOARD_ROLES_MAX };

/* What a child gets of its master; borrowed for its life. */
struct master_child {
    void *ctx; /* of master_options */
    unsigned index;
    int channel_fd;
    const int *listen_fds; /* of its role */
    size_t listen_count;
    bool listen_passed; /* the service manager has them too: they are not to be shut down */
    struct scoreboard *board;
    _Atomic uint64_t *heartbeat_ms; /* on the board: the child's event loop writes the time there (CLOCK_MONOTONIC) */
};

struct master_role {
    const char *name;
    /* The child's whole life; returns its exit status. */
    int (*run)(const struct master_child *child);
    /* Which sockets it accepts on; may be NULL. */
    const struct conf_addresses *listen;
    /* What a service manager calls these sockets, where it has opened them ("http"); NULL where it cannot. */
    const char *socket_name;
    /* Children of this role. 0 is allowed. */
    unsigned count;
    /* A task: it ends by itself, and what comes behind it in the table starts when it has ended with 0. Another status
     * ends the master with that status. Not a task: it is started again when it ends. */
    bool task;
    /* What the service does while this task runs (only for tasks). */
    enum scoreboard_phase phase;
    /* The crash loop counts these, and slots of the scoreboard are theirs. */
    bool is_worker;
    /* Ends only after the workers have (so that somebody can say "draining"). */
    bool ends_last;
};

struct master_options {
    const struct conf *conf;
    struct master_role roles[MASTER_ROLE_COUNT]; /* started in this order */
    void *ctx;
    /* argv of the next image, of its preflight, and of its migration; NULL-terminated. */
    char *const *args;
    char *const *preflight_args;
    char *const *migrate_args;
    struct slice
        settings;  /* what this image runs with, for the day it is given its service back: see master_resume_settings */
    int resume_fd; /* of master_resume_fd */
    /* Makes the series of what this image's workers count, before one is started; returns how many found no room. May
     * be NULL. */
    unsigned (*learn_metrics)(void *ctx, struct metrics *metrics);
};

enum { MASTER_SETTINGS_BYTES = 65536 };

/* The descriptor of the state that the image before this one left, or -1 where this process is no image of a running
 * master. Takes the variable out of the environment. */
int master_resume_fd(void);
/* Where the next image failed and this one takes its service back, `out` gets the settings that it had: those of the
 * environment and the file are the next image's by now, and may mean nothing to this one. */
void master_resume_settings(int resume_fd, struct buf *out);
/* This image cannot go on (its settings are bad): becomes the one before it again. Returns where that is impossible. */
void master_give_back(int resume_fd, const char *reason, char *const *args);

/* Runs until it is told to stop; returns the process's exit status. Children end inside it (exit(3)). */
int master_run(const struct master_options *options);

#endif
