/*
 * The filter of a process that only computes (wall_enter_job): a list of what is allowed. It has no threads, no
 * libraries to load and nothing to read, so that the list is short; what a crash's handler needs is on it. All else
 * answers EPERM, which the C library takes for an answer: it does without huge pages, a second heap, a look at the
 * number of processors.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/slice.h"
#include "wall/internal.h"
#include "wall/program.h"

#ifdef FILTER_ARCH

static const int job_allowed[] = {
    /* Memory. */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    /* What is open: the memory file of the result. */
    SYS_write,
    SYS_writev,
    SYS_pwrite64,
    SYS_ftruncate,
    SYS_lseek,
    /* Time, and who it is. */
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_getrusage,
    SYS_getpid,
    SYS_gettid,
    SYS_sysinfo, /* qsort(3) asks how much memory there is */
    SYS_getrandom,
    /* Locks of the C library, and handlers of signals. */
    SYS_futex,
    SYS_sched_yield,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    /* The end. */
    SYS_exit,
    SYS_exit_group,
};

/* Allowed if the argument's bits of `mask` are `value`. */
static const struct job_condition {
    int nr;
    unsigned argument;
    uint32_t mask, value;
} job_conditions[] = {
    /* No file is mapped, and nothing that could be run. */
    {SYS_mmap, 3, MAP_ANONYMOUS | MAP_SHARED, MAP_ANONYMOUS},
    {SYS_mprotect, 2, PROT_EXEC, 0},
};

static void job_allow(struct filter *f, int nr)
{
    filter_jump(f, BPF_JEQ, (uint32_t)nr, 0, 1);
    filter_return(f, SECCOMP_RET_ALLOW);
}

static void job_allow_if(struct filter *f, const struct job_condition *condition)
{
    filter_jump(f, BPF_JEQ, (uint32_t)condition->nr, 0, 5);
    filter_load(f, offsetof(struct seccomp_data, args) + condition->argument * sizeof(uint64_t));
    filter_add(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, condition->mask));
    filter_jump(f, BPF_JEQ, condition->value, 0, 1);
    filter_return(f, SECCOMP_RET_ALLOW);
    filter_return(f, SECCOMP_RET_ERRNO | EPERM);
}

/* Memory that can be run is denied before mmap is allowed: that takes two arguments. */
static void job_deny_run(struct filter *f)
{
    filter_jump(f, BPF_JEQ, SYS_mmap, 0, 4);
    filter_load(f, offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t));
    filter_jump(f, BPF_JSET, PROT_EXEC, 0, 1);
    filter_return(f, SECCOMP_RET_ERRNO | EPERM);
    filter_load(f, offsetof(struct seccomp_data, nr));
}

int job_filter_enter(struct error *err)
{
    struct filter filter = {.len = 0};

    filter_load(&filter, offsetof(struct seccomp_data, arch));
    filter_jump(&filter, BPF_JEQ, FILTER_ARCH, 1, 0);
    filter_return(&filter, SECCOMP_RET_ERRNO | EPERM);
    filter_load(&filter, offsetof(struct seccomp_data, nr));
    job_deny_run(&filter);
    for (size_t i = 0; i < countof(job_conditions); i++) job_allow_if(&filter, &job_conditions[i]);
    /* abort(3) signals its own thread; where it cannot, the C library 2.41 ends without the handler. */
    job_allow_if(&filter, &(struct job_condition){SYS_tgkill, 0, UINT32_MAX, (uint32_t)getpid()});
    for (size_t i = 0; i < countof(job_allowed); i++) job_allow(&filter, job_allowed[i]);
    filter_return(&filter, SECCOMP_RET_ERRNO | EPERM);
    return filter_load_program(&filter, err);
}

#else

int job_filter_enter(struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "%s", filter_lack());
}

#endif
