#include "ipc/channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

int channel_open(struct channel *ret_channel, struct error *err)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        return error_set_errno(err, "cannot make a channel to a child process");
    }
    *ret_channel = (struct channel){.master_fd = ends[0], .child_fd = ends[1]};
    return 0;
}

void channel_send_text(int fd, enum channel_word word, const char *text)
{
    struct channel_message message = {.word = (char)word};
    const size_t len = strlen(text);

    if (len >= sizeof(message.text)) return;
    memcpy(message.text, text, len);
    while (send(fd, &message, offsetof(struct channel_message, text) + len, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

void channel_send(int fd, enum channel_word word)
{
    channel_send_text(fd, word, "");
}

/* An empty message looks like an end of file. Nobody here sends one, and who does is not listened to any more. */
int channel_receive(int fd, struct channel_message *ret_message)
{
    struct channel_message message = {.word = 0};

    for (;;) {
        /* One byte stays for the terminator. */
        const ssize_t got = recv(fd, &message, sizeof(message) - 1, 0);

        if (got > 0) {
            *ret_message = message;
            return 1;
        }
        if (got == 0) return -1;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    }
}
