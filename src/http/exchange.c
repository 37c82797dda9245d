/* What a handler asks of an exchange. */
#include <event2/event.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/conn.h"
#include "http/server.h"

enum http_method http_exchange_method(const struct http_exchange *x)
{
    return x->method;
}

const struct http_route *http_exchange_route(const struct http_exchange *x)
{
    return x->route;
}

void *http_exchange_context(const struct http_exchange *x)
{
    return x->conn->server->hooks->ctx;
}

struct arena *http_exchange_arena(struct http_exchange *x)
{
    return x->conn->arena;
}

struct slice http_exchange_path_param(const struct http_exchange *x, unsigned index)
{
    return index < x->param_count ? x->params[index] : SLICE_NONE;
}

struct slice http_exchange_query(const struct http_exchange *x)
{
    return x->query;
}

struct slice http_exchange_host(const struct http_exchange *x)
{
    return x->authority.data != NULL ? x->authority : x->head.known[KNOWN_HOST].value;
}

struct slice http_exchange_body(const struct http_exchange *x)
{
    return x->body;
}

struct slice http_exchange_request_id(const struct http_exchange *x)
{
    return x->request_id;
}

void http_exchange_set_client(struct http_exchange *x, struct slice name)
{
    x->client = name;
}

struct client_id http_exchange_client_id(const struct http_exchange *x)
{
    const struct client_id address = {x->conn->address, 1};

    return client_id_is_nobody(x->client_id) ? address : x->client_id;
}

void http_exchange_set_client_id(struct http_exchange *x, struct client_id id)
{
    x->client_id = id;
}

void http_exchange_set_client_key(struct http_exchange *x, struct slice key)
{
    x->client_key = key;
}

struct slice http_exchange_client_key(const struct http_exchange *x)
{
    return x->client_key;
}

void http_exchange_on_cancel(struct http_exchange *x, void (*cancel)(void *arg), void *arg)
{
    x->cancel = cancel;
    x->cancel_arg = arg;
}

static void exchange_on_later(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *conn = arg;
    void (*next)(void *) = conn->x.next;

    (void)fd;
    (void)what;
    conn->x.next = NULL;
    if (next != NULL) next(conn->x.next_arg);
}

/* A timer, not an active event: those of one turn follow each other before the loop looks at sockets again. */
void http_exchange_later(struct http_exchange *x, void (*next)(void *arg), void *arg)
{
    struct http_conn *conn = x->conn;
    const struct timeval at_once = {0};

    x->next = next;
    x->next_arg = arg;
    if (conn->later_event == NULL) conn->later_event = evtimer_new(conn->server->base, exchange_on_later, conn);
    if (conn->later_event == NULL || evtimer_add(conn->later_event, &at_once) != 0) mem_die(sizeof(*conn));
}

void http_exchange_hold(struct http_exchange *x, void (*cancel)(void *arg), void *arg)
{
    if (x->conn->state != CONN_BODY) abort(); /* only the hook may hold it */
    x->conn->state = CONN_HELD;
    http_exchange_on_cancel(x, cancel, arg);
}

void http_exchange_admit(struct http_exchange *x)
{
    if (x->conn->state != CONN_HELD) abort();
    x->conn->state = CONN_ADMITTED;
    http_exchange_on_cancel(x, NULL, NULL);
    server_ready(x->conn->server, x->conn);
}

/* The next field line of that name at or after *at. */
static const struct http_field *exchange_next_field(const struct http_head *head, struct slice name, size_t *at)
{
    while (*at < head->field_count) {
        const struct http_field *field = &head->fields[(*at)++];

        if (name.len > 0 && field->name.len == name.len && strncasecmp(field->name.data, name.data, name.len) == 0)
            return field;
    }
    return NULL;
}

struct slice http_exchange_header(struct http_exchange *x, const char *name)
{
    const struct slice wanted = slice_of(name);
    size_t at = 0;
    const struct http_field *first = exchange_next_field(&x->head, wanted, &at);
    size_t len = 0;

    if (first == NULL) return SLICE_NONE;
    const size_t second_at = at;

    for (const struct http_field *more; (more = exchange_next_field(&x->head, wanted, &at)) != NULL;)
        len += 2 + more->value.len;
    if (len == 0) return first->value;
    char *const joined = arena_alloc(x->conn->arena, first->value.len + len);
    char *end = mempcpy(joined, first->value.data, first->value.len);

    at = second_at;
    for (const struct http_field *more; (more = exchange_next_field(&x->head, wanted, &at)) != NULL;) {
        end = mempcpy(end, ", ", 2);
        end = mempcpy(end, more->value.data, more->value.len);
    }
    return (struct slice){joined, (size_t)(end - joined)};
}
