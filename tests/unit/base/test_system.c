#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/random.h"
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

static void test_random_keeps_its_bounds(void)
{
    bool seen[3] = {false};

    UNIT_INT(random_between(7, 7), 7);
    UNIT_INT(random_between(0, 0), 0);
    CU_ASSERT_EQUAL(random_between(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    (void)random_between(0, UINT64_MAX); /* must not divide by a count of 0 */
    /* That one of three does not come in 1,000 draws has a chance of 1 in 10^175. */
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = random_between(5, 7);

        CU_ASSERT_FATAL(drawn >= 5 && drawn <= 7);
        seen[drawn - 5] = true;
    }
    CU_ASSERT_TRUE(seen[0] && seen[1] && seen[2]);
}

static void test_random_is_not_the_same_twice(void)
{
    CU_ASSERT_NOT_EQUAL(random_u64(), random_u64());
}

static void test_a_zombie_is_not_alive(void)
{
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0) _exit(0);
    CU_ASSERT(process_is_alive(getpid()));
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* it has ended, and is not reaped */
    CU_ASSERT_FALSE(process_is_alive(pid));
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_FALSE(process_is_alive(pid));
}

static void test_process_resident_memory(void)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t found = process_resident_bytes(getpid());

    CU_ASSERT_TRUE(found >= page);
    UNIT_INT(found % page, 0);
    UNIT_INT(process_resident_bytes(-1), 0); /* no process has this number */
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_file_is_added_whole),     UNIT_TEST(test_file_that_is_empty),
    UNIT_TEST(test_file_that_is_too_large),  UNIT_TEST(test_file_that_cannot_be_read),
    UNIT_TEST(test_random_keeps_its_bounds), UNIT_TEST(test_random_is_not_the_same_twice),
    UNIT_TEST(test_process_resident_memory), UNIT_TEST(test_a_zombie_is_not_alive),
};
const struct unit_part system_tests = UNIT_PART(tests);
