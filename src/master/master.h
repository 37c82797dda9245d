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
#include "ipc/place.h"

/* Exit statuses of the master itself; those of behaviour.md's list that are its own. */
enum { MASTER_EXIT_CRASH_LOOP = 70, MASTER_EXIT_SYSTEM = 71 };

enum {
    MASTER_ROLES_MAX = 8,   /* of a program */
    MASTER_NAME_BYTES = 16, /* of a role's name, with its end */
    MASTER_FORM_BYTES = 17,
};

/*
 * A reload hands the master's state and the scoreboard from one executable to the next, as they lie in memory. What
 * this writes is the number of their form, which the compiler makes (ipc/form.h). The master gives it to the next
 * executable's preflight, which fails if that executable's own number is another one.
 */
void master_state_form(char out[MASTER_FORM_BYTES]);

/* What a child gets of its master; borrowed for its life. */
struct master_child {
    void *ctx;      /* of master_options */
    unsigned index; /* among those of its role */
    unsigned cell;  /* of a role with cells: which worker it is on the scoreboard */
    struct child_place place;
};

/* A kind of child. What it is called is what messages and ps(1) say. */
struct master_role {
    const char *name;   /* "worker"; of each role another one */
    const char *plural; /* "workers"; of a role that serves or is scaled also a key of the log */
    /* The child's whole life; returns its exit status. */
    int (*run)(const struct master_child *child);
    /* Which sockets it accepts on; NULL: it has none. */
    const struct conf_addresses *listen;
    /* What a service manager calls these sockets, if it has opened them ("http"); NULL: it cannot. */
    const char *socket_name;
    /* Sockets that the service manager passes without a name are this role's. */
    bool takes_unnamed_sockets;
    /* Children of this role. 0 is allowed. */
    unsigned count;
    /* A task: it ends by itself, and what comes behind it in the table starts when it has ended with 0. Another status
     * ends the master with that status. Not a task: it is started again when it ends. */
    bool task;
    /* Of a task: what the service does while it runs, as the scoreboard has it, and as people are told ("waiting for
     * the database"). */
    enum scoreboard_phase phase;
    const char *doing;
    /* The service is ready when one of these is; and if none is left, no back-off keeps it without them for long. */
    bool serves;
    /* Its crashes end the master if they come fast and nothing that serves has ever been ready. */
    bool counts_as_crash_loop;
    /* Each child has a place on the scoreboard, and its restarts are counted there. One role of a program may have
     * this. The others have a heartbeat there. */
    bool has_cells;
    /* SIGTTIN and SIGTTOU change how many there are. */
    bool is_scaled;
    /* Told to end only when the others have ended (so that somebody can say "draining"). */
    bool ends_last;
};

struct master_times {
    unsigned start_ms; /* what a service manager is told that the first ready child may take, beyond its own time */
    unsigned stop_delay_ms;   /* readiness is 503 for this long before a graceful stop */
    unsigned stop_timeout_ms; /* which children know of too: theirs for a graceful stop */
    unsigned kill_grace_ms;   /* past that, what is left is killed */
    unsigned hang_timeout_ms;
    unsigned reload_timeout_ms; /* for the preflight, and for each new child to be ready */
};

/* What a reload runs: each argv is NULL-terminated, and the program is the executable by then. */
struct master_reload {
    char *const *args;           /* of the next image */
    char *const *preflight_args; /* it exits with 0 if this executable may take over */
    /* What is made ready in between, by the new executable ("migrate"), in its own time; NULL: nothing is. */
    const char *prepare_name;
    char *const *prepare_args;
    int unprepared_status;       /* of a preflight that has found all well if that is left out; 0: there is none */
    const char *timeout_setting; /* what people call times.reload_timeout_ms */
};

/* The program. */
struct master_options {
    const char *name; /* "stratslabd" */
    struct master_times times;
    struct master_role roles[MASTER_ROLES_MAX]; /* started in this order */
    size_t role_count;
    void *ctx;
    struct master_reload reload;
    struct slice
        settings;  /* what this image runs with, for the day it is given its service back: see master_resume_settings */
    int resume_fd; /* of master_resume_fd */
    /* Makes the series of what this image's workers count, before one is started; returns how many found no room. May
     * be NULL. */
    unsigned (*register_metrics)(void *ctx, struct metrics *metrics);
};

enum { MASTER_SETTINGS_BYTES = 65536 };

/* The descriptor of the state that the image before this one left, or -1 if this process is not an image of a running
 * master of this program. Takes the variable that says so (the program's name and _RESUME) out of the environment. */
int master_resume_fd(const char *program);
/* If the next image failed and this one takes its service back, `out` gets the settings that it had: those of the
 * environment and the file are the next image's by now, and may mean nothing to this one. */
void master_resume_settings(int resume_fd, struct buf *out);
/* This image cannot go on (its settings are bad): becomes the one before it again. Returns if that is impossible. */
void master_roll_back(const char *program, int resume_fd, const char *reason, char *const *args);

/* Runs until it is told to stop; returns the process's exit status. Children end inside it (exit(3)). */
int master_run(const struct master_options *options);

#endif
