#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "test_base.h"

enum { FILE_TEST_BYTES = 100000 }; /* more than one read */

static int file_make(char path[32], const char *content, size_t len)
{
    snprintf(path, 32, "/tmp/test_base.XXXXXX");
    int fd = mkstemp(path);
    ssize_t written = write(fd, content, len);

    close(fd);
    return written == (ssize_t)len ? 0 : -1;
}

static void test_file_is_added_whole(void)
{
    static char content[FILE_TEST_BYTES];
    struct buf out = {0};
    char path[32];

    for (size_t i = 0; i < sizeof(content); i++) content[i] = (char)(i * 7 % 251);
    CU_ASSERT_EQUAL_FATAL(file_make(path, content, sizeof(content)), 0);
    buf_add_str(&out, "before");
    CU_ASSERT_TRUE(file_read(path, sizeof(content), &out));
    UNIT_INT(out.len, sizeof(content) + 6);
    CU_ASSERT_EQUAL(memcmp(out.data, "before", 6), 0);
    CU_ASSERT_EQUAL(memcmp(out.data + 6, content, sizeof(content)), 0);
    buf_clear(&out);
    unlink(path);
}

static void test_file_that_is_empty(void)
{
    struct buf out = {0};
    char path[32];

    CU_ASSERT_EQUAL_FATAL(file_make(path, "", 0), 0);
    CU_ASSERT_TRUE(file_read(path, 0, &out));
    UNIT_INT(out.len, 0);
    buf_clear(&out);
    unlink(path);
}

static void test_file_that_is_too_large(void)
{
    struct buf out = {0};
    char path[32];

    CU_ASSERT_EQUAL_FATAL(file_make(path, "12345", 5), 0);
    errno = 0;
    CU_ASSERT_FALSE(file_read(path, 4, &out));
    UNIT_INT(errno, EFBIG);
    buf_reset(&out);
    CU_ASSERT_TRUE(file_read(path, 5, &out));
    UNIT_STR(buf_cstr(&out), "12345");
    buf_clear(&out);
    unlink(path);
}

static void test_file_that_cannot_be_read(void)
{
    struct buf out = {0};

    errno = 0;
    CU_ASSERT_FALSE(file_read("/nonexistent/file", 1, &out));
    UNIT_INT(errno, ENOENT);
    errno = 0;
    CU_ASSERT_FALSE(file_read("/", 1, &out));
    UNIT_INT(errno, EISDIR);
    UNIT_INT(out.len, 0);
    buf_clear(&out);
}

static void test_a_fifo_holds_nobody(void)
{
    struct buf out = {0};
    char path[32];
    pid_t pid;

    snprintf(path, sizeof(path), "/tmp/test_base.%d.fifo", getpid());
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    errno = 0;
    CU_ASSERT_FALSE(file_read_within(path, 100, 20, &out)); /* nobody writes */
    UNIT_INT(errno, ETIMEDOUT);
    pid = fork();
    if (pid == 0) {
        const int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (write(fd, "one ", 4) != 4) _exit(1);
        usleep(20000);
        if (write(fd, "two", 3) != 3) _exit(1);
        _exit(0);
    }
    CU_ASSERT_TRUE(file_read(path, 100, &out));
    UNIT_STR(buf_cstr(&out), "one two");
    waitpid(pid, NULL, 0);
    buf_clear(&out);
    unlink(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_file_is_added_whole),    UNIT_TEST(test_file_that_is_empty),
    UNIT_TEST(test_file_that_is_too_large), UNIT_TEST(test_file_that_cannot_be_read),
    UNIT_TEST(test_a_fifo_holds_nobody),
};
const struct unit_part file_tests = UNIT_PART(tests);
