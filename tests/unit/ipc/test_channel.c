#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "test_ipc.h"

static void test_channel_carries_messages_and_its_end(void)
{
    struct channel channel;
    struct channel_message message;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(channel_open(&channel, &err), 0);
    UNIT_INT(channel_receive(channel.master_fd, &message), 0);
    channel_send_text(channel.child_fd, CHANNEL_ADDRESSES, "db=192.0.2.1");
    channel_send(channel.child_fd, CHANNEL_READY);
    UNIT_INT(channel_receive(channel.master_fd, &message), 1);
    UNIT_INT(message.word, CHANNEL_ADDRESSES);
    UNIT_STR(message.text, "db=192.0.2.1");
    UNIT_INT(channel_receive(channel.master_fd, &message), 1);
    UNIT_INT(message.word, CHANNEL_READY);
    UNIT_STR(message.text, "");
    UNIT_INT(channel_receive(channel.master_fd, &message), 0);
    close(channel.child_fd);
    UNIT_INT(channel_receive(channel.master_fd, &message), -1);
    channel_send(channel.master_fd, CHANNEL_READY); /* to nobody: no signal, no error */
    close(channel.master_fd);
}

/* Whatever a child writes: it is cut, it has an end, and one message stays one. */
static void test_channel_takes_anything(void)
{
    struct channel channel;
    struct channel_message message;
    struct error err;
    char much[4096];

    memset(much, 'A', sizeof(much));
    CU_ASSERT_EQUAL_FATAL(channel_open(&channel, &err), 0);
    for (size_t len = 1; len <= sizeof(much); len = len * 2 + 1) {
        CU_ASSERT(send(channel.child_fd, much, len, 0) == (ssize_t)len);
        UNIT_INT(channel_receive(channel.master_fd, &message), 1);
        UNIT_INT(message.word, 'A');
        UNIT_INT(strlen(message.text), len - 1 < CHANNEL_TEXT_BYTES ? len - 1 : CHANNEL_TEXT_BYTES - 1);
        UNIT_INT(channel_receive(channel.master_fd, &message), 0);
    }
    much[sizeof(much) - 1] = '\0';
    channel_send_text(channel.child_fd, CHANNEL_ADDRESSES, much); /* there is no room for it */
    UNIT_INT(channel_receive(channel.master_fd, &message), 0);
    close(channel.child_fd);
    close(channel.master_fd);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_channel_carries_messages_and_its_end),
    UNIT_TEST(test_channel_takes_anything),
};
const struct unit_part channel_tests = UNIT_PART(tests);
