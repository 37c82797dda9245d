/* What the files of this room share. Nobody else includes it. */
#ifndef CHILD_INTERNAL_H
#define CHILD_INTERNAL_H

#include "child/child.h"
#include "child/session.h"

struct event;

enum child_state {
    CHILD_STARTING,
    CHILD_READY,
    CHILD_RECYCLING, /* serves on, and has asked to be replaced */
    CHILD_DRAINING,
};

struct child {
    struct event_base *base;
    struct child_options options;
    struct child_place place;
    struct child_session *session; /* NULL: none; session.c sets and clears it */
    struct event *term;
    struct event *reopen;
    struct event *channel;
    struct event *tick;
    enum child_state state;
    bool orphaned;
    unsigned asked_to_end; /* so often */
    /* Of a worker, what is in its cells. It is written there anew at each tick: the cells are for others to read. */
    bool accepting;
    enum scoreboard_database database;
    uint32_t migrations_pending;
    uint64_t requests_before; /* answered by the workers that had its cells before it */
};

/* Brings the child's cells up to date. */
void child_update_cells(struct child *child);
/* Writes the child's own word into its cells, if it has any. */
void child_write_cells(struct child *child);

/* session.c: every CHILD_TICK_MS. */
void session_tick(struct child_session *session);
/* Before the child is ready: tells the master which addresses the database has. */
void session_say_addresses(struct child_session *session);

#endif
