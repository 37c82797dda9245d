/*
 * The master: it binds the sockets, starts children, replaces those that die, and stops them. It touches neither the
 * database nor a client's bytes. The caller passes a table of roles, and the master knows nothing about its children
 * but what the table says.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stddef.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "ipc/place.h"

/* In the environment of what a reload runs for the master, so that it becomes whom the service's own children become.
 * Not a setting's name: executables of other versions pass over it. */
#define MASTER_HELPER_VARIABLE "STRATSLABD_HELPER"

/* Exit statuses of the master itself. */
enum { MASTER_EXIT_CRASH_LOOP = 70, MASTER_EXIT_SYSTEM = 71 };

enum {
    MASTER_ROLES_MAX = 8,   /* of a program */
    MASTER_NAME_BYTES = 16, /* of a role's name, with its NUL */
    MASTER_FORM_BYTES = 17,
};

/*
 * A reload hands the master's state and the scoreboard from one executable to the next, as they lie in memory. This
 * writes the number of their form, which the compiler makes (ipc/form.h). The master gives it to the next executable's
 * preflight, which fails if that executable has another number.
 */
void master_state_form(char out[MASTER_FORM_BYTES]);

/* What a child gets from its master; borrowed for its life. */
struct master_child {
    void *ctx;      /* of master_options */
    unsigned index; /* its number among the children of its role */
    unsigned cell;  /* of a role with cells: which worker it is on the scoreboard */
    struct child_place place;
};

/* A kind of child. Messages and ps(1) show its name. */
struct master_role {
    const char *name;   /* "worker"; no two roles have the same */
    const char *plural; /* "workers"; for a role that serves or is scaled it is also a key in the log */
    /* The child's whole life; returns its exit status. */
    int (*run)(const struct master_child *child);
    /* The sockets that it accepts on, and the setting that names them; NULL: it has none. */
    const struct conf_addresses *listen;
    const char *listen_setting;
    /* The name of these sockets if a service manager opens them ("http"); NULL: it cannot open them. */
    const char *socket_name;
    /* Sockets that the service manager passes without a name are this role's. */
    bool takes_unnamed_sockets;
    /* Children of this role. 0 is allowed. */
    unsigned count;
    /* A task ends by itself. The roles behind it in the table start when it has ended with 0; any other status ends the
     * master with that status. A child that is not a task is started again when it ends. */
    bool task;
    /* For a task: what the service does while it runs, for the scoreboard, and in words for people ("waiting for the
     * database"). */
    enum scoreboard_phase phase;
    const char *doing;
    /* The service is ready if one of these children is ready. If none is left, the back-off before the next start is
     * short. */
    bool serves;
    /* Its crashes end the master if they come fast and no child that serves has ever been ready. */
    bool counts_as_crash_loop;
    /* Each child has a worker's place on the scoreboard, where its restarts are counted. Only one role of a program may
     * have this. The children of other roles have only a heartbeat there. */
    bool has_cells;
    /* SIGTTIN and SIGTTOU change how many children it has. */
    bool is_scaled;
    /* Told to end only when the others have ended (so that somebody can say "draining"). */
    bool ends_last;
};

struct master_times {
    unsigned start_ms;        /* what the first ready child may take beyond its own time; told to a service manager */
    unsigned stop_delay_ms;   /* readiness is 503 for this long before a graceful stop */
    unsigned stop_timeout_ms; /* for a graceful stop; the children have the same limit */
    unsigned kill_grace_ms;   /* past that, what is left is killed */
    unsigned hang_timeout_ms;
    unsigned retire_timeout_ms; /* for children that others replace: by a reload, recycled, or too many */
    unsigned reload_timeout_ms; /* for the preflight, and for each new child to be ready */
};

/* What a reload runs: each argv is NULL-terminated, and the program is the executable by then. */
struct master_reload {
    char *const *args;           /* of the next image */
    char *const *preflight_args; /* the preflight exits with 0 if this executable may take over */
    /* What the new executable prepares in between ("migrate"), without a time limit; NULL: nothing. */
    const char *prepare_name;
    char *const *prepare_args;
    int unprepared_status; /* the status of a preflight that found nothing wrong, but cannot prepare now; preparing is
                              then left out. 0: there is no such status */
    const char *timeout_setting; /* the setting that times.reload_timeout_ms comes from */
};

/* The program. */
struct master_options {
    const char *name; /* "stratslabd" */
    struct master_times times;
    struct master_role roles[MASTER_ROLES_MAX]; /* started in this order */
    size_t role_count;
    void *ctx;
    const struct conf_socket_access *socket_access; /* of Unix sockets that a role listens on */
    struct master_reload reload;
    struct slice
        settings;  /* what this image runs with, in case it is given its service back: see master_resume_settings */
    int resume_fd; /* from master_resume_fd */
    /* Registers the series that this image's workers count, before the first worker is started. Returns how many found
     * no room. May be NULL. */
    unsigned (*register_metrics)(void *ctx, struct metrics *metrics);
};

enum { MASTER_SETTINGS_BYTES = 65536 };

/* The descriptor of the state that the image before this one left, or -1 if this process is not an image of a running
 * master of this program. Takes the variable that says so (the program's name and _RESUME) out of the environment. */
int master_resume_fd(const char *program);
/* If the next image failed and this one takes its service back, `out` gets the settings that it had: those of the
 * environment and the file are the next image's by now, and this image may not understand them. */
void master_resume_settings(int resume_fd, struct buf *out);
/* For an image that cannot go on (its settings are bad): becomes the image before it again. Returns only if that is
 * impossible. */
void master_roll_back(const char *program, int resume_fd, const char *reason, char *const *args);

/* Runs until it is told to stop, and returns the process's exit status. In a child it does not return: the child ends
 * with exit(3). */
int master_run(const struct master_options *options);

#endif
