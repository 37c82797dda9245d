#include "backtestd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

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

/* The folder that a path is in, and its name there. False if there is no such folder. */
static bool output_place(const char *path, struct stat *folder, const char **name)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash == NULL ? mem_printf(".") : mem_printf("%.*s/", (int)(slash - path), path);
    const bool is_there = stat(parent, folder) == 0;

    *name = slash == NULL ? path : slash + 1;
    free(parent);
    return is_there;
}

bool output_is_same(const char *path, const char *other)
{
    struct stat one, two;
    const char *name, *other_name;

    if (strcmp(path, "-") == 0 || strcmp(other, "-") == 0) return false;
    if (stat(path, &one) == 0) {
        return S_ISREG(one.st_mode) && stat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
    }
    return output_place(path, &one, &name) && output_place(other, &two, &other_name) && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino && strcmp(name, other_name) == 0;
}

int output_write(const char *path, struct slice text, struct error *err)
{
    const bool is_output = strcmp(path, "-") == 0;
    const char *name = is_output ? "standard output" : path;
    const int fd = is_output ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    int status = 0;

    if (fd < 0) return error_set_errno(err, "%s: cannot be written", name);
    if (!output_all(fd, text)) status = error_set_errno(err, "%s: could not be written completely", name);
    if (!is_output && close(fd) != 0 && status == 0)
        status = error_set_errno(err, "%s: could not be written completely", name);
    return status;
}
