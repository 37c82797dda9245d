/*
 * The filter of system calls, as a program of classic BPF (seccomp(2), Documentation/networking/filter.rst).
 *
 * It is a list of what is denied, not of what is allowed: a worker runs what the C library's name service loads
 * (nsswitch.conf(5)), OpenSSL and Kerberos, on two Debian releases and two processors. The calls that depend on an
 * argument come first: the kernel remembers the verdict of all others by their number (since Linux 5.11), so that these
 * cost nothing.
 *
 * Of an argument only the low 32 bits are looked at, which is all that these calls take.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/slice.h"
#include "wall/internal.h"
#include "wall/program.h"

const char *filter_lack(void)
{
#ifdef FILTER_ARCH
    const uint32_t action = SECCOMP_RET_ERRNO;

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) return NULL;
    return errno == EPERM ? "a filter that the service was started under denies it"
                          : "the kernel has no filter of system calls";
#else
    return "there is no table of system calls for this processor";
#endif
}

#ifdef FILTER_ARCH

enum {
    FILTER_VALUES_MAX = 4,
    FILTER_NEWEST = 462, /* mseal of Linux 6.10. Newer calls have not been looked at */
};

/* Calls that the headers of Debian 12 may not know. From 424 on every processor has the same numbers. */
enum {
    CALL_PIDFD_SEND_SIGNAL = 424,
    CALL_IO_URING_SETUP = 425,
    CALL_IO_URING_ENTER = 426,
    CALL_IO_URING_REGISTER = 427,
    CALL_OPEN_TREE = 428,
    CALL_MOVE_MOUNT = 429,
    CALL_FSOPEN = 430,
    CALL_FSCONFIG = 431,
    CALL_FSMOUNT = 432,
    CALL_FSPICK = 433,
    CALL_PIDFD_OPEN = 434,
    CALL_CLONE3 = 435,
    CALL_OPENAT2 = 437,
    CALL_PIDFD_GETFD = 438,
    CALL_PROCESS_MADVISE = 440,
    CALL_MOUNT_SETATTR = 442,
    CALL_QUOTACTL_FD = 443,
    CALL_MEMFD_SECRET = 447,
    CALL_PROCESS_MRELEASE = 448,
    CALL_FCHMODAT2 = 452,
    CALL_STATMOUNT = 457,
    CALL_LISTMOUNT = 458,
};

/* A call that is denied by an argument: if its bits of `mask` are one of `values`, or if they are none of them. */
struct filter_argument {
    int nr;
    unsigned argument;
    uint32_t mask;
    bool must_be; /* one of `values` */
    unsigned count;
    uint32_t values[FILTER_VALUES_MAX];
};

/* No file is made, and none is cut. */
#define FILTER_MAKES_FILE (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

/* But for a process that writes files; Landlock says in which folder. */
static const struct filter_argument filter_files[] = {
#ifdef SYS_open
    {SYS_open, 1, FILTER_MAKES_FILE, true, 1, {0}},
#endif
    {SYS_openat, 2, FILTER_MAKES_FILE, true, 1, {0}},
};

/* Threads alone; or processes too, which share no memory with this one and are its own children, in its own namespaces.
 */
#define FILTER_CLONE                                                                                        \
    (CLONE_THREAD | CLONE_VM | CLONE_PARENT | CLONE_PTRACE | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
     CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
static const struct filter_argument filter_threads = {SYS_clone, 0, CLONE_THREAD, true, 1, {CLONE_THREAD}};
static const struct filter_argument filter_forks = {SYS_clone, 0, FILTER_CLONE, true, 2, {CLONE_THREAD | CLONE_VM, 0}};

static const struct filter_argument filter_arguments[] = {
    {SYS_mmap, 2, PROT_WRITE | PROT_EXEC, true, 3, {0, PROT_WRITE, PROT_EXEC}},
    {SYS_mprotect, 2, PROT_EXEC, true, 1, {0}},
    {SYS_pkey_mprotect, 2, PROT_EXEC, true, 1, {0}},
    {SYS_socket, 0, UINT32_MAX, true, 4, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}},
    /* What is typed into the terminal that standard error may be. */
    {SYS_ioctl, 1, UINT32_MAX, false, 2, {TIOCSTI, TIOCLINUX}},
    {SYS_prctl, 0, UINT32_MAX, false, 2, {PR_SET_DUMPABLE, PR_SET_PTRACER}},
};

/* These only for the process itself: the value is its number. */
static const int filter_of_itself[] = {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};

static const int filter_denied[] = {
    /* Other programs, other processes. */
    SYS_execve,
    SYS_execveat,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_tkill,
    CALL_PIDFD_SEND_SIGNAL,
    CALL_PIDFD_OPEN,
    CALL_PIDFD_GETFD,
    CALL_PROCESS_MADVISE,
    CALL_PROCESS_MRELEASE,
    SYS_personality,
    SYS_setpriority,
    SYS_setns,
    SYS_unshare,
    SYS_setpgid,
    SYS_setsid,
    SYS_migrate_pages,
    SYS_move_pages,
    /* Another identity. */
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_setgroups,
    SYS_capset,
/* Names, modes and contents of files. */
#ifdef SYS_creat
    SYS_creat,
    SYS_link,
    SYS_unlink,
    SYS_symlink,
    SYS_rename,
    SYS_mkdir,
    SYS_rmdir,
    SYS_mknod,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
    SYS_linkat,
    SYS_unlinkat,
    SYS_symlinkat,
    SYS_renameat2,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_fchmod,
    SYS_fchmodat,
    CALL_FCHMODAT2,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_truncate,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_chroot,
    SYS_pivot_root,
    SYS_mount,
    SYS_umount2,
    CALL_OPEN_TREE,
    CALL_MOVE_MOUNT,
    CALL_FSOPEN,
    CALL_FSCONFIG,
    CALL_FSMOUNT,
    CALL_FSPICK,
    CALL_MOUNT_SETATTR,
    CALL_STATMOUNT,
    CALL_LISTMOUNT,
    SYS_quotactl,
    CALL_QUOTACTL_FD,
    /* Who connects does not listen: the master's sockets listen already. */
    SYS_listen,
    /* The kernel itself. */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    CALL_IO_URING_SETUP,
    CALL_IO_URING_ENTER,
    CALL_IO_URING_REGISTER,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
#ifdef SYS_lookup_dcookie
    SYS_lookup_dcookie,
#endif
#ifdef SYS_nfsservctl
    SYS_nfsservctl,
#endif
#ifdef SYS_ioperm
    SYS_ioperm,
    SYS_iopl,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS__sysctl,
#endif
    CALL_MEMFD_SECRET,
};

/* What of these a process has that forks: a pidfd tells it of a child's end, and signals cannot be sent by one. */
static const int filter_of_forks[] = {
#ifdef SYS_fork
    SYS_fork,
#endif
    CALL_PIDFD_OPEN,
};

/* And one that writes files. */
static const int filter_of_files[] = {
#ifdef SYS_unlink
    SYS_unlink,    SYS_rename,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
    SYS_renameat2, SYS_unlinkat, SYS_utimensat,
};

/* Callers know what to do without these: clone3 and openat2 hide their flags from a filter. */
static const int filter_missing[] = {CALL_CLONE3, CALL_OPENAT2};

static void filter_deny(struct filter *f, int nr, uint32_t verdict)
{
    filter_jump(f, BPF_JEQ, (uint32_t)nr, 0, 1);
    filter_return(f, verdict);
}

/* If the number is another one, all of it is jumped over; else the verdict falls here. */
static void filter_deny_argument(struct filter *f, const struct filter_argument *rule)
{
    const size_t at = offsetof(struct seccomp_data, args) + rule->argument * sizeof(uint64_t);

    filter_jump(f, BPF_JEQ, (uint32_t)rule->nr, 0, 2 + rule->count + 2);
    filter_load(f, at); /* the low half: both processors have it first */
    filter_add(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->mask));
    /* A value that is found jumps over those behind it, and over the first verdict. */
    for (unsigned i = 0; i < rule->count; i++) filter_jump(f, BPF_JEQ, rule->values[i], rule->count - i, 0);
    filter_return(f, rule->must_be ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW);
    filter_return(f, rule->must_be ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM);
}

static bool filter_has(const int *list, size_t count, int nr)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == nr) return true;
    }
    return false;
}

static bool filter_is_granted(const struct wall_options *options, int nr)
{
    return (options->forks && filter_has(filter_of_forks, countof(filter_of_forks), nr)) ||
           (options->writes != NULL && filter_has(filter_of_files, countof(filter_of_files), nr));
}

static void filter_make(struct filter *f, const struct wall_options *options)
{
    filter_load(f, offsetof(struct seccomp_data, arch));
    filter_jump(f, BPF_JEQ, FILTER_ARCH, 1, 0);
    filter_return(f, SECCOMP_RET_ERRNO | ENOSYS); /* a call by another processor's table */
    filter_load(f, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < countof(filter_arguments); i++) filter_deny_argument(f, &filter_arguments[i]);
    for (size_t i = 0; options->writes == NULL && i < countof(filter_files); i++) {
        filter_deny_argument(f, &filter_files[i]);
    }
    filter_deny_argument(f, options->forks ? &filter_forks : &filter_threads);
    for (size_t i = 0; i < countof(filter_of_itself); i++) {
        filter_deny_argument(
            f, &(struct filter_argument){filter_of_itself[i], 0, UINT32_MAX, true, 1, {(uint32_t)getpid()}});
    }
    filter_deny_argument(f, &(struct filter_argument){SYS_prlimit64, 0, UINT32_MAX, true, 2, {0, (uint32_t)getpid()}});
    for (size_t i = 0; i < countof(filter_missing); i++) filter_deny(f, filter_missing[i], SECCOMP_RET_ERRNO | ENOSYS);
    for (size_t i = 0; i < countof(filter_denied); i++) {
        if (!filter_is_granted(options, filter_denied[i])) {
            filter_deny(f, filter_denied[i], SECCOMP_RET_ERRNO | EPERM);
        }
    }
    filter_jump(f, BPF_JGT, FILTER_NEWEST, 0, 1); /* x32's numbers are above it too */
    filter_return(f, SECCOMP_RET_ERRNO | ENOSYS);
    filter_return(f, SECCOMP_RET_ALLOW);
}

int filter_enter(const struct wall_options *options, struct error *err)
{
    struct filter filter = {.len = 0};

    filter_make(&filter, options);
    return filter_load_program(&filter, err);
}

#else

int filter_enter(const struct wall_options *options, struct error *err)
{
    (void)options;
    return error_set(err, ERROR_SYSTEM, "%s", filter_lack());
}

#endif
