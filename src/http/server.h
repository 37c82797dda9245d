/* What the files of http/ share of a server. Internal to http/. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "base/list.h"
#include "http/conn.h"
#include "http/http.h"

enum { SERVER_COMMON_BYTES = 128, SERVER_SCRATCH_BYTES = 16384 };

/* What the kernel holds of a connection's unsent output (TCP_NOTSENT_LOWAT, tcp(7)): what is more waits here, where it
 * is counted. What is on its way to a client that acknowledges it comes in addition. */
enum { SERVER_KERNEL_BYTES = 65536 };

/* In this order, and never back. */
enum server_drain {
    SERVER_SERVING,
    SERVER_CLOSING,  /* asked to end; each answer is its connection's last */
    SERVER_DRAINING, /* what had come in by then was read: idle connections are closed, or have idle_grace_ms */
    SERVER_DRAINED,  /* it was said */
};

struct http_server {
    struct event_base *base;
    const struct http_router *router;
    const struct http_limits *limits;
    struct http_buffers buffers;
    const struct http_hooks *hooks;
    struct list listeners;
    struct list conns;
    struct list ready;
    struct list unread;
    struct list stalled;
    struct list parked; /* accepted, and waiting for a place: places.c */
    unsigned parked_count;
    unsigned away_count; /* connections that get no place, but a 503 */
    unsigned over_count; /* connections that got one while memory had run out */
    size_t descriptors;  /* what connections may take of the process's */
    struct list waiting[WAIT_COUNT];
    uint64_t wait_ms[WAIT_COUNT];
    struct event *wake;  /* runs what is ready, outside of any handler */
    struct event *sweep; /* looks at deadlines, while there is anything to look at */
    struct timeval sweep_interval;
    bool sweeping;
    bool accepting;
    unsigned left_alone;      /* how often the newcomer was left to another worker */
    uint64_t accept_again_ms; /* after running out of descriptors; 0: not paused */
    uint64_t now_ms;          /* at the start of the event that is being handled */
    uint64_t now_ns;
    size_t held;                     /* memory of all connections */
    size_t held_said;                /* by the hook */
    struct http_elsewhere elsewhere; /* as last seen */
    unsigned open;
    unsigned in_flight;
    enum server_drain drain;
    unsigned idle_grace_ms;    /* what an idle connection has in a drain for one more request */
    uint64_t accept_queued_ms; /* until when the kernel's queues are emptied in a drain; 0: they are left alone */
    void (*drained)(void *arg);
    void *drained_arg;
    time_t common_second;
    struct slice common; /* "Date: …\r\nX-Content-Type-Options: nosniff\r\nX-Request-ID: " */
    char common_text[SERVER_COMMON_BYTES];
    char id_seed[17];
    uint64_t id_count;
    struct buf problem;                 /* one problem document at a time */
    char scratch[SERVER_SCRATCH_BYTES]; /* for input that nobody wants */
};

/* A drain has begun: no connection outlives its next answer. */
static inline bool server_is_ending(const struct http_server *server)
{
    return server->drain != SERVER_SERVING;
}
struct http_listener {
    struct http_server *server;
    struct list link;
    struct event *event;
    bool shut;
};

/* ---- state.c: what connections ask of their server and tell it ---- */

/* Reads the clock: each event's callback does so first. */
void server_now(struct http_server *server);
/* Has the connection run once the current callback is over. */
void server_ready(struct http_server *server, struct http_conn *conn);
void server_opened(struct http_server *server);
void server_closed(struct http_server *server);
/* Brings the sum of memory up to date. */
void server_count_memory(struct http_conn *conn);
void server_forget_memory(struct http_conn *conn);
/* Looks at what the rest of the service holds. */
void server_look_elsewhere(struct http_server *server);
/* There is no room for so many bytes more of what is large. */
bool server_is_memory_short(struct http_server *server, size_t more);
/* The same for nothing more, as far as is known without looking at the rest of the service again. */
bool server_is_memory_low(const struct http_server *server);
/* Not even for what is small, which may have some more; as far as is known without looking at the rest of the service
 * again. */
bool server_is_memory_out(const struct http_server *server);
/* After a change of what these depend on: accepts or not, and sweeps while there is something to sweep. */
void server_update(struct http_server *server);
bool server_is_drained(const struct http_server *server);
struct slice server_common(struct http_server *server);
void server_wake(struct http_server *server);

/* ---- places.c ---- */

/* Gives a connection that was accepted a place, or lets it wait for one. Takes `fd`. */
void places_take(struct http_server *server, int fd, const struct sockaddr_storage *from, const char *peer);
/* Nothing more can be accepted, not even to wait. */
bool places_is_full(const struct http_server *server);
/* Gives those that wait the places that there are by now. Not while a connection runs. */
void places_advance(struct http_server *server);
/* Those that have sent something go first among those that wait. This is for the sweep: it costs something. */
void places_sort(struct http_server *server);
/* In a drain nobody else would: all of them at once. */
void places_admit_all(struct http_server *server);
void places_clear(struct http_server *server);

#endif
