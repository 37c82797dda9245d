/*
 * A child's life: its event base, and what every child of the master obeys. TERM drains it, USR1 opens the log file
 * again, INT and HUP are the master's business and ignored, and the end of the master (end of file on the channel)
 * drains it too.
 */
#ifndef IPC_LIFE_H
#define IPC_LIFE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct event_base;
struct life;

struct life_events {
    void *ctx;
    /* Asked to end, and why in a few words. Called once. The child finishes its work and calls life_end. */
    void (*drain)(void *ctx, const char *why);
    /* Every LIFE_TICK_MS; may be NULL. */
    void (*tick)(void *ctx);
};

enum { LIFE_TICK_MS = 1000 };

/* `channel_fd` stays the caller's. */
int life_new(int channel_fd, const struct life_events *events, struct life **ret_life, struct error *err) ATTR_CHECKED;
void life_free(struct life *life); /* after everything else on its base is gone; takes NULL */
struct event_base *life_base(struct life *life);
/* Tells the master: serves from now on. A second call changes nothing. */
void life_ready(struct life *life);
/* Tells the master: serves on, but wants to be replaced. */
void life_tire(struct life *life);
/* Tells the master: has stopped accepting. */
void life_retire(struct life *life);
/* Whether the master has gone. */
bool life_is_orphaned(const struct life *life);
void life_run(struct life *life); /* until life_end */
void life_end(struct life *life);

#endif
