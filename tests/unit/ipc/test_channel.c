#include <fcntl.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "test_ipc.h"

static void test_channel_carries_messages_and_its_end(void)
{
    struct channel channel;
    struct error err;
    char messages[4];

    CU_ASSERT_EQUAL_FATAL(channel_open(&channel, &err), 0);
    UNIT_INT(channel_receive(channel.master_fd, messages, sizeof(messages)), 0);
    channel_send(channel.child_fd, CHANNEL_READY);
    channel_send(channel.child_fd, CHANNEL_DRAINING);
    UNIT_INT(channel_receive(channel.master_fd, messages, sizeof(messages)), 2);
    UNIT_INT(messages[0], CHANNEL_READY);
    UNIT_INT(messages[1], CHANNEL_DRAINING);
    close(channel.child_fd);
    UNIT_INT(channel_receive(channel.master_fd, messages, sizeof(messages)), -1);
    channel_send(channel.master_fd, CHANNEL_READY); /* to nobody: no signal, no error */
    close(channel.master_fd);
}

static void test_channel_carries_open_files(void)
{
    struct channel channel;
    struct error err;
    int ends[2], got[CHANNEL_FDS_MAX];
    size_t count = 99;
    char message = 0;

    CU_ASSERT_EQUAL_FATAL(channel_open(&channel, &err), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    UNIT_INT(channel_receive_fds(channel.child_fd, &message, got, &count), 0);
    UNIT_INT(count, 0);
    channel_send_fds(channel.master_fd, ends, 0); /* nothing to send */
    channel_send(channel.master_fd, CHANNEL_READY);
    channel_send_fds(channel.master_fd, ends, 2);
    UNIT_INT(channel_receive_fds(channel.child_fd, &message, got, &count), 1);
    UNIT_INT(message, CHANNEL_READY);
    UNIT_INT(count, 0);
    UNIT_INT(channel_receive_fds(channel.child_fd, &message, got, &count), 1);
    UNIT_INT(message, CHANNEL_LOG_FILE);
    UNIT_INT(count, 2);
    CU_ASSERT_EQUAL(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(write(got[1], "x", 1), 1);
    CU_ASSERT_EQUAL(read(ends[0], &message, 1), 1);
    UNIT_INT(message, 'x');
    for (int i = 0; i < 2; i++) close(got[i]);
    for (int i = 0; i < 2; i++) close(ends[i]);
    close(channel.master_fd);
    UNIT_INT(channel_receive_fds(channel.child_fd, &message, got, &count), -1);
    close(channel.child_fd);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_channel_carries_open_files),
    UNIT_TEST(test_channel_carries_messages_and_its_end),
};
const struct unit_part channel_tests = UNIT_PART(tests);
