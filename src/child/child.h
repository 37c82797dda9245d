/*
 * A child process of the master: its event base, and what every child does. TERM drains it, USR1 opens the log file
 * again, what is sent to the whole process group is ignored (base/given.h), and the end of the master (end of file on
 * the channel) drains it too. Its event loop writes a heartbeat to show that it turns. A crash writes a backtrace to
 * standard error.
 *
 * A child with cells on the scoreboard is a worker. There it shows whether it takes work and what it worked on last,
 * and it asks to be replaced if it has grown too large. A child with a database has a session as well: child/session.h.
 */
#ifndef CHILD_CHILD_H
#define CHILD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "ipc/place.h"

struct child;
struct event_base;

struct child_options {
    const char *program; /* named in the message of a crash */
    const char *role;    /* the role that its lines in the log have */
    const struct child_place *place;
    uint64_t memory_max_bytes; /* a worker with more resident memory asks to be replaced; 0: never */
    void *ctx;
    /* Called when the child is asked to end; `why` says why in a few words. The child finishes its work within
     * child_finish_ms and calls child_end. It is called again if the child is asked again: the time may then be
     * shorter. NULL: it has nothing to finish. */
    void (*drain)(void *ctx, const char *why);
    /* Every CHILD_TICK_MS; may be NULL. */
    void (*tick)(void *ctx);
};

enum { CHILD_TICK_MS = 1000 };

/* Borrows what the options point to. Resets the cells, except the count of requests. */
int child_new(const struct child_options *options, struct child **ret_child, struct error *err) ATTR_CHECKED;
void child_free(struct child *child); /* after everything else on its base is freed; takes NULL */
struct event_base *child_base(struct child *child);
/* Tells the master that the child serves from now on. Only the first call counts, and none after the drain began. */
void child_ready(struct child *child);
/* Tells the master that the child serves on, but wants to be replaced. `why` is the name of a setting. Only the first
 * call counts, and only if the child is ready. */
void child_recycle(struct child *child, const char *why);
/* Tells the master that the child takes no more work: for a worker's drain. */
void child_draining(struct child *child);
/* In a drain: what an idle connection may still take for one more request, so that a client that is busy learns of the
 * end from an answer. If only this child ends, nobody is in a hurry. */
unsigned child_idle_grace_ms(const struct child *child);
/* In a drain: what the child may still take for what it has. If the service ends that is `stop_ms`. If others go on in
 * its place it is as long as its clients may take, and nothing once it is asked again. */
unsigned child_finish_ms(const struct child *child, unsigned stop_ms);
/* In a drain: nobody else takes what waits in the kernel's queues of its sockets, because the whole service ends. */
bool child_is_last(const struct child *child);
/* For a worker: what it works on now, so that a crash can be put down to it. Texts are cut. */
void child_set_last(struct child *child, const char *route, struct slice request_id, const char *statement);
void child_run(struct child *child); /* until child_end */
void child_end(struct child *child);
void child_end_within(struct child *child, unsigned ms); /* child_end at the latest then */

#endif
