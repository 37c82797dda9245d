/* What a process behind the wall cannot do, tried one by one; and what it still can. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

static char wall_folder[] = "/tmp/test_wall.XXXXXX";
static char wall_file[64];
static int wall_socket = -1;                 /* bound, and not listening */
static const struct wall_options *wall_more; /* what it has beyond others */

/* ---- What is denied: each returns what the system call did ---- */

static long try_fork(void)
{
    const pid_t pid = fork();

    if (pid == 0) _exit(0);
    return pid;
}

static long try_vfork_by_clone(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static long try_vfork(void)
{
    return syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}

static long try_fork_into_namespace(void)
{
    return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}

static long try_fork_sibling(void)
{
    return syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

static long try_exec(void)
{
    char *const args[] = {(char[]){"/bin/true"}, NULL};

    return execv(args[0], args);
}

static long try_exec_of_memory(void)
{
    const int fd = memfd_create("program", MFD_CLOEXEC);
    char *const none[] = {NULL};

    return (int)syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH);
}

static long try_trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_be_traced(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long try_read_parents_memory(void)
{
    return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static long try_signal_parent(void)
{
    return kill(getppid(), 0);
}

static long try_signal_everybody(void)
{
    return kill(-1, 0);
}

static long try_pidfd(void)
{
    return syscall(434, getppid(), 0);
}

static long try_limit_parent(void)
{
    return syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, NULL);
}

static long try_be_root(void)
{
    return setuid(0);
}

static long try_groups(void)
{
    return setgroups(0, NULL);
}

static long try_namespace(void)
{
    return unshare(CLONE_NEWUSER);
}

static long try_mount(void)
{
    return mount("none", wall_folder, "tmpfs", 0, NULL);
}

static long try_chroot(void)
{
    return chroot(wall_folder);
}

static long try_make_file(void)
{
    return openat(AT_FDCWD, "/tmp/test_wall.new", O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long try_make_unnamed_file(void)
{
    return openat(AT_FDCWD, wall_folder, O_WRONLY | O_TMPFILE, 0600);
}

static long try_cut_file(void)
{
    return open(wall_file, O_WRONLY | O_TRUNC);
}

static long try_remove_file(void)
{
    return unlink(wall_file);
}

static long try_rename_file(void)
{
    return rename(wall_file, "/tmp/test_wall.other");
}

static long try_chmod(void)
{
    return chmod(wall_file, 0777);
}

static long try_folder(void)
{
    return mkdir("/tmp/test_wall.folder", 0700);
}

static long try_listen(void)
{
    return listen(wall_socket, 1);
}

static long try_raw_packets(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long try_kernel_crypto(void)
{
    return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static long try_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_perf(void)
{
    return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long try_io_uring(void)
{
    return syscall(425, 1, NULL);
}

static long try_userfaultfd(void)
{
    return syscall(SYS_userfaultfd, 0);
}

static long try_keys(void)
{
    return syscall(SYS_keyctl, 0, -3, 0);
}

static long try_run_what_is_written(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                                  : 0;
}

static long try_run_what_was_written(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long try_type_into_terminal(void)
{
    return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static long try_be_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_clone3(void)
{
    return syscall(435, NULL, 0);
}

static long try_openat2(void)
{
    return syscall(437, AT_FDCWD, wall_file, NULL, 0);
}

static long try_what_is_newer(void)
{
    return syscall(5000);
}

/* By Landlock. */
static long try_write_file(void)
{
    return open(wall_file, O_WRONLY | O_APPEND);
}

static long try_bind(void)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    return bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

static const struct attempt {
    const char *name;
    long (*run)(void);
    int error;
    int landlock; /* needs this version of it; 0: the filter denies it */
    enum { NOBODY, FORKS, WRITES } granted;
} attempts[] = {
    {"fork", try_fork, EPERM, 0, FORKS},
    {"fork by clone", try_vfork_by_clone, EPERM, 0, FORKS},
    {"vfork", try_vfork, EPERM, 0, NOBODY},
    {"fork into a namespace", try_fork_into_namespace, EPERM, 0, NOBODY},
    {"fork for the parent", try_fork_sibling, EPERM, 0, NOBODY},
    {"exec", try_exec, EPERM, 0},
    {"exec of memory", try_exec_of_memory, EPERM, 0},
    {"trace the parent", try_trace_parent, EPERM, 0},
    {"be traced", try_be_traced, EPERM, 0},
    {"read the parent's memory", try_read_parents_memory, EPERM, 0},
    {"signal the parent", try_signal_parent, EPERM, 0},
    {"signal everybody", try_signal_everybody, EPERM, 0},
    {"a descriptor of the parent", try_pidfd, EPERM, 0, FORKS},
    {"the parent's limits", try_limit_parent, EPERM, 0},
    {"be root", try_be_root, EPERM, 0},
    {"other groups", try_groups, EPERM, 0},
    {"a namespace", try_namespace, EPERM, 0},
    {"mount", try_mount, EPERM, 0},
    {"chroot", try_chroot, EPERM, 0},
    {"make a file", try_make_file, EPERM, 0, WRITES},
    {"make a file without a name", try_make_unnamed_file, EPERM, 0, WRITES},
    {"cut a file", try_cut_file, EPERM, 0, WRITES},
    {"remove a file", try_remove_file, EPERM, 0, WRITES},
    {"rename a file", try_rename_file, EPERM, 0, WRITES},
    {"change a mode", try_chmod, EPERM, 0},
    {"make a folder", try_folder, EPERM, 0},
    {"listen", try_listen, EPERM, 0},
    {"raw packets", try_raw_packets, EPERM, 0},
    {"the kernel's ciphers", try_kernel_crypto, EPERM, 0},
    {"bpf", try_bpf, EPERM, 0},
    {"perf", try_perf, EPERM, 0},
    {"io_uring", try_io_uring, EPERM, 0},
    {"userfaultfd", try_userfaultfd, EPERM, 0},
    {"keys", try_keys, EPERM, 0},
    {"memory to write and run", try_run_what_is_written, EPERM, 0},
    {"run what was written", try_run_what_was_written, EPERM, 0},
    {"type into the terminal", try_type_into_terminal, EPERM, 0},
    {"be dumpable", try_be_dumpable, EPERM, 0},
    {"clone3", try_clone3, ENOSYS, 0},
    {"openat2", try_openat2, ENOSYS, 0},
    {"a call that is newer", try_what_is_newer, ENOSYS, 0},
    {"write a file", try_write_file, EACCES, 1, WRITES},
    {"bind a port", try_bind, EACCES, 4},
};

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
    for (size_t i = 0; i < countof(attempts); i++) {
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
    UNIT_INT(wall_in_child(fork_and_be_told), 0);
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
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (mkdtemp(wall_folder) == NULL || chmod(wall_folder, 0777) != 0) return 1;
    snprintf(wall_file, sizeof(wall_file), "%s/file", wall_folder);
    const int fd = open(wall_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0 || fchmod(fd, 0666) != 0) return 1;
    close(fd);
    wall_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(wall_socket, (const struct sockaddr *)&any, sizeof(any)) != 0) return 1;
    const int status = unit_main_parts("wall", parts, countof(parts));

    unlink(wall_file);
    rmdir(wall_folder);
    return status;
}
