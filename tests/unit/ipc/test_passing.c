#include <fcntl.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "ipc/passing.h"
#include "test_ipc.h"

static void test_words_and_open_files_pass(void)
{
    struct channel channel;
    struct passing got = {.word = '?', .count = 99};
    struct error err;
    int ends[2];
    char byte = 0;

    CU_ASSERT_EQUAL_FATAL(channel_open(&channel, &err), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    UNIT_INT(passing_receive(channel.child_fd, &got), 0);
    UNIT_INT(got.word, '?');
    passing_send(channel.master_fd, PASSING_NO_LOG_FILE, NULL, 0);
    passing_send(channel.master_fd, PASSING_LOG_FILE, ends, 2);
    passing_send(channel.master_fd, PASSING_LOG_FILE, ends, PASSING_FDS_MAX + 1); /* too many: nothing is said */
    UNIT_INT(passing_receive(channel.child_fd, &got), 1);
    UNIT_INT(got.word, PASSING_NO_LOG_FILE);
    UNIT_INT(got.count, 0);
    UNIT_INT(passing_receive(channel.child_fd, &got), 1);
    UNIT_INT(got.word, PASSING_LOG_FILE);
    UNIT_INT(got.count, 2);
    CU_ASSERT_EQUAL(fcntl(got.fds[0], F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(write(got.fds[1], "x", 1), 1);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
    UNIT_INT(byte, 'x');
    for (int i = 0; i < 2; i++) close(got.fds[i]);
    for (int i = 0; i < 2; i++) close(ends[i]);
    UNIT_INT(passing_receive(channel.child_fd, &got), 0);
    close(channel.master_fd);
    UNIT_INT(passing_receive(channel.child_fd, &got), -1);
    close(channel.child_fd);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_words_and_open_files_pass),
};
const struct unit_part passing_tests = UNIT_PART(tests);
