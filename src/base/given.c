#include "base/given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/attr.h"

enum {
    GIVEN_STACK_BYTES = 8 * 1024 * 1024, /* what the kernel gives if nobody says otherwise */
    GIVEN_UMASK = 0027,                  /* of a master: its log is its group's to read, and nothing is for others */
};

/* A shell says "killed by signal n" with this status. */
enum { GIVEN_EXIT_SIGNAL = 128 };

static const int given_masters[] = {SIGTERM, SIGINT, SIGQUIT, SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU};
/* What a terminal, a shell or an operator sends to a whole group. */
static const int given_of_groups[] = {SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
static const int given_stops[] = {SIGTERM, SIGINT, SIGQUIT};
static const int given_ends[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

static char given_said[countof(given_stops)][96]; /* what the handler says, made beforehand */

void given_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    for (size_t i = 0; i < countof(given_masters); i++) sigaddset(ret_set, given_masters[i]);
}

/* ---- Descriptors ---- */

static int given_null(int fd)
{
    static const int flags[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};
    int null_fd = open("/dev/null", flags[fd]);

    /* In a bare chroot: a descriptor that can neither be read nor written. */
    return null_fd >= 0 ? null_fd : open("/", O_PATH);
}

static bool given_hold_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* The lowest number that is free is this one: those below it are open by now. */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && given_null(fd) != fd) return false;
    }
    return true;
}

/* ---- Signals ---- */

static bool given_is_in(int signo, const int *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == signo) return true;
    }
    return false;
}

static void (*given_action(int signo))(int)
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0 ? now.sa_handler : SIG_ERR;
}

static void given_set_signals(void)
{
    sigset_t masters;

    given_signals(&masters);
    sigprocmask(SIG_BLOCK, &masters, NULL); /* first: what has no handler would not even reach process 1 */
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        void (*const action)(int) = given_action(signo);

        if (action != SIG_DFL && action != SIG_IGN) continue;
        if (signo == SIGPIPE || signo == SIGXFSZ) {
            signal(signo, SIG_IGN);
        } else if (signo == SIGCHLD) {
            signal(signo, SIG_DFL);
        } else if (!given_is_in(signo, given_masters, countof(given_masters)) && signo != SIGTSTP) {
            /* To ignore it throws away what has been sent and was blocked. */
            signal(signo, SIG_IGN);
            signal(signo, SIG_DFL);
        } else if (signo == SIGTERM) {
            signal(signo, SIG_DFL);
        }
    }
    sigprocmask(SIG_SETMASK, &masters, NULL);
}

/* Nothing is bound and no child is there: there is nothing to be put in order. */
static void given_on_stop(int signo)
{
    for (size_t i = 0; i < countof(given_stops); i++) {
        if (given_stops[i] != signo) continue;
        if (write(STDERR_FILENO, given_said[i], strlen(given_said[i])) < 0) break;
    }
    _exit(EXIT_SUCCESS);
}

static void given_on_end(int signo)
{
    _exit(GIVEN_EXIT_SIGNAL + signo);
}

void given_run_once(void)
{
    sigset_t none;

    for (size_t i = 0; i < countof(given_ends) && getpid() == 1; i++) {
        if (given_action(given_ends[i]) == SIG_DFL) signal(given_ends[i], given_on_end);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void given_unblock(const int *list, size_t count)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, list[i]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void given_serve(const char *program, bool resumed)
{
    umask(GIVEN_UMASK);
    for (size_t i = 0; i < countof(given_of_groups); i++) {
        if (given_action(given_of_groups[i]) == SIG_IGN) signal(given_of_groups[i], SIG_DFL);
    }
    if (resumed) return;
    for (size_t i = 0; i < countof(given_stops); i++) {
        snprintf(given_said[i], sizeof(given_said[i]), "%s: SIG%s: stopped before the start was complete\n", program,
                 sigabbrev_np(given_stops[i]));
        signal(given_stops[i], given_on_stop);
    }
    given_unblock(given_stops, countof(given_stops));
}

void given_end_start(void)
{
    sigset_t masters;

    given_signals(&masters);
    sigprocmask(SIG_SETMASK, &masters, NULL);
    for (size_t i = 0; i < countof(given_stops); i++) {
        if (given_action(given_stops[i]) == given_on_stop) signal(given_stops[i], SIG_DFL);
    }
}

void given_child(int held)
{
    sigset_t set;

    for (size_t i = 0; i < countof(given_of_groups); i++) {
        if (given_of_groups[i] != held) signal(given_of_groups[i], SIG_IGN);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    if (held != 0) sigaddset(&set, held);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

/* ---- The environment ---- */

static bool given_is_unwanted(const char *variable)
{
    static const char *const names[] = {"PGHOSTADDR", "PGDATESTYLE", "PGTZ", "PGGEQO"};
    const char *value = strchr(variable, '=');

    if (value == NULL || strncmp(variable, "PG", 2) != 0) return false;
    for (size_t i = 0; i < countof(names); i++) {
        const size_t len = strlen(names[i]);

        if ((size_t)(value - variable) == len && strncmp(variable, names[i], len) == 0) return true;
    }
    return value[1] == '\0';
}

/* Not unsetenv(3): that is for one name, and would have to copy it. */
static void given_clean_environment(void)
{
    char **to = environ;

    for (char **from = environ; from != NULL && *from != NULL; from++) {
        if (!given_is_unwanted(*from)) *to++ = *from;
    }
    if (to != NULL) *to = NULL;
}

/* ---- Timers and limits ---- */

static void given_stop_timers(void)
{
    static const struct itimerval never;

    setitimer(ITIMER_REAL, &never, NULL); /* alarm(2)'s too */
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    setitimer(ITIMER_PROF, &never, NULL);
}

static void given_raise(__rlimit_resource_t resource, rlim_t wanted)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(resource, &limit);
}

size_t given_descriptors(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) != 0 ? GIVEN_DESCRIPTORS_MAX : (size_t)limit.rlim_cur;
}

void given_begin(int exit_status)
{
    if (!given_hold_descriptors()) _exit(exit_status);
    given_stop_timers(); /* before the signals: what they have sent is thrown away with them */
    given_set_signals();
    given_clean_environment();
    given_raise(RLIMIT_NOFILE, GIVEN_DESCRIPTORS_MAX);
    given_raise(RLIMIT_STACK, GIVEN_STACK_BYTES);
}
