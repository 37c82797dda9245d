/* Where the executable is looked for, and what may lie there. */
#include "master/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test_master.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void folder_make(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test-executable.XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
}

static void put(const char *name, const void *bytes, size_t len)
{
    const int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(write(fd, bytes, len) == (ssize_t)len);
    close(fd);
}

/* "" if it opens. */
static const char *refusal_of(const char *path)
{
    static struct error err;
    int fd = -1;

    err.message[0] = '\0';
    if (executable_open(path, &fd, &err) == 0) close(fd);
    return err.message;
}

static void test_this_program_opens(void)
{
    char path[PATH_MAX];
    struct error err;
    int fd = -1;
    int again = -1;

    UNIT_INT(executable_path("", path, sizeof(path), &err), 0);
    CU_ASSERT(path[0] == '/');
    UNIT_INT(executable_open(path, &fd, &err), 0);
    CU_ASSERT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    UNIT_INT(executable_open("/proc/self/exe", &again, &err), 0);
    CU_ASSERT(executable_is_same(fd, again));
    close(fd);
    close(again);
}

static void test_what_is_no_program_is_named(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    folder_make();
    CU_ASSERT(strstr(refusal_of(folder), "it is a directory") != NULL);
    UNIT_INT(mkfifo(in_folder("fifo"), 0755), 0);
    CU_ASSERT(strstr(refusal_of(in_folder("fifo")), "it is a FIFO") != NULL);
    memcpy(address.sun_path, in_folder("socket"), strlen(in_folder("socket")));
    UNIT_INT(bind(s, (const struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT(strstr(refusal_of(in_folder("socket")), "it is a socket") != NULL);
    CU_ASSERT(strstr(refusal_of("/dev/null"), "it is a device") != NULL);
    CU_ASSERT(strstr(refusal_of(in_folder("nothing")), "No such file") != NULL);
    put("empty", "", 0);
    CU_ASSERT(strstr(refusal_of(in_folder("empty")), "the file is empty") != NULL);
    put("script", "#!/bin/sh\n", 10);
    CU_ASSERT(strstr(refusal_of(in_folder("script")), "it is a script") != NULL);
    UNIT_STR(refusal_of("/bin/sh"), "");
    close(s);
    unlink(in_folder("fifo"));
    unlink(in_folder("socket"));
    unlink(in_folder("empty"));
    unlink(in_folder("script"));
    rmdir(folder);
}

static void test_a_copy_that_is_not_finished(void)
{
    static char bytes[1 << 20];
    const int from = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    const ssize_t len = read(from, bytes, sizeof(bytes));

    close(from);
    folder_make();
    CU_ASSERT_FATAL(len > 1000);
    for (ssize_t part = 100; part < len; part += len / 7) {
        put("part", bytes, (size_t)part);
        CU_ASSERT(strstr(refusal_of(in_folder("part")), "is it still being copied?") != NULL);
    }
    put("part", bytes, (size_t)len - 1);
    CU_ASSERT(strstr(refusal_of(in_folder("part")), "is it still being copied?") != NULL);
    put("part", bytes, (size_t)len);
    UNIT_STR(refusal_of(in_folder("part")), "");
    put("part", "\177ELF", 4); /* whatever that is, the kernel refuses it */
    UNIT_STR(refusal_of(in_folder("part")), "");
    /* Tables that claim to lie anywhere. */
    memset(bytes + 4, 0xff, 60);
    bytes[4] = 2;
    put("part", bytes, (size_t)len);
    refusal_of(in_folder("part"));
    unlink(in_folder("part"));
    rmdir(folder);
}

static void test_a_file_that_changes_is_another(void)
{
    struct error err;
    int fd = -1;
    int again = -1;

    folder_make();
    put("one", "program", 7);
    UNIT_INT(executable_open(in_folder("one"), &fd, &err), 0);
    UNIT_INT(executable_open(in_folder("one"), &again, &err), 0);
    CU_ASSERT(executable_is_same(fd, again));
    close(again);
    put("other", "program", 7);
    UNIT_INT(executable_open(in_folder("other"), &again, &err), 0);
    CU_ASSERT_FALSE(executable_is_same(fd, again));
    CU_ASSERT_FALSE(executable_is_same(fd, -1));
    close(again);
    close(fd);
    unlink(in_folder("one"));
    unlink(in_folder("other"));
    rmdir(folder);
}

static void test_the_directory_has_its_users_name(void)
{
    char here[PATH_MAX];
    char found[PATH_MAX];
    char link[PATH_MAX];
    const char *pwd = getenv("PWD");
    char *before = pwd == NULL ? NULL : strdup(pwd);

    CU_ASSERT_FATAL(getcwd(here, sizeof(here)) != NULL);
    folder_make();
    snprintf(link, sizeof(link), "%s", in_folder("current"));
    UNIT_INT(mkdir(in_folder("1"), 0700), 0);
    UNIT_INT(symlink("1", link), 0);
    UNIT_INT(chdir(link), 0);
    setenv("PWD", link, 1);
    executable_directory(found, sizeof(found));
    UNIT_STR(found, link);
    setenv("PWD", "/", 1); /* it lies */
    executable_directory(found, sizeof(found));
    UNIT_STR(found, in_folder("1"));
    setenv("PWD", "relative", 1);
    executable_directory(found, sizeof(found));
    UNIT_STR(found, in_folder("1"));
    unsetenv("PWD");
    UNIT_INT(rmdir(in_folder("1")), 0);
    executable_directory(found, sizeof(found));
    UNIT_STR(found, ""); /* it has gone */
    UNIT_INT(chdir(here), 0);
    if (before != NULL) setenv("PWD", before, 1);
    free(before);
    unlink(link);
    rmdir(folder);
}

static void test_the_cause_is_seen(void)
{
    char why[160];
    struct error err;
    int fd = -1;

    folder_make();
    put("plain", "program", 7);
    UNIT_INT(chmod(in_folder("plain"), 0644), 0);
    UNIT_INT(executable_open(in_folder("plain"), &fd, &err), 0);
    executable_explain(fd, EACCES, why, sizeof(why));
    CU_ASSERT(strstr(why, "chmod +x") != NULL || strstr(why, "noexec") != NULL);
    executable_explain(fd, ETXTBSY, why, sizeof(why));
    CU_ASSERT(strstr(why, "still writing") != NULL);
    executable_explain(fd, ENOEXEC, why, sizeof(why));
    CU_ASSERT(strstr(why, "not a whole program") != NULL);
    executable_explain(fd, ENOMEM, why, sizeof(why));
    UNIT_STR(why, strerror(ENOMEM));
    close(fd);
    unlink(in_folder("plain"));
    rmdir(folder);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_this_program_opens),
    UNIT_TEST(test_what_is_no_program_is_named),
    UNIT_TEST(test_a_copy_that_is_not_finished),
    UNIT_TEST(test_a_file_that_changes_is_another),
    UNIT_TEST(test_the_directory_has_its_users_name),
    UNIT_TEST(test_the_cause_is_seen),
};
const struct unit_part executable_tests = UNIT_PART(tests);
