/*
 * What a process is given by whoever starts it: descriptors, signals, timers, limits. A shell's trap, nohup(1), cron, a
 * test runner or a container's engine leaves its own there, and execve(2) keeps them. Both programs set them to known
 * values first thing in main; nothing before that may open a descriptor.
 *
 *     int main(int argc, char **argv) { given_begin(COMMAND_SYSTEM); return command_main(&program, argc, argv); }
 *
 * Descriptors 0, 1 and 2. /dev/null is opened for what is closed, because the next file that is opened would have the
 * number, and what is printed would go there. As in the GNU tools it is opened the wrong way round for 0 and 1: whoever
 * reads or prints gets an error (EBADF), where an empty input or a lost output would pass for success. 2 can be written
 * to, because nobody is left to be told.
 *
 * Signals. Those of the master (given_signals) are blocked until it is known what this process is:
 *   - given_run_once, for a command that runs once: nothing is blocked. What nohup(1), a shell's background job or our
 *     own master has set to be ignored stays ignored (HUP, INT, QUIT, TSTP, TTIN, TTOU, USR1, USR2).
 *   - given_serve, for a master: nothing is ignored, so that "nohup stratslabd" reloads at SIGHUP too. TERM, INT and
 *     QUIT end the process with 0 until the master takes signals; even process 1, which the kernel protects from
 *     signals that have no handler. The other ones wait for the master.
 * SIGPIPE and SIGXFSZ are ignored in every process: a write that fails says so. All others are set to their default,
 * but for handlers that are there already: those are of a sanitizer or a preloaded library.
 *
 * The environment. Of libpq's variables, those with an empty value are taken out ("${PGSSLMODE:-}" of a Compose file
 * means none, and libpq would refuse to connect), and those that would change what is said elsewhere or what the SQL
 * relies on: PGHOSTADDR, which would be connected to whatever host is set, and PGDATESTYLE, PGTZ and PGGEQO, which
 * libpq sends behind the session's own settings.
 *
 * Timers of setitimer(2) and alarm(2) are stopped. The soft limit of descriptors is raised to the hard one, at most to
 * GIVEN_DESCRIPTORS_MAX: nothing here allocates by it or counts up to it. The soft limit of the stack is raised to 8
 * MiB. Other limits are somebody's decision, and are left (getrlimit(2)). A master's umask is 027; others keep theirs.
 *
 * See execve(2), signal(7), getrlimit(2), umask(2), pid_namespaces(7).
 */
#ifndef BASE_GIVEN_H
#define BASE_GIVEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    GIVEN_DESCRIPTORS_MAX = 1048576,
    /* For all but connections: standard descriptors, log, sockets to listen on, shared memory, channel, event loop,
     * database, and what libraries open for a moment. */
    GIVEN_DESCRIPTORS_LEFT = 64,
};

/* The signals that a master takes: TERM, INT, QUIT, CHLD, HUP, USR1, USR2, TTIN, TTOU. */
void given_signals(sigset_t *ret_set);

/* First thing in main. Ends the process with `exit_status` if a descriptor cannot be held. */
void given_begin(int exit_status);
/* One of these, once, after given_begin. `program` is for what is said if a signal ends the start. A master that was
 * another image a moment ago (`resumed`) has children: its signals wait for it, TERM, INT and QUIT too. */
void given_run_once(void);
void given_serve(const char *program, bool resumed);
/* The master takes its signals from here on: they are blocked, and have no handler any more. */
void given_end_start(void);

/* In a child of the master, right behind its fork: signals that are sent to the whole process group or session are the
 * master's business (INT, QUIT, HUP, TSTP, TTIN, TTOU, USR2), so the child ignores them. TERM ends it, until it has a
 * handler. `held` stays blocked for a handler of its own; 0: nothing does, and SIGUSR1 is ignored too. An executable
 * that the child becomes keeps all that. */
void given_child(int held);

/* How many descriptors the process may open: the soft limit. */
size_t given_descriptors(void);

#endif
