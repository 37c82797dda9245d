#include "backtestd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"

/* ---- What is interrupted leaves no file beside its target ---- */

static const int output_signals[] = {SIGINT, SIGTERM, SIGHUP};

/* For the handler: the file that is written beside its target; NULL: none. One is written at a time. */
static char *volatile output_unfinished;

static void output_on_signal(int number)
{
    if (output_unfinished != NULL) unlink(output_unfinished);
    signal(number, SIG_DFL);
    raise(number);
}

/* They come when the mask is put back. */
static void output_hold_signals(sigset_t *was)
{
    sigset_t mask;

    sigemptyset(&mask);
    for (size_t i = 0; i < countof(output_signals); i++) sigaddset(&mask, output_signals[i]);
    sigprocmask(SIG_BLOCK, &mask, was);
}

/* While the signals are held. Whoever ignores one, as nohup does, goes on ignoring it. */
static void output_guard(char *beside)
{
    void (*const from)(int) = beside != NULL ? SIG_DFL : output_on_signal;
    void (*const to)(int) = beside != NULL ? output_on_signal : SIG_DFL;

    output_unfinished = beside;
    for (size_t i = 0; i < countof(output_signals); i++) {
        struct sigaction now;

        if (sigaction(output_signals[i], NULL, &now) == 0 && now.sa_handler == from) signal(output_signals[i], to);
    }
}

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

static int output_fail(const char *path, int number, struct error *err)
{
    errno = number;
    return error_set_errno(err, "%s: could not be written completely", path);
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

struct output {
    char *path;
    int fd; /* -1: standard output */
    /* A new file that takes the place of `target` in the end; NULL: it is written in place. */
    char *beside, *target;
};

bool output_is_taken(const struct output *output)
{
    return output->fd >= 0 || ferror(stdout) == 0;
}

int output_open(const char *path, struct output **ret_output, struct error *err)
{
    struct output *output = mem_zalloc(sizeof(*output));
    struct stat was;
    bool is_there;

    output->path = mem_strdup(path);
    output->fd = -1;
    *ret_output = output;
    if (strcmp(path, "-") == 0) return 0;
    output->target = output_target(path, &was, &is_there);
    /* What may not be written is not replaced either. */
    if (output->target != NULL && (!is_there || access(output->target, W_OK) == 0)) {
        output->beside = mem_printf("%s.XXXXXX", output->target);
    }
    sigset_t mask;

    output_hold_signals(&mask);
    errno = 0;
    if (output->beside != NULL) output->fd = output_beside(output->beside, &was, is_there);
    const int number = errno;

    if (output->fd >= 0) output_guard(output->beside);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (output->fd >= 0) return 0;
    free(output->beside);
    output->beside = NULL;
    int rc = -1;

    if (is_there && (number == ENOSPC || number == EDQUOT)) {
        output_fail(path, number, err); /* in its place there may be room for half of it: the old file stays */
    } else {
        /* Also if the folder takes no new file: it says what is wrong. */
        output->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
        rc = output->fd < 0 ? error_set_errno(err, "%s: cannot be written", path) : 0;
    }
    if (rc != 0) {
        output_abandon(output);
        *ret_output = NULL;
    }
    return rc;
}

int output_add(struct output *output, struct slice text, struct error *err)
{
    if (output->fd < 0) {
        fwrite(text.data, 1, text.len, stdout); /* what became of it is looked at once, at the command's end */
        return 0;
    }
    return output_all(output->fd, text) ? 0 : output_fail(output->path, errno, err);
}

static void output_free(struct output *output)
{
    free(output->beside);
    free(output->target);
    free(output->path);
    free(output);
}

void output_abandon(struct output *output)
{
    if (output == NULL) return;
    sigset_t mask;

    output_hold_signals(&mask);
    if (output->fd >= 0) close(output->fd);
    if (output->beside != NULL) unlink(output->beside);
    if (output->beside != NULL) output_guard(NULL);
    output_free(output);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

int output_commit(struct output *output, struct error *err)
{
    int number = 0;

    /* The disk may say only now that it is full. */
    if (output->beside != NULL && fsync(output->fd) != 0 && errno != EINVAL) number = errno;
    if (output->fd >= 0 && close(output->fd) != 0 && number == 0) number = errno;
    output->fd = -1;
    sigset_t mask;

    output_hold_signals(&mask);
    if (output->beside != NULL && number == 0 && rename(output->beside, output->target) != 0) number = errno;
    if (output->beside != NULL && number == 0) output_guard(NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (number != 0) {
        output_fail(output->path, number, err);
        output_abandon(output);
        return -1;
    }
    output_free(output);
    return 0;
}

int output_write(const char *path, struct slice text, struct error *err)
{
    struct output *output;

    if (output_open(path, &output, err) != 0) return -1;
    if (output_add(output, text, err) == 0) return output_commit(output, err);
    output_abandon(output);
    return -1;
}
