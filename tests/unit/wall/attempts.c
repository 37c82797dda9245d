/* What is denied behind the walls, tried: each returns what the system call did. */
#include "attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

char wall_folder[24] = "/tmp/test_wall.XXXXXX";
char wall_file[64];
static int wall_socket = -1; /* bound, and not listening */

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

const struct attempt attempts[] = {
    {"fork", try_fork, EPERM, 0, FORKS},
    {"fork by clone", try_vfork_by_clone, EPERM, 0, FORKS},
    {"vfork", try_vfork, EPERM, 0, NOBODY},
    {"fork into a namespace", try_fork_into_namespace, EPERM, 0, NOBODY},
    {"fork for the parent", try_fork_sibling, EPERM, 0, NOBODY},
    {"exec", try_exec, EPERM, 0, NOBODY},
    {"exec of memory", try_exec_of_memory, EPERM, 0, NOBODY},
    {"trace the parent", try_trace_parent, EPERM, 0, NOBODY},
    {"be traced", try_be_traced, EPERM, 0, NOBODY},
    {"read the parent's memory", try_read_parents_memory, EPERM, 0, NOBODY},
    {"signal the parent", try_signal_parent, EPERM, 0, NOBODY},
    {"signal everybody", try_signal_everybody, EPERM, 0, NOBODY},
    {"a descriptor of the parent", try_pidfd, EPERM, 0, FORKS},
    {"the parent's limits", try_limit_parent, EPERM, 0, NOBODY},
    {"be root", try_be_root, EPERM, 0, NOBODY},
    {"other groups", try_groups, EPERM, 0, NOBODY},
    {"a namespace", try_namespace, EPERM, 0, NOBODY},
    {"mount", try_mount, EPERM, 0, NOBODY},
    {"chroot", try_chroot, EPERM, 0, NOBODY},
    {"make a file", try_make_file, EPERM, 0, WRITES},
    {"make a file without a name", try_make_unnamed_file, EPERM, 0, WRITES},
    {"cut a file", try_cut_file, EPERM, 0, WRITES},
    {"remove a file", try_remove_file, EPERM, 0, WRITES},
    {"rename a file", try_rename_file, EPERM, 0, WRITES},
    {"change a mode", try_chmod, EPERM, 0, NOBODY},
    {"make a folder", try_folder, EPERM, 0, NOBODY},
    {"listen", try_listen, EPERM, 0, NOBODY},
    {"raw packets", try_raw_packets, EPERM, 0, NOBODY},
    {"the kernel's ciphers", try_kernel_crypto, EPERM, 0, NOBODY},
    {"bpf", try_bpf, EPERM, 0, NOBODY},
    {"perf", try_perf, EPERM, 0, NOBODY},
    {"io_uring", try_io_uring, EPERM, 0, NOBODY},
    {"userfaultfd", try_userfaultfd, EPERM, 0, NOBODY},
    {"keys", try_keys, EPERM, 0, NOBODY},
    {"memory to write and run", try_run_what_is_written, EPERM, 0, NOBODY},
    {"run what was written", try_run_what_was_written, EPERM, 0, NOBODY},
    {"type into the terminal", try_type_into_terminal, EPERM, 0, NOBODY},
    {"be dumpable", try_be_dumpable, EPERM, 0, NOBODY},
    {"clone3", try_clone3, ENOSYS, 0, NOBODY},
    {"openat2", try_openat2, ENOSYS, 0, NOBODY},
    {"a call that is newer", try_what_is_newer, ENOSYS, 0, NOBODY},
    {"write a file", try_write_file, EACCES, 1, WRITES},
    {"bind a port", try_bind, EACCES, 4, NOBODY},
    {NULL, NULL, 0, 0, NOBODY},
};

bool attempts_prepare(void)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (mkdtemp(wall_folder) == NULL || chmod(wall_folder, 0777) != 0) return false;
    snprintf(wall_file, sizeof(wall_file), "%s/file", wall_folder);
    const int fd = open(wall_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0 || fchmod(fd, 0666) != 0) return false;
    close(fd);
    wall_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(wall_socket, (const struct sockaddr *)&any, sizeof(any)) != 0) return false;
    return true;
}

void attempts_clear(void)
{
    close(wall_socket);
    unlink(wall_file);
    rmdir(wall_folder);
}
