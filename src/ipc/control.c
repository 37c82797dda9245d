#include "ipc/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/process.h"
#include "base/random.h"

#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

enum { CONTROL_BACKLOG = 16, CONTROL_ACCEPTS = 32 };

bool control_is_instance(const char *text)
{
    return strlen(text) == CONTROL_INSTANCE_BYTES - 1 && strspn(text, "0123456789abcdef") == CONTROL_INSTANCE_BYTES - 1;
}

/* The length says where an abstract name ends. */
static socklen_t control_address(const char *program, const char *instance, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    const int len = snprintf(ret_address->sun_path + 1, sizeof(ret_address->sun_path) - 1, "%s/%s", program, instance);

    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

int control_listen(const char *program, char ret_instance[CONTROL_INSTANCE_BYTES], struct error *err)
{
    struct sockaddr_un address;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) return error_set_errno(err, "cannot make a Unix socket");
    snprintf(ret_instance, CONTROL_INSTANCE_BYTES, "%016" PRIx64, random_u64());
    const socklen_t len = control_address(program, ret_instance, &address);

    if (bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, CONTROL_BACKLOG) == 0) return fd;
    error_set_errno(err, "cannot listen on a Unix socket");
    ret_instance[0] = '\0';
    close(fd);
    return -1;
}

void control_accept(int fd)
{
    for (int i = 0; i < CONTROL_ACCEPTS; i++) {
        const int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (peer < 0) return;
        close(peer);
    }
}

/* Returns the socket, or -1 with errno. */
static int control_connect(const char *program, const char *instance, struct ucred *ret_peer)
{
    struct sockaddr_un address;
    const socklen_t len = control_address(program, instance, &address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof(*ret_peer);

    if (fd < 0) return -1;
    if (connect(fd, (const struct sockaddr *)&address, len) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) == 0) {
        return fd;
    }
    const int problem = errno;

    close(fd);
    errno = problem;
    return -1;
}

/* On kernels that cannot make a pidfd of a socket's peer, one is made of its number. The process that had the number
 * when it began to listen still had it then if somebody still listens after that: only that process holds the socket.
 */
static int control_pidfd(const char *program, const char *instance, int fd, pid_t pid)
{
    struct ucred again = {.pid = 0};
    socklen_t size = sizeof(int);
    int pidfd = -1;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) return pidfd;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) return -1;
    const int second = control_connect(program, instance, &again);

    if (second >= 0) close(second);
    if (second >= 0 && again.pid == pid) return pidfd;
    close(pidfd);
    errno = ESRCH;
    return -1;
}

enum control_found control_find(const char *program, const char *instance, struct control_peer *ret_peer)
{
    struct ucred peer = {.pid = 0};
    const int fd = control_connect(program, instance, &peer);

    if (fd < 0) return errno == ECONNREFUSED || errno == ENOENT ? CONTROL_NOBODY : CONTROL_ERROR;
    *ret_peer = (struct control_peer){.pid = peer.pid, .uid = peer.uid, .pidfd = -1};
    errno = 0;
    /* Numbers of other namespaces are shown as 0, and 1 of this one may be the service itself. */
    if (peer.pid > 0) ret_peer->pidfd = control_pidfd(program, instance, fd, peer.pid);
    const int problem = errno;

    close(fd);
    if (peer.pid <= 0) return CONTROL_ELSEWHERE;
    return ret_peer->pidfd < 0 && problem == ESRCH ? CONTROL_NOBODY : CONTROL_FOUND;
}

bool control_signal(const struct control_peer *peer, int signo)
{
    if (peer->pidfd >= 0) {
        if (syscall(SYS_pidfd_send_signal, peer->pidfd, signo, NULL, 0) == 0) return true;
        if (errno != ENOSYS) return false;
    }
    return kill(peer->pid, signo) == 0;
}

bool control_is_alive(const struct control_peer *peer)
{
    struct pollfd end = {.fd = peer->pidfd, .events = POLLIN};

    return peer->pidfd >= 0 ? poll(&end, 1, 0) <= 0 : process_is_alive(peer->pid);
}
