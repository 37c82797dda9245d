#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* To a file. This bounds what is lost with a worker that is killed. */
enum { SINK_FILE_BATCH_BYTES = 32768 };

void sink_use(struct sink *sink, int fd)
{
    char path[40];
    struct stat st;

    *sink = (struct sink){.fd = fd, .kind = SINK_BORROWED};
    if (fd < 0 || fstat(fd, &st) != 0) return;
    if (S_ISREG(st.st_mode)) sink->kind = SINK_PLAIN;
    if (S_ISSOCK(st.st_mode)) sink->kind = SINK_SOCKET;
    if (sink->kind != SINK_BORROWED) return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);

    if (own >= 0) *sink = (struct sink){.fd = own, .is_ours = true, .kind = SINK_OWN};
}

static int sink_refuse(const char *path, struct error *err)
{
    return error_set(err, ERROR_SETTINGS, "cannot write the log file %s (STRATSLAB_LOG_FILE): %s", path,
                     strerror(errno));
}

int sink_open(struct sink *sink, const char *path, struct error *err)
{
    /* Non-blocking for the sake of a FIFO: one that nobody reads is refused at once. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    struct stat st;

    if (fd < 0) return sink_refuse(path, err);
    sink_close(sink);
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

    *sink = (struct sink){.fd = fd, .is_ours = true, .kind = is_file ? SINK_PLAIN : SINK_OWN};
    return 0;
}

int sink_check(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno != ENOENT) return sink_refuse(path, err);
    snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1, slash == NULL ? "." : path);
    return access(folder, W_OK | X_OK) == 0 ? 0 : sink_refuse(path, err);
}

void sink_close(struct sink *sink)
{
    if (sink->is_ours && sink->fd >= 0) close(sink->fd);
    *sink = SINK_NONE;
}

size_t sink_batch_bytes(const struct sink *sink)
{
    return sink->kind == SINK_PLAIN ? SINK_FILE_BATCH_BYTES : SINK_WHOLE_BYTES;
}

static ssize_t sink_write_borrowed(int fd, const char *data, size_t len)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    ssize_t written = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);

    if (written >= 0 || errno != EOPNOTSUPP) return written;
    return poll(&state, 1, 0) == 0 ? -1 : write(fd, data, len);
}

static ssize_t sink_write_once(const struct sink *sink, const char *data, size_t len)
{
    switch (sink->kind) {
    case SINK_SOCKET:
        return send(sink->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    case SINK_BORROWED:
        return sink_write_borrowed(sink->fd, data, len);
    case SINK_PLAIN:
    case SINK_OWN:
        break;
    }
    return write(sink->fd, data, len);
}

bool sink_write(const struct sink *sink, const char *data, size_t len)
{
    ssize_t written;

    do written = sink_write_once(sink, data, len);
    while (written < 0 && errno == EINTR);
    return written == (ssize_t)len;
}
