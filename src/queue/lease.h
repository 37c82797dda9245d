/*
 * A lease that is held: heartbeats after each third of it, each second while the progress changes, and when somebody
 * asks. They go on whatever becomes of the connection: only the queue knows whose the lease is.
 */
#ifndef QUEUE_LEASE_H
#define QUEUE_LEASE_H

#include "queue/tell.h"

struct lease;

struct lease_options {
    struct event_base *base;
    struct db *db;
    struct slice id, claim; /* borrowed */
    void *arg;
    double (*progress)(void *arg); /* 0 to 1; below 0: not known */
    /* The queue has answered. If the answer is not QUEUE_RUNNING, no further heartbeat is sent. The lease may be freed
     * from within. */
    void (*answered)(void *arg, enum queue_answer answer);
};

struct lease *lease_new(const struct lease_options *options);
void lease_free(struct lease *lease); /* takes NULL */
void lease_ask(struct lease *lease);  /* a heartbeat now: something may have happened to it */

#endif
