/*
 * Where the log goes: a descriptor that we were given, or a file. Several processes write there, so each write is
 * whole: it is appended to a file, or is no longer than what a pipe takes in one piece.
 *
 * A write never waits for a reader. To a socket, lines are sent with MSG_DONTWAIT. A pipe or a terminal is opened once
 * more, because O_NONBLOCK on the given description would affect everybody who shares it. If that is refused (the pipe
 * is another user's), the kernel is asked for a write that does not wait; if the kernel has no such write, poll(2) is
 * called first.
 *
 * A line may be torn: a full disk, a quota or a limit of the file's size ends a write in its middle. What is written
 * next begins with a line end then, so that it is a line of its own. For a file its last byte is looked at, because the
 * torn line may be another process's, or of a service that ran before.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"

/* What a pipe takes in one piece (PIPE_BUF of pipe(7)). */
enum { SINK_WHOLE_BYTES = 4096 };

enum sink_kind {
    SINK_PLAIN,    /* a file: write(2) */
    SINK_SOCKET,   /* send(2) */
    SINK_OWN,      /* a second, non-blocking description of a pipe or a terminal */
    SINK_BORROWED, /* the given description of one */
};

struct sink {
    int fd;       /* -1: none */
    bool is_ours; /* sink_close closes it */
    enum sink_kind kind;
    int look_fd;   /* the file, for reading; -1: none, or it may not be read */
    bool appends;  /* the file is written at its end, wherever others wrote */
    bool is_torn;  /* what was written last here is not a whole line */
    off_t torn_at; /* where the file ended when its last line was found torn; 0: it was not yet */
};

#define SINK_NONE ((struct sink){.fd = -1, .look_fd = -1})

/* `fd` stays the caller's, and must stay open. */
void sink_use(struct sink *sink, int fd);
/* Opens the file at `path` for appending, and makes it if it is missing. On failure `sink` does not change. */
int sink_open(struct sink *sink, const char *path, struct error *err) ATTR_CHECKED;
/* Whether sink_open would succeed. Makes no file. */
int sink_check(const char *path, struct error *err) ATTR_CHECKED;
/* Takes what another process has opened by sink_open and passed on: the descriptor, and one for reading, or -1. They
 * are the sink's from here on. */
void sink_take(struct sink *sink, int fd, int look_fd);
void sink_close(struct sink *sink);
/* How many bytes one write may have and still be whole. */
size_t sink_batch_bytes(const struct sink *sink);
/* Writes whole lines. Returns how many of the bytes could be written now, without waiting; if these are not all, errno
 * says why. Async-signal-safe (signal-safety(7)). */
size_t sink_write(struct sink *sink, const char *data, size_t len);
/* From now on no write to this descriptor waits for a reader, whoever writes, if it is a pipe or a terminal: it becomes
 * a second, non-blocking description. Those who share the first one notice nothing. Sockets stay as they are. */
void sink_own(int fd);
/* Whether the descriptor is the stream that JOURNAL_STREAM names by device and inode (systemd.exec(5)). NULL names
 * none. The variable is inherited, and standard error may have been redirected since. */
bool sink_is_stream(int fd, const char *name);

#endif
