#include "ipc/passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union passing_control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(PASSING_FDS_MAX * sizeof(int))];
};

void passing_send(int fd, enum passing_word word, const int *fds, size_t count)
{
    char byte = (char)word;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union passing_control control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (count > PASSING_FDS_MAX) return;
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
    }
    while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

static ssize_t passing_read(int fd, char *word, union passing_control *control, struct msghdr *ret_message)
{
    struct iovec piece = {.iov_base = word, .iov_len = 1};
    ssize_t len;

    do {
        *ret_message = (struct msghdr){
            .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(*control)};
        len = recvmsg(fd, ret_message, MSG_CMSG_CLOEXEC);
    } while (len < 0 && errno == EINTR);
    ret_message->msg_iov = NULL;
    return len;
}

int passing_receive(int fd, struct passing *ret_passing)
{
    struct passing passing = {.count = 0};
    union passing_control control;
    struct msghdr message;
    const ssize_t len = passing_read(fd, &passing.word, &control, &message);

    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    if (len <= 0) return -1;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        passing.count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(passing.fds, CMSG_DATA(head), passing.count * sizeof(int));
    }
    *ret_passing = passing;
    return 1;
}
