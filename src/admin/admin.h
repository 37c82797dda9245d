/*
 * The admin process: health on a port of its own, from shared memory. It asks no database and no worker, so a hung
 * worker cannot hide and a busy one does not slow a probe.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/metrics.h"
#include "http/http.h"
#include "ipc/scoreboard.h"

struct admin_options {
    const struct http_limits *http_limits;
    const struct scoreboard *board;
    struct admin_metrics metrics;
    int channel_fd;
    const int *listen_fds;
    size_t listen_count;
    _Atomic uint64_t *heartbeat_ms; /* as in struct master_child */
};

/* Returns the process's exit status. Everything is borrowed. */
int admin_run(const struct admin_options *options);

#endif
