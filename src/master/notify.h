/*
 * What the service manager is told: systemd's notify protocol (sd_notify(3)), a datagram to the socket that
 * $NOTIFY_SOCKET names. Where that is not set, as in a container, all of this does nothing.
 *
 * What is told is state, not events: each message holds all that counts, so a message that cannot be sent now is made
 * again a second later from what is true by then, and nothing is queued. No function blocks, allocates or fails.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/attr.h"

enum notify_state {
    NOTIFY_WAITING,  /* the start, for as long as it takes: more time is asked for again and again */
    NOTIFY_STARTING, /* the start, within the manager's time */
    NOTIFY_READY,
    NOTIFY_RELOADING,
    NOTIFY_STOPPING,
};

enum {
    NOTIFY_STATUS_BYTES = 512,
    NOTIFY_MESSAGE_BYTES = NOTIFY_STATUS_BYTES + 256,
    NOTIFY_RETRY_MS = 1000,
    NOTIFY_WAITING_MS = 60000, /* what NOTIFY_WAITING asks for … */
    NOTIFY_WAITING_EVERY_MS = 10000,
};

struct notify {
    struct sockaddr_un address;
    socklen_t address_len; /* 0: nobody is to be told */
    enum notify_state state;
    char status[NOTIFY_STATUS_BYTES];
    uint64_t reloading_us; /* CLOCK_MONOTONIC, when NOTIFY_RELOADING began */
    uint64_t extend_ms;    /* the time that the present state asks for; 0: the manager's own */
    uint64_t send_ms;      /* when the state is to be sent, for the first time or again; UINT64_MAX: not */
    uint64_t watchdog_ms;  /* between two signs of life; 0: none is wanted */
    uint64_t watchdog_next_ms;
    bool failed; /* said in the log already */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)), and leaves them for the next image. */
void notify_init(struct notify *n, uint64_t now_ms);
/* Takes them out of the environment: for children, who have nothing to tell. */
void notify_unset_environment(void);
/* The state, the time that it may take where that is more than the manager's own (0: not), and a line for people; sent
 * at once if it can be. */
void notify_update(struct notify *n, enum notify_state state, uint64_t extend_ms, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
/* From the loop, each turn: what is due. */
void notify_advance(struct notify *n, uint64_t now_ms);
/* When that is next due; UINT64_MAX: never. */
uint64_t notify_next_ms(const struct notify *n);

#endif
