/* How a child is started and ended. master.c, roll.c and reload.c decide when. */
#ifndef MASTER_PROCESS_H
#define MASTER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "ipc/pages.h"
#include "master/master.h"
#include "master/socket.h"

#define SLOT_STATE_NAMES(M)                                        \
    M(SLOT_EMPTY)    /* no child, and none is due */               \
    M(SLOT_WAITING)  /* no child until start_at_ms */              \
    M(SLOT_STARTING) /* runs, and has not said that it is ready */ \
    M(SLOT_READY)                                                  \
    M(SLOT_ENDING) /* was told to end, or has said that it ends */
FORM_ENUM(slot_state, SLOT_STATE_NAMES);

/* A place for one child. */
struct slot {
    const struct master_role *role; /* NULL: the place is free */
    unsigned index;                 /* among those of its role */
    bool has_cells;                 /* as its role had it when the slot was made */
    unsigned cell; /* its place on the scoreboard: among the workers' cells, or among the heartbeats of the others */
    unsigned generation; /* of the code that it runs */
    enum slot_state state;
    bool recycle;         /* has asked to be replaced */
    bool hung;            /* was sent SIGABRT because it was silent */
    bool retired;         /* when this child has ended, no other follows it */
    bool hurried;         /* was told to end at once, because too many retired children are left */
    bool told_to_stop;    /* that the whole service ends */
    pid_t pid;            /* 0: nobody */
    int channel_fd;       /* the master's end; -1 */
    uint64_t start_at_ms; /* CLOCK_MONOTONIC, as all of these */
    uint64_t started_ms;
    uint64_t ready_ms;
    uint64_t kill_at_ms; /* of a child that was told to end; 0: none */
    uint64_t retired_ms;
    unsigned retire_timeout_ms; /* as the image had it that started the child, which has it too */
    uint64_t suspect_ms;        /* when the master first saw that its heartbeat is missing; 0: it is not missing */
    uint64_t suspect_beat_ms;   /* the last heartbeat at that time */
    unsigned failures;          /* in a row; reset after a minute of health */
    unsigned heard;             /* messages on its channel */
};

enum {
    SLOTS_MAX = SCOREBOARD_WORKERS_MAX + SCOREBOARD_OTHERS_MAX,
    CHILDREN_ROLES_MAX = 2 * MASTER_ROLES_MAX,
};

/* The children, and what they are started from. */
struct children {
    const struct master_options *options;
    struct pages pages;
    struct scoreboard *board; /* of the pages */
    unsigned generation;
    /* The program's roles, and behind them former ones, which only an image before this one had: their children and
     * sockets are kept while a reload may go back to that image. A former role starts no child. */
    struct master_role roles[CHILDREN_ROLES_MAX];
    size_t role_count;
    char former_names[CHILDREN_ROLES_MAX - MASTER_ROLES_MAX][MASTER_NAME_BYTES];
    struct sockets sockets[CHILDREN_ROLES_MAX];
    struct slot slots[SLOTS_MAX];
    size_t slot_count; /* slots up to the last one that was ever used */
    int signal_fd;
    int control_fd; /* ipc/control.h; the master's alone; -1 */
};

void children_init(struct children *children, const struct master_options *options);
size_t children_role_id(const struct children *children, const struct master_role *role);
/* The role of this name. If the program does not have it, it is added as a former role; NULL if there is no room for
 * it. */
const struct master_role *children_find_role(struct children *children, const char *name);
/* Closes the sockets of former roles. */
void children_close_former_sockets(struct children *children);

/* The next slot that is taken, from `*at` on, which is advanced past it; NULL at the end. */
struct slot *slot_next(struct children *children, size_t *at);
/* A slot for one more child of the role, due now, with the lowest index that no other has. NULL if all are taken. */
struct slot *slot_add(struct children *children, const struct master_role *role);

/* Forks; the slot is then SLOT_STARTING. Fails if the system refuses (EAGAIN, ENOMEM, EMFILE). */
int process_start(struct children *children, struct slot *slot, struct error *err) ATTR_CHECKED;
/* What the master says of the child on the scoreboard; NULL if it is not a worker. */
struct scoreboard_place *process_place(struct children *children, const struct slot *slot);
/* What the scoreboard says of the child; nothing if it is not a worker. */
void process_look(const struct children *children, const struct slot *slot, struct scoreboard_seen *ret_seen);
/* When the child's event loop last turned; for a task, which has no loop, when it was started. */
uint64_t process_heartbeat_ms(const struct children *children, const struct slot *slot);
/* Sends the signal if the slot has a child. */
void process_signal(const struct slot *slot, int signo);
/* Tells the child to drain, within its time, and sets when it will be killed. No other child follows it. */
void process_retire(struct children *children, struct slot *slot);
/* The same for a child that drains already, which needs no signal. */
void process_note_retired(struct children *children, struct slot *slot);
/* A retired child ends now: it answers what is unfinished. */
void process_hurry(struct children *children, struct slot *slot);
/* The child has said that it serves, or that it has stopped accepting. */
void process_set_ready(struct children *children, struct slot *slot);
/* The child of the slot has been reaped. The slot is then SLOT_EMPTY, or free if the child was retired. */
void process_set_ended(struct children *children, struct slot *slot);

/* What process_run starts. */
struct process_program {
    int exe_fd;
    char *const *args;     /* NULL-terminated */
    const char *directory; /* where it works; "", or a directory that is not there: where this process does */
};

/*
 * Runs the program as a child, with its standard output thrown away, and its standard error on a pipe: *ret_output_fd
 * is the reading end, non-blocking.
 */
int process_run(const struct process_program *program, pid_t *ret_pid, int *ret_output_fd,
                struct error *err) ATTR_CHECKED;

#endif
