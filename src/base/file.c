#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { FILE_STEP_BYTES = 16384, FILE_WITHIN_MS = 30000 };

bool file_read_fd(int fd, size_t max, struct buf *out)
{
    size_t before = out->len;

    for (;;) {
        ssize_t got = read(fd, buf_reserve(out, FILE_STEP_BYTES), FILE_STEP_BYTES);

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0;
        out->len += (size_t)got;
        if (out->len - before > max) {
            errno = EFBIG;
            return false;
        }
    }
}

/* What comes when somebody writes it: a FIFO, a pipe. */
static bool file_read_waiting(int fd, size_t max, unsigned within_ms, struct buf *out)
{
    const uint64_t end_ms = clock_monotonic_ms() + within_ms;
    const size_t before = out->len;

    for (;;) {
        const uint64_t now_ms = clock_monotonic_ms();
        struct pollfd more = {.fd = fd, .events = POLLIN};
        const int ready = now_ms >= end_ms ? 0 : poll(&more, 1, (int)(end_ms - now_ms));

        if (ready < 0 && errno == EINTR) continue; /* of a FIFO without a writer, a read would say that it ends here */
        if (ready == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        ssize_t got = read(fd, buf_reserve(out, FILE_STEP_BYTES), FILE_STEP_BYTES);

        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return got == 0;
        out->len += (size_t)got;
        if (out->len - before > max) {
            errno = EFBIG;
            return false;
        }
    }
}

bool file_read_within(const char *path, size_t max, unsigned within_ms, struct buf *out)
{
    /* A FIFO without a writer would hold whoever opens it, for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0) return false;
    const bool waits = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    bool ok = waits ? file_read_waiting(fd, max, within_ms, out) : file_read_fd(fd, max, out);
    int problem = errno;

    close(fd);
    errno = problem;
    return ok;
}

bool file_read(const char *path, size_t max, struct buf *out)
{
    return file_read_within(path, max, FILE_WITHIN_MS, out);
}
