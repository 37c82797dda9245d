#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILE_STEP_BYTES = 16384 };

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

bool file_read(const char *path, size_t max, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) return false;
    bool ok = file_read_fd(fd, max, out);
    int problem = errno;

    close(fd);
    errno = problem;
    return ok;
}
