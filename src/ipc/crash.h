/* What a process does at its crash: at SIGABRT, SIGSEGV, SIGBUS, SIGFPE or SIGILL. */
#ifndef IPC_CRASH_H
#define IPC_CRASH_H

/* `handler` is called at the first of them, on the alternate stack where there is one, and then never again. Those that
 * somebody else takes already, such as a sanitizer, stay theirs. */
void crash_set_handler(void (*handler)(int signo));
/* Back to the default, for those that `handler` has. */
void crash_unset_handler(void (*handler)(int signo));

#endif
