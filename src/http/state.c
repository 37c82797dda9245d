/* What connections ask of their server and tell it. It runs none of them, which server.c does. */
#include <event2/event.h>
#include <stdio.h>

#include "base/clock.h"
#include "http/server.h"

void server_now(struct http_server *server)
{
    server->now_ns = clock_monotonic_ns();
    server->now_ms = server->now_ns / 1000000U;
}

struct slice server_common(struct http_server *server)
{
    const time_t now = time(NULL);

    if (now != server->common_second) {
        char date[CLOCK_HTTP_DATE_BYTES];

        clock_format_http_date((uint64_t)now * 1000000U, date);
        const int len = snprintf(server->common_text, sizeof(server->common_text),
                                 "Date: %s\r\nX-Content-Type-Options: nosniff\r\nX-Request-ID: ", date);

        server->common = (struct slice){server->common_text, (size_t)len};
        server->common_second = now;
    }
    return server->common;
}

/* While queued connections are accepted, each call looks at the queue, as no event says that it is empty. */
static void server_accept_on(struct http_server *server, bool on)
{
    if (server->accepting == on) return;
    server->accepting = on;
    list_each(it, &server->listeners) {
        struct http_listener *listener = list_at(it, struct http_listener, link);

        if (listener->shut) continue;
        if (on) {
            event_add(listener->event, NULL);
            if (server->accept_queued_ms > 0) event_active(listener->event, EV_READ, 0);
        } else {
            event_del(listener->event);
        }
    }
}

static bool server_is_shut(const struct http_server *server)
{
    list_each(it, &server->listeners) {
        if (!list_at(it, struct http_listener, link)->shut) return false;
    }
    return true;
}

bool server_is_drained(const struct http_server *server)
{
    return server_is_ending(server) && server->open == 0 && server->parked_count == 0 &&
           (server->accept_queued_ms == 0 || server_is_shut(server));
}

void server_update(struct http_server *server)
{
    const bool wanted = server->open > 0 || server->accept_again_ms > 0;

    server_accept_on(server, (!server_is_ending(server) || server->accept_queued_ms > 0) &&
                                 server->accept_again_ms == 0 && !places_is_full(server));
    if (wanted != server->sweeping) {
        server->sweeping = wanted;
        if (wanted) {
            event_add(server->sweep, &server->sweep_interval);
        } else {
            event_del(server->sweep);
        }
    }
    if (server_is_drained(server)) event_active(server->wake, 0, 0);
}

void server_ready(struct http_server *server, struct http_conn *conn)
{
    if (list_is_empty(&conn->ready_link)) list_push_back(&server->ready, &conn->ready_link);
    server_wake(server);
}

void server_wake(struct http_server *server)
{
    event_active(server->wake, 0, 0);
}

void server_opened(struct http_server *server)
{
    server->open++;
    server_update(server);
    if (server->hooks->connections != NULL) server->hooks->connections(server->hooks->ctx, server->open);
}

void server_closed(struct http_server *server)
{
    server->open--;
    server_update(server);
    if (server->parked_count > 0) server_wake(server);
    if (server->hooks->connections != NULL) server->hooks->connections(server->hooks->ctx, server->open);
}

/* ---- Memory ---- */

enum {
    MEMORY_CONN_BYTES = 12288, /* of a connection, without what is counted one by one: parser, events, the kernel's */
    MEMORY_SAID_BYTES = 16384, /* how much it changes before the rest of the service is told */
    MEMORY_SMALL_PART = 4,     /* of it: so much more there is for what is small */
};

void server_count_memory(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const bool is_stalled = !list_is_empty(&conn->stall_link);
    const size_t bytes = MEMORY_CONN_BYTES + conn->in_cap + conn->body.cap + conn->fields.cap + conn->out.cap +
                         arena_footprint(conn->arena) + (is_stalled ? SERVER_KERNEL_BYTES : 0);

    if (bytes == conn->counted) return;
    server->held += bytes - conn->counted;
    conn->counted = bytes;
    const size_t change =
        server->held > server->held_said ? server->held - server->held_said : server->held_said - server->held;

    if (change < MEMORY_SAID_BYTES && server->held > 0) return;
    server->held_said = server->held;
    if (server->hooks->held != NULL) server->hooks->held(server->hooks->ctx, server->held);
    /* Each would else take all that there is until the next sweep, if all are asked for much at once. */
    server_look_elsewhere(server);
}

void server_forget_memory(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    server->held -= conn->counted;
    conn->counted = 0;
    if (server->held > 0 && server->held_said - server->held < MEMORY_SAID_BYTES) return;
    server->held_said = server->held;
    if (server->hooks->held != NULL) server->hooks->held(server->hooks->ctx, server->held);
}

void server_look_elsewhere(struct http_server *server)
{
    const struct http_hooks *hooks = server->hooks;

    if (hooks->held_elsewhere != NULL) hooks->held_elsewhere(hooks->ctx, &server->elsewhere);
}

/* What of `most` is taken for this server. Others' word does not take its own part away. */
static size_t server_taken(const struct http_server *server, size_t others, size_t most)
{
    const size_t own = server->elsewhere.own < most ? server->elsewhere.own : most;

    return server->held + (others < most - own ? others : most - own);
}

/* For what is large. */
static size_t server_taken_large(const struct http_server *server)
{
    const struct http_elsewhere *e = &server->elsewhere;

    return server_taken(server, e->held + e->results, server->buffers.memory_bytes) + e->made;
}

bool server_is_memory_short(struct http_server *server, size_t more)
{
    server_look_elsewhere(server);
    return server_taken_large(server) + more > server->buffers.memory_bytes;
}

bool server_is_memory_low(const struct http_server *server)
{
    return server_taken_large(server) > server->buffers.memory_bytes;
}

bool server_is_memory_out(const struct http_server *server)
{
    const size_t large = server->buffers.memory_bytes;
    const size_t most = large / MEMORY_SMALL_PART < SIZE_MAX - large ? large + large / MEMORY_SMALL_PART : SIZE_MAX;

    return server_taken(server, server->elsewhere.held, most) > most;
}
