/*
 * The smallest server that http/ makes, to measure it: http_trivial PORT answers GET / with a few bytes on 127.0.0.1
 * until it gets SIGTERM, which drains it.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/number.h"
#include "http/http.h"

static void handle_root(struct http_exchange *x)
{
    http_respond(x, 200, "application/json", SLICE_LIT("{\"hello\":\"world\"}\n"));
}

static const struct http_route root = {.method = HTTP_GET, .path = "/", .handle = handle_root};
static const struct http_route *const routes[] = {&root};

static void on_drained(void *arg)
{
    event_base_loopbreak(arg);
}

struct trivial {
    struct event_base *base;
    struct http_server *server;
};

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    struct trivial *trivial = arg;

    (void)fd, (void)what;
    http_server_drain(trivial->server, 0, on_drained, trivial->base);
}

static int listen_on(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, SOMAXCONN) != 0) {
        perror("http_trivial");
        exit(EXIT_FAILURE);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static const struct http_limits limits = {
        .request_line_bytes = 8192,
        .header_bytes = 16384,
        .header_fields = 100,
        .body_bytes = 1 << 20,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .idle_timeout_ms = 75000,
        .write_timeout_ms = 30000,
        .connections = 1024,
        .memory_bytes = 256 << 20,
    };
    static const struct http_hooks hooks = {0};
    struct trivial trivial = {0};
    struct http_router *router = NULL;
    struct error err;
    uint64_t port;

    if (argc != 2 || !number_parse_u64(slice_of(argv[1]), &port) || port == 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: http_trivial PORT\n");
        return EXIT_FAILURE;
    }
    trivial.base = event_base_new();
    if (trivial.base == NULL || http_router_new(routes, countof(routes), &router, &err) != 0) return EXIT_FAILURE;
    trivial.server = http_server_new(trivial.base, router, &limits, &hooks);
    if (http_server_listen(trivial.server, listen_on((uint16_t)port), &err) != 0) return EXIT_FAILURE;
    struct event *term = evsignal_new(trivial.base, SIGTERM, on_term, &trivial);

    evsignal_add(term, NULL);
    event_base_dispatch(trivial.base);
    event_free(term);
    http_server_free(trivial.server);
    http_router_free(router);
    event_base_free(trivial.base);
    return EXIT_SUCCESS;
}
