/* What a process behind the wall cannot do, tried one by one; and what it still can. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempts.h"
#include "test_wall.h"
#include "wall/identity.h"
#include "wall/wall.h"

int wall_in_child(int (*body)(void))
{
    int status;

    fflush(NULL);
    const pid_t pid = fork();

    if (pid == 0) _exit(body());
    if (waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const struct wall_options *wall_more; /* what it has beyond others */

static bool wall_build(void)
{
    struct identity who;

    return identity_find("", &who, NULL) == 0 && identity_try(&who, NULL, 0, NULL) == 0 &&
           identity_become(&who, NULL) == 0 && wall_enter(wall_more, NULL) == 0;
}

/* The number of the first attempt that was not denied as it should be, from 1. */
static int attempt_all(void)
{
    struct wall_means means;
    int wrong = 0;

    wall_probe(&means);
    if (!wall_build()) return 200;
    for (size_t i = 0; attempts[i].name != NULL; i++) {
        const struct attempt *a = &attempts[i];

        if (wall_more != NULL &&
            ((a->granted == FORKS && wall_more->forks) || (a->granted == WRITES && wall_more->writes)))
            continue;
        if (a->landlock == 0 ? !means.filter : means.landlock < a->landlock) continue;
        errno = 0;
        if (a->run() == -1 && errno == a->error) continue;
        dprintf(STDERR_FILENO, "behind the wall: \"%s\" was not denied as it should be (errno %d)\n", a->name, errno);
        wrong = (int)i + 1;
    }
    return wrong;
}

static void test_what_is_denied_behind_the_wall(void)
{
    struct wall_means means;

    wall_probe(&means);
    if (!means.filter) printf("(without the filter: %s)\n", means.lack);
    if (means.landlock == 0) printf("(without Landlock)\n");
    UNIT_INT(wall_in_child(attempt_all), 0);
    CU_ASSERT_EQUAL(access(wall_file, F_OK), 0);
}

/* ---- What is not ---- */

static void *thread_run(void *arg)
{
    struct addrinfo *found = NULL;

    *(int *)arg = getaddrinfo("localhost", "1", NULL, &found);
    if (found != NULL) freeaddrinfo(found);
    return NULL;
}

static int live(void)
{
    const struct sockaddr_in nobody = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = memfd_create("mine", MFD_CLOEXEC);
    pthread_t thread;
    int looked = -1;

    if (!wall_build()) return 1;
    if (pthread_create(&thread, NULL, thread_run, &looked) != 0 || pthread_join(thread, NULL) != 0) return 2;
    if (looked != 0) return 3;
    const int s = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(s, (const struct sockaddr *)&nobody, sizeof(nobody)) == 0 || errno != ECONNREFUSED) return 4;
    if (open("/etc/passwd", O_RDONLY) < 0 || open("/dev/null", O_WRONLY) < 0) return 5;
    if (write(fd, "x", 1) != 1) return 6;
    if (kill(getpid(), 0) != 0) return 7;
    if (dlopen("libgcc_s.so.1", RTLD_NOW) == NULL) return 8;
    return 0;
}

static void test_what_a_worker_needs_goes_on(void)
{
    UNIT_INT(wall_in_child(live), 0);
}

static void test_what_forks_or_writes_is_denied_the_rest(void)
{
    static const struct wall_options forks = {.forks = true}, both = {.forks = true, .writes = wall_folder};

    wall_more = &forks;
    UNIT_INT(wall_in_child(attempt_all), 0);
    UNIT_INT(wall_in_child(live), 0);
    wall_more = &both;
    UNIT_INT(wall_in_child(attempt_all), 0);
    UNIT_INT(wall_in_child(live), 0);
    wall_more = NULL;
    CU_ASSERT_EQUAL(access(wall_file, F_OK), 0);
}

static int fork_and_be_told(void)
{
    int status = 0;

    if (!wall_build()) return 1;
    const pid_t pid = fork();

    if (pid == 0) _exit(fork() < 0 ? 3 : 4); /* who was forked is behind the same wall, and may fork: nobody is told */
    if (pid < 0) return 2;
    const int pidfd = (int)syscall(434, pid, 0);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    if (pidfd < 0 || poll(&end, 1, -1) != 1 || waitpid(pid, &status, 0) != pid) return 5;
    if (syscall(424, pidfd, 0, NULL, 0) == 0) return 6; /* pidfd_send_signal */
    return WIFEXITED(status) ? 0 : 7;
}

/* Without Landlock, nothing but the user's rights says where it writes. */
static int write_in_folder(void)
{
    struct wall_means means;
    char made[sizeof(wall_folder) + 16], renamed[sizeof(wall_folder) + 16], elsewhere[sizeof(wall_folder) + 16];

    wall_probe(&means);
    snprintf(made, sizeof(made), "%s/made", wall_folder);
    snprintf(renamed, sizeof(renamed), "%s/renamed", wall_folder);
    snprintf(elsewhere, sizeof(elsewhere), "%s.made", wall_folder);
    if (!wall_build()) return 1;
    const int fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0 || futimens(fd, NULL) != 0) return 8;
    if (rename(made, renamed) != 0) return 2;
    if (unlink(renamed) != 0) return 3;
    if (means.landlock == 0) return 0;
    if (open(elsewhere, O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES) return 4;
    if (open("/tmp/test_wall.new", O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES) return 5;
    if (mkdir(made, 0700) == 0 || symlink("/etc/passwd", made) == 0 || mkfifo(made, 0600) == 0) return 6;
    return 0;
}

static void test_what_it_may_do_more_it_can(void)
{
    static const struct wall_options forks = {.forks = true}, writes = {.writes = wall_folder},
                                     nowhere = {.writes = "/nonexistent/folder"};

    wall_more = &forks;
    if (!unit_is_under_valgrind()) UNIT_INT(wall_in_child(fork_and_be_told), 0); /* version 3.19 has no pidfds */
    wall_more = &writes;
    UNIT_INT(wall_in_child(write_in_folder), 0);
    wall_more = &nowhere;
    UNIT_INT(wall_in_child(live), 0);
    wall_more = NULL;
}

static int end_by_abort(void)
{
    if (!wall_build()) return 1;
    abort();
}

static int is_dumpable(void)
{
    wall_hide();
    return wall_build() ? prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) : 9;
}

static void test_a_crash_ends_it_and_nothing_is_dumped(void)
{
    UNIT_INT(wall_in_child(end_by_abort), -1);
    UNIT_INT(wall_in_child(is_dumpable), 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_what_is_denied_behind_the_wall),          UNIT_TEST(test_what_a_worker_needs_goes_on),
    UNIT_TEST(test_what_forks_or_writes_is_denied_the_rest), UNIT_TEST(test_what_it_may_do_more_it_can),
    UNIT_TEST(test_a_crash_ends_it_and_nothing_is_dumped),
};

int main(void)
{
    static const struct unit_part own = UNIT_PART(tests);
    static const struct unit_part *const parts[] = {&own, &identity_tests};

    if (!attempts_prepare()) return 1;
    const int status = unit_main_parts("wall", parts, countof(parts));

    attempts_clear();
    return status;
}
