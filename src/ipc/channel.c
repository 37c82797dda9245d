#include "ipc/channel.h"

#include <errno.h>
#include <string.h>
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

union channel_control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

void channel_send_fds(int fd, const int *fds, size_t count)
{
    char byte = CHANNEL_LOG_FILE;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union channel_control control = {.bytes = {0}};
    const struct msghdr message = {.msg_iov = &piece,
                                   .msg_iovlen = 1,
                                   .msg_control = control.bytes,
                                   .msg_controllen = CMSG_SPACE(count * sizeof(int))};

    if (count == 0 || count > CHANNEL_FDS_MAX) return;
    control.head =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
    while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

int channel_receive_fds(int fd, char *message, int fds[CHANNEL_FDS_MAX], size_t *ret_count)
{
    struct iovec piece = {.iov_base = message, .iov_len = 1};
    union channel_control control = {.bytes = {0}};

    *ret_count = 0;
    for (;;) {
        struct msghdr got = {
            .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
        const ssize_t len = recvmsg(fd, &got, MSG_CMSG_CLOEXEC);

        if (len < 0 && errno == EINTR) continue;
        if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
        if (len <= 0) return -1;
        const struct cmsghdr *head = CMSG_FIRSTHDR(&got);

        if (head == NULL || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return 1;
        *ret_count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *ret_count * sizeof(int));
        return 1;
    }
}
