#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* Enough for the modules of nsswitch.conf(5); more than a program needs is only reserved. */
enum { THREAD_STACK_BYTES = 512 * 1024 };

int thread_detach(void *(*run)(void *), void *arg)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t most, before;

    sigfillset(&most);
    for (size_t i = 0; i < countof(own); i++) sigdelset(&most, own[i]);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &most, &before); /* the thread inherits the mask */
    const int rc = pthread_create(&thread, &attr, run, arg);

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}
