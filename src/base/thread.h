/* Threads for calls that cannot be given a deadline: whoever began one does not wait for its end. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/attr.h"

/*
 * Runs `run` with `arg` in a detached thread with a small stack (512 KiB). Signals of the process do not reach it; a
 * fault of its own goes to the crash handler all the same. 0, or an errno value: then `arg` is still the caller's. What
 * `run` returns is not looked at. Source: pthread_create(3), pthread_sigmask(3).
 */
int thread_detach(void *(*run)(void *), void *arg) ATTR_CHECKED;

#endif
