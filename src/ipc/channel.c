#include "ipc/channel.h"

#include <errno.h>
#include <sys/socket.h>

int channel_open(struct channel *ret_channel, struct error *err)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        return error_set_errno(err, "cannot make a channel to a child process");
    }
    *ret_channel = (struct channel){.master_fd = ends[0], .child_fd = ends[1]};
    return 0;
}

void channel_send(int fd, enum channel_message message)
{
    char byte = (char)message;

    while (send(fd, &byte, 1, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

int channel_receive(int fd, char *messages, int size)
{
    for (;;) {
        ssize_t got = recv(fd, messages, (size_t)size, 0);

        if (got > 0) return (int)got;
        if (got == 0) return -1;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    }
}
