/*
 * A channel between the master and one child: a pair of sockets that keep messages apart (SOCK_SEQPACKET, unix(7)). The
 * child says "ready" on it; each side learns of the other's death by end of file. So no third process may hold an end:
 * a new child closes the master's ends of its siblings (master/process.c).
 *
 * What a child says before it says "ready" is said before a client's first byte is read: so the master takes from that,
 * and only from that, what other children rely on.
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

enum { CHANNEL_TEXT_BYTES = 508 };

/* What a child says. */
enum channel_word {
    CHANNEL_ADDRESSES = 'A', /* those of the database, as text (ipc/scoreboard.h): before it is ready */
    CHANNEL_READY = 'R',     /* serves from now on */
    CHANNEL_DRAINING = 'T',  /* has stopped accepting */
    CHANNEL_RECYCLE = 'O',   /* serves on, but wants to be replaced */
};

struct channel_message {
    char word; /* whatever the child wrote */
    char text[CHANNEL_TEXT_BYTES];
};

/* Both ends are close-on-exec and non-blocking. */
int channel_open(struct channel *ret_channel, struct error *err) ATTR_CHECKED;
/* Sends one message. A peer that has gone is not an error: its end of file says so. */
void channel_send(int fd, enum channel_word word);
/* The same with a text, which is left out if it is too long. */
void channel_send_text(int fd, enum channel_word word, const char *text);
/* Reads one message: 1, 0 if there is none now, -1 at end of file. */
int channel_receive(int fd, struct channel_message *ret_message);

#endif
