/*
 * What a master says to a child on its channel (ipc/channel.h): one word, with open descriptors if there are any
 * (SCM_RIGHTS of unix(7)). A child that may open no file has the log's from there. A child of an older build passes
 * over all of it.
 */
#ifndef IPC_PASSING_H
#define IPC_PASSING_H

#include <stddef.h>

#include "base/attr.h"

enum { PASSING_FDS_MAX = 4 };

enum passing_word {
    PASSING_LOG_FILE = 'L',    /* the log file was opened again: its descriptors (base/log.h) go along */
    PASSING_NO_LOG_FILE = 'N', /* it could not be opened again */
};

struct passing {
    char word; /* whatever the other side wrote */
    int fds[PASSING_FDS_MAX];
    size_t count;
};

/* The descriptors stay the caller's. A peer that has gone, or does not read, is not an error. */
void passing_send(int fd, enum passing_word word, const int *fds, size_t count);
/* Reads one word: 1, 0 if there is none now, -1 at end of file. The descriptors are the caller's, and close-on-exec. */
int passing_receive(int fd, struct passing *ret_passing) ATTR_CHECKED;

#endif
