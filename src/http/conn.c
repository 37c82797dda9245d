#include "http/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/server.h"

enum {
    IN_FIRST_BYTES = 4096,
    IN_KEEP_BYTES = 16384, /* an idle connection holds no more than this */
    OUT_KEEP_BYTES = 65536,
    OUT_BATCH_BYTES = 16384, /* of answers to pipelined requests, which go to the kernel at once */
    ROOM_MIN_BYTES = 2048,   /* after a head, for a chunked body or what is pipelined */
    BODY_READ_BYTES = 65536,
    EMPTY_LINES_MAX = 2, /* before a request line (RFC 9112 section 2.2) */
    LINGER_BYTES = 16 << 20,
    LEAST_BYTES_PER_S = 512, /* that a client takes of what waits for it */
};

static void conn_on_readable(evutil_socket_t fd, short what, void *arg);
static void conn_on_writable(evutil_socket_t fd, short what, void *arg);

struct http_conn *conn_new(struct http_server *server, int fd, const char *peer)
{
    struct http_conn *conn = mem_zalloc(sizeof(*conn));

    conn->server = server;
    conn->fd = fd;
    conn->fresh = true;
    conn->linger_bytes = LINGER_BYTES;
    memcpy(conn->peer, peer, strlen(peer) + 1);
    list_init(&conn->ready_link);
    list_init(&conn->wait_link);
    list_init(&conn->stall_link);
    list_init(&conn->unread_link);
    list_push_back(&server->conns, &conn->link);
    conn->parser = http_parser_new(server->limits);
    conn->arena = arena_new();
    conn->in_cap = IN_FIRST_BYTES;
    conn->in = mem_alloc(conn->in_cap);
    conn->read_event = event_new(server->base, fd, EV_READ | EV_PERSIST, conn_on_readable, conn);
    conn->write_event = event_new(server->base, fd, EV_WRITE | EV_PERSIST, conn_on_writable, conn);
    if (conn->read_event == NULL || conn->write_event == NULL) mem_die(sizeof(*conn));
    conn_run(conn);
    return conn;
}

void conn_free(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    conn->state = CONN_GONE;
    if (conn->x.begun) {
        conn_end_exchange(conn, 0, 0);
        if (conn->x.cancel != NULL) conn->x.cancel(conn->x.cancel_arg);
    }
    list_remove(&conn->link);
    list_remove(&conn->ready_link);
    list_remove(&conn->wait_link);
    list_remove(&conn->stall_link);
    list_remove(&conn->unread_link);
    event_free(conn->read_event);
    event_free(conn->write_event);
    if (conn->later_event != NULL) event_free(conn->later_event);
    if (conn->reset) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

        (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    close(conn->fd);
    http_parser_free(conn->parser);
    arena_free(conn->arena);
    free(conn->in);
    buf_clear(&conn->body);
    buf_clear(&conn->fields);
    buf_clear(&conn->out);
    server_forget_memory(conn);
    if (conn->turned_away) server->away_count--;
    if (conn->over) server->over_count--;
    free(conn);
    server_closed(server);
}

/* ---- Steps: what each state does with the input that there is. True: the state changed, look again. ---- */

static size_t conn_unparsed(const struct http_conn *conn)
{
    return conn->in_end - conn->in_start;
}

static bool conn_is_above_mark(const struct http_conn *conn)
{
    const struct http_server *server = conn->server;

    return conn_unsent(conn) > (server_is_memory_out(server) ? IN_KEEP_BYTES : server->buffers.output_bytes);
}

/* The next request waits until the answers before it are with the kernel: what a client does not read it does not get
 * more of. While the kernel takes all, a few small answers go there together. */
static bool conn_holds_next(const struct http_conn *conn)
{
    if (!list_is_empty(&conn->stall_link)) return true;
    return conn_unsent(conn) > OUT_BATCH_BYTES || conn_is_above_mark(conn);
}

/* True if the next request's first byte is there. */
static bool conn_skip_empty_lines(struct http_conn *conn)
{
    while (conn_unparsed(conn) > 0) {
        const char *at = conn->in + conn->in_start;

        if (at[0] != '\r' || conn->empty_lines == EMPTY_LINES_MAX) return true;
        if (conn_unparsed(conn) == 1) return false;
        if (at[1] != '\n') return true;
        conn->in_start += 2;
        conn->empty_lines++;
    }
    return false;
}

static bool conn_step_idle(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    if (!conn_skip_empty_lines(conn)) {
        if (!conn->eof && !(server->drain >= SERVER_DRAINING && server->idle_grace_ms == 0 && !conn->fresh))
            return false;
        conn->linger = conn_unsent(conn) > 0;
        conn->state = CONN_CLOSING;
        return true;
    }
    if (conn_holds_next(conn)) return false;
    conn->state = CONN_HEAD;
    /* A new connection's time for its head has been running since it was accepted. */
    conn->wait_is_current = conn->fresh && conn->wait == WAIT_HEAD;
    conn->fresh = false;
    conn->x = (struct http_exchange){.conn = conn, .begun = true, .started_ns = server->now_ns};
    conn_make_request_id(conn);
    server->in_flight++;
    return true;
}

/* Room to read into; nothing may point into the input. */
static void conn_make_room(struct http_conn *conn, size_t room)
{
    if (conn->in_cap - conn->in_end >= room) return;
    if (conn->in_start > 0) {
        memmove(conn->in, conn->in + conn->in_start, conn_unparsed(conn));
        conn->in_end -= conn->in_start;
        conn->in_start = 0;
        if (conn->in_cap - conn->in_end >= room) return;
    }
    conn->in_cap *= 2;
    conn->in = mem_realloc(conn->in, conn->in_cap);
}

static void conn_fail_truncated(struct http_conn *conn)
{
    conn_fail(conn, HTTP_REFUSAL_TRUNCATED);
}

static bool conn_step_head(struct http_conn *conn)
{
    enum http_refusal_id failure = HTTP_REFUSAL_NONE;
    const enum http_parse parse =
        http_parser_scan(conn->parser, conn->in + conn->in_start, conn_unparsed(conn), &failure);

    if (parse == PARSE_MORE) {
        if (conn->eof) conn_fail_truncated(conn);
        /* It asks for more memory, when there is none. */
        if (!conn->eof && conn_unparsed(conn) == conn->in_cap && server_is_memory_out(conn->server)) {
            conn_fail(conn, HTTP_REFUSAL_INPUT_FULL);
            return true;
        }
        return conn->eof;
    }
    if (parse == PARSE_FAILED) {
        conn_fail(conn, failure);
        return true;
    }
    conn->message_bytes = http_parser_head_bytes(conn->parser);
    conn_make_room(conn, ROOM_MIN_BYTES);
    if (!http_parser_head(conn->parser, conn->arena, conn->in + conn->in_start, &conn->x.head, &failure)) {
        conn_fail(conn, failure);
        return true;
    }
    conn->state = CONN_BODY;
    if (conn_decide(conn)) return true;
    return conn->state != CONN_BODY;
}

static bool conn_step_admitted(struct http_conn *conn)
{
    conn->state = CONN_BODY;
    if (conn_decide_admitted(conn)) return true;
    return conn->state != CONN_BODY;
}

/* Does the content of known length fit after its head? Otherwise it is read into a buffer of its own. */
static bool conn_is_body_in_place(const struct http_conn *conn)
{
    return conn->x.head.content_length <= conn->in_cap - conn->in_start - conn->message_bytes;
}

static bool conn_take_length(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    const size_t length = (size_t)x->head.content_length;
    const size_t at = conn->in_start + conn->message_bytes;
    const size_t have = conn->in_end - at;

    if (conn_is_body_in_place(conn)) {
        x->body_in_bytes = have < length ? have : length;
        if (have < length) return false;
        x->body = (struct slice){conn->in + at, length};
        conn->message_bytes += length;
        return true;
    }
    buf_add(&conn->body, conn->in + at, have);
    conn->in_end = at;
    x->body_in_bytes = conn->body.len;
    x->body = buf_slice(&conn->body);
    return conn->body.len == length;
}

static bool conn_take_chunks(struct http_conn *conn, enum http_refusal_id *ret_failure)
{
    struct http_exchange *x = &conn->x;
    const size_t at = conn->in_start + conn->message_bytes;
    size_t used = 0;
    const enum http_parse parse =
        http_parser_chunked(conn->parser, conn->in + at, conn->in_end - at, &conn->body, &used, ret_failure);

    x->body_in_bytes = conn->body.len;
    x->body = buf_slice(&conn->body);
    if (parse == PARSE_DONE) {
        conn->message_bytes += used;
        return true;
    }
    conn->in_end = at;
    return false;
}

/* Clients that send much and do not come to an end must not fill the memory. Ordinary bodies are small, and lie after
 * their head. */
static bool conn_is_input_full(struct http_conn *conn)
{
    if (conn->body.cap <= IN_KEEP_BYTES) return false;
    server_count_memory(conn);
    return server_is_memory_short(conn->server, 0);
}

static void conn_fail_input_full(struct http_conn *conn)
{
    conn->x.complete = false;
    http_refuse(&conn->x, &http_refusals[HTTP_REFUSAL_INPUT_FULL]);
    buf_clear(&conn->body);
    conn->x.body = SLICE_NONE;
    server_count_memory(conn);
}

static bool conn_step_body(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    enum http_refusal_id failure = HTTP_REFUSAL_NONE;
    const struct http_hooks *hooks = conn->server->hooks;
    bool complete = true;

    if (x->head.framing == FRAMING_LENGTH) complete = conn_take_length(conn);
    if (x->head.framing == FRAMING_CHUNKED) complete = conn_take_chunks(conn, &failure);
    if (failure != HTTP_REFUSAL_NONE) {
        conn_fail(conn, failure);
        return true;
    }
    if (conn_is_input_full(conn)) {
        conn_fail_input_full(conn);
        return true;
    }
    if (!complete) {
        if (conn->eof) conn_fail_truncated(conn);
        return conn->eof;
    }
    x->complete = true;
    if (!conn_decide_body(conn)) return true;
    if (hooks->started != NULL) {
        struct http_record record;

        conn_record(conn, 0, 0, x->started_ns, &record);
        hooks->started(hooks->ctx, x, &record);
    }
    conn->state = CONN_HANDLING;
    x->route->handle(x);
    return conn->state != CONN_HANDLING;
}

static bool conn_step_answered(struct http_conn *conn)
{
    const bool keep_alive = conn->x.keep_alive;

    if (conn->later_event != NULL) evtimer_del(conn->later_event);
    conn->x = (struct http_exchange){.conn = conn};
    http_parser_reset(conn->parser);
    arena_reset(conn->arena);
    buf_reset(&conn->fields);
    buf_reset(&conn->body);
    conn->in_start += conn->message_bytes;
    conn->message_bytes = 0;
    conn->empty_lines = 0;
    conn->state = keep_alive ? CONN_IDLE : CONN_CLOSING;
    return true;
}

static bool conn_step_closing(struct http_conn *conn)
{
    conn->in_start = conn->in_end = 0;
    return false;
}

static bool conn_step_nothing(struct http_conn *conn)
{
    (void)conn;
    return false;
}

static bool (*const steps[CONN_STATE_COUNT])(struct http_conn *conn) = {
    [CONN_IDLE] = conn_step_idle,         [CONN_HEAD] = conn_step_head,       [CONN_HELD] = conn_step_nothing,
    [CONN_ADMITTED] = conn_step_admitted, [CONN_BODY] = conn_step_body,       [CONN_HANDLING] = conn_step_nothing,
    [CONN_ANSWERED] = conn_step_answered, [CONN_CLOSING] = conn_step_closing, [CONN_LINGERING] = conn_step_closing,
    [CONN_GONE] = conn_step_nothing,
};

/* ---- Output, and what to wait for. ---- */

static void conn_moved(const struct http_conn *conn, size_t received, size_t sent)
{
    const struct http_hooks *hooks = conn->server->hooks;

    if (hooks->moved != NULL) hooks->moved(hooks->ctx, received, sent);
}

/* What a client takes within the write time-out for another one: a byte now and then would hold the rest for ever. */
static size_t conn_least_sent(const struct http_conn *conn)
{
    return (size_t)conn->server->limits->write_timeout_ms * LEAST_BYTES_PER_S / 1000;
}

static void conn_flush(struct http_conn *conn)
{
    while (conn_unsent(conn) > 0 && conn->state != CONN_GONE) {
        const ssize_t sent = send(conn->fd, conn->out.data + conn->out_sent, conn_unsent(conn), MSG_NOSIGNAL);

        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) conn->state = CONN_GONE;
            break;
        }
        conn->out_sent += (size_t)sent;
        conn_moved(conn, 0, (size_t)sent);
        conn->stall_sent += (size_t)sent;
        if (conn_unsent(conn) > 0) break;
    }
    if (conn_unsent(conn) == 0 || conn->stall_sent >= conn_least_sent(conn)) list_remove(&conn->stall_link);
    if (conn_unsent(conn) > 0) {
        /* A client that always leaves a little must not make the buffer grow for ever. */
        if (conn->out_sent >= OUT_KEEP_BYTES && conn->out_sent > conn_unsent(conn)) {
            buf_consume(&conn->out, conn->out_sent);
            conn->out_sent = 0;
        }
        if (!list_is_empty(&conn->stall_link)) return;
        conn->stall_sent = 0;
        conn->stall_until_ms = conn->server->now_ms + conn->server->limits->write_timeout_ms;
        list_push_back(&conn->server->stalled, &conn->stall_link);
        return;
    }
    conn->out_sent = 0;
    buf_reset(&conn->out);
    if (conn->out.cap > OUT_KEEP_BYTES) buf_clear(&conn->out);
}

/* The last answer is out: the rest of RFC 9112 section 9.6, so that a reset does not overtake it. */
static void conn_close_in_stages(struct http_conn *conn)
{
    if (conn->eof || !conn->linger || conn->displaced || shutdown(conn->fd, SHUT_WR) != 0) {
        conn->state = CONN_GONE;
        return;
    }
    conn->state = CONN_LINGERING;
}

static enum conn_wait conn_wanted_wait(const struct http_conn *conn)
{
    switch (conn->state) {
    case CONN_IDLE:
        if (conn_unsent(conn) > 0) return WAIT_NOTHING;
        if (conn->fresh) return conn->server->drain >= SERVER_DRAINING ? WAIT_GRACE : WAIT_HEAD;
        return WAIT_IDLE;
    case CONN_HEAD:
        return WAIT_HEAD;
    case CONN_BODY:
        return WAIT_BODY;
    case CONN_LINGERING:
        return WAIT_LINGER;
    default:
        return WAIT_NOTHING;
    }
}

static void conn_update_wait(struct http_conn *conn)
{
    const enum conn_wait wait = conn_wanted_wait(conn);

    if (wait == conn->wait && conn->wait_is_current) return;
    conn->wait = wait;
    conn->wait_is_current = true;
    list_remove(&conn->wait_link);
    if (wait == WAIT_NOTHING) return;
    if (wait == WAIT_IDLE && conn->server->parked_count > 0) server_wake(conn->server);
    conn->wait_until_ms = conn->server->now_ms + conn->server->wait_ms[wait];
    list_push_back(&conn->server->waiting[wait], &conn->wait_link);
}

/* Nothing is asked of the client now. What it sends beyond its head, or its request, waits in the input. */
static bool conn_is_busy(const struct http_conn *conn)
{
    return conn->state == CONN_HANDLING || conn->state == CONN_HELD;
}

static bool conn_wants_input(const struct http_conn *conn)
{
    if (conn->eof) return false;
    if (conn_is_busy(conn)) return conn->in_end < conn->in_cap;
    if (conn->state == CONN_CLOSING || conn->state == CONN_LINGERING) return conn->linger_bytes > 0;
    if (conn->state == CONN_IDLE) return !conn_holds_next(conn);
    return !conn_is_above_mark(conn);
}

static void conn_set_event(struct event *event, bool *on, bool wanted)
{
    if (*on == wanted) return;
    *on = wanted;
    if (wanted) {
        event_add(event, NULL);
    } else {
        event_del(event);
    }
}

static void conn_update_events(struct http_conn *conn)
{
    conn_set_event(conn->read_event, &conn->reading, conn_wants_input(conn));
    conn_set_event(conn->write_event, &conn->writing, conn_unsent(conn) > 0);
    const bool unread = conn_is_busy(conn) && !conn->reading && !conn->writing;

    if (unread && list_is_empty(&conn->unread_link)) list_push_back(&conn->server->unread, &conn->unread_link);
    if (!unread) list_remove(&conn->unread_link);
}

/* An idle connection keeps no more memory than it needs for the next plain request. */
static void conn_slim(struct http_conn *conn)
{
    if (conn->in_start == conn->in_end) {
        conn->in_start = conn->in_end = 0;
        if (conn->in_cap > IN_KEEP_BYTES) {
            free(conn->in);
            conn->in_cap = IN_FIRST_BYTES;
            conn->in = mem_alloc(conn->in_cap);
        }
    }
    if (conn->body.cap > IN_KEEP_BYTES) buf_clear(&conn->body);
}

void conn_run(struct http_conn *conn)
{
    bool held;

    conn->running = true;
    do {
        while (steps[conn->state](conn)) continue;
        held = conn->state == CONN_IDLE && conn_holds_next(conn);
        conn_flush(conn);
    } while (held && conn->state == CONN_IDLE && !conn_holds_next(conn));
    if (conn->state == CONN_CLOSING && conn_unsent(conn) == 0) conn_close_in_stages(conn);
    if (conn->state == CONN_LINGERING && (conn->eof || conn->linger_bytes == 0)) conn->state = CONN_GONE;
    conn->running = false;
    if (conn->state == CONN_GONE) {
        conn_free(conn);
        return;
    }
    if (conn->state == CONN_IDLE) conn_slim(conn);
    server_count_memory(conn);
    conn_update_wait(conn);
    conn_update_events(conn);
}

static bool conn_is_client_gone(const struct http_conn *conn)
{
    struct pollfd state = {.fd = conn->fd};

    return poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)) != 0;
}

/* Room for the next bytes of content whose length is known. It never grows beyond that: what is counted is what is
 * held. */
static size_t conn_make_body_room(struct http_conn *conn)
{
    struct buf *body = &conn->body;
    const size_t length = (size_t)conn->x.head.content_length;
    const size_t missing = length - body->len;
    const size_t room = missing < BODY_READ_BYTES ? missing : BODY_READ_BYTES;

    if (body->data == NULL || body->cap - body->len < room) {
        const size_t twice = 2 * body->cap < body->len + room ? body->len + room : 2 * body->cap;

        buf_reserve_exactly(body, (twice < length ? twice : length) - body->len);
    }
    return room;
}

/* Where the next bytes go. */
static char *conn_space(struct http_conn *conn, size_t *ret_room)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_LINGERING) {
        *ret_room = sizeof(conn->server->scratch);
        return conn->server->scratch;
    }
    if (conn->state == CONN_BODY && conn->x.head.framing == FRAMING_LENGTH && !conn_is_body_in_place(conn)) {
        *ret_room = conn_make_body_room(conn);
        return conn->body.data + conn->body.len;
    }
    if (conn->state == CONN_IDLE || conn->state == CONN_HEAD) conn_make_room(conn, 1);
    *ret_room = conn->in_cap - conn->in_end;
    return conn->in + conn->in_end;
}

static void conn_took(struct http_conn *conn, const char *space, size_t len)
{
    if (space == conn->server->scratch) {
        conn->linger_bytes -= len < conn->linger_bytes ? len : conn->linger_bytes;
    } else if (space == conn->in + conn->in_end) {
        conn->in_end += len;
    } else {
        conn->body.len += len;
    }
}

/* A client that has shut its side may still wait for its answer (RFC 9112 section 9.6 asks servers for no less); one
 * whose socket is gone, or that has reset the connection, does not. */
void conn_read(struct http_conn *conn)
{
    size_t room;
    char *space = conn_space(conn, &room);
    ssize_t len;

    do {
        len = room == 0 ? -1 : recv(conn->fd, space, room, 0);
    } while (len < 0 && room > 0 && errno == EINTR);
    if (len > 0) {
        conn_took(conn, space, (size_t)len);
        conn_moved(conn, (size_t)len, 0);
    }
    if (len < 0 && room > 0 && errno != EAGAIN && errno != EWOULDBLOCK) conn->state = CONN_GONE;
    if (len == 0) {
        conn->eof = true;
        if (conn_is_busy(conn) && conn_is_client_gone(conn)) conn->state = CONN_GONE;
    }
    conn_run(conn);
}

static void conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *conn = arg;

    (void)fd, (void)what;
    server_now(conn->server);
    conn_read(conn);
}

static void conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *conn = arg;

    (void)fd, (void)what;
    server_now(conn->server);
    conn_run(conn);
}

void conn_expire(struct http_conn *conn)
{
    const bool late_head = conn->state == CONN_HEAD;

    if (late_head || conn->state == CONN_BODY) {
        conn_fail(conn, late_head ? HTTP_REFUSAL_HEAD_LATE : HTTP_REFUSAL_CONTENT_LATE);
    } else {
        conn->state = CONN_GONE;
    }
    conn_run(conn);
}

void conn_refuse_unfinished(struct http_conn *conn)
{
    conn_fail(conn, HTTP_REFUSAL_ENDING);
    conn_run(conn);
}

void conn_expire_stall(struct http_conn *conn)
{
    conn->reset = true;
    conn->state = CONN_GONE;
    conn_run(conn);
}

void conn_shed(struct http_conn *conn)
{
    if (conn->out.cap + conn->fields.cap == 0) return;
    buf_clear(&conn->out);
    buf_clear(&conn->fields);
    server_count_memory(conn);
}

void conn_probe(struct http_conn *conn)
{
    if (!conn_is_client_gone(conn)) return;
    conn->state = CONN_GONE;
    conn_run(conn);
}
