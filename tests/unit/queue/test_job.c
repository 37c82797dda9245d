/* How a job ends, and what is left of it. */
#include "queue/job.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench.h"
#include "test_queue.h"
#include "json/scan.h"

static void hook_spin(void *arg, enum job_phase phase)
{
    volatile int *there = arg;

    if (phase != JOB_COMPUTING) return;
    *there = 1;
    while (*there != 0) {}
}

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    if (folder == NULL) abort();
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

static void test_a_job_gives_what_the_engine_makes(void)
{
    struct bench b;
    struct engine_result result = {0};
    struct engine_job job;
    struct json_members members;
    struct slice fault;
    struct buf metrics = {0};
    struct arena *arena = arena_new();

    bench_begin(&b, BENCH_BARS);
    bench_compute(&b, &result, &job);
    const struct job_report *report = bench_run(&b);

    UNIT_STR(report->detail, "");
    UNIT_INT(report->outcome, JOB_DONE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(report->document.data);
    UNIT_INT(report->document.data[report->document.len], 0);
    CU_ASSERT_TRUE_FATAL(json_scan_members(arena, report->document, JSON_DEPTH_MAX, &members, &fault));
    engine_metrics_json(&result.metrics, &metrics);
    UNIT_SLICE(json_members_find(&members, SLICE_LIT("metrics")), buf_cstr(&metrics));
    UNIT_SLICE(json_members_find(&members, SLICE_LIT("result_hash")), arena_printf(arena, "\"%s\"", result.hash));
    UNIT_SLICE(json_members_find(&members, SLICE_LIT("data")), arena_printf(arena, "\"%s\"", b.input.fingerprint));
    UNIT_SLICE(json_members_find(&members, SLICE_LIT("engine")), "\"" ENGINE_VERSION "\"");
    UNIT_SLICE(json_members_find(&members, SLICE_LIT("read")), b.input.read.data);
    CU_ASSERT_TRUE(result.trade_count > 10);
    UNIT_INT(report->bars, BENCH_BARS);
    UNIT_INT(report->phase, JOB_WRITING);
    CU_ASSERT_TRUE(report->cpu_us > 0 && report->phase_us[JOB_COMPUTING] > 0 && report->phase_us[JOB_WRITING] > 0);
    buf_clear(&metrics);
    engine_result_clear(&result);
    arena_free(arena);
    bench_clear(&b);
}

static void hook_crash(void *arg, enum job_phase phase)
{
    volatile int *nowhere = arg;

    if (phase == JOB_COMPUTING) *nowhere = 1;
}

static void hook_abort(void *arg, enum job_phase phase)
{
    (void)arg;
    if (phase == JOB_WRITING) abort();
}

static void test_a_crash_is_told_with_its_place(void)
{
    struct bench b;
    int *nowhere = bench_share(sizeof(*nowhere));

    CU_ASSERT_EQUAL_FATAL(mprotect(nowhere, sizeof(*nowhere), PROT_NONE), 0);
    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_crash, b.input.hook_arg = nowhere;
    const struct job_report *report = bench_run(&b);

    UNIT_INT(report->outcome, JOB_CRASHED);
    UNIT_STR(report->code, "crashed");
    UNIT_INT(report->phase, JOB_COMPUTING);
    UNIT_INT(report->signo, SIGSEGV);
    CU_ASSERT_PTR_NULL(report->document.data);
    CU_ASSERT_PTR_NOT_NULL(strstr(report->detail, "crashed by signal 11 (Segmentation fault) in the phase \"compute\", "
                                                  "at "));
    CU_ASSERT_PTR_NOT_NULL(strstr(report->detail, "test_queue+0x"));
    b.input.hook = hook_abort;
    report = bench_run(&b);
    UNIT_INT(report->outcome, JOB_CRASHED);
    UNIT_INT(report->phase, JOB_WRITING);
    UNIT_INT(report->signo, SIGABRT);
    CU_ASSERT_PTR_NOT_NULL(strstr(report->detail, ", called by "));
    CU_ASSERT_PTR_NOT_NULL(strstr(report->detail, "test_queue+0x"));
    bench_unshare(nowhere, sizeof(*nowhere));
    bench_clear(&b);
}

static void hook_exit(void *arg, enum job_phase phase)
{
    (void)arg;
    if (phase == JOB_COMPILING) _exit(3);
}

static void hook_leave(void *arg, enum job_phase phase)
{
    (void)arg;
    if (phase == JOB_COMPUTING) _exit(0);
}

/* A byte that no statement takes, in the file of the result. */
static void hook_garble(void *arg, enum job_phase phase)
{
    enum { FDS = 1024 };

    (void)arg;
    for (int fd = STDERR_FILENO + 1; phase == JOB_WRITING && fd < FDS; fd++) {
        if (write(fd, "", 1) == 1) return;
    }
}

static void test_an_end_that_should_not_be_is_a_crash(void)
{
    struct bench b;

    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_exit;
    UNIT_STR(bench_run(&b)->detail, "the computation ended with status 3 in the phase \"compile\"");
    UNIT_INT(b.report->outcome, JOB_CRASHED);
    b.input.hook = hook_leave;
    UNIT_STR(bench_run(&b)->detail, "the computation left no result");
    UNIT_INT(b.report->outcome, JOB_CRASHED);
    b.input.hook = hook_garble;
    UNIT_STR(bench_run(&b)->detail, "the computation left no result");
    UNIT_INT(b.report->outcome, JOB_CRASHED);
    bench_clear(&b);
}

static void test_an_endless_one_is_out_of_time(void)
{
    struct bench b;
    int *there = bench_share(sizeof(*there));

    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_spin, b.input.hook_arg = there;
    b.input.limits.cpu_ms = 1;
    const struct job_report *report = bench_run(&b);

    UNIT_INT(report->outcome, JOB_OUT_OF_TIME);
    UNIT_STR(report->code, "out_of_time");
    UNIT_INT(report->phase, JOB_COMPUTING);
    CU_ASSERT_PTR_NOT_NULL(strstr(report->detail, "more than 1 s of processor time"));
    bench_unshare(there, sizeof(*there));
    bench_clear(&b);
}

static void hook_take_memory(void *arg, enum job_phase phase)
{
    (void)arg;
    if (phase != JOB_COMPUTING) return;
    for (;;) {
        /* What is not read may be left out by the compiler. */
        volatile char *block = mem_alloc(1 << 20);

        block[0] = 1;
    }
}

static void hook_miss_memory(void *arg, enum job_phase phase)
{
    (void)arg;
    if (phase == JOB_COMPUTING) mem_die(1);
}

static void test_one_that_takes_all_memory_is_out_of_it(void)
{
    struct bench b;

    bench_begin(&b, BENCH_BARS);
    b.input.limits.memory_bytes = 64 << 20;
    b.input.hook = bench_is_bare("the limit of memory") ? hook_miss_memory : hook_take_memory;
    const struct job_report *report = bench_run(&b);

    UNIT_INT(report->outcome, JOB_OUT_OF_MEMORY);
    UNIT_STR(report->code, "out_of_memory");
    UNIT_INT(report->phase, JOB_COMPUTING);
    CU_ASSERT_PTR_NOT_NULL(strstr(report->detail, "STRATSLAB_JOB_MEMORY"));
    bench_clear(&b);
}

static void test_one_that_is_killed_is_told(void)
{
    struct bench b;
    int *there = bench_share(sizeof(*there));

    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_spin, b.input.hook_arg = there;
    struct job *job = bench_start(&b);

    bench_await(there);
    CU_ASSERT_TRUE(job_progress(job) > 0 && job_progress(job) < 1);
    CU_ASSERT_EQUAL(kill(job_pid(job), SIGTERM), 0); /* what people send to groups of processes */
    CU_ASSERT_EQUAL(kill(job_pid(job), SIGINT), 0);
    CU_ASSERT_EQUAL(kill(job_pid(job), SIGKILL), 0);
    CU_ASSERT_EQUAL(event_base_dispatch(b.base), 1);
    UNIT_INT(b.report->signo, SIGKILL);
    /* Somewhere on this machine the kernel may have run out of memory at the same time. */
    CU_ASSERT_TRUE(b.report->outcome == JOB_CRASHED || b.report->outcome == JOB_OUT_OF_MEMORY);
    bench_unshare(there, sizeof(*there));
    bench_clear(&b);
}

static void test_one_that_stands_still_is_ended(void)
{
    struct bench b;
    int *there = bench_share(sizeof(*there));

    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_spin, b.input.hook_arg = there;
    b.input.limits.stall_ms = 100;
    struct job *job = bench_start(&b);

    CU_ASSERT_EQUAL(kill(job_pid(job), SIGSTOP), 0);
    CU_ASSERT_EQUAL(event_base_dispatch(b.base), 1);
    UNIT_INT(b.report->outcome, JOB_CRASHED);
    CU_ASSERT_PTR_NOT_NULL(strstr(b.report->detail, "used no processor time for 100 ms"));
    bench_unshare(there, sizeof(*there));
    bench_clear(&b);
}

static void test_it_can_be_ended_while_it_computes(void)
{
    struct bench b;
    int *there = bench_share(sizeof(*there));

    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_spin, b.input.hook_arg = there;
    struct job *job = bench_start(&b);
    const pid_t pid = job_pid(job);

    bench_await(there);
    job_end(job);
    CU_ASSERT_TRUE(waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD);
    CU_ASSERT_EQUAL(event_base_dispatch(b.base), 1); /* nothing is watched any more */
    UNIT_INT(b.ended, 0);
    job = bench_start(&b); /* in the middle of anything */
    job_end(job);
    UNIT_INT(b.ended, 0);
    bench_unshare(there, sizeof(*there));
    bench_clear(&b);
    job_end(NULL);
}

/* A process that starts a job and is gone; the job, whose parent this one becomes, ends too. */
static void test_it_ends_with_its_worker(void)
{
    struct bench b;
    int *there = bench_share(sizeof(*there)), status = 0;
    int *pid = bench_share(sizeof(*pid));

    CU_ASSERT_EQUAL_FATAL(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_spin, b.input.hook_arg = there;
    const pid_t worker = fork();

    if (worker == 0) {
        *pid = job_pid(bench_start(&b));
        bench_await(there);
        raise(SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(worker, &status, 0), worker);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    CU_ASSERT_EQUAL(waitpid(*pid, &status, 0), *pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    bench_unshare(there, sizeof(*there));
    bench_unshare(pid, sizeof(*pid));
    bench_clear(&b);
}

/* As an old kernel or a container's filter does. */
static int refuse_pidfds(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = countof(filter), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void test_where_there_are_no_pidfds(void)
{
    int status = -1;
    const pid_t worker = fork();

    if (worker == 0) {
        struct bench b;

        if (refuse_pidfds() != 0 || syscall(SYS_pidfd_open, getpid(), 0) >= 0) _exit(2);
        bench_begin(&b, 200);
        _exit(bench_run(&b)->outcome == JOB_DONE ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(worker, &status, 0), worker);
    UNIT_INT(status, 0);
}

static void test_nothing_is_left_of_many(void)
{
    struct bench b;
    size_t before;

    bench_begin(&b, 200);
    (void)bench_run(&b);
    before = count_descriptors();
    for (unsigned i = 0; i < 200; i++) {
        if (i % 10 == 9) {
            job_end(bench_start(&b));
        } else {
            UNIT_INT(bench_run(&b)->outcome, JOB_DONE);
        }
    }
    UNIT_INT(count_descriptors(), before);
    CU_ASSERT_TRUE(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    bench_clear(&b);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_job_gives_what_the_engine_makes),
    UNIT_TEST(test_a_crash_is_told_with_its_place),
    UNIT_TEST(test_an_end_that_should_not_be_is_a_crash),
    UNIT_TEST(test_an_endless_one_is_out_of_time),
    UNIT_TEST(test_one_that_takes_all_memory_is_out_of_it),
    UNIT_TEST(test_one_that_is_killed_is_told),
    UNIT_TEST(test_one_that_stands_still_is_ended),
    UNIT_TEST(test_it_can_be_ended_while_it_computes),
    UNIT_TEST(test_it_ends_with_its_worker),
    UNIT_TEST(test_where_there_are_no_pidfds),
    UNIT_TEST(test_nothing_is_left_of_many),
};
const struct unit_part job_tests = UNIT_PART_BARE(tests);
