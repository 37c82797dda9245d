#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "master/socket.h"
#include "test_master.h"

static char folder[] = "/tmp/stratslab-socket.XXXXXX";
static char *path; /* in it */
static struct conf_addresses at;

static void begin(void)
{
    memcpy(strrchr(folder, '.'), ".XXXXXX", sizeof(".XXXXXX"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    path = mem_printf("%s/api.sock", folder);
    at = (struct conf_addresses){.items = {{.text = "unix:test", .path = path}}, .count = 1};
}

static void end(void)
{
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* nothing was left there */
    free(path);
}

static int open_as(const char *owner, unsigned mode, struct sockets *ret_sockets, struct error *err)
{
    const struct conf_socket_access access = {.mode = mode, .owner = owner};

    return sockets_open(&(struct sockets_wanted){&at, "THE_SETTING", &access}, ret_sockets, err);
}

static int open_it(struct sockets *ret_sockets, struct error *err)
{
    return open_as("", 0660, ret_sockets, err);
}

static void refused(const char *complaint)
{
    struct sockets sockets = {.count = 77};
    struct error err = {.message = ""};

    UNIT_INT(open_it(&sockets, &err), -1);
    UNIT_INT(sockets.count, 77);
    UNIT_INT(err.code, ERROR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "cannot bind unix:test (THE_SETTING): "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "with THE_SETTING."));
    if (strstr(err.message, complaint) == NULL) {
        fprintf(stderr, "%s\n", err.message);
        CU_FAIL("another complaint");
    }
}

static bool can_connect(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
    const bool connected = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;

    close(fd);
    return connected;
}

static void test_a_stale_socket_is_replaced_a_living_one_is_told_of(void)
{
    struct sockets first;
    struct sockets second;
    struct error err;

    begin();
    char *pid = mem_printf("(pid %d) listens there. Stop that process", getpid());

    CU_ASSERT_EQUAL_FATAL(open_it(&first, &err), 0);
    refused(pid);
    CU_ASSERT(can_connect());
    sockets_close(&first); /* as if killed: the file stays */
    CU_ASSERT_FALSE(can_connect());
    UNIT_INT(open_it(&second, &err), 0);
    CU_ASSERT(can_connect());
    sockets_remove(&second);
    sockets_close(&second);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    free(pid);
    end();
}

/* The first has stopped listening, and waits for its last clients, when the second starts. */
static void test_the_end_of_one_leaves_its_successor_s_socket(void)
{
    struct sockets first;
    struct sockets second;
    struct error err;

    begin();
    CU_ASSERT_EQUAL_FATAL(open_it(&first, &err), 0);
    shutdown(first.fds[0], SHUT_RDWR);
    CU_ASSERT_EQUAL_FATAL(open_it(&second, &err), 0);
    sockets_remove(&first);
    sockets_close(&first);
    CU_ASSERT(can_connect());
    sockets_remove(&second);
    sockets_close(&second);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    end();
}

static void test_what_is_not_a_socket_stays(void)
{
    struct stat st;

    begin();
    close(open(path, O_CREAT | O_WRONLY, 0600));
    refused("a regular file is there, not a socket. Remove it, or choose another path");
    CU_ASSERT(stat(path, &st) == 0 && S_ISREG(st.st_mode));
    unlink(path);
    CU_ASSERT_EQUAL(symlink("elsewhere", path), 0);
    refused("a symbolic link is there");
    CU_ASSERT(lstat(path, &st) == 0);
    unlink(path);
    mkdir(path, 0700);
    refused("a folder is there");
    rmdir(path);
    end();
}

/* Whose queue is full cannot be asked, and is alive all the same. */
static void test_a_full_queue_is_alive(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int clients[64];
    size_t count = 0;

    begin();
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
    CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(listener, 0), 0);
    for (int taken = 0; taken == 0 && count < countof(clients); count++) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        taken = connect(clients[count], (struct sockaddr *)&sun, sizeof(sun));
    }
    UNIT_INT(errno, EAGAIN);
    refused("another process listens there");
    while (count > 0) close(clients[--count]);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    close(listener);
    end();
}

static void test_the_folder_is_told_of(void)
{
    begin();
    char *missing = mem_printf("%s/none/api.sock", folder);
    char *below_file = mem_printf("%s/file/api.sock", folder);
    char *file = mem_printf("%s/file", folder);
    char *no_folder = mem_printf("there is no folder %s/none. Make it, and let uid", folder);
    char *no_file = mem_printf("%s/file is not a folder", folder);

    at.items[0].path = missing;
    refused(no_folder);
    at.items[0].path = below_file;
    close(open(file, O_CREAT | O_WRONLY, 0600));
    refused(no_file);
    unlink(file);
    at.items[0].path = path;
    if (geteuid() == 0) { /* which may write everywhere but there */
        at.items[0].path = "/sys/api.sock";
        refused("the folder /sys");
    } else {
        chmod(folder, 0500);
        refused("may not make a socket in the folder");
        chmod(folder, 0700);
    }
    end();
    free(no_file);
    free(no_folder);
    free(file);
    free(below_file);
    free(missing);
}

static unsigned mode_with(unsigned mode, mode_t mask)
{
    const mode_t before = umask(mask);
    struct sockets sockets;
    struct stat st = {0};
    struct error err;

    CU_ASSERT_EQUAL_FATAL(open_as("", mode, &sockets, &err), 0);
    const mode_t kept = umask(before);

    UNIT_INT(kept, mask);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    sockets_remove(&sockets);
    sockets_close(&sockets);
    return st.st_mode & 07777;
}

static void test_mode_is_the_setting_s_whatever_the_umask(void)
{
    begin();
    UNIT_INT(mode_with(0660, 0077), 0660);
    UNIT_INT(mode_with(0666, 0022), 0666);
    UNIT_INT(mode_with(0777, 0777), 0777);
    UNIT_INT(mode_with(0600, 0), 0600);
    end();
}

static void test_owner(void)
{
    char numbers[64];
    struct sockets sockets = {.count = 0};
    struct stat st;
    struct error err = {.message = ""};

    begin();
    UNIT_INT(open_as("no-such-user-here", 0660, &sockets, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "there is no user \"no-such-user-here\" (STRATSLAB_SOCKET_OWNER)"));
    UNIT_INT(open_as(":no-such-group-here", 0660, &sockets, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "there is no group \"no-such-group-here\""));
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0); /* nothing is left */
    snprintf(numbers, sizeof(numbers), "%u:%u", geteuid(), getegid());
    UNIT_INT(open_as(numbers, 0660, &sockets, &err), 0);
    sockets_remove(&sockets);
    sockets_close(&sockets);
    if (geteuid() == 0) {
        UNIT_INT(open_as("12345:23456", 0660, &sockets, &err), 0);
        CU_ASSERT_EQUAL(stat(path, &st), 0);
        UNIT_INT(st.st_uid, 12345);
        UNIT_INT(st.st_gid, 23456);
        sockets_remove(&sockets);
        sockets_close(&sockets);
    } else {
        UNIT_INT(open_as("0", 0660, &sockets, &err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "Only root may give it to another user"));
    }
    end();
}

/* Several start at one stale path at once: one has it in the end, and the others are told so. */
static void test_a_race_of_starts_has_one_winner(void)
{
    enum { STARTS = 8, ROUNDS = 20 };
    struct sockets stale;
    struct error err;
    unsigned wins_wrong = 0;

    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int go[2] = {-1, -1}, done[2] = {-1, -1};
        pid_t pids[STARTS];
        char said[STARTS];
        unsigned wins = 0;

        CU_ASSERT_EQUAL_FATAL(open_it(&stale, &err), 0);
        sockets_close(&stale);
        if (pipe(go) != 0 || pipe(done) != 0) CU_FAIL_FATAL("pipe");
        for (int i = 0; i < STARTS; i++) {
            pids[i] = fork();
            if (pids[i] != 0) continue;
            struct sockets mine;
            char byte;

            close(go[1]);
            while (read(go[0], &byte, 1) > 0) {}
            byte = open_it(&mine, &err) == 0 ? '1' : '0';
            if (write(done[1], &byte, 1) != 1) _exit(2);
            pause(); /* living, until the parent ends it */
            _exit(0);
        }
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < STARTS; i++) {
            if (read(done[0], &said[i], 1) == 1 && said[i] == '1') wins++;
        }
        if (wins != 1 || !can_connect()) wins_wrong++;
        for (int i = 0; i < STARTS; i++) kill(pids[i], SIGKILL);
        for (int i = 0; i < STARTS; i++) waitpid(pids[i], NULL, 0);
        close(done[0]);
        close(done[1]);
    }
    UNIT_INT(wins_wrong, 0);
    end();
}

static void test_a_path_may_be_too_long(void)
{
    char longest[200];

    begin();
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[108] = '\0';
    at.items[0].path = longest;
    struct sockets sockets = {.count = 0};
    struct error err = {.message = ""};

    UNIT_INT(open_it(&sockets, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "has 108 bytes; a socket's path has at most 107"));
    end();
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_stale_socket_is_replaced_a_living_one_is_told_of),
    UNIT_TEST(test_the_end_of_one_leaves_its_successor_s_socket),
    UNIT_TEST(test_what_is_not_a_socket_stays),
    UNIT_TEST(test_a_full_queue_is_alive),
    UNIT_TEST(test_the_folder_is_told_of),
    UNIT_TEST(test_mode_is_the_setting_s_whatever_the_umask),
    UNIT_TEST(test_owner),
    UNIT_TEST(test_a_race_of_starts_has_one_winner),
    UNIT_TEST(test_a_path_may_be_too_long),
};
const struct unit_part unix_socket_tests = UNIT_PART(tests);
