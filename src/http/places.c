/*
 * Who has a place, and who makes room for whom, once a worker holds as many connections as it may.
 *
 * The longest idle connection makes room (RFC 9112 section 9.5: a server may close an idle one at any time), then one
 * that has been sending its head for a while. A request that has come is never cut. If nobody makes room, the newcomer
 * is parked: accepted, so that who stands behind it in the kernel's queue can be seen, but not read.
 *
 * An address that holds its share already displaces its own connections only, and gets none of the extra places, so
 * that it cannot keep others out. While there is room, it may have all of it: behind a proxy, all connections have
 * one address. If very many of its connections wait, more are answered 503, so that the kernel's queue, in which others
 * stand behind them, goes on.
 *
 * Of those that wait, those that have sent something go first: else whoever opens many connections and says nothing
 * would have each of them take a place for a second.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/server.h"

enum {
    PLACES_AWAY_MAX = 64,   /* that have not got their 503 yet; the oldest of more is closed */
    PLACES_OVER_MAX = 64,   /* newcomers that get a place while memory has run out, so that they can be told so */
    PLACES_SPARE = 16,      /* descriptors for newcomers, of those that are left for others (server.c) */
    PLACES_EXTRA_PART = 8,  /* of the places: so many more are there for those that hold few */
    PLACES_HEAD_MS = 1000,  /* what a head may take while somebody waits */
    PLACES_LINGER_MS = 500, /* what a client may take to close after its last answer, likewise */
    PLACES_TRIES_MAX = 16,  /* of connections that look idle and are not, about so many are served on the way */
};

struct parked {
    struct list link;
    int fd;
    uint64_t address;
    char peer[PEER_BYTES];
};

/* Unix sockets have no address; whoever may open one is trusted to be a proxy. */
static const uint64_t places_nobody = UINT64_MAX;

/* One number for all addresses that count as one: an IPv4 address, written as IPv6 or not, and what one customer of an
 * IPv6 network usually has (RFC 6177). */
static uint64_t places_address(const struct sockaddr_storage *address)
{
    uint64_t key = 0;

    if (address->ss_family == AF_INET) {
        return 0xffff00000000U | ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
    }
    if (address->ss_family != AF_INET6) return places_nobody;
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    const bool is_v4 = IN6_IS_ADDR_V4MAPPED(in6);

    for (unsigned i = is_v4 ? 8 : 0; i < (is_v4 ? 16 : 8); i++) key = key << 8 | in6->s6_addr[i];
    return key;
}

/* Those that are turned away have no place. */
static unsigned places_taken(const struct http_server *server)
{
    return server->open - server->away_count;
}

/* The process may have fewer descriptors than its settings ask for. */
static unsigned places_most(const struct http_server *server)
{
    const unsigned wanted = server->limits->connections;

    return wanted < server->descriptors ? wanted : (unsigned)server->descriptors;
}

static unsigned places_share(const struct http_server *server)
{
    const unsigned own = server->limits->connections_per_address;

    return own > 0 ? own : (places_most(server) + 1) / 2;
}

/* Counted when it matters, which is when the place is full: it costs nothing before that. */
static bool places_has_share(const struct http_server *server, uint64_t address)
{
    unsigned left = places_share(server);

    if (address == places_nobody) return false;
    list_each(it, &server->conns) {
        if (list_at(it, struct http_conn, link)->address != address) continue;
        if (--left == 0) return true;
    }
    return false;
}

/* Of those that hold their share. As many more may wait of those that do not. */
static unsigned places_parked_max(const struct http_server *server)
{
    const unsigned most = places_most(server);

    return most > server->buffers.parked_min ? most : server->buffers.parked_min;
}

static bool places_has_input(const struct http_conn *conn)
{
    char byte;
    const ssize_t len = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return len > 0 || (len < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

/* The one that has waited for longest, of that address if it is one's own that are looked for. Those that are turned
 * away have no place to give. */
static struct http_conn *places_find(struct http_server *server, enum conn_wait wait, uint64_t age_ms,
                                     const uint64_t *own)
{
    list_each(it, &server->waiting[wait]) {
        struct http_conn *conn = list_at(it, struct http_conn, wait_link);

        if (conn->wait_until_ms + age_ms > server->now_ms + server->wait_ms[wait]) break;
        if (!conn->turned_away && (own == NULL || conn->address == *own)) return conn;
    }
    return NULL;
}

static void places_displace(struct http_server *server, struct http_conn *conn)
{
    conn->displaced = true;
    conn_expire(conn);
    if (server->hooks->displaced != NULL) server->hooks->displaced(server->hooks->ctx);
}

/* True if a connection has gone that had a place. What looks idle, and has a request that has just come, is served
 * instead. */
static bool places_make_room(struct http_server *server, uint64_t address)
{
    static const struct {
        enum conn_wait wait;
        uint64_t age_ms;
    } order[] = {{WAIT_LINGER, PLACES_LINGER_MS}, {WAIT_IDLE, 0}, {WAIT_HEAD, PLACES_HEAD_MS}};
    const uint64_t *own = places_has_share(server, address) ? &address : NULL;
    const unsigned taken = places_taken(server);

    for (unsigned step = 0, tries = 0; step < countof(order) && tries < PLACES_TRIES_MAX; tries++) {
        struct http_conn *conn = places_find(server, order[step].wait, order[step].age_ms, own);

        if (conn == NULL) {
            step++;
        } else if (conn->wait != WAIT_LINGER && places_has_input(conn)) {
            conn_read(conn);
        } else {
            places_displace(server, conn);
        }
        if (places_taken(server) < taken) return true;
    }
    return false;
}

static bool places_find_place(struct http_server *server, uint64_t address)
{
    const unsigned most = places_most(server);
    const bool has_room = places_taken(server) < most;

    if (has_room && !server_is_memory_low(server)) return true;
    if (places_make_room(server, address)) return true;
    /* It is the memory that is short, and a newcomer is told so. But each of them takes some more. */
    if (has_room) {
        return !server_is_memory_out(server) || server->over_count < PLACES_OVER_MAX || server_is_ending(server);
    }
    return places_taken(server) < most + (most + PLACES_EXTRA_PART - 1) / PLACES_EXTRA_PART &&
           !places_has_share(server, address);
}

static void places_admit(struct http_server *server, int fd, const char *peer, uint64_t address)
{
    const bool over = server_is_memory_out(server);
    struct http_conn *conn = conn_new(server, fd, peer);

    conn->address = address;
    conn->over = over;
    server->over_count += over;
    server_opened(server);
}

static void places_turn_away(struct http_server *server, int fd, const char *peer, uint64_t address)
{
    list_each(it, &server->conns) {
        struct http_conn *conn = list_at(it, struct http_conn, link);

        if (server->away_count < PLACES_AWAY_MAX) break;
        if (conn->turned_away) places_displace(server, conn);
    }
    struct http_conn *conn = conn_new(server, fd, peer);

    conn->address = address;
    conn->turned_away = true;
    server->away_count++;
    server_opened(server);
}

static void places_park(struct http_server *server, int fd, const char *peer, uint64_t address)
{
    struct parked *parked = mem_zalloc(sizeof(*parked));

    *parked = (struct parked){.fd = fd, .address = address};
    memcpy(parked->peer, peer, sizeof(parked->peer));
    list_push_back(&server->parked, &parked->link);
    server->parked_count++;
    server_update(server);
}

void places_take(struct http_server *server, int fd, const struct sockaddr_storage *from, const char *peer)
{
    const uint64_t address = places_address(from);

    if (places_find_place(server, address)) {
        places_admit(server, fd, peer, address);
    } else if (server->parked_count < places_parked_max(server) || !places_has_share(server, address)) {
        places_park(server, fd, peer, address);
    } else {
        places_turn_away(server, fd, peer, address);
    }
}

bool places_is_full(const struct http_server *server)
{
    if (server->open + server->parked_count >= server->descriptors + PLACES_SPARE) return true;
    if (server_is_ending(server)) return places_taken(server) >= places_most(server); /* idle ones go anyway */
    return server->parked_count >= 2 * places_parked_max(server);
}

static void places_unpark(struct http_server *server, struct parked *parked)
{
    list_remove(&parked->link);
    server->parked_count--;
    places_admit(server, parked->fd, parked->peer, parked->address);
    free(parked);
}

/* In order, but whoever is behind connections of one address that get no room does not wait for them. */
static bool places_unpark_one(struct http_server *server)
{
    const struct parked *first = NULL;

    list_each(it, &server->parked) {
        struct parked *parked = list_at(it, struct parked, link);

        if (first != NULL && first->address == parked->address) continue;
        if (places_find_place(server, parked->address)) {
            places_unpark(server, parked);
            return true;
        }
        if (first != NULL) return false;
        first = parked;
    }
    return false;
}

void places_sort(struct http_server *server)
{
    if (server->parked_count == 0) return;
    struct pollfd *fds = mem_array(server->parked_count, sizeof(*fds));
    unsigned count = 0;
    struct list silent;

    list_init(&silent);
    list_each(it, &server->parked) {
        fds[count++] = (struct pollfd){.fd = list_at(it, struct parked, link)->fd, .events = POLLIN};
    }
    if (poll(fds, count, 0) > 0) {
        count = 0;
        list_each(it, &server->parked) {
            if (fds[count++].revents != 0) continue;
            list_remove(it);
            list_push_back(&silent, it);
        }
        list_each(it, &silent) {
            list_remove(it);
            list_push_back(&server->parked, it);
        }
    }
    free(fds);
}

void places_advance(struct http_server *server)
{
    while (server->parked_count > 0 && places_unpark_one(server)) continue;
}

void places_admit_all(struct http_server *server)
{
    while (server->parked_count > 0) places_unpark(server, list_at(server->parked.next, struct parked, link));
}

void places_clear(struct http_server *server)
{
    list_each(it, &server->parked) {
        struct parked *parked = list_at(it, struct parked, link);

        close(parked->fd);
        free(parked);
    }
    list_init(&server->parked);
    server->parked_count = 0;
}
