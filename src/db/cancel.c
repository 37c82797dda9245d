#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "db/internal.h"

/*
 * Before version 17, libpq can only cancel by connecting and blocking, and gives out neither the key nor a socket. So a
 * thread does it, with its own PGcancel, which is a copy and outlives the connection. The thread touches nothing else.
 * It ends when the cancel or the process ends.
 */
static void *cancel_run(void *arg)
{
    PGcancel *cancel = arg;
    char error[256];

    (void)PQcancel(cancel, error, sizeof(error));
    PQfreeCancel(cancel);
    return NULL;
}

void db_cancel_running(struct db *db)
{
    if (db->phase != DB_PHASE_READY || list_is_empty(&db->flight)) return;

    PGcancel *cancel = PQgetCancel(db->conn);
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    if (cancel == NULL) return;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* The thread inherits the mask, so that signals go to the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, &attr, cancel_run, cancel) != 0) PQfreeCancel(cancel);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}
