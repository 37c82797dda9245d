/* The way back for a master that crashes: until a reload is over, this image holds a descriptor of the executable
 * before it, which can take the service back with all its sockets and children. */

#include "master/rollback.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/crash.h"
#include "master/internal.h"

enum { ROLLBACK_SECONDS = 5 }; /* a rollback that hangs is ended, and the service manager starts the service anew */

/* A signal's handler gets nothing but the signal, so this is global. */
static struct {
    struct master *master; /* NULL: not armed */
    pid_t pid;
    bool resumed;
} rollback;

void rollback_say(const char *program, const char *what, const char *more)
{
    char line[SCOREBOARD_REASON_BYTES + 256];
    const int len = snprintf(line, sizeof(line) - 1, "%s: %s; %s", program, what, more);
    const size_t end = (size_t)len < sizeof(line) - 1 ? (size_t)len : sizeof(line) - 2;

    line[end] = '\n';
    log_last_words(line, end + 1);
}

void rollback_now(const char *reason)
{
    struct master *m = rollback.master;
    struct error err;

    if (m == NULL || getpid() != rollback.pid) return;
    const struct master_options *options = m->children.options;

    rollback.master = NULL; /* once */
    rollback_say(options->name, reason, "going back to the executable before it");
    if (rollback.resumed) {
        state_exec(m, m->old_fd, reason, &err);
        rollback_say(options->name, "cannot go back", err.message);
    } else {
        master_roll_back(options->name, options->resume_fd, reason, options->reload.args);
    }
}

/* The functions called here are not all async-signal-safe: the environment takes memory, and what crashed may hold the
 * allocator's lock. Hence the alarm. The alternative is to be dead already. */
static void rollback_on_signal(int signo)
{
    char reason[64];

    alarm(ROLLBACK_SECONDS);
    snprintf(reason, sizeof(reason), "the new master died: SIG%s", sigabbrev_np(signo));
    rollback_now(reason);
    raise(signo);
}

void rollback_arm(struct master *m)
{
    alarm(0); /* stops the alarm of the image before this one, if that image came here by a rollback */
    rollback.master = m;
    rollback.pid = getpid();
    rollback.resumed = false;
    crash_set_handler(rollback_on_signal);
}

void rollback_resumed(void)
{
    rollback.resumed = true;
}

void rollback_disarm(void)
{
    if (rollback.master == NULL) return;
    rollback.master = NULL;
    crash_unset_handler(rollback_on_signal);
}
