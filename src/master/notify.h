/*
 * What the service manager is told, in systemd's notify protocol (sd_notify(3)): a datagram to the socket that
 * $NOTIFY_SOCKET names. If that is not set, as in a container, all of this does nothing.
 *
 * A message holds the whole state, not an event. So a message that cannot be sent now is made again a second later from
 * the state of that time, and nothing is queued. No function blocks, allocates or fails.
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
    NOTIFY_WAITING,  /* the start, for as long as it takes: the manager is asked for more time again and again */
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
    socklen_t address_len; /* 0: there is nobody to notify */
    enum notify_state state;
    char status[NOTIFY_STATUS_BYTES];
    uint64_t reloading_us; /* CLOCK_MONOTONIC, when NOTIFY_RELOADING began */
    uint64_t extend_ms;    /* the time that the present state asks for; 0: the manager's own */
    uint64_t send_ms;      /* when the state is sent, for the first time or again; UINT64_MAX: never */
    uint64_t watchdog_ms;  /* between two signs of life; 0: the manager wants none */
    uint64_t watchdog_next_ms;
    bool failed; /* already in the log */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)), and leaves them for the next image. */
void notify_init(struct notify *n, uint64_t now_ms);
/* Takes them out of the environment: for children, which have nothing to report. */
void notify_unset_environment(void);
/* Sets the state, the time that it may take (0: the manager's own limit), and a line for people. Sends them at once if
 * it can. */
void notify_update(struct notify *n, enum notify_state state, uint64_t extend_ms, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
/* Called in each turn of the loop: sends what is due. */
void notify_advance(struct notify *n, uint64_t now_ms);
/* When the next message is due; UINT64_MAX: never. */
uint64_t notify_next_ms(const struct notify *n);

#endif
