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

static const struct unit_test tests[] = {
    UNIT_TEST(test_channel_carries_messages_and_its_end),
};
const struct unit_part channel_tests = UNIT_PART(tests);
