#include "ipc/crash.h"

#include <execinfo.h>
#include <signal.h>
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

void crash_tell(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = crash_on_signal, .sa_flags = (int)SA_RESETHAND};
    void *frame;

    (void)backtrace(&frame, 1); /* loads libgcc now, not in the handler */
    for (size_t i = 0; i < countof(signals); i++) {
        struct sigaction old;

        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) sigaction(signals[i], &action, NULL);
    }
}
