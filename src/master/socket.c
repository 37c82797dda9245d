#include "master/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* Leaves errno as it was. */
static int socket_fail(struct error *err, const struct conf_address *address, int fd, const char *what)
{
    int saved = errno;
    char owner[PORT_OWNER_TEXT_BYTES];

    if (fd >= 0) close(fd);
    errno = saved;
    error_set_errno(err, "%s %s", what, address->text);
    if (saved == EADDRINUSE) {
        bool known = address->path == NULL && port_owner_find(address->port, owner);

        (void)error_set(err, ERROR_SYSTEM, "%s %s: it is in use%s%s. Stop that process, or listen elsewhere.", what,
                        address->text, known ? " by " : "", known ? owner : "");
    } else if (saved == EACCES && address->path == NULL && address->port < 1024) {
        (void)error_set(err, ERROR_SYSTEM,
                        "%s %s: permission denied. Ports below 1024 need root or CAP_NET_BIND_SERVICE.", what,
                        address->text);
    } else if (address->path == NULL && (saved == EADDRNOTAVAIL || saved == EAFNOSUPPORT)) {
        (void)error_set(err, ERROR_SYSTEM, "%s %s: %s. Listen on an address of this machine; * means all of them.",
                        what, address->text,
                        strchr(address->host, ':') != NULL && socket_without_ipv6()
                            ? "IPv6 is off on this machine"
                            : "this machine has no such address");
    }
    errno = saved;
    return -1;
}

static int socket_add(struct sockets *sockets, const struct conf_address *address, const struct sockaddr *sa,
                      socklen_t sa_len, struct error *err)
{
    int on = 1;
    int fd = -1;

    if (sockets->count == SOCKETS_MAX) return error_set(err, ERROR_SYSTEM, "too many addresses to listen on");
    fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return socket_fail(err, address, fd, "cannot make a socket for");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sa->sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, sa, sa_len) != 0) return socket_fail(err, address, fd, "cannot bind");
    if (listen(fd, SOCKET_BACKLOG) != 0) return socket_fail(err, address, fd, "cannot listen on");
    sockets->fds[sockets->count++] = fd;
    return 0;
}

static int socket_add_inet(struct sockets *sockets, const struct conf_address *address, struct error *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    size_t before = sockets->count;
    int rc;

    snprintf(port, sizeof(port), "%u", address->port);
    rc = lookup_within(address->host[0] == '\0' ? NULL : address->host, port, &hints, SOCKET_LOOKUP_MS, &found);
    if (rc != 0) return error_set(err, ERROR_SYSTEM, "cannot listen on %s: %s", address->text, lookup_strerror(rc));
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (socket_add(sockets, address, at->ai_addr, at->ai_addrlen, err) == 0) {
            /* The kernel binds "::" all the same. */
            if (at->ai_family == AF_INET6 && found->ai_next == NULL && socket_without_ipv6()) {
                log_warning("nobody can reach this address: IPv6 is off on this machine",
                            LOG_STR("listen", address->text));
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

/* A socket file that nobody answers on was left by a master that was killed: it may be removed. */
static void socket_remove_stale(const struct sockaddr_un *sun)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;

    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0 && errno == ECONNREFUSED &&
        lstat(sun->sun_path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(sun->sun_path);
    }
    close(fd);
}

static int socket_add_unix(struct sockets *sockets, const struct conf_address *address, struct error *err)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t len = strlen(address->path);

    if (len >= sizeof(sun.sun_path)) {
        return error_set(err, ERROR_SYSTEM, "cannot bind %s: the path is longer than %zu bytes", address->text,
                         sizeof(sun.sun_path) - 1);
    }
    memcpy(sun.sun_path, address->path, len + 1);
    socket_remove_stale(&sun);
    if (socket_add(sockets, address, (const struct sockaddr *)&sun, sizeof(sun), err) != 0) return -1;
    memcpy(sockets->unlink_paths[sockets->unlink_count++], sun.sun_path, sizeof(sun.sun_path));
    return 0;
}

int sockets_open(const struct conf_addresses *addresses, struct sockets *ret_sockets, struct error *err)
{
    struct sockets sockets = {.count = 0};

    for (size_t i = 0; i < addresses->count; i++) {
        const struct conf_address *address = &addresses->items[i];
        int rc =
            address->path != NULL ? socket_add_unix(&sockets, address, err) : socket_add_inet(&sockets, address, err);

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
    for (size_t i = 0; i < sockets->unlink_count; i++) unlink(sockets->unlink_paths[i]);
    sockets->unlink_count = 0;
}
