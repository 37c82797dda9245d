#include "child/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/crash.h"

enum {
    CRASH_FRAMES_MAX = 64,
    CRASH_TEXT_BYTES = 16384,
    CRASH_SECONDS = 2, /* the handler is ended if it takes longer: what crashed may hold a lock that it needs */
};

/* A signal's handler gets nothing but the signal, so this is global. */
static char crash_head[96]; /* what the handler writes first, made beforehand */
static char crash_text[CRASH_TEXT_BYTES];
static volatile sig_atomic_t crash_signal;

/* The time is up: the process ends by the signal that it crashed with, which is blocked in its handler. */
static void crash_on_alarm(int signo)
{
    sigset_t set;

    (void)signo;
    sigemptyset(&set);
    sigaddset(&set, crash_signal);
    raise(crash_signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void crash_bound_time(int signo)
{
    struct sigaction action = {.sa_handler = crash_on_alarm, .sa_flags = (int)SA_RESETHAND};
    sigset_t set;

    crash_signal = signo;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    alarm(CRASH_SECONDS);
}

/* backtrace_symbols_fd(3) writes to a descriptor, and would wait for whoever reads it: so it writes to memory. */
static void crash_write_backtrace(void)
{
    void *frames[CRASH_FRAMES_MAX];
    const int count = backtrace(frames, CRASH_FRAMES_MAX);
    int fd = memfd_create("backtrace", MFD_CLOEXEC);

    if (fd < 0) { /* no descriptor may be left; nobody reads from this one any more */
        close(STDIN_FILENO);
        fd = memfd_create("backtrace", MFD_CLOEXEC);
    }
    if (fd < 0) return;
    backtrace_symbols_fd(frames, count, fd);
    const ssize_t len = pread(fd, crash_text, sizeof(crash_text), 0);

    for (char *line = crash_text, *end; len > 0; line = end + 1) {
        end = memchr(line, '\n', (size_t)(crash_text + len - line));
        if (end == NULL) break;
        log_last_words(line, (size_t)(end + 1 - line));
    }
}

/* Only what is async-signal-safe (signal-safety(7)); backtrace(3) is, once libgcc is loaded. Nothing here waits for
 * anybody: a worker that crashes is to be replaced now. */
static void crash_on_signal(int signo)
{
    crash_unset_handler(crash_on_signal); /* a crash in here ends the process */
    crash_bound_time(signo);
    log_last_words(crash_head, strlen(crash_head));
    crash_write_backtrace();
    log_flush();  /* this is last, because the crash may have been in there */
    raise(signo); /* the default handler ends the process when this returns */
}

void crash_enable_backtrace(const char *program)
{
    void *frame;

    snprintf(crash_head, sizeof(crash_head), "%s: a child crashed; its backtrace:\n", program);
    (void)backtrace(&frame, 1); /* loads libgcc now, not in the handler */
    crash_set_handler(crash_on_signal);
}
