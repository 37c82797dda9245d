#include "master/activate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "base/slice.h"

enum { ACTIVATE_FIRST_FD = 3 };

/* What systemd and its tools call a socket that nobody has named: "unknown", or as the unit, "stratslabd.socket". */
static bool activate_is_unnamed(struct slice name)
{
    static const char suffix[] = ".socket";
    size_t len = sizeof(suffix) - 1;

    return name.len == 0 || slice_is(name, "unknown") ||
           (name.len > len && memcmp(name.data + name.len - len, suffix, len) == 0);
}

static size_t activate_role(const struct master_role *roles, struct slice name)
{
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        if (activate_is_unnamed(name) ? roles[i].is_worker
                                      : roles[i].socket_name != NULL && slice_is(name, roles[i].socket_name)) {
            return i;
        }
    }
    return MASTER_ROLE_COUNT;
}

static bool activate_listens(int fd)
{
    int type = 0;
    int listens = 0;
    socklen_t type_len = sizeof(type);
    socklen_t listens_len = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) == 0 && listens != 0;
}

static int activate_add(const struct master_role *roles, struct sockets *sockets, int fd, struct slice name,
                        struct error *err)
{
    size_t role = activate_role(roles, name);
    char text[SOCKET_TEXT_BYTES];

    if (role == MASTER_ROLE_COUNT) {
        return error_set(err, ERROR_SYSTEM,
                         "the service manager passes a socket called \"%.*s\", but there are only http and admin: set "
                         "FileDescriptorName= in its unit",
                         SLICE_FMT(name));
    }
    if (roles[role].count == 0) {
        return error_set(err, ERROR_SYSTEM, "the service manager passes a socket for %s, which the settings turn off",
                         roles[role].socket_name);
    }
    if (!activate_listens(fd)) {
        return error_set(err, ERROR_SYSTEM,
                         "descriptor %d, which the service manager passes for %s, is no listening stream socket: "
                         "ListenStream= and Accept=no make one",
                         fd, roles[role].socket_name);
    }
    if (sockets[role].count == SOCKETS_MAX) {
        return error_set(err, ERROR_SYSTEM, "the service manager passes more than %d sockets for %s", SOCKETS_MAX,
                         roles[role].socket_name);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    sockets[role].passed = true;
    sockets[role].fds[sockets[role].count++] = fd;
    socket_text(fd, text);
    log_info("taking a socket of the service manager's", LOG_STR("for", roles[role].socket_name),
             LOG_STR("listen", text));
    return 0;
}

static int activate_take_all(const struct master_role *roles, struct sockets *sockets, struct error *err)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    struct slice names = slice_of(getenv("LISTEN_FDNAMES"));
    uint64_t pid;
    uint64_t count;

    /* Meant for another process, which did not take them out of its environment. */
    if (pid_text == NULL || count_text == NULL) return 0;
    if (!number_parse_u64(slice_of(pid_text), &pid) || pid != (uint64_t)getpid()) return 0;
    if (!number_parse_u64(slice_of(count_text), &count) || count > MASTER_ROLE_COUNT * SOCKETS_MAX) {
        return error_set(err, ERROR_SYSTEM, "LISTEN_FDS is \"%s\", which is no number of sockets", count_text);
    }
    for (uint64_t i = 0; i < count; i++) {
        if (activate_add(roles, sockets, ACTIVATE_FIRST_FD + (int)i, slice_cut(&names, ':'), err) != 0) return -1;
    }
    return 0;
}

int activate_take(const struct master_role *roles, struct sockets *sockets, struct error *err)
{
    int rc = activate_take_all(roles, sockets, err);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return rc;
}
