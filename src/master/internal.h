/* What the files of this room share. Nobody else includes it. */
#ifndef MASTER_INTERNAL_H
#define MASTER_INTERNAL_H

#include "ipc/metrics_master.h"
#include "master/notify.h"
#include "master/process.h"
#include "master/supervise.h"

enum master_state {
    MASTER_STARTING, /* tasks run, and the roles behind them wait */
    MASTER_SERVING,
    MASTER_DELAYING, /* readiness is 503, and everything else goes on */
    MASTER_STOPPING, /* children drain */
    MASTER_STOPPED,
};

/* A reload, in the order of its steps; each but the first and the last is a child process. */
enum reload_step {
    RELOAD_IDLE,
    RELOAD_PREFLIGHT, /* the new executable runs check */
    RELOAD_PREPARE,   /* the new executable prepares what it needs, if the program has such a step */
    RELOAD_EXEC,      /* this process becomes the new executable */
    RELOAD_ROLL,      /* the new executable replaces children, one after the other */
};

enum { RELOAD_OUTPUT_BYTES = SCOREBOARD_REASON_BYTES };

struct reload {
    enum reload_step step;
    bool requested; /* a SIGHUP came meanwhile */
    uint64_t began_ms;
    uint64_t deadline_ms; /* of the step; UINT64_MAX: none */
    bool same;            /* the new executable is the file that runs already */
    int exe_fd;           /* the new executable, held from its preflight to its start: the bytes that were checked are
                           * the bytes that run; -1 */
    pid_t pid;            /* of the step's child; 0: none */
    int output_fd;        /* its standard error; -1 */
    char output[RELOAD_OUTPUT_BYTES]; /* the end of what it wrote */
    size_t output_len;
};

struct master {
    struct children children;
    struct notify notify;
    enum master_state state;
    uint64_t deadline_ms;           /* of MASTER_DELAYING and MASTER_STOPPING */
    uint64_t service_started_ms;    /* of the first image */
    bool was_ready;                 /* a child that serves has once been ready */
    const struct master_role *task; /* what MASTER_STARTING waits for; NULL: nothing */
    struct supervise_crashes crashes;
    int exit_status;

    int self_fd;          /* the running executable */
    int old_fd;           /* the executable before this one, while RELOAD_ROLL may have to go back to it; -1 */
    int old_directory_fd; /* its working directory; -1 */
    char executable[SCOREBOARD_TEXT_BYTES]; /* where the next one is looked for: a path, which is followed anew */
    char
        directory[SCOREBOARD_TEXT_BYTES]; /* likewise, what relative paths are relative to; "": where this process is */
    struct buf old_settings;              /* of the executable behind old_fd */
    struct scoreboard_details details;
    struct reload reload;
    uint64_t roll_deadline_ms;            /* for the child that was started last, in RELOAD_ROLL */
    uint64_t control_ms;                  /* until then nobody is let go who has looked for this master */
    bool roll_waits_for_place;            /* for one more child: retired ones have them all */
    unsigned desired[CHILDREN_ROLES_MAX]; /* children of each role; TTIN and TTOU change them; of former roles 0 */
};

/* options.c */
/* Fails if the master cannot work with the program's table. `err` says why, to whoever wrote the table. */
int options_check(const struct master_options *options, struct error *err) ATTR_CHECKED;
/* The most children that a role may have: in a reload there are as many new ones beside them. */
unsigned options_count_max(const struct master_role *role);
/* The first role whose children make the service ready. */
const struct master_role *options_serving_role(const struct children *children);

/* state.c: what passes from one image to the next. */
/* Writes the state and becomes the executable behind `exe_fd`. Returns only if that fails. */
int state_exec(struct master *m, int exe_fd, const char *rollback_reason, struct error *err);
/* Takes the state over from `fd`, which is closed. *ret_rollback_reason is not "" if the next image failed and gave the
 * service back to this one. */
int state_resume(struct master *m, int fd, char ret_rollback_reason[SCOREBOARD_REASON_BYTES],
                 struct error *err) ATTR_CHECKED;

/* reload.c */
void reload_request(struct master *m); /* SIGHUP */
void reload_advance(struct master *m); /* each turn of the loop */
/* Call it if a child that is in no slot has ended. Returns true if it was the reload's. */
bool reload_on_end(struct master *m, pid_t pid, int status);
void reload_read_output(struct master *m);
void reload_fail(struct master *m, const char *reason);
void reload_succeed(struct master *m);
/* The service stops, so the reload stops too. */
void reload_stop(struct master *m);
const char *reload_step_name(const struct master *m, enum reload_step step); /* "preflight", … */
void reload_publish(struct master *m, enum scoreboard_reload_state state, const char *step, const char *reason);

/* roll.c */
/* Makes one move towards the children that the role should have: as many as desired, all ready, none of them old or
 * waiting to be replaced. A new child is started first; only when it is ready does an old one end. Returns true if
 * nothing is left to do. */
bool roll_reconcile(struct master *m, const struct master_role *role);
void roll_begin(struct master *m);
void roll_advance(struct master *m);
/* A child of the new generation died. */
void roll_on_crash(struct master *m, const char *role, const char *how);
/* This image was given its service back: retires the children of the next image. roll_reconcile starts what is missing
 * of its own. */
void roll_retire_newer(struct master *m);

/* retire.c: children whose successors serve already, and who finish what they have. */
void retire_limit(struct master *m);                                      /* each turn of the loop */
uint64_t retire_next_ms(struct master *m);                                /* when that is next due; UINT64_MAX: never */
void retire_make_place(struct master *m, const struct master_role *role); /* the oldest of the role ends now */
/* A child drains. If the master did not ask for it, somebody else has sent it SIGTERM: another takes its place. */
void retire_on_draining(struct master *m, struct slot *slot);

/* hang.c */
void hang_check_children(struct master *m); /* each turn of the loop: ends children that hang */
uint64_t hang_next_ms(struct master *m);    /* when that is next due; UINT64_MAX: never */

/* status.c */
void status_log(struct master *m); /* SIGUSR2 */

/* manager.c */
void manager_report(struct master *m); /* call it after each change of what the manager is told */

/* reap.c */
void master_reap(struct master *m); /* reaps every child that has ended by now, and as PID 1 other processes too */
/* Each turn of the loop: children that have closed their channel, and that the kernel does not know, count as ended. */
void reap_missing(struct master *m);
uint64_t reap_missing_next_ms(struct master *m); /* when that is next due; UINT64_MAX: never */

/* master.c */
/* Lets the children of the roles start, in the table's order, up to the first task that has not ended. */
void master_admit_roles(struct master *m);
void master_stop(struct master *m, int exit_status);

#endif
