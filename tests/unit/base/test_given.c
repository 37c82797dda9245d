#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/given.h"
#include "test_base.h"

/* What given does is done to a whole process: each test is one of its own. Returns its exit status, or -1. */
static int in_child(int (*run)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(60);
        _exit(run());
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

static void (*action(int signo))(int)
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0 ? now.sa_handler : SIG_ERR;
}

static bool is_blocked(int signo)
{
    sigset_t now;

    sigprocmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, signo) == 1;
}

/* ---- Descriptors ---- */

static int closed_descriptors(void)
{
    char byte;

    for (int fd = 0; fd <= 2; fd++) close(fd);
    given_begin(99);
    int next = open("/dev/null", O_RDONLY);

    if (next <= 2) return 1;
    if (read(0, &byte, 1) >= 0 || errno != EBADF) return 2;
    if (write(1, "x", 1) >= 0 || errno != EBADF) return 3;
    if (write(2, "x", 1) != 1) return 4;
    return 0;
}

static int one_closed_descriptor(void)
{
    struct stat before;
    struct stat after;

    close(1);
    fstat(2, &before);
    given_begin(99);
    fstat(2, &after);
    return before.st_ino == after.st_ino && write(1, "x", 1) < 0 ? 0 : 1;
}

static void test_what_is_closed_is_opened_the_wrong_way_round(void)
{
    UNIT_INT(in_child(closed_descriptors), 0);
    UNIT_INT(in_child(one_closed_descriptor), 0);
}

/* ---- Signals ---- */

/* What a careless parent leaves: everything ignored, and everything blocked. */
static void leave_everything(void)
{
    sigset_t all;

    for (int signo = 1; signo <= SIGRTMAX; signo++) signal(signo, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static void on_signal(int signo)
{
    (void)signo;
}

static int run_once(void)
{
    static const int kept[] = {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};

    leave_everything();
    signal(SIGALRM, SIG_DFL);
    raise(SIGALRM);             /* it is blocked, and would end the process as soon as it is not */
    signal(SIGSEGV, on_signal); /* a sanitizer's */
    given_begin(99);
    given_run_once();
    for (size_t i = 0; i < countof(kept); i++) {
        if (action(kept[i]) != SIG_IGN) return 1; /* nohup, sh's "&" */
    }
    if (action(SIGPIPE) != SIG_IGN || action(SIGXFSZ) != SIG_IGN) return 2;
    if (action(SIGCHLD) != SIG_DFL || action(SIGTERM) != SIG_DFL || action(SIGALRM) != SIG_DFL) return 3;
    if (action(SIGRTMIN) != SIG_DFL || action(SIGXCPU) != SIG_DFL || action(SIGBUS) != SIG_DFL) return 4;
    if (action(SIGSEGV) != on_signal) return 5;
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        if (is_blocked(signo)) return 6;
    }
    return 0;
}

static int serve(void)
{
    sigset_t masters;
    sigset_t pending;

    leave_everything();
    given_begin(99);
    given_signals(&masters);
    given_serve("unit", false);
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        const bool stops = signo == SIGTERM || signo == SIGINT || signo == SIGQUIT;

        if (is_blocked(signo) != (sigismember(&masters, signo) == 1 && !stops)) return 1;
        if ((action(signo) == SIG_IGN) != (signo == SIGPIPE || signo == SIGXFSZ)) return 2;
    }
    raise(SIGHUP);
    given_end_start();
    sigpending(&pending);
    if (sigismember(&pending, SIGHUP) != 1) return 3; /* nohup does not take the reload away */
    if (!is_blocked(SIGTERM) || action(SIGTERM) != SIG_DFL) return 4;
    return umask(0) == 0027 ? 0 : 5;
}

static int stop_early(void)
{
    given_begin(99);
    raise(SIGTERM); /* before it is known what the process is */
    given_serve("unit", false);
    return 7;
}

static int stop_resumed(void)
{
    given_begin(99);
    raise(SIGTERM);
    given_serve("unit", true);
    given_end_start();
    return is_blocked(SIGTERM) ? 8 : 9;
}

static void test_signals_of_a_command_and_of_a_master(void)
{
    UNIT_INT(in_child(run_once), 0);
    UNIT_INT(in_child(serve), 0);
    UNIT_INT(in_child(stop_early), EXIT_SUCCESS);
    UNIT_INT(in_child(stop_resumed), 8);
}

static int group_signals(void)
{
    static const int sent[] = {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t pending;

    given_child(SIGUSR1);
    for (size_t i = 0; i < countof(sent); i++) raise(sent[i]);
    sigpending(&pending);
    if (sigismember(&pending, SIGUSR1) != 1) return 1;
    given_child(0);
    raise(SIGUSR1);
    return 0;
}

static void test_a_child_ignores_what_is_sent_to_the_group(void)
{
    UNIT_INT(in_child(group_signals), 0);
}

/* ---- Timers and limits ---- */

static int timers(void)
{
    const struct itimerval soon = {.it_value = {.tv_sec = 1000}};
    struct itimerval left;

    setitimer(ITIMER_VIRTUAL, &soon, NULL);
    setitimer(ITIMER_PROF, &soon, NULL);
    given_begin(99); /* and alarm(2), of in_child */
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
        if (getitimer((__itimer_which_t)which, &left) != 0 || left.it_value.tv_sec != 0) return 1;
    }
    return 0;
}

static int limits(void)
{
    struct rlimit before;
    struct rlimit after;

    if (getrlimit(RLIMIT_NOFILE, &before) != 0 || before.rlim_max < 64) return 1;
    before.rlim_cur = 32;
    if (setrlimit(RLIMIT_NOFILE, &before) != 0) return 2;
    given_begin(99);
    getrlimit(RLIMIT_NOFILE, &after);
    if (after.rlim_max != before.rlim_max || after.rlim_cur != given_descriptors()) return 3;
    const rlim_t most = before.rlim_max < GIVEN_DESCRIPTORS_MAX ? before.rlim_max : GIVEN_DESCRIPTORS_MAX;

    return after.rlim_cur == most ? 0 : 4;
}

static void test_timers_and_limits(void)
{
    UNIT_INT(in_child(timers), 0);
    UNIT_INT(in_child(limits), 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_what_is_closed_is_opened_the_wrong_way_round),
    UNIT_TEST(test_signals_of_a_command_and_of_a_master),
    UNIT_TEST(test_a_child_ignores_what_is_sent_to_the_group),
    UNIT_TEST(test_timers_and_limits),
};
const struct unit_part given_tests = UNIT_PART(tests);
