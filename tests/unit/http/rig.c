#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"

enum { WAIT_MS = 5000 };

static struct rig *rig_of(struct http_exchange *x)
{
    return http_exchange_context(x);
}

static void handle_ok(struct http_exchange *x)
{
    rig_of(x)->handled++;
    http_respond(x, 200, "text/plain", SLICE_LIT("ok"));
}

static void handle_echo(struct http_exchange *x)
{
    rig_of(x)->handled++;
    http_respond(x, 200, "text/plain", http_exchange_body(x));
}

static void handle_params(struct http_exchange *x)
{
    struct buf out = {0};

    rig_of(x)->handled++;
    for (unsigned i = 0; i < HTTP_PATH_PARAMS_MAX; i++) {
        if (http_exchange_path_param(x, i).data == NULL) break;
        buf_add_char(&out, '[');
        buf_add_slice(&out, http_exchange_path_param(x, i));
        buf_add_char(&out, ']');
    }
    http_respond(x, 200, "text/plain", buf_slice(&out));
    buf_clear(&out);
}

static void handle_field(struct http_exchange *x)
{
    struct slice name = http_exchange_query(x);
    struct slice value = http_exchange_header(x, arena_copy(http_exchange_arena(x), name).data);

    rig_of(x)->handled++;
    http_exchange_add_header(x, "X-Found", value.data == NULL ? SLICE_LIT("no") : SLICE_LIT("yes"));
    http_respond(x, 200, "text/plain", value);
}

/* Whom it counts for; with a query, somebody named. */
static void handle_client(struct http_exchange *x)
{
    char text[64];

    rig_of(x)->handled++;
    if (http_exchange_query(x).data != NULL) {
        http_exchange_set_client_id(x, (struct client_id){1, HTTP_CLIENT_NAMED | 5});
    }
    const struct client_id id = http_exchange_client_id(x);

    snprintf(text, sizeof(text), "%" PRIx64 " %" PRIx64, id.high, id.low);
    http_respond(x, 200, "text/plain", slice_of(text));
}

static void handle_tagged(struct http_exchange *x)
{
    const bool matches = http_if_none_match(x, SLICE_LIT("\"7\""));

    rig_of(x)->handled++;
    http_exchange_add_header(x, "ETag", SLICE_LIT("\"7\""));
    http_respond(x, matches ? 304 : 200, "text/plain", matches ? SLICE_NONE : SLICE_LIT("seven"));
}

/* The query says whether there is a compressed form. */
static void handle_content(struct http_exchange *x)
{
    struct http_content content;

    rig_of(x)->handled++;
    http_content_init(&content, "text/plain", SLICE_LIT("plain bytes"),
                      slice_is(http_exchange_query(x), "packed") ? SLICE_LIT("packed") : SLICE_NONE);
    http_respond_content(x, &content, "no-cache");
}

static void on_cancel(void *arg)
{
    struct rig *rig = arg;

    rig->cancelled++;
}

/* Answers three turns later, with how many have passed. */
static void on_later(void *arg)
{
    struct http_exchange *x = arg;
    struct rig *rig = rig_of(x);

    if (++rig->turns < 3) {
        http_exchange_later(x, on_later, x);
    } else {
        http_respond(x, 200, "text/plain", SLICE_LIT("later"));
    }
}

static void handle_later(struct http_exchange *x)
{
    rig_of(x)->handled++;
    rig_of(x)->turns = 0;
    http_exchange_on_cancel(x, on_cancel, rig_of(x));
    http_exchange_later(x, on_later, x);
}

/* Of a type that Accept has decided. */
static void handle_either(struct http_exchange *x)
{
    rig_of(x)->handled++;
    http_respond(x, 200, http_exchange_prefers(x, "text/csv", "text/plain") ? "text/csv" : "text/plain", SLICE_NONE);
}

static void handle_problem(struct http_exchange *x)
{
    const struct http_problem_item items[] = {{SLICE_LIT("/a\"b"), SLICE_LIT("too long"), 12},
                                              {SLICE_LIT("query:limit"), SLICE_LIT("not a number"), 0}};

    rig_of(x)->handled++;
    http_respond_problem(x, &(struct http_problem){.status = 422,
                                                   .code = "validation_failed",
                                                   .detail = "Two fields are wrong.",
                                                   .items = items,
                                                   .item_count = countof(items),
                                                   .retry_after_s = 3});
}

/* As many bytes as the query says. */
static void handle_big(struct http_exchange *x)
{
    uint64_t size = 0;

    rig_of(x)->handled++;
    if (!number_parse_u64(http_exchange_query(x), &size)) size = 0;
    char *body = mem_alloc(size + 1);

    memset(body, 'b', size);
    http_respond(x, 200, "text/plain", (struct slice){body, size});
    free(body);
}

static void handle_slow(struct http_exchange *x)
{
    struct rig *rig = rig_of(x);

    rig->handled++;
    rig->pending[rig->pending_count++ % RIG_PENDING_MAX] = x;
    http_exchange_on_cancel(x, on_cancel, rig);
}

static const char *const text_or_json[] = {"text/plain", "application/json", NULL};
static const char *const merge_patch[] = {"application/merge-patch+json", NULL};

/* clang-format off */
#define ROUTE(m, p, h, ...)                                                                \
    {                                                                                      \
        .method = (m), .path = (p), .handle = (h), .produces = "text/plain", ##__VA_ARGS__ \
    }
/* clang-format on */

static const struct http_route routes[] = {
    ROUTE(HTTP_GET, "/", handle_ok),
    ROUTE(HTTP_POST, "/echo", handle_echo, .body_types = text_or_json),
    ROUTE(HTTP_PUT, "/echo", handle_echo, .body_types = text_or_json),
    ROUTE(HTTP_PATCH, "/echo", handle_echo, .body_types = merge_patch),
    ROUTE(HTTP_POST, "/need", handle_echo, .body_types = text_or_json, .body_required = true),
    ROUTE(HTTP_POST, "/guarded", handle_echo, .body_types = text_or_json),
    ROUTE(HTTP_POST, "/held", handle_echo, .body_types = text_or_json),
    ROUTE(HTTP_GET, "/items/{id}", handle_params),
    ROUTE(HTTP_DELETE, "/items/{id}", handle_params),
    ROUTE(HTTP_GET, "/items/{id}/parts/{part}", handle_params),
    ROUTE(HTTP_GET, "/field", handle_field),
    ROUTE(HTTP_GET, "/client", handle_client),
    ROUTE(HTTP_GET, "/tagged", handle_tagged),
    ROUTE(HTTP_GET, "/content", handle_content),
    ROUTE(HTTP_GET, "/big", handle_big),
    ROUTE(HTTP_GET, "/slow", handle_slow),
    ROUTE(HTTP_GET, "/later", handle_later),
    ROUTE(HTTP_GET, "/either", handle_either, .produces_too = "text/csv"),
    ROUTE(HTTP_GET, "/always", handle_ok, .always = true),
    {.method = HTTP_GET, .path = "/problem", .handle = handle_problem},
};

static void on_held_cancel(void *arg)
{
    struct rig *rig = arg;

    rig->cancelled++;
    rig->held = NULL;
}

/* A request for this path waits until a test says what becomes of it. */
static bool rig_hold(struct rig *rig, struct http_exchange *x)
{
    rig->held = x;
    http_exchange_hold(x, on_held_cancel, rig);
    return false;
}

static bool on_admit(void *ctx, struct http_exchange *x)
{
    if (strcmp(http_exchange_route(x)->path, "/held") == 0) return rig_hold(ctx, x);
    if (strcmp(http_exchange_route(x)->path, "/guarded") != 0) return true;
    http_exchange_add_header(x, "WWW-Authenticate", SLICE_LIT("Bearer"));
    http_respond_problem(x,
                         &(struct http_problem){.status = 401, .code = "unauthorized", .detail = "A token is needed."});
    return false;
}

static void on_answering(void *ctx, struct http_exchange *x, unsigned status)
{
    (void)ctx, (void)status;
    http_exchange_vary(x, HTTP_VARY_ORIGIN);
}

static void on_started(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct rig *rig = ctx;

    rig->started++;
    CU_ASSERT_PTR_NOT_NULL(http_exchange_route(x));
    CU_ASSERT_EQUAL(record->status, 0);
}

static void on_ended(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct rig *rig = ctx;

    (void)x;
    rig->ended++;
    rig->last_status = record->status;
    snprintf(rig->last_target, sizeof(rig->last_target), "%.*s", SLICE_FMT(record->target));
    snprintf(rig->last_id, sizeof(rig->last_id), "%.*s", SLICE_FMT(record->request_id));
    snprintf(rig->last_peer, sizeof(rig->last_peer), "%.*s", SLICE_FMT(record->peer));
    if (record->status != 0) CU_ASSERT(record->out_bytes > 0);
}

static void on_connections(void *ctx, unsigned open)
{
    struct rig *rig = ctx;

    rig->open = open;
}

struct http_limits rig_limits(void)
{
    return (struct http_limits){
        .request_line_bytes = 256,
        .header_bytes = 1024,
        .header_fields = 16,
        .body_bytes = 1024,
        .header_timeout_ms = 20000,
        .body_timeout_ms = 20000,
        .idle_timeout_ms = 20000,
        .write_timeout_ms = 20000,
        .connections = 64,
        .memory_bytes = SIZE_MAX,
    };
}

void rig_init(struct rig *rig, const struct http_limits *limits)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct http_route *table[countof(routes)];
    struct error err;

    *rig = (struct rig){.limits = *limits,
                        .hooks = {.ctx = rig,
                                  .started = on_started,
                                  .ended = on_ended,
                                  .admit = on_admit,
                                  .answering = on_answering,
                                  .connections = on_connections}};
    for (size_t i = 0; i < countof(routes); i++) table[i] = &routes[i];
    rig->base = event_base_new();
    CU_ASSERT_EQUAL_FATAL(http_router_new(table, countof(routes), &rig->router, &err), 0);
    rig->server = http_server_new(rig->base, rig->router, &rig->limits, &rig->hooks);
    http_server_set_buffers(rig->server,
                            &(struct http_buffers){.output_bytes = 65536, .memory_bytes = SIZE_MAX, .parked_min = 64});
    rig->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(bind(rig->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_FATAL(listen(rig->listen_fd, 64) == 0);
    CU_ASSERT_EQUAL_FATAL(http_server_listen(rig->server, rig->listen_fd, &err), 0);
}

void rig_clear(struct rig *rig)
{
    http_server_free(rig->server);
    http_router_free(rig->router);
    event_base_free(rig->base);
    close(rig->listen_fd);
}

void rig_turn(struct rig *rig)
{
    event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

/* A turn that may sleep a little where nothing is to be done. */
static void rig_turn_slowly(struct rig *rig)
{
    const struct timeval moment = {.tv_usec = 2000};

    event_base_loopexit(rig->base, &moment);
    event_base_loop(rig->base, EVLOOP_ONCE);
}

bool rig_wait(struct rig *rig, const unsigned *value, unsigned wanted)
{
    const uint64_t until = clock_monotonic_ms() + WAIT_MS;

    while (*value != wanted && clock_monotonic_ms() < until) rig_turn_slowly(rig);
    return *value == wanted;
}

bool rig_wait_connections(struct rig *rig, unsigned wanted)
{
    return rig_wait(rig, &rig->open, wanted) && http_server_connections(rig->server) == wanted;
}

void rig_answer(struct rig *rig, unsigned index, const char *body)
{
    http_respond(rig->pending[index], 200, "text/plain", slice_of(body));
}

void client_open(struct client *client, struct rig *rig)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    const int on = 1;

    *client = (struct client){.rig = rig, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    getsockname(rig->listen_fd, (struct sockaddr *)&address, &len);
    CU_ASSERT_FATAL(connect(client->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void client_close(struct client *client)
{
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    buf_clear(&client->in);
}

bool client_send(struct client *client, const void *data, size_t len)
{
    const uint64_t until = clock_monotonic_ms() + WAIT_MS;
    const char *at = data;

    while (len > 0 && clock_monotonic_ms() < until) {
        const ssize_t sent = send(client->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return false;
        } else {
            rig_turn_slowly(client->rig);
        }
    }
    rig_turn(client->rig);
    return len == 0;
}

void client_say(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

void client_shut(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

void client_take(struct client *client)
{
    for (;;) {
        const ssize_t len = recv(client->fd, buf_reserve(&client->in, 65536), 65536, MSG_DONTWAIT);

        if (len == 0) client->eof = true;
        if (len < 0 && errno != EAGAIN) client->eof = client->reset = true;
        if (len <= 0) return;
        client->in.len += (size_t)len;
    }
}

struct slice answer_field(const struct answer *answer, const char *name)
{
    struct slice rest = answer->head;

    while (rest.data != NULL) {
        struct slice value = slice_cut(&rest, '\n');
        const struct slice field = slice_cut(&value, ':');

        if (value.len > 0 && slice_is_nocase(field, name)) {
            value.len -= value.data[value.len - 1] == '\r';
            return slice_trim(value);
        }
    }
    return SLICE_NONE;
}

static bool answer_parse(struct client *client, bool to_head, struct answer *ret)
{
    const struct slice all = {client->in.data + client->at, client->in.len - client->at};
    const char *end = all.len == 0 ? NULL : memmem(all.data, all.len, "\r\n\r\n", 4);
    uint64_t length = 0;
    uint64_t status = 0;

    if (end == NULL) return false;
    ret->head = (struct slice){all.data, (size_t)(end - all.data) + 4};
    CU_ASSERT(ret->head.len > 13 && memcmp(all.data, "HTTP/1.1 ", 9) == 0);
    CU_ASSERT(number_parse_u64((struct slice){all.data + 9, 3}, &status));
    ret->status = (unsigned)status;
    const struct slice field = answer_field(ret, "Content-Length");

    if (field.data != NULL) CU_ASSERT(number_parse_u64(field, &length));
    if (to_head || status == 204 || status == 304 || status < 200) length = 0;
    if (all.len - ret->head.len < length) return false;
    ret->body = (struct slice){all.data + ret->head.len, length};
    client->at += ret->head.len + length;
    return true;
}

bool client_answer(struct client *client, bool to_head, struct answer *ret)
{
    const uint64_t until = clock_monotonic_ms() + WAIT_MS;

    for (;;) {
        rig_turn(client->rig);
        client_take(client);
        if (answer_parse(client, to_head, ret)) return true;
        if (client->eof || clock_monotonic_ms() > until) return false;
        rig_turn_slowly(client->rig);
    }
}

unsigned client_status(struct client *client)
{
    struct answer answer;

    return client_answer(client, false, &answer) ? answer.status : 0;
}

bool client_sees_end(struct client *client)
{
    const uint64_t until = clock_monotonic_ms() + WAIT_MS;

    for (;;) {
        rig_turn(client->rig);
        client_take(client);
        if (client->eof || clock_monotonic_ms() > until) return client->eof;
        rig_turn_slowly(client->rig);
    }
}

void rig_start(struct rig *rig, struct client *client, const struct http_limits *limits)
{
    const struct http_limits usual = rig_limits();

    rig_init(rig, limits == NULL ? &usual : limits);
    client_open(client, rig);
    rig_turn(rig);
}

void rig_finish(struct rig *rig, struct client *client)
{
    client_close(client);
    CU_ASSERT(rig_wait_connections(rig, 0));
    UNIT_INT(http_server_in_flight(rig->server), 0);
    rig_clear(rig);
}

void answer_is_refusal(const struct answer *answer, enum http_refusal_id id)
{
    const struct http_refusal *refusal = &http_refusals[id];
    char members[512];

    UNIT_INT(answer->status, refusal->status);
    snprintf(members, sizeof(members), "\"code\":\"%s\",\"detail\":\"%s\"", http_refusal_code(refusal),
             refusal->detail);
    CU_ASSERT_PTR_NOT_NULL(memmem(answer->body.data, answer->body.len, members, strlen(members)));
}
