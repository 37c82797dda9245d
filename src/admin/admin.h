/*
 * The admin process: health on a port of its own, from shared memory. It asks no database and no worker, so a hung
 * worker cannot hide and a busy one does not slow a probe.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "child/child.h"
#include "http/http.h"

struct admin_options {
    const char *program; /* whose admin process it is */
    const struct http_limits *http_limits;
    const struct child_place *place;
};

/* Returns the process's exit status. Everything is borrowed. */
int admin_run(const struct admin_options *options);

#endif
