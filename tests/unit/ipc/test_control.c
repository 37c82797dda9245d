/* Who listens at a name, and that a signal goes to nobody else. */
#include "ipc/control.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_ipc.h"

static void test_an_instance_is_sixteen_digits(void)
{
    CU_ASSERT(control_is_instance("0123456789abcdef"));
    CU_ASSERT_FALSE(control_is_instance(""));
    CU_ASSERT_FALSE(control_is_instance("0123456789abcde"));
    CU_ASSERT_FALSE(control_is_instance("0123456789abcdef0"));
    CU_ASSERT_FALSE(control_is_instance("0123456789ABCDEF"));
    CU_ASSERT_FALSE(control_is_instance("../../../../tmp/x"));
}

static void test_the_kernel_names_who_listens(void)
{
    char instance[CONTROL_INSTANCE_BYTES];
    struct control_peer peer = {.pidfd = -1};
    struct error err;
    int fd = control_listen("test", instance, &err);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(control_is_instance(instance));
    UNIT_INT(control_find("test", instance, &peer), CONTROL_FOUND);
    UNIT_INT(peer.pid, getpid());
    UNIT_INT(peer.uid, geteuid());
    CU_ASSERT(control_is_alive(&peer));
    CU_ASSERT(control_signal(&peer, 0));
    if (peer.pidfd >= 0) close(peer.pidfd);
    UNIT_INT(control_find("other", instance, &peer), CONTROL_NOBODY);
    close(fd);
    UNIT_INT(control_find("test", instance, &peer), CONTROL_NOBODY);
}

static void test_two_services_have_two_names(void)
{
    char instances[2][CONTROL_INSTANCE_BYTES];
    struct error err;
    int one = control_listen("test", instances[0], &err);
    int other = control_listen("test", instances[1], &err);

    CU_ASSERT(one >= 0 && other >= 0);
    CU_ASSERT(strcmp(instances[0], instances[1]) != 0);
    close(one);
    close(other);
}

/* More come than the queue holds. */
static void test_whoever_connects_is_let_go(void)
{
    char instance[CONTROL_INSTANCE_BYTES];
    struct control_peer peer;
    struct error err;
    int fd = control_listen("test", instance, &err);

    CU_ASSERT_FATAL(fd >= 0);
    for (unsigned i = 0; i < 100; i++) {
        UNIT_INT(control_find("test", instance, &peer), CONTROL_FOUND);
        if (peer.pidfd >= 0) close(peer.pidfd);
        control_accept(fd);
    }
    control_accept(fd); /* nobody is there */
    close(fd);
}

/* A process that listens and ends at a signal, and its end is seen. */
static void test_a_peer_that_has_ended(void)
{
    char instance[CONTROL_INSTANCE_BYTES];
    struct control_peer peer = {.pidfd = -1};
    struct error err;
    int ready[2];

    CU_ASSERT_FATAL(pipe(ready) == 0);
    const pid_t pid = fork();

    if (pid == 0) {
        const int fd = control_listen("test", instance, &err);

        if (fd < 0 || write(ready[1], instance, sizeof(instance)) < 0) _exit(1);
        for (;;) pause();
    }
    CU_ASSERT_FATAL(read(ready[0], instance, sizeof(instance)) == (ssize_t)sizeof(instance));
    UNIT_INT(control_find("test", instance, &peer), CONTROL_FOUND);
    UNIT_INT(peer.pid, pid);
    CU_ASSERT(control_is_alive(&peer));
    CU_ASSERT(control_signal(&peer, SIGKILL));
    UNIT_INT(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_FALSE(control_is_alive(&peer));
    errno = 0;
    CU_ASSERT_FALSE(control_signal(&peer, SIGHUP));
    UNIT_INT(errno, ESRCH);
    UNIT_INT(control_find("test", instance, &(struct control_peer){0}), CONTROL_NOBODY);
    if (peer.pidfd >= 0) close(peer.pidfd);
    close(ready[0]);
    close(ready[1]);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_an_instance_is_sixteen_digits), UNIT_TEST(test_the_kernel_names_who_listens),
    UNIT_TEST(test_two_services_have_two_names),   UNIT_TEST(test_whoever_connects_is_let_go),
    UNIT_TEST(test_a_peer_that_has_ended),
};
const struct unit_part control_tests = UNIT_PART(tests);
