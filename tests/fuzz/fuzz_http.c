/*
 * A connection that gets any bytes: it answers in whole messages, every request is counted once, nothing stays behind
 * when the client has gone, and the answers do not depend on how the bytes were cut into pieces. The first byte picks
 * the pieces; the rest is what the client sends.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "fuzz.h"
#include "http/http.h"
#include "http/server.h"

enum { STATUSES_MAX = 4096, TURNS_MAX = 400 };

/* One input's way through the server, which serves them all. */
struct run {
    int fd; /* the client's end */
    unsigned statuses[STATUSES_MAX];
    size_t status_count;
    struct http_exchange *pending;
    struct buf out;
};

static const struct http_limits limits = {
    .request_line_bytes = 256,
    .header_bytes = 1024,
    .header_fields = 16,
    .body_bytes = 1024,
    .header_timeout_ms = 3600000,
    .body_timeout_ms = 3600000,
    .idle_timeout_ms = 3600000,
    .write_timeout_ms = 3600000,
    .connections = 4,
    .memory_bytes = 64 << 20,
};

/* ---- What is served ---- */

static void handle_echo(struct http_exchange *x)
{
    http_respond(x, 200, "text/plain", http_exchange_body(x));
}

static void handle_params(struct http_exchange *x)
{
    http_respond(x, 200, "text/plain", http_exchange_path_param(x, 0));
}

static void handle_query(struct http_exchange *x)
{
    struct slice query = http_exchange_query(x);
    struct slice name;
    struct slice value;
    bool valid;
    uint64_t pairs = 0;

    while (http_query_next(http_exchange_arena(x), &query, &name, &value, &valid)) pairs++;
    (void)http_exchange_header(x, "Cookie");
    (void)http_exchange_header(x, "X-Anything");
    http_respond(x, pairs % 2 == 0 ? 200 : 201, "text/plain", SLICE_LIT("query"));
}

static void handle_tagged(struct http_exchange *x)
{
    const bool matches = http_if_none_match(x, SLICE_LIT("\"7\""));

    http_exchange_add_header(x, "ETag", SLICE_LIT("\"7\""));
    http_respond(x, matches ? 304 : 200, "text/plain", matches ? SLICE_NONE : SLICE_LIT("seven"));
}

/* The database would take a while. */
static void handle_slow(struct http_exchange *x)
{
    struct run *run = *(struct run **)http_exchange_context(x);

    FUZZ_CHECK(run->pending == NULL, "a second request while the first is handled");
    run->pending = x;
}

static bool on_admit(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    if (strcmp(http_exchange_route(x)->path, "/guarded") != 0) return true;
    http_respond_problem(x,
                         &(struct http_problem){.status = 401, .code = "unauthorized", .detail = "A token is needed."});
    return false;
}

/* So that whoever reads the answers knows which have no content whatever they say. */
static void on_answering(void *ctx, struct http_exchange *x, unsigned status)
{
    (void)ctx, (void)status;
    if (http_exchange_method(x) == HTTP_HEAD) http_exchange_add_header(x, "Bare", SLICE_LIT("yes"));
}

static void on_ended(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct run *run = *(struct run **)ctx;

    if (x == run->pending) run->pending = NULL;
    if (run->status_count < STATUSES_MAX) run->statuses[run->status_count++] = record->status;
}

static const char *const text_or_json[] = {"text/plain", "application/json", NULL};
static const struct http_route routes[] = {
    {.method = HTTP_GET, .path = "/", .handle = handle_query, .produces = "text/plain"},
    {.method = HTTP_POST, .path = "/echo", .handle = handle_echo, .body_types = text_or_json, .produces = "text/plain"},
    {.method = HTTP_PATCH, .path = "/echo", .handle = handle_echo, .body_types = text_or_json, .body_required = true},
    {.method = HTTP_POST, .path = "/guarded", .handle = handle_echo, .body_types = text_or_json},
    {.method = HTTP_GET, .path = "/items/{id}", .handle = handle_params},
    {.method = HTTP_DELETE, .path = "/items/{id}/parts/{part}", .handle = handle_params},
    {.method = HTTP_GET, .path = "/tagged", .handle = handle_tagged, .produces = "text/plain"},
    {.method = HTTP_GET, .path = "/slow", .handle = handle_slow, .produces = "text/plain"},
};

static struct run *current;
static const struct http_hooks hooks = {
    .ctx = &current, .ended = on_ended, .admit = on_admit, .answering = on_answering};
static struct http_router *router;
static struct event_base *base;
static struct http_server *server;

static void serve(void)
{
    const struct http_route *table[countof(routes)];
    struct error err;

    for (size_t i = 0; i < countof(routes); i++) table[i] = &routes[i];
    if (http_router_new(table, countof(routes), &router, &err) != 0) abort();
    base = event_base_new();
    server = http_server_new(base, router, &limits, &hooks);
}

/* ---- What came back ---- */

static struct slice line_next(struct slice *rest)
{
    const char *end = rest->len == 0 ? NULL : memmem(rest->data, rest->len, "\r\n", 2);

    FUZZ_CHECK(end != NULL, "an answer's head breaks off: %.*s", (int)rest->len, rest->data);
    const struct slice line = {rest->data, (size_t)(end - rest->data)};

    *rest = (struct slice){end + 2, rest->len - line.len - 2};
    return line;
}

static bool field_is(struct slice line, const char *name, struct slice *ret_value)
{
    const size_t len = strlen(name);

    if (line.len < len || memcmp(line.data, name, len) != 0) return false;
    *ret_value = (struct slice){line.data + len, line.len - len};
    return true;
}

/* One message (RFC 9112 section 2.1); its status. */
static unsigned answer_next(struct slice *rest)
{
    const struct slice first = line_next(rest);
    struct slice line;
    struct slice value = SLICE_NONE;
    uint64_t status = 0;
    uint64_t length = 0;
    bool bare = false;
    bool has_length = false;

    FUZZ_CHECK(first.len > 13 && memcmp(first.data, "HTTP/1.1 ", 9) == 0 &&
                   number_parse_u64((struct slice){first.data + 9, 3}, &status) && first.data[12] == ' ',
               "no status line: %.*s", (int)first.len, first.data);
    while ((line = line_next(rest)).len > 0) {
        FUZZ_CHECK(memchr(line.data, ':', line.len) != NULL && memchr(line.data, '\n', line.len) == NULL,
                   "no field line: %.*s", (int)line.len, line.data);
        if (field_is(line, "Content-Length: ", &value)) {
            FUZZ_CHECK(!has_length && number_parse_u64(value, &length), "Content-Length: %.*s", SLICE_FMT(value));
            has_length = true;
        }
        bare = bare || field_is(line, "Bare: ", &value);
    }
    const bool is_empty = status < 200 || status == 204 || status == 304;

    FUZZ_CHECK(has_length != is_empty, "status %u, length %d", (unsigned)status, has_length);
    if (bare || is_empty) length = 0;
    FUZZ_CHECK(length <= rest->len, "content breaks off: %zu of %zu", rest->len, (size_t)length);
    *rest = (struct slice){rest->data + length, rest->len - length};
    return (unsigned)status;
}

/* The answers that arrived are those that were counted. */
static void check_answers(const struct run *run)
{
    struct slice rest = buf_slice(&run->out);
    size_t at = 0;

    while (rest.len > 0) {
        const unsigned status = answer_next(&rest);

        if (status < 200) continue;
        while (at < run->status_count && run->statuses[at] == 0) at++; /* left without an answer */
        FUZZ_CHECK(at < run->status_count && run->statuses[at] == status, "answer %zu is %u, and was not counted", at,
                   status);
        at++;
    }
    while (at < run->status_count && run->statuses[at] == 0) at++;
    FUZZ_CHECK(at == run->status_count, "%zu answers of %zu", at, run->status_count);
}

/* ---- A run ---- */

/* False at the end of what the server sends. */
static bool client_read(struct run *run)
{
    static char chunk[16384];

    for (;;) {
        const ssize_t got = recv(run->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

        if (got <= 0) return got < 0 && errno == EAGAIN;
        buf_add(&run->out, chunk, (size_t)got);
    }
}

static bool turn(struct run *run)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
    if (run->pending != NULL) http_respond(run->pending, 200, "text/plain", SLICE_LIT("at last"));
    event_base_loop(base, EVLOOP_NONBLOCK);
    return client_read(run);
}

static void client_send(struct run *run, const uint8_t *data, size_t size, unsigned pieces)
{
    bool open = true;

    for (size_t at = 0; at < size && open;) {
        /* 0: all at once; else pieces of 1 to 16 bytes, as its digits say. */
        size_t len = pieces == 0 ? size : 1 + ((at * 2654435761U + pieces * 40503U) >> 7) % (1 + pieces % 16);

        if (len > size - at) len = size - at;
        const ssize_t sent = send(run->fd, data + at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            at += (size_t)sent;
        } else if (sent == 0 || errno != EAGAIN) {
            return;
        }
        open = turn(run);
    }
}

static void run_input(struct run *run, const uint8_t *data, size_t size, unsigned pieces)
{
    int ends[2];
    int turns = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) abort();
    run->fd = ends[0];
    run->status_count = 0;
    run->pending = NULL;
    buf_reset(&run->out);
    current = run;
    conn_new(server, ends[1], "fuzz");
    server_opened(server);
    client_send(run, data, size, pieces);
    shutdown(run->fd, SHUT_WR);
    while (turn(run) && turns < TURNS_MAX) turns++;
    FUZZ_CHECK(turns < TURNS_MAX, "the server does not come to an end");
    close(run->fd);
    event_base_loop(base, EVLOOP_NONBLOCK);
    FUZZ_CHECK(http_server_connections(server) == 0, "a connection stays");
    FUZZ_CHECK(http_server_in_flight(server) == 0, "%u requests stay", http_server_in_flight(server));
    FUZZ_CHECK(server->held == 0, "%zu bytes of memory count as held", server->held);
    check_answers(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole;
    static struct run cut;

    if (size == 0) return 0;
    if (server == NULL) serve();
    run_input(&whole, data + 1, size - 1, 0);
    run_input(&cut, data + 1, size - 1, 1U + data[0]);
    FUZZ_CHECK(whole.status_count == cut.status_count, "%zu requests at once, %zu in pieces", whole.status_count,
               cut.status_count);
    for (size_t i = 0; i < whole.status_count; i++) {
        FUZZ_CHECK(whole.statuses[i] == cut.statuses[i], "request %zu: %u at once, %u in pieces", i, whole.statuses[i],
                   cut.statuses[i]);
    }
    return 0;
}
