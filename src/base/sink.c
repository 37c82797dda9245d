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
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "base/slice.h"

/* To a file. This bounds what is lost with a worker that is killed. */
enum { SINK_FILE_BATCH_BYTES = 32768 };

/* How often a line that looks torn is looked at once more while its file grows. */
enum { SINK_LOOKS_MAX = 5 };

/* A second description of what is open there; -1 if that is refused, or impossible (a socket). */
static int sink_open_again(int fd, int flags)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC | O_NOCTTY);
}

static void sink_use_file(struct sink *sink)
{
    sink->kind = SINK_PLAIN;
    sink->appends = (fcntl(sink->fd, F_GETFL) & O_APPEND) != 0;
    sink->look_fd = sink_open_again(sink->fd, O_RDONLY);
}

void sink_use(struct sink *sink, int fd)
{
    struct stat st;

    *sink = (struct sink){.fd = fd, .kind = SINK_BORROWED, .look_fd = -1};
    if (fd < 0 || fstat(fd, &st) != 0) return;
    if (S_ISREG(st.st_mode)) sink_use_file(sink);
    if (S_ISSOCK(st.st_mode)) sink->kind = SINK_SOCKET;
    if (sink->kind != SINK_BORROWED) return;
    int own = sink_open_again(fd, O_WRONLY | O_NONBLOCK | O_APPEND);

    if (own < 0) return;
    sink->fd = own;
    sink->is_ours = true;
    sink->kind = SINK_OWN;
}

void sink_own(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !(S_ISFIFO(st.st_mode) || isatty(fd))) return;
    const int own = sink_open_again(fd, O_WRONLY | O_NONBLOCK | O_APPEND);

    if (own < 0) return;
    dup2(own, fd);
    close(own);
}

bool sink_is_stream(int fd, const char *name)
{
    struct slice rest = slice_of(name);
    uint64_t device, inode;
    struct stat st;

    return name != NULL && number_parse_u64(slice_cut(&rest, ':'), &device) && number_parse_u64(rest, &inode) &&
           fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
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

    *sink = (struct sink){.fd = fd, .is_ours = true, .kind = SINK_OWN, .look_fd = -1};
    if (is_file) sink_use_file(sink);
    return 0;
}

void sink_take(struct sink *sink, int fd, int look_fd)
{
    struct stat st;
    const bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

    sink_close(sink);
    *sink = (struct sink){
        .fd = fd, .is_ours = true, .kind = is_file ? SINK_PLAIN : SINK_OWN, .look_fd = look_fd, .appends = true};
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
    if (sink->look_fd >= 0) close(sink->look_fd);
    *sink = SINK_NONE;
}

size_t sink_batch_bytes(const struct sink *sink)
{
    return sink->kind == SINK_PLAIN ? SINK_FILE_BATCH_BYTES : SINK_WHOLE_BYTES;
}

static ssize_t sink_put_borrowed(int fd, const struct iovec *pieces, int count)
{
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    ssize_t written = pwritev2(fd, pieces, count, -1, RWF_NOWAIT);

    if (written >= 0 || errno != EOPNOTSUPP) return written;
    if (poll(&state, 1, 0) != 0) return writev(fd, pieces, count);
    errno = EAGAIN;
    return -1;
}

static ssize_t sink_put(const struct sink *sink, struct iovec *pieces, int count)
{
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};

    switch (sink->kind) {
    case SINK_SOCKET:
        return sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    case SINK_BORROWED:
        return sink_put_borrowed(sink->fd, pieces, count);
    case SINK_PLAIN:
    case SINK_OWN:
        break;
    }
    return writev(sink->fd, pieces, count);
}

/* The end of a file whose last line is torn, or 0. */
static off_t sink_torn_end(const struct sink *sink)
{
    struct stat st;
    char last;
    const off_t at = !sink->appends ? lseek(sink->fd, 0, SEEK_CUR) : fstat(sink->fd, &st) == 0 ? st.st_size : 0;

    if (at <= 0 || pread(sink->look_fd, &last, 1, at - 1) != 1 || last == '\n' || last == '\0') return 0;
    return at;
}

/* Whether what is written next would continue a line that is torn. A file grows page by page, so that a line that
 * another process is writing looks like one: it is torn if it is still so a moment later. */
static bool sink_is_torn(struct sink *sink)
{
    static const struct timespec moment = {.tv_nsec = 1000000};
    off_t at;

    if (sink->look_fd < 0) return sink->is_torn;
    for (unsigned looks = 0; (at = sink_torn_end(sink)) != 0 && at != sink->torn_at && looks < SINK_LOOKS_MAX;
         looks++) {
        sink->torn_at = at;
        (void)nanosleep(&moment, NULL);
    }
    return at != 0 && at == sink->torn_at;
}

size_t sink_write(struct sink *sink, const char *data, size_t len)
{
    static const char line_end[] = "\n";
    bool ends_line = sink_is_torn(sink);
    size_t done = 0;

    while (done < len) {
        struct iovec pieces[] = {{.iov_base = (void *)(uintptr_t)line_end, .iov_len = 1},
                                 {.iov_base = (void *)(uintptr_t)(data + done), .iov_len = len - done}};
        const ssize_t put = ends_line ? sink_put(sink, pieces, 2) : sink_put(sink, pieces + 1, 1);

        if (put < 0 && errno == EINTR) continue;
        if (put == 0) errno = ENOSPC;
        if (put <= 0) break;
        done += (size_t)put - (ends_line ? 1 : 0);
        ends_line = false;
        sink->is_torn = done > 0 && data[done - 1] != '\n';
    }
    return done;
}
