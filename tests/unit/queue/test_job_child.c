/* What the process of a job has, and what it cannot do. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench.h"
#include "test_queue.h"
#include "wall/attempts.h"
#include "wall/wall.h"

/* ---- What else a job must not do, beside what no process behind the wall may ---- */

static long try_read_file(void)
{
    return open("/etc/passwd", O_RDONLY);
}

static long try_read_folder(void)
{
    return open("/", O_RDONLY | O_DIRECTORY);
}

static long try_tcp(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_socketpair(void)
{
    int ends[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static long try_memfd(void)
{
    return memfd_create("more", 0);
}

static long try_pipe(void)
{
    int ends[2];

    return pipe(ends);
}

static long try_thread(void)
{
    return syscall(SYS_clone, 0x3d0f00, 0, 0, 0, 0);
}

static long try_duplicate(void)
{
    for (int fd = 0; fd < 64; fd++) {
        if (dup(fd) >= 0) return 0;
    }
    errno = EPERM;
    return -1;
}

static long try_close(void)
{
    for (int fd = 0; fd < 64; fd++) {
        if (close(fd) == 0) return 0;
    }
    errno = EPERM;
    return -1;
}

/* What it is ended by. */
static long try_not_to_be_ended(void)
{
    for (int fd = 0; fd < 64; fd++) {
        if (fcntl(fd, F_SETFL, 0) == 0 || fcntl(fd, F_SETOWN, 0) == 0) return 0;
    }
    errno = EPERM;
    return -1;
}

static long try_read(void)
{
    char byte;

    for (int fd = 0; fd < 64; fd++) {
        if (read(fd, &byte, 1) >= 0) return 0;
    }
    errno = EPERM;
    return -1;
}

static long try_signal_itself(void)
{
    return kill(getpid(), 0);
}

static long try_limits(void)
{
    return (int)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL);
}

static long try_sleep(void)
{
    const struct timespec long_time = {.tv_sec = 3600};

    return nanosleep(&long_time, NULL);
}

static long try_to_outlive(void)
{
    return (long)syscall(SYS_prctl, 1, 0, 0, 0, 0); /* PR_SET_PDEATHSIG */
}

static const struct attempt more[] = {
    {"read a file", try_read_file, 0, 0, NOBODY},
    {"read a folder", try_read_folder, 0, 0, NOBODY},
    {"TCP", try_tcp, 0, 0, NOBODY},
    {"a Unix socket", try_unix, 0, 0, NOBODY},
    {"a pair of sockets", try_socketpair, 0, 0, NOBODY},
    {"a memory file", try_memfd, 0, 0, NOBODY},
    {"a pipe", try_pipe, 0, 0, NOBODY},
    {"a thread", try_thread, 0, 0, NOBODY},
    {"duplicate a descriptor", try_duplicate, 0, 0, NOBODY},
    {"close a descriptor", try_close, 0, 0, NOBODY},
    {"not be ended", try_not_to_be_ended, 0, 0, NOBODY},
    {"read what is open", try_read, 0, 0, NOBODY},
    {"signal itself", try_signal_itself, 0, 0, NOBODY},
    {"its limits", try_limits, 0, 0, NOBODY},
    {"sleep", try_sleep, 0, 0, NOBODY},
    {"outlive its worker", try_to_outlive, 0, 0, NOBODY},
    {NULL, NULL, 0, 0, NOBODY},
};

struct findings {
    unsigned tried;
    unsigned count;
    const char *names[64]; /* of what was not denied; texts that both processes have */
};

static void attempt_these(const struct attempt *these, struct findings *findings)
{
    for (size_t i = 0; these[i].name != NULL; i++) {
        errno = 0;
        findings->tried++;
        if (these[i].run() == -1 && errno == EPERM) continue;
        if (findings->count < countof(findings->names)) findings->names[findings->count++] = these[i].name;
    }
}

static void hook_attempt(void *arg, enum job_phase phase)
{
    if (phase != JOB_COMPILING) return;
    attempt_these(attempts, arg);
    attempt_these(more, arg);
}

static void test_a_job_can_open_reach_and_start_nothing(void)
{
    struct bench b;
    struct findings *findings;

    if (bench_is_bare("what a job cannot do")) return;
    CU_ASSERT_TRUE_FATAL(attempts_prepare());
    findings = bench_share(sizeof(*findings));
    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_attempt, b.input.hook_arg = findings;
    UNIT_INT(bench_run(&b)->outcome, JOB_DONE); /* and it goes on to compute */
    CU_ASSERT_TRUE(findings->tried > 50);
    for (unsigned i = 0; i < findings->count; i++) UNIT_STR(findings->names[i], "");
    CU_ASSERT_EQUAL(access(wall_file, F_OK), 0);
    bench_unshare(findings, sizeof(*findings));
    bench_clear(&b);
    attempts_clear();
}

/* Behind the worker's wall, as it is in the service. */
static int run_behind_both(void *arg)
{
    static const struct wall_options forks = {.forks = true};
    struct bench *b = arg;
    struct error err;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || wall_enter(&forks, &err) != 0) return 1;
    return bench_run(b)->outcome == JOB_DONE ? 0 : 2;
}

static void test_a_worker_behind_its_wall_makes_jobs_and_ends_them(void)
{
    struct bench b;
    int status = -1;

    bench_begin(&b, BENCH_BARS);
    const pid_t pid = fork();

    if (pid == 0) {
        int code = run_behind_both(&b);

        if (code == 0) job_end(bench_start(&b)); /* or it waits for ever */
        fflush(NULL);
        _exit(code);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    UNIT_INT(WEXITSTATUS(status), 0);
    bench_clear(&b);
}

/* ---- What it has, seen from outside ---- */

static void hook_wait(void *arg, enum job_phase phase)
{
    volatile int *there = arg;

    if (phase != JOB_COMPUTING) return;
    *there = 1;
    while (*there != 0) {}
}

static size_t process_descriptors(pid_t pid)
{
    char path[64];
    size_t count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);

    if (folder == NULL) abort();
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* The rest of the line of /proc/PID/FILE that begins with `name`. */
static const char *process_line(pid_t pid, const char *file, const char *name)
{
    static char line[256];
    char path[64];
    const char *found = "(no such line)";

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *lines = unit_open(path, "r");

    while (fgets(line, sizeof(line), lines) != NULL) {
        if (strncmp(line, name, strlen(name)) != 0) continue;
        found = line + strlen(name) + strspn(line + strlen(name), " \t");
        break;
    }
    fclose(lines);
    return found;
}

static void test_what_the_process_has(void)
{
    struct bench b;
    int *there = bench_share(sizeof(*there));
    struct wall_means means;

    wall_probe(&means);
    bench_begin(&b, BENCH_BARS);
    b.input.hook = hook_wait, b.input.hook_arg = there;
    struct job *job = bench_start(&b);
    const pid_t pid = job_pid(job);

    bench_await(there);
    UNIT_INT(process_descriptors(pid), means.is_by_choice ? 3 : 2); /* a sanitizer has standard error too */
    CU_ASSERT_EQUAL(strncmp(process_line(pid, "limits", "Max open files"), "0 ", 2), 0);
    CU_ASSERT_EQUAL(strncmp(process_line(pid, "limits", "Max processes"), "0 ", 2), 0);
    CU_ASSERT_EQUAL(strncmp(process_line(pid, "limits", "Max core file size"), "0 ", 2), 0);
    CU_ASSERT_EQUAL(strncmp(process_line(pid, "limits", "Max file size"), "268435456 ", 10), 0);
    CU_ASSERT_EQUAL(strncmp(process_line(pid, "limits", "Max cpu time"), "600 ", 4), 0);
    CU_ASSERT_EQUAL(process_line(pid, "status", "NoNewPrivs:")[0], '1');
    if (means.filter) CU_ASSERT_EQUAL(process_line(pid, "status", "Seccomp:")[0], '2');
    job_end(job);
    bench_unshare(there, sizeof(*there));
    bench_clear(&b);
}

/* ---- Secrets ---- */

static const char secret_text[] = "correct-horse-battery";
static char secret_data[sizeof(secret_text)];
static char *secret_heap, *secret_environment;

static void hook_look_for_secrets(void *arg, enum job_phase phase)
{
    int *found = arg;

    if (phase != JOB_COMPILING) return;
    found[0] = 1;
    found[1] = secret_data[0] != '\0';
    found[2] = secret_heap[0] != '\0' || secret_heap[10] != '\0';
    found[3] = secret_environment[0] != '\0';
    found[4] = secret_heap[sizeof(secret_text) + 1] != 'x'; /* what is beside it stays */
}

static void test_the_secrets_of_the_worker_are_not_in_it(void)
{
    struct bench b;
    int *found = bench_share(8 * sizeof(*found));

    if (bench_is_bare("the search for secrets")) return;
    bench_begin(&b, BENCH_BARS);
    memcpy(secret_data, secret_text, sizeof(secret_text));
    secret_heap = mem_printf("%s xx", secret_text);
    CU_ASSERT_EQUAL(setenv("TEST_QUEUE_SECRET", secret_text, 1), 0);
    secret_environment = getenv("TEST_QUEUE_SECRET");
    char *given = mem_strdup(secret_text), *kind = mem_strdup("sma_crossover");
    /* The second is a text of the job too. */
    const struct slice secrets[] = {slice_of(given), slice_of(kind)};

    b.input.secrets = secrets, b.input.secret_count = countof(secrets);
    b.input.kind = slice_of(kind);
    b.input.hook = hook_look_for_secrets, b.input.hook_arg = found;
    UNIT_INT(bench_run(&b)->outcome, JOB_DONE);
    UNIT_INT(found[0], 1);
    for (int i = 1; i <= 4; i++) UNIT_INT(found[i], 0);
    UNIT_STR(secret_heap, "correct-horse-battery xx"); /* the worker has them still */
    UNIT_STR(given, secret_text);
    unsetenv("TEST_QUEUE_SECRET");
    free(secret_heap);
    free(given);
    free(kind);
    bench_unshare(found, 8 * sizeof(*found));
    bench_clear(&b);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_job_can_open_reach_and_start_nothing),
    UNIT_TEST(test_a_worker_behind_its_wall_makes_jobs_and_ends_them),
    UNIT_TEST(test_what_the_process_has),
    UNIT_TEST(test_the_secrets_of_the_worker_are_not_in_it),
};
const struct unit_part job_child_tests = UNIT_PART_BARE(tests);
