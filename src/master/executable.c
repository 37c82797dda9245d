#include "master/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool executable_is_one_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool executable_leads_to(const char *path, const char *other)
{
    struct stat a;
    struct stat b;

    return stat(path, &a) == 0 && stat(other, &b) == 0 && executable_is_one_file(&a, &b);
}

void executable_directory(char *out, size_t size)
{
    const char *named = getenv("PWD");

    if (named != NULL && named[0] == '/' && strlen(named) < size && executable_leads_to(named, ".")) {
        snprintf(out, size, "%s", named);
    } else if (getcwd(out, size) == NULL || out[0] != '/') {
        out[0] = '\0';
    }
}

static bool executable_is_descriptor(const char *path)
{
    return strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/", 6) == 0;
}

int executable_path(const char *directory, char *out, size_t size, struct error *err)
{
    const char *started = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr): the kernel's */
    char link[4096];
    const ssize_t len = readlink("/proc/self/exe", link, sizeof(link) - 1);

    if (len <= 0) return error_set_errno(err, "cannot read /proc/self/exe");
    link[len] = '\0';
    out[0] = '\0';
    if (started != NULL && started[0] == '/' && !executable_is_descriptor(started)) {
        snprintf(out, size, "%s", started);
    } else if (started != NULL && started[0] != '/' && started[0] != '\0' && directory[0] != '\0') {
        snprintf(out, size, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory,
                 strncmp(started, "./", 2) == 0 ? started + 2 : started);
    }
    /* The file may be another one by now, and the path is the right one all the same. */
    if (out[0] == '\0' || (access(out, X_OK) != 0 && access(link, X_OK) == 0)) snprintf(out, size, "%s", link);
    return 0;
}

static const char *executable_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "not a regular file";
    }
}

/* Whether the file ends before its own tables do (elf(5)): a copy that is not finished. It might even start, and fail
 * later, at the first page that is not there. What is not an ELF file of this machine's kind is for the kernel to
 * judge. */
static bool executable_is_cut(int fd, const ElfW(Ehdr) * head, uint64_t size)
{
    uint64_t end = head->e_phoff + (uint64_t)head->e_phnum * sizeof(ElfW(Phdr));
    const uint64_t sections_end = head->e_shoff + (uint64_t)head->e_shnum * head->e_shentsize;
    ElfW(Phdr) part;

    if (head->e_phentsize != sizeof(part)) return false;
    if (head->e_shoff > 0 && sections_end > end) end = sections_end;
    for (unsigned i = 0; i < head->e_phnum && end <= size; i++) {
        const off_t at = (off_t)(head->e_phoff + i * sizeof(part));

        if (pread(fd, &part, sizeof(part), at) != (ssize_t)sizeof(part)) return true;
        if (part.p_type == PT_LOAD && part.p_offset + part.p_filesz > end) end = part.p_offset + part.p_filesz;
    }
    return end > size;
}

static int executable_judge(const char *path, int fd, uint64_t size, struct error *err)
{
    ElfW(Ehdr) head = {.e_ident = {0}};
    const ssize_t got = pread(fd, &head, sizeof(head), 0);
    const bool is_elf = got == (ssize_t)sizeof(head) && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
                        head.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);

    if (got < 0) return error_set_errno(err, "cannot read %s", path);
    if (got == 0) return error_set(err, ERROR_INVALID, "cannot run %s: the file is empty", path);
    if (is_elf && executable_is_cut(fd, &head, size)) {
        return error_set(err, ERROR_INVALID,
                         "cannot run %s: it is cut short after %llu bytes; is it still being copied?", path,
                         (unsigned long long)size);
    }
    if (got >= 2 && memcmp(head.e_ident, "#!", 2) == 0) {
        return error_set(err, ERROR_INVALID,
                         "cannot run %s: it is a script, and a reload takes nothing but the program itself", path);
    }
    return 0;
}

int executable_open(const char *path, int *ret_fd, struct error *err)
{
    char again[64];
    struct stat st;
    int rc = -1;
    int fd = -1;
    /* A descriptor of the path alone: opening it waits for nobody, and does nothing to what is there. */
    const int place = open(path, O_PATH | O_CLOEXEC);

    if (place < 0) return error_set_errno(err, "cannot open %s", path);
    snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
    if (fstat(place, &st) != 0) {
        error_set_errno(err, "cannot look at %s", path);
    } else if (!S_ISREG(st.st_mode)) {
        error_set(err, ERROR_INVALID, "cannot run %s: it is %s, not a program", path, executable_kind(st.st_mode));
    } else if ((fd = open(again, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) < 0) {
        error_set_errno(err, "cannot open %s", path);
    } else {
        rc = executable_judge(path, fd, (uint64_t)st.st_size, err);
    }
    close(place);
    if (rc == 0) {
        *ret_fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return rc;
}

bool executable_is_same(int fd, int other_fd)
{
    struct stat a;
    struct stat b;

    return fstat(fd, &a) == 0 && fstat(other_fd, &b) == 0 && executable_is_one_file(&a, &b) && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

void executable_explain(int fd, int problem, char *out, size_t size)
{
    struct statvfs mount;
    struct stat st;
    const char *cause = "";

    if (problem == ETXTBSY) {
        cause = "; somebody is still writing the file";
    } else if (problem == ENOEXEC) {
        cause = "; it is not a whole program for this machine";
    } else if (problem == EACCES && fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0) {
        cause = "; its file system is mounted noexec";
    } else if (problem == EACCES && fstat(fd, &st) == 0 && (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
        cause = "; the file is not executable: chmod +x";
    }
    snprintf(out, size, "%s%s", strerror(problem), cause);
}
