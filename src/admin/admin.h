/*
 * The admin process: health, metrics and status on a port of its own, from shared memory. It asks no database and no
 * worker, so a worker that hangs cannot hide, and a busy one does not slow a probe.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/metrics.h"
#include "child/child.h"
#include "http/host.h"
#include "http/http.h"

struct admin_options {
    const struct http_limits *http_limits;
    struct http_hosts hosts; /* that requests may be for */
    const struct child_place *place;
    struct admin_metrics metrics; /* also names the program whose admin process it is */
};

/* Returns the process's exit status. Everything is borrowed. */
int admin_run(const struct admin_options *options);

#endif
