#include "test_pg.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define READY "Z\0\0\0\5I"
#define FATAL(len, code, text) "E\0\0\0" len "SFATAL\0VFATAL\0C" code "\0M" text "\0Fauth.c\0L1\0Rauth\0\0"

static const struct {
    const char *bytes;
    size_t len;
} replies[] = {
#define REPLY(text) text, sizeof(text) - 1
    [SERVER_SILENT] = {NULL, 0},
    [SERVER_PRIMARY] = {REPLY("R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\0"
                              "17.0\0S\0\0\0\x17in_hot_standby\0off\0"
                              "S\0\0\0\x26"
                              "default_transaction_read_only\0off\0" READY)},
    [SERVER_STANDBY] = {REPLY("R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\0"
                              "17.0\0S\0\0\0\x16in_hot_standby\0on\0"
                              "S\0\0\0\x26"
                              "default_transaction_read_only\0off\0" READY)},
    [SERVER_NO_PASSWORD] = {REPLY(FATAL("\x39", "28P01", "no such luck"))},
    [SERVER_STARTING] = {REPLY(FATAL("\x39", "57P03", "starting now"))},
};

atomic_bool names_hang;
atomic_int names_asked;

void server_open(struct server *s, enum server_kind kind, const char *address, unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int on = 1;

    *s = (struct server){.kind = kind, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    inet_pton(AF_INET, address, &at.sin_addr);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CU_ASSERT_FATAL(bind(s->fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    CU_ASSERT_FATAL(listen(s->fd, 16) == 0);
}

unsigned server_port(const struct server *s)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof(at);

    getsockname(s->fd, (struct sockaddr *)&at, &len);
    return ntohs(at.sin_port);
}

void server_close(struct server *s)
{
    for (unsigned i = 0; i < s->count; i++) close(s->clients[i]);
    close(s->fd);
}

unsigned server_no_port(void)
{
    struct server s;

    server_open(&s, SERVER_SILENT, "127.0.0.1", 0);
    const unsigned port = server_port(&s);

    server_close(&s);
    return port;
}

/* Whoever connects is told at once what there is to say. */
static void server_turn(struct server *s)
{
    const int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) return;
    CU_ASSERT_FATAL(s->count < SERVER_CLIENTS_MAX);
    s->clients[s->count++] = fd;
    if (replies[s->kind].len > 0)
        CU_ASSERT(write(fd, replies[s->kind].bytes, replies[s->kind].len) == (ssize_t)replies[s->kind].len);
}

enum pg_dial dial_run(struct pg_target *t, unsigned timeout_ms, struct server *servers, size_t count)
{
    enum pg_dial dial;
    struct pg_wait wait;

    pg_dial_begin(t, timeout_ms);
    while ((dial = pg_dial_go(t, &wait)) == PG_DIAL_WAITING) {
        struct pollfd watch[8] = {{.fd = wait.fd, .events = wait.events}};
        const uint64_t now_ms = clock_monotonic_ms();

        for (size_t i = 0; i < count; i++) watch[i + 1] = (struct pollfd){.fd = servers[i].fd, .events = POLLIN};
        (void)poll(watch, (nfds_t)count + 1, wait.until_ms > now_ms ? (int)(wait.until_ms - now_ms) : 0);
        for (size_t i = 0; i < count; i++) server_turn(&servers[i]);
    }
    return dial;
}

const char *dial_where(struct pg_target *t, unsigned timeout_ms, struct server *servers, size_t count)
{
    static char where[128];

    where[0] = '\0';
    if (dial_run(t, timeout_ms, servers, count) == PG_DIAL_UP) {
        PGconn *conn = pg_dial_take(t);

        snprintf(where, sizeof(where), "%s:%s", PQhostaddr(conn), PQport(conn));
        PQfinish(conn);
    }
    return where;
}

int names_resolve(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found)
{
    struct addrinfo numeric = *hints;

    names_asked++;
    while (names_hang) usleep(1000);
    numeric.ai_flags |= AI_NUMERICHOST;
    if (strcmp(name, "busy") == 0) return EAI_AGAIN;
    if (strcmp(name, "one") == 0) return getaddrinfo("127.0.0.1", service, &numeric, ret_found);
    if (strcmp(name, "two") != 0) return EAI_NONAME;
    int rc = getaddrinfo("127.0.0.1", service, &numeric, ret_found);

    return rc != 0 ? rc : getaddrinfo("127.0.0.2", service, &numeric, &(*ret_found)->ai_next);
}

struct pg_target *target_new(const char *fmt, ...)
{
    char conninfo[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(conninfo, sizeof(conninfo), fmt, ap);
    va_end(ap);
    struct pg_target *t = pg_target_new(conninfo);

    pg_target_set(t, "sslmode", "disable");
    pg_target_set(t, "gssencmode", "disable");
    pg_target_resolver(t, names_resolve);
    return t;
}

int main(void)
{
    static const struct unit_part *const parts[] = {&dial_tests, &host_tests, &reason_tests, &target_tests,
                                                    &words_tests};

    unsetenv("PGHOST");
    unsetenv("PGHOSTADDR");
    unsetenv("PGPORT");
    return unit_main_parts("pg", parts, countof(parts));
}
