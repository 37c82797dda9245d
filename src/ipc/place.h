/* What a child and its master share. */
#ifndef IPC_PLACE_H
#define IPC_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/scoreboard.h"

/* What the master gives a child. Everything in it outlives the child. */
struct child_place {
    int channel_fd;
    const struct scoreboard *board;
    /* Of the board, what this child writes. The first two are a worker's; NULL: its role has none. */
    struct scoreboard_worker *cells;
    struct metrics_worker *counted;
    _Atomic uint64_t *heartbeat_ms; /* CLOCK_MONOTONIC */
    const int *listen_fds;
    size_t listen_count;
    unsigned retire_ms; /* what the child may still take for what it has when the service goes on without it */
    bool listen_passed; /* they outlive the service: whoever waits there is for the next one */
};

#endif
