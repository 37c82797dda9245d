#include "proxy.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "rig.h"

struct proxy {
    struct rig *rig;
    struct evconnlistener *listener;
    struct list pairs;
    unsigned short port;
    bool muted;
    size_t to_server, to_client; /* bytes until all is cut; SIZE_MAX: it is not */
    bool answers;                /* with these, instead of a server */
    const void *answer;
    size_t answer_len;
};

struct pair {
    struct list link;
    struct proxy *proxy;
    struct bufferevent *client;
    struct bufferevent *server; /* NULL where the proxy answers itself */
};

/* A reset rather than an orderly end. */
static void side_free(struct bufferevent *side)
{
    const struct linger none = {1, 0};

    if (side == NULL) return;
    setsockopt(bufferevent_getfd(side), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    bufferevent_free(side);
}

static void pair_free(struct pair *p)
{
    list_remove(&p->link);
    side_free(p->client);
    side_free(p->server);
    free(p);
}

/* What one side said last still reaches the other. */
static void flushed(struct bufferevent *side, void *arg)
{
    (void)side;
    pair_free(arg);
}

static void side_event(struct bufferevent *side, short what, void *arg);

/* Passes on what came, or what is left until the cut. */
static void pass(struct pair *p, struct bufferevent *from, struct bufferevent *to, size_t *left)
{
    struct evbuffer *input = bufferevent_get_input(from);
    struct proxy *proxy = p->proxy;
    const size_t came = evbuffer_get_length(input);

    if (came < *left) {
        if (*left != SIZE_MAX) *left -= came;
        bufferevent_write_buffer(to, input);
        return;
    }
    bufferevent_disable(p->client, EV_READ);
    bufferevent_disable(p->server, EV_READ);
    if (*left > 0) {
        evbuffer_remove_buffer(input, bufferevent_get_output(to), *left);
        bufferevent_setcb(to, NULL, flushed, side_event, p);
    } else {
        pair_free(p);
    }
    proxy->to_server = proxy->to_client = SIZE_MAX;
}

static void client_read(struct bufferevent *side, void *arg)
{
    struct pair *p = arg;

    if (p->server != NULL) {
        pass(p, side, p->server, &p->proxy->to_server);
    } else {
        evbuffer_drain(bufferevent_get_input(side), SIZE_MAX);
        bufferevent_write(side, p->proxy->answer, p->proxy->answer_len);
    }
}

static void server_read(struct bufferevent *side, void *arg)
{
    struct pair *p = arg;

    if (!p->proxy->muted) pass(p, side, p->client, &p->proxy->to_client);
}

static void side_event(struct bufferevent *side, short what, void *arg)
{
    struct pair *p = arg;

    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) return;
    if (side == p->server && evbuffer_get_length(bufferevent_get_output(p->client)) > 0) {
        bufferevent_setcb(p->client, NULL, flushed, side_event, p);
        return;
    }
    if (side == p->server && p->proxy->muted) return;
    /* An orderly end, as the server's own would be. */
    list_remove(&p->link);
    bufferevent_free(p->client);
    if (p->server != NULL) bufferevent_free(p->server);
    free(p);
}

static int server_connect(struct rig *rig)
{
    const char *host = PQhost(rig->control);
    int fd = -1;

    if (host[0] == '/') {
        struct sockaddr_un un = {.sun_family = AF_UNIX};

        snprintf(un.sun_path, sizeof(un.sun_path), "%s/.s.PGSQL.%s", host, PQport(rig->control));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
    } else {
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;

        CU_ASSERT_FATAL(getaddrinfo(host, PQport(rig->control), &hints, &found) == 0);
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CU_ASSERT_FATAL(connect(fd, found->ai_addr, found->ai_addrlen) == 0);
        freeaddrinfo(found);
    }
    evutil_make_socket_nonblocking(fd);
    return fd;
}

static void accepted(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
    struct proxy *proxy = arg;
    struct pair *p = mem_zalloc(sizeof(*p));

    (void)l, (void)from, (void)len;
    p->proxy = proxy;
    list_push_back(&proxy->pairs, &p->link);
    p->client = bufferevent_socket_new(proxy->rig->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(p->client, client_read, NULL, side_event, p);
    if (!proxy->answers) {
        p->server = bufferevent_socket_new(proxy->rig->base, server_connect(proxy->rig), BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(p->server, server_read, NULL, side_event, p);
        bufferevent_enable(p->server, EV_READ | EV_WRITE);
    }
    bufferevent_enable(p->client, EV_READ | EV_WRITE);
}

static void listen_on(struct proxy *proxy)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(proxy->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);

    proxy->listener = evconnlistener_new_bind(proxy->rig->base, accepted, proxy,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 16,
                                              (struct sockaddr *)&in, (int)sizeof(in));
    CU_ASSERT_FATAL(proxy->listener != NULL);
    getsockname(evconnlistener_get_fd(proxy->listener), (struct sockaddr *)&in, &len);
    proxy->port = ntohs(in.sin_port);
}

void rig_use_proxy(struct rig *rig)
{
    struct proxy *proxy = mem_zalloc(sizeof(*proxy));
    char port[8];

    proxy->rig = rig;
    proxy->to_server = proxy->to_client = SIZE_MAX;
    list_init(&proxy->pairs);
    listen_on(proxy);
    rig->proxy = proxy;
    snprintf(port, sizeof(port), "%u", proxy->port);
    rig_use_conninfo(rig, rig_conninfo("127.0.0.1", port, NULL, NULL));
}

void proxy_cut(struct rig *rig)
{
    list_each(it, &rig->proxy->pairs) pair_free(list_at(it, struct pair, link));
}

void proxy_cut_after(struct rig *rig, size_t to_server, size_t to_client)
{
    rig->proxy->to_server = to_server;
    rig->proxy->to_client = to_client;
}

void proxy_mute(struct rig *rig, bool muted)
{
    rig->proxy->muted = muted;
    if (muted) return;
    list_each(it, &rig->proxy->pairs) {
        struct pair *p = list_at(it, struct pair, link);

        if (p->server != NULL) server_read(p->server, p);
    }
}

void proxy_close(struct rig *rig)
{
    evconnlistener_free(rig->proxy->listener);
    rig->proxy->listener = NULL;
    proxy_cut(rig);
}

void proxy_reopen(struct rig *rig)
{
    listen_on(rig->proxy);
}

void proxy_answer(struct rig *rig, const void *bytes, size_t len)
{
    rig->proxy->answers = true;
    rig->proxy->answer = bytes;
    rig->proxy->answer_len = len;
}

void proxy_free(struct proxy *proxy)
{
    if (proxy == NULL) return;
    list_each(it, &proxy->pairs) pair_free(list_at(it, struct pair, link));
    if (proxy->listener != NULL) evconnlistener_free(proxy->listener);
    free(proxy);
}
