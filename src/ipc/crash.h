/* What a process does if it crashes: at SIGABRT, SIGSEGV, SIGBUS, SIGFPE or SIGILL. */
#ifndef IPC_CRASH_H
#define IPC_CRASH_H

/* `handler` is called at the first of these signals, and then never again. It runs on a stack of its own, because what
 * crashed may have used up the other one. A signal that another handler takes already, such as a sanitizer's, keeps
 * that handler. */
void crash_set_handler(void (*handler)(int signo));
/* Sets the signals that `handler` takes back to their default. */
void crash_unset_handler(void (*handler)(int signo));

#endif
