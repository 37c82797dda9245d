#include "ipc/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/log.h"

enum { CRASH_FRAMES_MAX = 64 };

/* Only what is async-signal-safe (signal-safety(7)); backtrace(3) is, once libgcc is loaded. */
static void crash_on_signal(int signo)
{
    static const char head[] = "stratslabd: a child crashed; its backtrace:\n";
    void *frames[CRASH_FRAMES_MAX];
    int count = backtrace(frames, CRASH_FRAMES_MAX);

    if (write(STDERR_FILENO, head, sizeof(head) - 1) > 0) backtrace_symbols_fd(frames, count, STDERR_FILENO);
    log_flush();  /* last: the crash may have been in there */
    raise(signo); /* SA_RESETHAND: to the default, which ends the process when this returns */
}

static const int crash_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static bool crash_has(int signo, void (*handler)(int signo))
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0 && now.sa_handler == handler;
}

void crash_take(void (*handler)(int signo))
{
    /* SA_RESETHAND: a handler that crashes is not called again. */
    struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};

    for (size_t i = 0; i < countof(crash_signals); i++) {
        if (crash_has(crash_signals[i], SIG_DFL)) sigaction(crash_signals[i], &action, NULL);
    }
}

void crash_leave(void (*handler)(int signo))
{
    for (size_t i = 0; i < countof(crash_signals); i++) {
        if (crash_has(crash_signals[i], handler)) signal(crash_signals[i], SIG_DFL);
    }
}

void crash_tell(void)
{
    void *frame;

    (void)backtrace(&frame, 1); /* loads libgcc now, not in the handler */
    crash_take(crash_on_signal);
}
