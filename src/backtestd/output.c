#include "backtestd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

/* Writes all, and closes. `is_kept` also waits for the disk, which may say only then that it is full. */
static int output_fill(int fd, struct slice text, bool is_kept)
{
    int number = output_all(fd, text) && (!is_kept || fsync(fd) == 0 || errno == EINVAL) ? 0 : errno;

    if (close(fd) != 0 && number == 0) number = errno;
    return number;
}

static int output_fail(const char *path, int number, struct error *err)
{
    errno = number;
    return error_set_errno(err, "%s: could not be written completely", path);
}

static int output_in_place(const char *path, struct slice text, struct error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0) return error_set_errno(err, "%s: cannot be written", path);
    const int number = output_fill(fd, text, false);

    return number == 0 ? 0 : output_fail(path, number, err);
}

/* Where the path leads, if a file that is written beside it may take its place: it is a regular file without other
 * names, or nothing is there. NULL if not: a device, a pipe, the end of a link that leads nowhere. */
static char *output_target(const char *path, struct stat *was, bool *is_there)
{
    *is_there = stat(path, was) == 0;
    if (*is_there) return S_ISREG(was->st_mode) && was->st_nlink == 1 ? realpath(path, NULL) : NULL;
    struct stat link;

    return errno == ENOENT && lstat(path, &link) != 0 ? mem_strdup(path) : NULL;
}

/* A new file beside the target, with its owner and mode. -1 if there cannot be one. */
static int output_beside(char *beside, const struct stat *was, bool is_there)
{
    const int fd = mkostemp(beside, O_CLOEXEC);

    if (fd < 0) return -1;
    const mode_t mask = umask(0);

    umask(mask);
    const bool is_owned = !is_there || (was->st_uid == geteuid() && was->st_gid == getegid()) ||
                          fchown(fd, was->st_uid, was->st_gid) == 0;

    if (is_owned && fchmod(fd, is_there ? was->st_mode & 07777 : 0666 & ~mask) == 0) return fd;
    close(fd);
    unlink(beside);
    return -1;
}

int output_write(const char *path, struct slice text, struct error *err)
{
    struct stat was;
    bool is_there;

    if (strcmp(path, "-") == 0) {
        fwrite(text.data, 1, text.len, stdout); /* what became of it is looked at once, at the command's end */
        return 0;
    }
    char *target = output_target(path, &was, &is_there);
    /* What may not be written is not replaced either. */
    char *beside = target == NULL || (is_there && access(target, W_OK) != 0) ? NULL : mem_printf("%s.XXXXXX", target);
    errno = 0;
    const int fd = beside == NULL ? -1 : output_beside(beside, &was, is_there);
    int rc;

    if (fd < 0 && is_there && (errno == ENOSPC || errno == EDQUOT)) {
        rc = output_fail(path, errno, err); /* in its place there may be room for half of it: the old file stays */
    } else if (fd < 0) {
        rc = output_in_place(path, text, err); /* also if the folder takes no new file: it says what is wrong */
    } else {
        int number = output_fill(fd, text, true);

        if (number == 0 && rename(beside, target) != 0) number = errno;
        if (number != 0) unlink(beside);
        rc = number == 0 ? 0 : output_fail(path, number, err);
    }
    free(beside);
    free(target);
    return rc;
}
