/*
 * A channel between the master and one child: a stream socket pair. The child says "ready" on it; each side learns of
 * the other's death by end of file. So no third process may hold an end: a new child closes the master's ends of its
 * siblings (master/process.c).
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct channel {
    int master_fd;
    int child_fd;
};

/* What a child says, one byte each. */
enum channel_message {
    CHANNEL_READY = 'R',    /* serves from now on */
    CHANNEL_DRAINING = 'T', /* has stopped accepting */
    CHANNEL_RECYCLE = 'O',  /* serves on, but wants to be replaced */
};

/* Both ends are close-on-exec and non-blocking. */
int channel_open(struct channel *ret_channel, struct error *err) ATTR_CHECKED;
/* Sends one message. A peer that has gone is not an error: its end of file says so. */
void channel_send(int fd, enum channel_message message);
/* Reads up to `size` messages: returns their number, 0 if there is none now, -1 at end of file. */
int channel_receive(int fd, char *messages, int size);

#endif
