/* A program of two roles without sockets (two_roles.c), from its start over its reloads to its end. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "test_master.h"

enum { PATIENCE_MS = 30000, LOG_BYTES = 1 << 20 };

static struct {
    pid_t pid;
    char log_path[64];
    char mode_path[64];
    char log[LOG_BYTES]; /* all of it, as last read */
    bool lost;           /* something has been waited for in vain: nothing else is worth it */
} program;

static void nap(void)
{
    usleep(10000);
}

static void program_mode(const char *words)
{
    FILE *file = unit_open(program.mode_path, "we");

    fputs(words, file);
    fclose(file);
}

static const char *program_log(void)
{
    int fd = open(program.log_path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, program.log, sizeof(program.log) - 1);

    program.log[got < 0 ? 0 : got] = '\0';
    if (fd >= 0) close(fd);
    return program.log;
}

/* In the child that becomes the program. */
static void program_exec(void)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    int log_fd = open(program.log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    path[len < 0 ? 0 : len] = '\0';
    char *slash = strrchr(path, '/');

    if (slash != NULL) snprintf(slash, sizeof(path) - (size_t)(slash - path), "/two_roles");
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* whatever becomes of the tests */
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execl(path, "two-roles", "serve", NULL);
    perror(path);
    _exit(127);
}

static void program_start(const char *mode)
{
    snprintf(program.log_path, sizeof(program.log_path), "/tmp/two-roles-%d.log", getpid());
    snprintf(program.mode_path, sizeof(program.mode_path), "/tmp/two-roles-%d.mode", getpid());
    unlink(program.log_path);
    program_mode(mode);
    program.lost = false;
    setenv("TWO_ROLES_MODE", program.mode_path, 1);
    program.pid = fork();
    if (program.pid == 0) program_exec();
}

/* Its exit status; -1: it was killed. */
static int program_wait(void)
{
    int status = -1;

    waitpid(program.pid, &status, 0);
    program_log();
    unlink(program.log_path);
    unlink(program.mode_path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int program_stop(void)
{
    kill(program.pid, SIGTERM);
    return program_wait();
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) count++;
    return count;
}

/* Waits until the log has it so often. */
static void program_says(const char *what, size_t times)
{
    const uint64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;

    while (count_of(program_log(), what) < times && !program.lost && clock_monotonic_ms() < end_ms) nap();
    CU_ASSERT(count_of(program.log, what) >= times);
    if (count_of(program.log, what) >= times) return;
    program.lost = true;
    fprintf(stderr, "no \"%s\" in:\n%s\n", what, program.log);
}

/* The last whole account that SIGUSR2 has brought since `from`: what stands between the last two heads. "" if there is
 * none yet. */
static char *account(size_t from)
{
    char *last = NULL;
    char *before = NULL;

    program_log();
    for (char *at = program.log + from; (at = strstr(at, "msg=state ")) != NULL; at++) {
        before = last;
        last = at;
    }
    if (before == NULL) return program.log + strlen(program.log);
    *last = '\0';
    return before;
}

/* Children of the role that are ready and of this generation; and, in *ret_all, of the role at all. */
static unsigned count_ready(char *text, const char *role, unsigned generation, unsigned *ret_all)
{
    unsigned ready = 0;
    char child[40];
    char of[40];

    snprintf(child, sizeof(child), " child=%s ", role);
    snprintf(of, sizeof(of), " generation=%u ", generation);
    *ret_all = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strstr(line, child) == NULL) continue;
        (*ret_all)++;
        if (strstr(line, " state=ready ") != NULL && strstr(line, of) != NULL) ready++;
    }
    return ready;
}

/* Waits until the role has exactly so many children, all ready and of this generation. */
static void program_has(unsigned count, const char *role, unsigned generation)
{
    const uint64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
    const size_t from = strlen(program_log());
    unsigned all = 0;
    unsigned ready = 0;
    bool is_so = false;

    while (!is_so && !program.lost && clock_monotonic_ms() < end_ms) {
        kill(program.pid, SIGUSR2);
        nap();
        char *text = account(from);

        if (text[0] == '\0') continue;
        ready = count_ready(text, role, generation, &all);
        is_so = all == count && ready == count;
    }
    CU_ASSERT(is_so);
    if (is_so) return;
    program.lost = true;
    fprintf(stderr, "%u of %u %ss ready; expected %u\n%s\n", ready, all, role, count, program_log());
}

/* The process of one of the role's children, as the program last accounted for it. */
static pid_t program_child(const char *role, unsigned slot)
{
    char what[80];
    const char *at;

    snprintf(what, sizeof(what), "msg=\"state of a child\" child=%s slot=%u child_pid=", role, slot);
    at = strstr(program_log(), what);
    CU_ASSERT_PTR_NOT_NULL(at);
    if (at == NULL) return 0;
    for (const char *next = at; (next = strstr(next + 1, what)) != NULL;) at = next;
    return (pid_t)strtol(at + strlen(what), NULL, 10);
}

/* What ps(1) shows of a process. */
static void shows(pid_t pid, const char *title)
{
    char path[40];
    char found[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    file = unit_open(path, "re");
    found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
    fclose(file);
    UNIT_STR(found, title);
}

static bool has_open(pid_t pid, const char *wanted)
{
    for (int fd = 0; fd < 256; fd++) {
        char path[64];
        char target[64];

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        ssize_t len = readlink(path, target, sizeof(target) - 1);

        target[len < 0 ? 0 : len] = '\0';
        if (strcmp(target, wanted) == 0) return true;
    }
    return false;
}

/* The TCP sockets that the process listens on. */
static unsigned listens(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    char line[256];

    snprintf(path, sizeof(path), "/proc/%d/net/tcp", pid);
    FILE *file = unit_open(path, "re");

    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned long inode;
        char target[64];

        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the number, it fits */
        if (sscanf(line, "%*u: %*s %*s 0A %*s %*s %*s %*s %*s %lu", &inode) != 1) continue;
        snprintf(target, sizeof(target), "socket:[%lu]", inode);
        if (has_open(pid, target)) count++;
    }
    fclose(file);
    return count;
}

static void program_starts(const char *mode)
{
    program_start(mode);
    program_says("msg=serving workers=2", 1);
    program_has(2, "worker", 1);
    program_has(1, "keeper", 1);
}

/* ---- The tests ---- */

static void test_it_starts_serves_and_stops(void)
{
    program_starts("");
    CU_ASSERT_PTR_NULL(strstr(program_log(), "listen="));
    shows(program.pid, "two-roles: master");
    shows(program_child("keeper", 0), "two-roles: keeper");
    shows(program_child("worker", 1), "two-roles: worker 1");
    UNIT_INT(program_stop(), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(program.log, "msg=stopped"));
}

static void test_a_child_that_dies_is_followed_by_another(void)
{
    program_starts("");
    pid_t keeper = program_child("keeper", 0);
    pid_t worker = program_child("worker", 1);

    if (worker > 0) kill(worker, SIGKILL);
    if (keeper > 0) kill(keeper, SIGKILL);
    program_says("msg=\"a child died; starting another\"", 2);
    program_has(2, "worker", 1);
    program_has(1, "keeper", 1);
    CU_ASSERT_NOT_EQUAL(program_child("worker", 1), worker);
    CU_ASSERT_NOT_EQUAL(program_child("keeper", 0), keeper);
    UNIT_INT(program_stop(), 0);
}

/* A parent or a library that ignores SIGCHLD has the kernel reap, and nobody tells the master how a child ended. */
static void test_a_child_that_something_else_reaps_is_not_believed_in(void)
{
    program_starts("deaf");
    pid_t worker = program_child("worker", 1);

    if (worker > 0) kill(worker, SIGKILL);
    program_says("msg=\"a child is gone, and the kernel does not say how it ended: something else has reaped it\"", 1);
    program_says("msg=\"a child died; starting another\"", 1);
    program_has(2, "worker", 1);
    CU_ASSERT_NOT_EQUAL(program_child("worker", 1), worker);
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload failed", 1); /* nobody can say what its preflight found */
    UNIT_INT(program_stop(), 0);
}

/* Each child without cells has a heartbeat of its own: a sibling's does not hide its silence. */
static void test_a_child_that_hangs_is_found_beside_its_siblings(void)
{
    char what[120];

    program_start("hasty");
    program_says("msg=serving workers=2", 1);
    program_has(2, "worker", 1);
    pid_t worker = program_child("worker", 1);

    if (worker > 0) kill(worker, SIGSTOP);
    snprintf(what, sizeof(what), "SIGABRT for a backtrace\" child=worker slot=1 child_pid=%d", worker);
    program_says(what, 1);
    if (worker > 0) kill(worker, SIGKILL);
    UNIT_INT(program_stop(), 0);
}

static void test_crashes_before_anybody_served_end_it(void)
{
    program_start("crash");
    UNIT_INT(program_wait(), 70);
    CU_ASSERT_PTR_NOT_NULL(strstr(program.log, "no child has ever become ready and they keep dying: giving up"));
}

static void test_ttin_and_ttou_change_those_that_are_scaled(void)
{
    program_starts("");
    kill(program.pid, SIGTTIN);
    program_says("msg=\"the number of workers changed until the next reload\" workers=3", 1);
    program_has(3, "worker", 1);
    program_has(1, "keeper", 1);
    kill(program.pid, SIGTTOU);
    program_has(2, "worker", 1);
    UNIT_INT(program_stop(), 0);
}

static void test_it_is_reloaded_again_and_again(void)
{
    program_starts("");
    for (unsigned generation = 2; generation < 5; generation++) {
        kill(program.pid, SIGHUP);
        program_says("msg=\"reload succeeded\"", generation - 1);
        program_has(2, "worker", generation);
        program_has(1, "keeper", generation);
        shows(program.pid, "two-roles: master");
    }
    UNIT_INT(program_stop(), 0);
}

static void reload_fails(const char *mode, const char *told)
{
    program_starts("");
    program_mode(mode);
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload failed; the code that was running serves on\"", 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(program.log, told));
    if (strstr(program.log, told) == NULL) fprintf(stderr, "no \"%s\" in:\n%s\n", told, program.log);
    program_mode("");
    program_has(2, "worker", 1);
    program_has(1, "keeper", 1);
    /* And what is mended is reloaded. */
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload succeeded\"", 1);
    program_has(2, "worker", 2);
    program_has(1, "keeper", 2);
    UNIT_INT(program_stop(), 0);
}

static void test_a_preflight_that_fails_changes_nothing(void)
{
    reload_fails("refuse-early", "step=preflight reason=\"nothing is right\"");
}

static void test_a_step_that_fails_has_the_programs_name_for_it(void)
{
    reload_fails("untidy", "step=tidy reason=\"nothing is tidy\"");
}

static void test_new_code_that_cannot_go_on_gives_the_service_back(void)
{
    reload_fails("refuse-late", "step=roll reason=\"the settings are bad\"");
}

static void test_new_children_that_crash_are_a_way_back(void)
{
    reload_fails("crash", "step=roll reason=\"a new worker died: exit status 7\"");
}

static void test_new_children_that_are_never_ready_are_a_way_back(void)
{
    reload_fails("silent", "step=roll reason=\"a new worker was not ready within 300 ms (TWO_ROLES_TIMEOUT)\"");
}

static void test_a_build_with_other_roles_takes_over_and_goes(void)
{
    program_starts("");
    const unsigned before = listens(program.pid); /* other tests may have left it theirs */

    program_mode("more");
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload succeeded\"", 1);
    program_has(1, "keeper", 2);
    program_has(2, "worker", 2);
    program_has(1, "helper", 2);
    program_says("role=helper pid", 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(program.log, "msg=begins sockets=1"));
    UNIT_INT(listens(program.pid), before + 1);
    program_mode("fewer");
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload succeeded\"", 2);
    program_has(2, "worker", 3);
    program_has(0, "keeper", 3);
    program_has(0, "helper", 3);
    UNIT_INT(listens(program.pid), before);
    program_mode("");
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload succeeded\"", 3);
    program_has(2, "worker", 4);
    program_has(1, "keeper", 4);
    UNIT_INT(program_stop(), 0);
}

static void test_what_a_build_with_other_roles_does_not_know_survives_its_way_back(void)
{
    program_starts("");
    pid_t keeper = program_child("keeper", 0);

    program_mode("fewer crash");
    kill(program.pid, SIGHUP);
    program_says("msg=\"reload failed; the code that was running serves on\"", 1);
    program_mode("");
    program_has(1, "keeper", 1);
    program_has(2, "worker", 1);
    UNIT_INT(program_child("keeper", 0), keeper);
    UNIT_INT(program_stop(), 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_it_starts_serves_and_stops),
    UNIT_TEST(test_a_child_that_dies_is_followed_by_another),
    UNIT_TEST(test_a_child_that_something_else_reaps_is_not_believed_in),
    UNIT_TEST(test_a_child_that_hangs_is_found_beside_its_siblings),
    UNIT_TEST(test_crashes_before_anybody_served_end_it),
    UNIT_TEST(test_ttin_and_ttou_change_those_that_are_scaled),
    UNIT_TEST(test_it_is_reloaded_again_and_again),
    UNIT_TEST(test_a_preflight_that_fails_changes_nothing),
    UNIT_TEST(test_a_step_that_fails_has_the_programs_name_for_it),
    UNIT_TEST(test_new_code_that_cannot_go_on_gives_the_service_back),
    UNIT_TEST(test_new_children_that_crash_are_a_way_back),
    UNIT_TEST(test_new_children_that_are_never_ready_are_a_way_back),
    UNIT_TEST(test_a_build_with_other_roles_takes_over_and_goes),
    UNIT_TEST(test_what_a_build_with_other_roles_does_not_know_survives_its_way_back),
};
static const struct unit_part master_tests = UNIT_PART(tests);

int main(void)
{
    static const struct unit_part *const parts[] = {&master_tests,    &activate_tests,   &executable_tests,
                                                    &notify_tests,    &options_tests,    &socket_tests,
                                                    &supervise_tests, &unix_socket_tests};

    return unit_main_parts("master", parts, countof(parts));
}
