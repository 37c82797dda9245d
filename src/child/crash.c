#include "child/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/crash.h"

enum { CRASH_FRAMES_MAX = 64 };

static char crash_head[96]; /* what the handler writes first, made beforehand */

/* Only what is async-signal-safe (signal-safety(7)); backtrace(3) is, once libgcc is loaded. */
static void crash_on_signal(int signo)
{
    void *frames[CRASH_FRAMES_MAX];
    int count = backtrace(frames, CRASH_FRAMES_MAX);

    if (write(STDERR_FILENO, crash_head, strlen(crash_head)) > 0) backtrace_symbols_fd(frames, count, STDERR_FILENO);
    log_flush();  /* this is last, because the crash may have been in there */
    raise(signo); /* because of SA_RESETHAND, the default handler ends the process when this returns */
}

void crash_enable_backtrace(const char *program)
{
    void *frame;

    snprintf(crash_head, sizeof(crash_head), "%s: a child crashed; its backtrace:\n", program);
    (void)backtrace(&frame, 1); /* loads libgcc now, not in the handler */
    crash_set_handler(crash_on_signal);
}
