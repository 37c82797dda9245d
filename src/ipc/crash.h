/* A child that crashes says where, on standard error, before it dies of its signal as it would have. */
#ifndef IPC_CRASH_H
#define IPC_CRASH_H

/* For SIGABRT, SIGSEGV, SIGBUS, SIGFPE and SIGILL; those that a sanitizer takes stay the sanitizer's. */
void crash_tell(void);

#endif
