#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/given.h"
#include "base/mem.h"
#include "base/random.h"

enum {
    ACCEPT_PAUSE_MS = 100, /* after running out of descriptors */
    ACCEPT_LEAVES = 5,     /* to another worker that has room, and may hang … */
    ACCEPT_LEAVE_MS = 20,  /* … for so long each time, or until the next sweep */
    SWEEP_MS_MAX = 200,    /* how late a deadline may be noticed */
    SWEEP_MS_MIN = 5,
    SWEEP_PARTS = 4, /* of the shortest time-out */
    LINGER_MS = 5000,
    LINGER_DRAIN_MS = 1000, /* while draining */
    GRACE_MS = 1000,
    OUTPUT_BYTES = 1 << 20,
    PARKED_MIN = 512,
    DESCRIPTORS_LEFT = 64, /* for all else, such as a new session with the database */
};

static void server_format_peer(const struct sockaddr_storage *address, char out[PEER_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, PEER_BYTES, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(out, PEER_BYTES, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        snprintf(out, PEER_BYTES, "unix");
    }
}

static bool server_is_out_of_resources(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void server_shut_listener(struct http_listener *listener)
{
    if (listener->shut) return;
    listener->shut = true;
    event_del(listener->event);
    (void)shutdown(event_get_fd(listener->event), SHUT_RD);
    server_update(listener->server);
}

/* At its limit a worker leaves a newcomer to others that have room, for a moment: they may hang. */
static bool server_leaves_it(struct http_server *server)
{
    const struct http_hooks *hooks = server->hooks;

    if (server->left_alone >= ACCEPT_LEAVES || server_is_ending(server)) return false;
    if (hooks->has_room_elsewhere == NULL || !hooks->has_room_elsewhere(hooks->ctx)) return false;
    server->left_alone++;
    server->accept_again_ms = server->now_ms + ACCEPT_LEAVE_MS;
    server_update(server);
    return true;
}

/* One per wake-up, so that a burst goes to all workers, not to the first that is awake. In a drain the queue is looked
 * at until it is empty, which no event would tell. */
static void server_on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct http_listener *listener = arg;
    struct http_server *server = listener->server;
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    socklen_t len = sizeof(address);
    char peer[PEER_BYTES];

    (void)what;
    server_now(server);
    if (!server->accepting) return; /* another listener took the last place in this very turn */
    if (server->open >= server->limits->connections && server_leaves_it(server)) return;
    const int accepted = accept4(fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (accepted >= 0) {
        server_format_peer(&address, peer);
        server->left_alone = 0;
        places_take(server, accepted, &address, peer);
    } else if (server_is_out_of_resources(errno)) {
        server->accept_again_ms = server->now_ms + ACCEPT_PAUSE_MS;
        server_update(server);
        return;
    } else if (server_is_ending(server) && errno != EINTR && errno != ECONNABORTED) {
        server_shut_listener(listener); /* its queue is empty, or another process has shut it */
        return;
    }
    if (server_is_ending(server) && server->accepting) event_active(listener->event, EV_READ, 0);
}

/* Runs each that is ready now; one that becomes ready meanwhile has its turn with the next wake. */
static void server_run_ready(struct http_server *server)
{
    struct list turn;

    list_init(&turn);
    while (!list_is_empty(&server->ready)) {
        struct list *link = server->ready.next;

        list_remove(link);
        list_push_back(&turn, link);
    }
    while (!list_is_empty(&turn)) {
        struct http_conn *conn = list_at(turn.next, struct http_conn, ready_link);

        list_remove(&conn->ready_link);
        conn_run(conn);
    }
}

static void server_shorten_wait(struct http_server *server, enum conn_wait wait, uint64_t ms)
{
    server->wait_ms[wait] = ms;
    list_each(it, &server->waiting[wait]) {
        struct http_conn *conn = list_at(it, struct http_conn, wait_link);

        if (conn->wait_until_ms > server->now_ms + ms) conn->wait_until_ms = server->now_ms + ms;
    }
}

/* What has come in already is read before an idle connection is judged to be idle. */
static void server_begin_drain(struct http_server *server)
{
    server->drain = SERVER_DRAINING;
    places_admit_all(server);
    server_shorten_wait(server, WAIT_LINGER, LINGER_DRAIN_MS);
    if (server->idle_grace_ms > 0) server_shorten_wait(server, WAIT_IDLE, server->idle_grace_ms);
    list_each(it, &server->conns) {
        struct http_conn *conn = list_at(it, struct http_conn, link);

        if (conn->state == CONN_IDLE) conn_read(conn);
    }
}

static void server_on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;

    (void)fd, (void)what;
    server_now(server);
    server_run_ready(server);
    if (!server_is_ending(server)) places_advance(server);
    if (server->drain == SERVER_CLOSING) server_begin_drain(server);
    if (server->drain == SERVER_DRAINING && server_is_drained(server)) {
        server->drain = SERVER_DRAINED;
        server->drained(server->drained_arg); /* may free the server */
    }
}

static void server_on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;

    (void)fd, (void)what;
    server_now(server);
    for (unsigned wait = WAIT_IDLE; wait < WAIT_COUNT; wait++) {
        list_each(it, &server->waiting[wait]) {
            struct http_conn *conn = list_at(it, struct http_conn, wait_link);

            if (conn->wait_until_ms > server->now_ms) break;
            conn_expire(conn);
        }
    }
    list_each(it, &server->stalled) {
        struct http_conn *conn = list_at(it, struct http_conn, stall_link);

        if (conn->stall_until_ms > server->now_ms) break;
        conn_expire_stall(conn);
    }
    if (server_is_ending(server) && server->accept_queued_ms > 0 && server->accept_queued_ms <= server->now_ms) {
        list_each(it, &server->listeners) server_shut_listener(list_at(it, struct http_listener, link));
    }
    list_each(it, &server->unread) conn_probe(list_at(it, struct http_conn, unread_link));
    server_look_elsewhere(server);
    if (server_is_memory_low(server)) {
        list_each(it, &server->waiting[WAIT_IDLE]) conn_shed(list_at(it, struct http_conn, wait_link));
    }
    if (!server_is_ending(server)) {
        places_sort(server);
        places_advance(server);
    }
    if (server->accept_again_ms > 0 && server->accept_again_ms <= server->now_ms) {
        server->accept_again_ms = 0;
        server_update(server);
    }
}

static void server_set_times(struct http_server *server)
{
    const struct http_limits *limits = server->limits;
    uint64_t shortest = limits->write_timeout_ms;

    server->wait_ms[WAIT_IDLE] = limits->idle_timeout_ms;
    server->wait_ms[WAIT_HEAD] = limits->header_timeout_ms;
    server->wait_ms[WAIT_BODY] = limits->body_timeout_ms;
    server->wait_ms[WAIT_GRACE] = GRACE_MS;
    server->wait_ms[WAIT_LINGER] = LINGER_MS;
    for (unsigned i = WAIT_IDLE; i < WAIT_COUNT; i++) {
        if (server->wait_ms[i] < shortest) shortest = server->wait_ms[i];
    }
    uint64_t interval = shortest / SWEEP_PARTS;

    if (interval > SWEEP_MS_MAX) interval = SWEEP_MS_MAX;
    if (interval < SWEEP_MS_MIN) interval = SWEEP_MS_MIN;
    server->sweep_interval = (struct timeval){.tv_usec = (suseconds_t)(interval * 1000)};
}

/* Connections take no more, however many come. */
static size_t server_descriptors(void)
{
    const size_t all = given_descriptors();

    return all > 2 * DESCRIPTORS_LEFT ? all - DESCRIPTORS_LEFT : all / 2;
}

struct http_server *http_server_new(struct event_base *base, const struct http_router *router,
                                    const struct http_limits *limits, const struct http_hooks *hooks)
{
    struct http_server *server = mem_zalloc(sizeof(*server));

    server->base = base;
    server->router = router;
    server->limits = limits;
    server->hooks = hooks;
    server->buffers = (struct http_buffers){
        .output_bytes = OUTPUT_BYTES, .memory_bytes = limits->memory_bytes, .parked_min = PARKED_MIN};
    server->descriptors = server_descriptors();
    list_init(&server->listeners);
    list_init(&server->conns);
    list_init(&server->ready);
    list_init(&server->unread);
    list_init(&server->stalled);
    list_init(&server->parked);
    for (unsigned i = 0; i < WAIT_COUNT; i++) list_init(&server->waiting[i]);
    server->wake = event_new(base, -1, EV_PERSIST, server_on_wake, server);
    server->sweep = event_new(base, -1, EV_PERSIST, server_on_sweep, server);
    if (server->wake == NULL || server->sweep == NULL) mem_die(sizeof(*server));
    server->accepting = true;
    server_set_times(server);
    snprintf(server->id_seed, sizeof(server->id_seed), "%016" PRIx64, random_u64());
    server_now(server);
    return server;
}

void http_server_set_buffers(struct http_server *server, const struct http_buffers *buffers)
{
    server->buffers = *buffers;
}

int http_server_listen(struct http_server *server, int fd, struct error *err)
{
    const int flags = fcntl(fd, F_GETFL);
    const int on = 1;
    const int unsent = SERVER_KERNEL_BYTES;

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return error_set_errno(err, "cannot make the listening socket %d non-blocking", fd);
    }
    /* Accepted sockets inherit them on Linux. A Unix socket has no such options, and needs none. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    struct http_listener *listener = mem_zalloc(sizeof(*listener));

    listener->server = server;
    listener->event = event_new(server->base, fd, EV_READ | EV_PERSIST, server_on_acceptable, listener);
    if (listener->event == NULL || (server->accepting && event_add(listener->event, NULL) != 0)) {
        if (listener->event != NULL) event_free(listener->event);
        free(listener);
        return error_set(err, ERROR_SYSTEM, "cannot watch the listening socket %d", fd);
    }
    list_push_back(&server->listeners, &listener->link);
    return 0;
}

void http_server_drain(struct http_server *server, unsigned idle_grace_ms, void (*drained)(void *arg), void *arg)
{
    if (server_is_ending(server)) {
        if (idle_grace_ms >= server->idle_grace_ms) return;
        server->idle_grace_ms = idle_grace_ms;
        server_now(server);
        if (server->drain == SERVER_DRAINING) server_shorten_wait(server, WAIT_IDLE, idle_grace_ms);
        return;
    }
    server->drain = SERVER_CLOSING;
    server->idle_grace_ms = idle_grace_ms;
    server->drained = drained;
    server->drained_arg = arg;
    server_update(server);
    event_active(server->wake, 0, 0);
}

void http_server_accept_queued(struct http_server *server, unsigned within_ms)
{
    server_now(server);
    server->accept_queued_ms = server->now_ms + within_ms;
    list_each(it, &server->listeners) {
        if (server->accepting) event_active(list_at(it, struct http_listener, link)->event, EV_READ, 0);
    }
}

unsigned http_server_refuse_unfinished(struct http_server *server)
{
    unsigned count = 0;

    server_now(server);
    list_each(it, &server->conns) {
        struct http_conn *conn = list_at(it, struct http_conn, link);

        if (conn->state != CONN_HEAD && conn->state != CONN_BODY) continue;
        count++;
        conn_refuse_unfinished(conn);
    }
    return count;
}

unsigned http_server_unsent(const struct http_server *server)
{
    unsigned count = 0;

    list_each(it, &server->conns) count += conn_unsent(list_at(it, struct http_conn, link)) > 0;
    return count;
}

unsigned http_server_connections(const struct http_server *server)
{
    return server->open;
}

unsigned http_server_in_flight(const struct http_server *server)
{
    return server->in_flight;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL) return;
    server->drain = SERVER_DRAINED; /* nobody is to be told */
    places_clear(server);
    while (!list_is_empty(&server->conns)) conn_free(list_at(server->conns.next, struct http_conn, link));
    list_each(it, &server->listeners) {
        struct http_listener *listener = list_at(it, struct http_listener, link);

        event_free(listener->event);
        free(listener);
    }
    event_free(server->sweep);
    event_free(server->wake);
    buf_clear(&server->problem);
    free(server);
}
