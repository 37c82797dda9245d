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
    return server_is_ending(server) && server->open == 0 && (server->accept_queued_ms == 0 || server_is_shut(server));
}

void server_update(struct http_server *server)
{
    const bool wanted = server->open > 0 || server->accept_again_ms > 0;

    server_accept_on(server, (!server_is_ending(server) || server->accept_queued_ms > 0) &&
                                 server->accept_again_ms == 0 && server->open < server->limits->connections);
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
    if (server->hooks->connections != NULL) server->hooks->connections(server->hooks->ctx, server->open);
}

void server_count_output(struct http_conn *conn)
{
    conn->server->unsent += conn_unsent(conn) - conn->out_counted;
    conn->out_counted = conn_unsent(conn);
}
