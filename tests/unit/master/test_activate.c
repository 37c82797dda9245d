#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/activate.h"
#include "test_master.h"

/* ---- passed sockets ---- */

enum { ROLES = 3 };

static const struct master_role roles[ROLES] = {
    {.name = "admin", .socket_name = "admin", .count = 1},
    {.name = "task", .task = true, .count = 1},
    {.name = "worker", .socket_name = "http", .takes_unnamed_sockets = true, .count = 2},
};

/* Puts `fd` where the first passed descriptor is, and what was there aside. */
static int passed_begin(int fd, const char *count, const char *names)
{
    int aside = fcntl(3, F_DUPFD_CLOEXEC, 10);
    char pid[16];

    dup2(fd, 3);
    snprintf(pid, sizeof(pid), "%d", getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names != NULL) setenv("LISTEN_FDNAMES", names, 1);
    return aside;
}

static void passed_end(int aside)
{
    close(3);
    if (aside < 0) return;
    dup2(aside, 3);
    close(aside);
}

static void passed(int type, const char *count, const char *names, int role, const char *complaint)
{
    struct sockets sockets[ROLES] = {0};
    struct error err = {.message = ""};
    int fd = fcntl(socket(AF_INET, type, 0), F_DUPFD_CLOEXEC, 20);

    if (type == SOCK_STREAM) listen(fd, 1);
    int aside = passed_begin(fd, count, names);

    UNIT_INT(activate_take(roles, ROLES, sockets, &err), complaint == NULL ? 0 : -1);
    if (complaint != NULL) CU_ASSERT_PTR_NOT_NULL(strstr(err.message, complaint));
    for (int i = 0; complaint == NULL && i < ROLES; i++) {
        UNIT_INT(sockets[i].count, i == role);
        UNIT_INT(sockets[i].passed, i == role);
    }
    if (complaint == NULL && role >= 0) {
        UNIT_INT(sockets[role].fds[0], 3);
        CU_ASSERT((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0);
        CU_ASSERT((fcntl(3, F_GETFL) & O_NONBLOCK) != 0);
    }
    CU_ASSERT_PTR_NULL(getenv("LISTEN_FDS"));
    CU_ASSERT_PTR_NULL(getenv("LISTEN_PID"));
    CU_ASSERT_PTR_NULL(getenv("LISTEN_FDNAMES"));
    passed_end(aside);
    close(fd);
}

static void test_passed_sockets_go_where_their_names_say(void)
{
    passed(SOCK_STREAM, "1", "http", 2, NULL);
    passed(SOCK_STREAM, "1", "admin", 0, NULL);
    passed(SOCK_STREAM, "1", NULL, 2, NULL);
    passed(SOCK_STREAM, "1", "unknown", 2, NULL);
    passed(SOCK_STREAM, "1", "stratslabd.socket", 2, NULL);
    passed(SOCK_STREAM, "0", NULL, -1, NULL);
    passed(SOCK_STREAM, "1", "metrics", 0, "called \"metrics\", which is not one of: admin, http");
    passed(SOCK_STREAM, "many", "http", 0, "LISTEN_FDS is \"many\"");
    passed(SOCK_DGRAM, "1", "http", 0, "not a listening stream socket");
}

static void test_sockets_for_another_process_are_left_alone(void)
{
    struct sockets sockets[ROLES] = {0};
    struct error err;

    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    UNIT_INT(activate_take(roles, ROLES, sockets, &err), 0);
    UNIT_INT(sockets[2].count, 0);
    CU_ASSERT_PTR_NULL(getenv("LISTEN_PID"));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_passed_sockets_go_where_their_names_say),
    UNIT_TEST(test_sockets_for_another_process_are_left_alone),
};
const struct unit_part activate_tests = UNIT_PART(tests);
