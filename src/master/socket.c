#include "master/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/lookup.h"
#include "master/port_owner.h"

enum { SOCKET_BACKLOG = 4096 };   /* the kernel cuts it to net.core.somaxconn */
enum { SOCKET_LOOKUP_MS = 5000 }; /* what a name server may take at the start and at a reload */

/* If IPv6 is off, nothing has such an address: the kernel's list of them is empty or missing. */
static bool socket_without_ipv6(void)
{
    FILE *file;
    bool is_empty;

    if (access("/proc/self/net/dev", R_OK) != 0) return false; /* without /proc nobody knows */
    file = fopen("/proc/self/net/if_inet6", "re");
    is_empty = file == NULL || getc(file) == EOF;
    if (file != NULL) fclose(file);
    return is_empty;
}

/* Why, and what to do about it. */
static void socket_explain(const struct sockets_wanted *wanted, const struct conf_address *address, int number,
                           char *out, size_t size)
{
    char owner[PORT_OWNER_TEXT_BYTES];

    switch (number) {
    case EADDRINUSE: {
        const bool known = port_owner_find(address->port, owner);

        snprintf(out, size, "it is in use%s%s. Stop that process, or choose another address with %s",
                 known ? " by " : "", known ? owner : "", wanted->setting);
        return;
    }
    case EACCES:
        if (address->port >= 1024) break;
        snprintf(out, size,
                 "permission denied. Ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another with %s",
                 wanted->setting);
        return;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        snprintf(out, size, "%s. Choose an address of this machine with %s; * means all of them",
                 strchr(address->host, ':') != NULL && socket_without_ipv6() ? "IPv6 is off on this machine"
                                                                             : "this machine has no such address",
                 wanted->setting);
        return;
    }
    snprintf(out, size, "%s. Choose another address with %s", strerror(number), wanted->setting);
}

/* Leaves errno as it was. */
static int socket_fail(struct error *err, const struct sockets_wanted *wanted, const struct conf_address *address,
                       int fd, const char *what)
{
    int saved = errno;
    char why[ERROR_MESSAGE_MAX / 2];

    if (fd >= 0) close(fd);
    socket_explain(wanted, address, saved, why, sizeof(why));
    (void)error_set(err, ERROR_SYSTEM, "%s %s (%s): %s.", what, address->text, wanted->setting, why);
    errno = saved;
    return -1;
}

static int socket_too_many(const struct sockets_wanted *wanted, struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "%s stands for more than the %d addresses that can be listened on: name fewer",
                     wanted->setting, SOCKETS_MAX);
}

static int socket_add(struct sockets *sockets, const struct sockets_wanted *wanted, const struct conf_address *address,
                      const struct addrinfo *at, struct error *err)
{
    int on = 1;
    int fd = -1;

    if (sockets->count == SOCKETS_MAX) return socket_too_many(wanted, err);
    fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return socket_fail(err, wanted, address, fd, "cannot make a socket for");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0) return socket_fail(err, wanted, address, fd, "cannot bind");
    if (listen(fd, SOCKET_BACKLOG) != 0) return socket_fail(err, wanted, address, fd, "cannot listen on");
    sockets->fds[sockets->count++] = fd;
    return 0;
}

/* A name may stand for one address twice: /etc/hosts has it in two lines, or a name server says so. */
static bool socket_is_repeated(const struct addrinfo *first, const struct addrinfo *at)
{
    for (; first != at; first = first->ai_next) {
        if (first->ai_addrlen == at->ai_addrlen && memcmp(first->ai_addr, at->ai_addr, at->ai_addrlen) == 0)
            return true;
    }
    return false;
}

static int socket_add_inet(struct sockets *sockets, const struct sockets_wanted *wanted,
                           const struct conf_address *address, struct error *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    size_t before = sockets->count;
    int rc;

    snprintf(port, sizeof(port), "%u", address->port);
    rc = lookup_within(address->host[0] == '\0' ? NULL : address->host, port, &hints, SOCKET_LOOKUP_MS, &found);
    if (rc != 0) {
        return error_set(err, ERROR_SYSTEM, "cannot listen on %s (%s): %s. Choose another address with %s.",
                         address->text, wanted->setting, lookup_strerror(rc), wanted->setting);
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (socket_is_repeated(found, at)) continue;
        if (socket_add(sockets, wanted, address, at, err) == 0) {
            /* The kernel binds "::" all the same. */
            if (at->ai_family == AF_INET6 && found->ai_next == NULL && socket_without_ipv6()) {
                log_warning("nobody can reach this address: IPv6 is off on this machine",
                            LOG_STR("listen", address->text), LOG_STR("setting", wanted->setting));
            }
            continue;
        }
        /* "localhost" and "*" have an IPv6 address even if the machine has no IPv6. */
        if ((errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) && found->ai_next != NULL) continue;
        freeaddrinfo(found);
        return -1;
    }
    freeaddrinfo(found);
    return sockets->count > before ? 0 : -1;
}

static int socket_add_unix(struct sockets *sockets, const struct sockets_wanted *wanted,
                           const struct conf_address *address, struct error *err)
{
    if (sockets->count == SOCKETS_MAX) return socket_too_many(wanted, err);
    if (unix_socket_open(address, wanted->setting, wanted->access, SOCKET_BACKLOG, &sockets->fds[sockets->count],
                         &sockets->files[sockets->file_count], err) != 0) {
        return -1;
    }
    sockets->count++;
    sockets->file_count++;
    return 0;
}

int sockets_open(const struct sockets_wanted *wanted, struct sockets *ret_sockets, struct error *err)
{
    struct sockets sockets = {.count = 0};

    for (size_t i = 0; i < wanted->addresses->count; i++) {
        const struct conf_address *address = &wanted->addresses->items[i];
        int rc = address->path != NULL ? socket_add_unix(&sockets, wanted, address, err)
                                       : socket_add_inet(&sockets, wanted, address, err);

        if (rc == 0) continue;
        sockets_remove(&sockets);
        sockets_close(&sockets);
        return -1;
    }
    *ret_sockets = sockets;
    return 0;
}

void socket_text(int fd, char out[SOCKET_TEXT_BYTES])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char host[64];
    char port[8];

    snprintf(out, SOCKET_TEXT_BYTES, "an unknown address");
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) return;
    if (address.ss_family == AF_UNIX) {
        const struct sockaddr_un *sun = (const struct sockaddr_un *)&address;

        snprintf(out, SOCKET_TEXT_BYTES, "unix:%s%s", sun->sun_path[0] == '\0' ? "@" : "",
                 sun->sun_path + (sun->sun_path[0] == '\0'));
    } else if (getnameinfo((const struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(out, SOCKET_TEXT_BYTES, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    }
}

void sockets_close(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) close(sockets->fds[i]);
    sockets->count = 0;
}

void sockets_remove(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->file_count; i++) unix_socket_remove(&sockets->files[i]);
    sockets->file_count = 0;
}
