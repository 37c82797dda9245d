/* A worker of backtestd: it holds a session with the database. It takes no work from the queue yet. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "conf/conf.h"
#include "ipc/place.h"

/* Borrowed. */
struct queue_options {
    const struct conf *conf;
    const struct child_place *place;
    const char *schema_versions; /* every migration that this build knows, as a text[] literal */
};

/* Until it is told to end. Returns the process's exit status. */
int queue_run(const struct queue_options *options);

#endif
