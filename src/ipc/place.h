/* What a child and its master share. */
#ifndef IPC_PLACE_H
#define IPC_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/scoreboard.h"

/* What the master gives a child. Everything in it outlives the child. */
struct child_place {
    int channel_fd;
    struct scoreboard *board;
    struct scoreboard_worker *cells; /* on the board, written by the child; NULL: its role has none */
    _Atomic uint64_t *heartbeat_ms;  /* on the board: CLOCK_MONOTONIC */
    const int *listen_fds;
    size_t listen_count;
    unsigned retire_ms; /* what the child may still take for what it has when the service goes on without it */
    bool listen_passed; /* they outlive the service: whoever waits there is for the next one */
};

#endif
