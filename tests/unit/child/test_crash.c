#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child/crash.h"
#include "rig.h"

static int crash_run(const struct child_place *place, void *arg)
{
    (void)place;
    (void)arg;
    crash_enable_backtrace("testd");
    abort();
}

static void test_a_crash_says_where_and_is_still_one(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, crash_run, NULL);
    CU_ASSERT(rig_until_killed(&rig));
    CU_ASSERT(WIFSIGNALED(rig.status));
    UNIT_INT(WTERMSIG(rig.status), SIGABRT);
    CU_ASSERT(strstr(rig.said, "testd: a child crashed; its backtrace:\n") != NULL);
    rig_close(&rig);
}

/* A sanitizer takes some of these signals itself, and writes its own report. */
static void crash_take_from_sanitizers(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS};

    for (size_t i = 0; i < countof(signals); i++) signal(signals[i], SIG_DFL);
}

/* Standard error is a pipe that is full, and nobody reads it. */
static void crash_fill_error(void)
{
    char bytes[4096] = "";

    fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
    while (write(STDERR_FILENO, bytes, sizeof(bytes)) > 0) {}
    while (write(STDERR_FILENO, bytes, 1) > 0) {}
    fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) & ~O_NONBLOCK);
}

/* The status of a child that runs `body` with such a pipe. If it waits for its reader, this waits for ever. */
static int crash_status(void (*body)(void))
{
    int ends[2];
    int status = 0;
    pid_t pid;

    if (pipe(ends) != 0) CU_FAIL_FATAL("pipe");
    pid = fork();
    if (pid == 0) {
        const struct rlimit no_core = {0};

        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        crash_fill_error();
        crash_take_from_sanitizers();
        crash_enable_backtrace("testd");
        body();
        _exit(0);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    close(ends[0]); /* held open until then: a pipe without a reader is another error */
    return status;
}

static void crash_by_address(void)
{
    raise(SIGSEGV);
}

static void crash_by_abort(void)
{
    abort();
}

static void crash_without_descriptors(void)
{
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = 3};

    setrlimit(RLIMIT_NOFILE, &none);
    raise(SIGBUS);
}

static void test_a_crash_waits_for_no_reader(void)
{
    static const struct {
        void (*body)(void);
        int signo;
    } rows[] = {{crash_by_address, SIGSEGV}, {crash_by_abort, SIGABRT}, {crash_without_descriptors, SIGBUS}};

    for (size_t i = 0; i < countof(rows); i++) {
        const int status = crash_status(rows[i].body);

        CU_ASSERT(WIFSIGNALED(status));
        UNIT_INT(WTERMSIG(status), rows[i].signo);
    }
}

static int crash_deeper(volatile char *above)
{
    volatile char here[65536];

    here[0] = 1;
    return above[0] != 0 ? crash_deeper(here) + here[0] : 0; /* it always is */
}

static int crash_run_deep(const struct child_place *place, void *arg)
{
    (void)place;
    (void)arg;
    volatile char top[1] = {1};

    crash_take_from_sanitizers();
    crash_enable_backtrace("testd");
    return crash_deeper(top);
}

static void test_a_stack_that_is_used_up_is_told_of_too(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, crash_run_deep, NULL);
    CU_ASSERT(rig_until_killed(&rig));
    CU_ASSERT(WIFSIGNALED(rig.status));
    CU_ASSERT(strstr(rig.said, "testd: a child crashed; its backtrace:\n") != NULL);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_crash_says_where_and_is_still_one),
    UNIT_TEST(test_a_crash_waits_for_no_reader),
    UNIT_TEST(test_a_stack_that_is_used_up_is_told_of_too),
};
const struct unit_part crash_tests = UNIT_PART(tests);
