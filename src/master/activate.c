#include "master/activate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "base/slice.h"

enum { ACTIVATE_FIRST_FD = 3 };

/* The names that systemd and its tools give to a socket that nobody has named: "unknown", or that of the unit,
 * "NAME.socket". */
static bool activate_is_unnamed(struct slice name)
{
    static const char suffix[] = ".socket";
    size_t len = sizeof(suffix) - 1;

    return name.len == 0 || slice_is(name, "unknown") ||
           (name.len > len && memcmp(name.data + name.len - len, suffix, len) == 0);
}

/* Where the passed sockets go. */
struct activate {
    const struct master_role *roles;
    size_t role_count;
    struct sockets *sockets; /* one for each role */
};

/* Returns role_count if there is none. */
static size_t activate_role(const struct activate *a, struct slice name)
{
    for (size_t i = 0; i < a->role_count; i++) {
        const struct master_role *role = &a->roles[i];

        if (role->socket_name == NULL) continue;
        if (activate_is_unnamed(name) ? role->takes_unnamed_sockets : slice_is(name, role->socket_name)) return i;
    }
    return a->role_count;
}

static int activate_refuse(const struct activate *a, struct slice name, struct error *err)
{
    char known[ERROR_MESSAGE_MAX / 2] = "";
    size_t len = 0;

    for (size_t i = 0; i < a->role_count && len < sizeof(known); i++) {
        if (a->roles[i].socket_name == NULL) continue;
        len +=
            (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len == 0 ? "" : ", ", a->roles[i].socket_name);
    }
    if (len == 0) {
        return error_set(err, ERROR_SYSTEM,
                         "the service manager passes a socket, but this program takes none: remove "
                         "the socket unit");
    }
    return error_set(err, ERROR_SYSTEM,
                     "the service manager passes a socket called \"%.*s\", which is not one of: %s. Set "
                     "FileDescriptorName= in its unit",
                     SLICE_FMT(name), known);
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

static int activate_add(const struct activate *a, int fd, struct slice name, struct error *err)
{
    const struct master_role *roles = a->roles;
    struct sockets *sockets = a->sockets;
    size_t role = activate_role(a, name);
    char text[SOCKET_TEXT_BYTES];

    if (role == a->role_count) return activate_refuse(a, name, err);
    if (roles[role].count == 0) {
        return error_set(err, ERROR_SYSTEM,
                         "the service manager passes a socket for %s, which %s turns off: remove the socket unit, or "
                         "the setting",
                         roles[role].socket_name,
                         roles[role].listen_setting == NULL ? "a setting" : roles[role].listen_setting);
    }
    if (!activate_listens(fd)) {
        return error_set(err, ERROR_SYSTEM,
                         "descriptor %d, which the service manager passes for %s in place of %s, is not a listening "
                         "stream socket: ListenStream= and Accept=no in the socket unit make one",
                         fd, roles[role].socket_name,
                         roles[role].listen_setting == NULL ? "its setting" : roles[role].listen_setting);
    }
    if (sockets[role].count == SOCKETS_MAX) {
        return error_set(err, ERROR_SYSTEM,
                         "the service manager passes more than %d sockets for %s: name fewer in the socket unit",
                         SOCKETS_MAX, roles[role].socket_name);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    sockets[role].passed = true;
    sockets[role].fds[sockets[role].count++] = fd;
    socket_text(fd, text);
    log_info("taking a socket from the service manager", LOG_STR("for", roles[role].socket_name),
             LOG_STR("listen", text));
    return 0;
}

static int activate_take_all(const struct activate *a, struct error *err)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    struct slice names = slice_of(getenv("LISTEN_FDNAMES"));
    uint64_t pid;
    uint64_t count;

    /* The sockets are meant for another process, which left the variables in its environment. */
    if (pid_text == NULL || count_text == NULL) return 0;
    if (!number_parse_u64(slice_of(pid_text), &pid) || pid != (uint64_t)getpid()) return 0;
    if (!number_parse_u64(slice_of(count_text), &count) || count > MASTER_ROLES_MAX * SOCKETS_MAX) {
        return error_set(err, ERROR_SYSTEM, "LISTEN_FDS is \"%s\", which is not a number of sockets", count_text);
    }
    for (uint64_t i = 0; i < count; i++) {
        if (activate_add(a, ACTIVATE_FIRST_FD + (int)i, slice_cut(&names, ':'), err) != 0) return -1;
    }
    return 0;
}

int activate_take(const struct master_role *roles, size_t role_count, struct sockets *sockets, struct error *err)
{
    const struct activate a = {.roles = roles, .role_count = role_count, .sockets = sockets};
    int rc = activate_take_all(&a, err);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return rc;
}
