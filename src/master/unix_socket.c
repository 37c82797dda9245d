#include "master/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "base/slice.h"
#include "master/port_owner.h"

/* Somebody else may hold a lock on a folder that all can read, for ever: then it goes on without. */
enum { UNIX_SOCKET_LOCK_TRIES = 100, UNIX_SOCKET_LOCK_PAUSE_NS = 10 * 1000 * 1000 };

/* What is done, for the messages. */
struct unix_socket {
    const struct conf_address *address;
    const char *setting;
    const struct conf_socket_access *access;
    struct sockaddr_un sun;
    char folder[SOCKET_PATH_BYTES];
};

/* "cannot bind unix:/run/x.sock (STRATSLAB_LISTEN): " and why. */
static int unix_socket_fail(const struct unix_socket *u, struct error *err, const char *fmt, ...) ATTR_PRINTF(3, 4);

static int unix_socket_fail(const struct unix_socket *u, struct error *err, const char *fmt, ...)
{
    char why[ERROR_MESSAGE_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return error_set(err, ERROR_SYSTEM, "cannot bind %s (%s): %s.", u->address->text, u->setting, why);
}

/* ---- The folder ---- */

static int unix_socket_folder_fail(const struct unix_socket *u, struct error *err)
{
    switch (errno) {
    case ENOENT:
        return unix_socket_fail(u, err,
                                "there is no folder %s. Make it, and let uid %u write there (a unit of systemd has "
                                "RuntimeDirectory= for that), or choose another path with %s",
                                u->folder, geteuid(), u->setting);
    case ENOTDIR:
        return unix_socket_fail(u, err, "%s is not a folder. Choose another path with %s", u->folder, u->setting);
    case EACCES:
    case EPERM:
        return unix_socket_fail(u, err,
                                "uid %u may not make a socket in the folder %s: %s. Let it write there, or choose "
                                "another path with %s",
                                geteuid(), u->folder, strerror(errno), u->setting);
    case EROFS:
        return unix_socket_fail(u, err,
                                "the folder %s is read-only for this process (a unit of systemd has RuntimeDirectory= "
                                "for one that is not). Choose another path with %s",
                                u->folder, u->setting);
    default:
        return unix_socket_fail(u, err, "%s. Choose another path with %s", strerror(errno), u->setting);
    }
}

/* A descriptor of the folder, which holds its lock if that could be had in time; -1 if there is none. */
static int unix_socket_lock(const char *folder)
{
    const struct timespec pause = {.tv_nsec = UNIX_SOCKET_LOCK_PAUSE_NS};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && i < UNIX_SOCKET_LOCK_TRIES; i++) {
        if (errno != EWOULDBLOCK && errno != EINTR) break;
        nanosleep(&pause, NULL);
    }
    return fd;
}

static void unix_socket_unlock(int fd)
{
    if (fd >= 0) close(fd);
}

static void unix_socket_folder(const char *path, char out[SOCKET_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    const size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    snprintf(out, SOCKET_PATH_BYTES, "%.*s", len == 0 ? 1 : (int)len, len == 0 ? "." : path);
}

/* ---- What is there already ---- */

static const char *unix_socket_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a regular file";
    case S_IFDIR:
        return "a folder";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a FIFO";
    default:
        return "a device";
    }
}

/* Another process listens there. `fd` is a connection to it, or not. */
static int unix_socket_fail_owned(const struct unix_socket *u, int fd, struct error *err)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    char owner[PORT_OWNER_TEXT_BYTES] = "another process";

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0) port_owner_name(peer.pid, owner);
    return unix_socket_fail(u, err, "it is in use: %s listens there. Stop that process, or choose another path with %s",
                            owner, u->setting);
}

/* A socket is there. Does somebody listen on it? */
static int unix_socket_replace(const struct unix_socket *u, struct error *err)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = -1;

    if (fd < 0) return unix_socket_fail(u, err, "%s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&u->sun, sizeof(u->sun)) == 0) {
        unix_socket_fail_owned(u, fd, err);
    } else if (errno == EAGAIN || errno == EINPROGRESS || errno == EPROTOTYPE) {
        unix_socket_fail_owned(u, -1, err); /* its queue is full, or it is not a stream */
    } else if (errno == ENOENT) {
        rc = 0;
    } else if (errno != ECONNREFUSED) {
        unix_socket_fail(u, err,
                         "a socket is there, and whether somebody listens on it cannot be found out: %s. Remove it, or "
                         "choose another path with %s",
                         strerror(errno), u->setting);
    } else if (unlink(u->sun.sun_path) == 0 || errno == ENOENT) {
        rc = 0;
    } else {
        unix_socket_fail(u, err,
                         "a socket that nobody listens on is there, and uid %u may not remove it: %s. Remove it, or "
                         "choose another path with %s",
                         geteuid(), strerror(errno), u->setting);
    }
    close(fd);
    return rc;
}

static int unix_socket_make_room(const struct unix_socket *u, struct error *err)
{
    struct stat st;

    if (lstat(u->sun.sun_path, &st) != 0) return errno == ENOENT ? 0 : unix_socket_folder_fail(u, err);
    if (S_ISSOCK(st.st_mode)) return unix_socket_replace(u, err);
    return unix_socket_fail(u, err, "%s is there, not a socket. Remove it, or choose another path with %s",
                            unix_socket_kind(st.st_mode), u->setting);
}

/* ---- Mode and owner ---- */

/* A name or a number; -1 for "". False if there is no such name. */
static bool unix_socket_id(struct slice text, bool is_group, unsigned *ret_id)
{
    char name[256];
    uint64_t number;

    *ret_id = (unsigned)-1;
    if (text.len == 0) return true;
    if (number_parse_u64(text, &number) && number < UINT32_MAX) {
        *ret_id = (unsigned)number;
        return true;
    }
    snprintf(name, sizeof(name), "%.*s", SLICE_FMT(text));
    const struct group *group = is_group ? getgrnam(name) : NULL;
    const struct passwd *user = is_group ? NULL : getpwnam(name);

    if (group != NULL) *ret_id = group->gr_gid;
    if (user != NULL) *ret_id = user->pw_uid;
    return group != NULL || user != NULL;
}

static int unix_socket_give(const struct unix_socket *u, int path_fd, struct error *err)
{
    struct slice group = slice_of(u->access->owner);
    const struct slice user = slice_cut(&group, ':');
    unsigned uid, gid;

    if (!unix_socket_id(user, false, &uid)) {
        return unix_socket_fail(u, err, "there is no user \"%.*s\" (STRATSLAB_SOCKET_OWNER)", SLICE_FMT(user));
    }
    if (!unix_socket_id(group, true, &gid)) {
        return unix_socket_fail(u, err, "there is no group \"%.*s\" (STRATSLAB_SOCKET_OWNER)", SLICE_FMT(group));
    }
    if (uid == (unsigned)-1 && gid == (unsigned)-1) return 0;
    if (fchownat(path_fd, "", uid, gid, AT_EMPTY_PATH) == 0) return 0;
    return unix_socket_fail(u, err,
                            "the socket cannot be given to %s (STRATSLAB_SOCKET_OWNER): %s. Only root may give it to "
                            "another user; a group must be one that this process is in. In the sandbox of a unit "
                            "nobody may: there SocketGroup= of a socket unit does, or the group of the service",
                            u->access->owner, strerror(errno));
}

static int unix_socket_finish(const struct unix_socket *u, int fd, int backlog, struct unix_socket_file *file,
                              struct error *err)
{
    const int path_fd = open(u->sun.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int rc = -1;

    if (path_fd < 0 || fstat(path_fd, &st) != 0) {
        unix_socket_fail(u, err, "%s", strerror(errno));
    } else {
        memcpy(file->path, u->sun.sun_path, sizeof(file->path));
        file->device = st.st_dev;
        file->inode = st.st_ino;
        rc = unix_socket_give(u, path_fd, err);
        if (rc == 0 && listen(fd, backlog) != 0) rc = unix_socket_fail(u, err, "%s", strerror(errno));
    }
    if (path_fd >= 0) close(path_fd);
    return rc;
}

/* ---- Opening and removing ---- */

static bool unix_socket_is_ours(const struct unix_socket_file *file)
{
    struct stat st;

    return lstat(file->path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == file->device && st.st_ino == file->inode;
}

static int unix_socket_bind(const struct unix_socket *u, int fd, struct error *err)
{
    /* bind(2) makes the file with this mode. */
    const mode_t mask = umask(~(mode_t)u->access->mode & 0777);
    const int rc = bind(fd, (const struct sockaddr *)&u->sun, sizeof(u->sun));
    const int saved = errno;

    umask(mask);
    errno = saved;
    if (rc == 0) return 0;
    return errno == EADDRINUSE ? unix_socket_fail_owned(u, -1, err) : unix_socket_folder_fail(u, err);
}

static int unix_socket_open_locked(const struct unix_socket *u, int backlog, int *ret_fd, struct unix_socket_file *file,
                                   struct error *err)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) return unix_socket_fail(u, err, "%s", strerror(errno));
    if (unix_socket_make_room(u, err) != 0 || unix_socket_bind(u, fd, err) != 0) {
        close(fd);
        return -1;
    }
    if (unix_socket_finish(u, fd, backlog, file, err) != 0) {
        if (unix_socket_is_ours(file)) unlink(file->path);
        close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

int unix_socket_open(const struct conf_address *address, const char *setting, const struct conf_socket_access *access,
                     int backlog, int *ret_fd, struct unix_socket_file *ret_file, struct error *err)
{
    struct unix_socket u = {.address = address, .setting = setting, .access = access, .sun = {.sun_family = AF_UNIX}};
    struct unix_socket_file file = {.path = ""};
    const size_t len = strlen(address->path);

    if (len >= sizeof(u.sun.sun_path)) {
        return unix_socket_fail(&u, err, "the path has %zu bytes; a socket's path has at most %zu", len,
                                sizeof(u.sun.sun_path) - 1);
    }
    memcpy(u.sun.sun_path, address->path, len + 1);
    unix_socket_folder(address->path, u.folder);
    const int lock = unix_socket_lock(u.folder);
    const int rc = unix_socket_open_locked(&u, backlog, ret_fd, &file, err);

    unix_socket_unlock(lock);
    if (rc == 0) *ret_file = file;
    return rc;
}

void unix_socket_remove(const struct unix_socket_file *file)
{
    char folder[SOCKET_PATH_BYTES];

    unix_socket_folder(file->path, folder);
    const int lock = unix_socket_lock(folder);

    if (unix_socket_is_ours(file)) unlink(file->path);
    unix_socket_unlock(lock);
}
