#include "ipc/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum { CRASH_STACK_BYTES = 512 * 1024 }; /* a master makes its state on it, to go back to the image before it */

static const int crash_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static bool crash_has(int signo, void (*handler)(int signo))
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0 && now.sa_handler == handler;
}

void crash_set_handler(void (*handler)(int signo))
{
    static char bytes[CRASH_STACK_BYTES];
    const stack_t stack = {.ss_sp = bytes, .ss_size = sizeof(bytes)};
    /* SA_RESETHAND: a handler that crashes is not called again. */
    struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};

    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < countof(crash_signals); i++) {
        if (crash_has(crash_signals[i], SIG_DFL)) sigaction(crash_signals[i], &action, NULL);
    }
}

void crash_unset_handler(void (*handler)(int signo))
{
    for (size_t i = 0; i < countof(crash_signals); i++) {
        if (crash_has(crash_signals[i], handler)) signal(crash_signals[i], SIG_DFL);
    }
}
