/*
 * A channel between the master and one child: a stream socket pair. The child says "ready" on it; each side learns of
 * the other's death by end of file. So no third process may hold an end: a new child closes the master's ends of its
 * siblings (master/process.c).
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"

struct channel {
    int master_fd;
    int child_fd;
};

/* One byte each: what a child says, and behind that what the master says. */
enum channel_message {
    CHANNEL_READY = 'R',       /* serves from now on */
    CHANNEL_DRAINING = 'T',    /* has stopped accepting */
    CHANNEL_RECYCLE = 'O',     /* serves on, but wants to be replaced */
    CHANNEL_LOG_FILE = 'L',    /* the log file was opened again: its descriptors go along */
    CHANNEL_NO_LOG_FILE = 'N', /* it could not be opened again */
};

/* Both ends are close-on-exec and non-blocking. */
int channel_open(struct channel *ret_channel, struct error *err) ATTR_CHECKED;
/* Sends one message. A peer that has gone is not an error: its end of file says so. */
void channel_send(int fd, enum channel_message message);
/* CHANNEL_LOG_FILE, with the descriptors of the open file. */
enum { CHANNEL_FDS_MAX = 4 };
void channel_send_fds(int fd, const int *fds, size_t count);
/* As channel_receive for one message, with the descriptors that came along: the caller's, and close-on-exec.
 * *ret_count is how many, 0 for most messages. */
int channel_receive_fds(int fd, char *message, int fds[CHANNEL_FDS_MAX], size_t *ret_count);
/* Reads up to `size` messages: returns their number, 0 if there is none now, -1 at end of file. */
int channel_receive(int fd, char *messages, int size);

#endif
