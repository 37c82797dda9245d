/*
 * A worker of backtestd: it holds a session with the database, claims backtests from the queue (docs/backtests.md), one
 * at a time, and computes each in a process of its own.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "conf/conf.h"
#include "ipc/place.h"

/* Borrowed. */
struct queue_options {
    const struct conf *conf;
    const struct child_place *place;
    unsigned slot;               /* of the worker on the scoreboard */
    const char *schema_versions; /* every migration that this build knows, as a text[] literal */
};

/* Until it is told to end. Returns the process's exit status. */
int queue_run(const struct queue_options *options);

#endif
