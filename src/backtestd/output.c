#include "backtestd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool output_all(int fd, struct slice text)
{
    while (text.len > 0) {
        const ssize_t put = write(fd, text.data, text.len);

        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        text.data += put, text.len -= (size_t)put;
    }
    return true;
}

int output_write(const char *path, struct slice text, struct error *err)
{
    const bool is_output = strcmp(path, "-") == 0;
    const char *name = is_output ? "standard output" : path;
    const int fd = is_output ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    int status = 0;

    if (fd < 0) return error_set_errno(err, "%s: cannot be written", name);
    if (!output_all(fd, text)) status = error_set_errno(err, "%s: could not be written whole", name);
    if (!is_output && close(fd) != 0 && status == 0)
        status = error_set_errno(err, "%s: could not be written whole", name);
    return status;
}
