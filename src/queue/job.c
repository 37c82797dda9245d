/* The worker's side: it makes the process, learns of its end, and takes what it leaves. */
#include "queue/job.h"

#include <errno.h>
#include <event2/event.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "queue/job_internal.h"

enum {
    JOB_LOOKS = 10, /* in the time after which it counts as stalled */
    JOB_POLL_US = 5000,
};

struct job {
    job_done_fn *done;
    void *arg;
    pid_t pid;
    int pidfd;     /* -1: the system has none, as before Linux 5.3, in an old container's filter, under valgrind(1) */
    int life_fd;   /* the pipe's writing end: while it is open, the process may live; -1: closed */
    int life_read; /* the other end, which the process has too */
    int result_fd;
    struct job_page *page;
    struct event *end, *look;
    struct job_status judged;
    uint64_t oom_kills; /* of the system, before it began */
    uint64_t cpu_us;    /* when it was looked at last */
    uint64_t cpu_at_ms; /* when that was first seen */
    double progress;
};

/* How many processes the kernel has ended because memory ran out, in all (proc(5)); 0 if it does not say, as under
 * systemd's ProcSubset=pid. */
static uint64_t job_oom_kills(void)
{
    static const char name[] = "\noom_kill ";
    char text[16384];
    const int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0) return 0;
    while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) len += (size_t)n;
    close(fd);
    text[len] = '\0';
    const char *at = strstr(text, name);

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void job_close(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* Ends the process. A byte does it too: a process that was stopped right after the fork has the writing end itself. */
static void job_kill(struct job *job)
{
    const ssize_t n = job->life_fd < 0 ? 0 : write(job->life_fd, "", 1); /* it cannot fail: this side can read it */

    (void)n;
    job_close(&job->life_fd);
}

/* The process is gone. */
static void job_free(struct job *job)
{
    if (job->end != NULL) event_free(job->end);
    if (job->look != NULL) event_free(job->look);
    job_close(&job->life_fd);
    job_close(&job->life_read);
    job_close(&job->pidfd);
    job_close(&job->result_fd);
    if (job->page != NULL) munmap(job->page, sizeof(*job->page));
    free(job);
}

/* Waits for the process, which is ending. */
static void job_reap(struct job *job, struct rusage *ret_usage)
{
    job_kill(job);
    while (wait4(job->pid, &job->judged.status, 0, ret_usage) < 0 && errno == EINTR) {}
    job->pid = -1;
}

/* Nobody else has the file any more. One byte more than there is, which is 0, so that the document ends with it. */
static int job_map(struct job *job, struct job_report *report)
{
    struct stat file;

    if (fstat(job->result_fd, &file) != 0 || file.st_size <= 0 || (uint64_t)file.st_size > JOB_RESULT_BYTES_MAX) {
        return -1;
    }
    if (ftruncate(job->result_fd, file.st_size + 1) != 0) return -1;
    void *at = mmap(NULL, (size_t)file.st_size + 1, PROT_READ, MAP_SHARED, job->result_fd, 0);

    if (at == MAP_FAILED) return -1;
    report->document = (struct slice){at, (size_t)file.st_size};
    /* No statement takes such a text, now or later: whoever told the queue of it would try forever. */
    return memchr(at, '\0', (size_t)file.st_size) == NULL ? 0 : -1;
}

void job_report_free(struct job_report *report)
{
    if (report == NULL) return;
    if (report->document.data != NULL) munmap((void *)(uintptr_t)report->document.data, report->document.len + 1);
    free(report);
}

static void job_on_end(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;
    struct job_report *report = mem_zalloc(sizeof(*report));
    struct rusage usage = {0};

    (void)fd;
    (void)what;
    job_reap(job, &usage);
    report->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    if (WIFSIGNALED(job->judged.status) && WTERMSIG(job->judged.status) == SIGKILL)
        job->judged.was_starved = job_oom_kills() > job->oom_kills;
    job_judge(&job->judged, job->page, report);
    if (report->outcome == JOB_DONE && job_map(job, report) != 0) {
        report->outcome = JOB_CRASHED;
        report->code = "crashed";
        snprintf(report->detail, sizeof(report->detail), "the computation left no result");
    }
    job_done_fn *done = job->done;
    void *done_arg = job->arg;

    job_free(job);
    done(done_arg, report);
}

/* Where nothing tells of the process's end. */
static void job_on_poll(evutil_socket_t fd, short what, void *arg)
{
    const struct job *job = arg;
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
        job_on_end(fd, what, arg);
}

/* A process that waits for what never comes (a lock that a thread of the worker's held when it was forked, a page of a
 * disk that does not answer) passes no limit. */
static void job_on_look(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;
    const uint64_t now_ms = clock_monotonic_ms();
    struct timespec cpu;
    clockid_t clock;

    (void)fd;
    (void)what;
    if (clock_getcpuclockid(job->pid, &clock) != 0 || clock_gettime(clock, &cpu) != 0) return;
    const uint64_t cpu_us = (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000;

    if (cpu_us != job->cpu_us) {
        job->cpu_us = cpu_us;
        job->cpu_at_ms = now_ms;
    } else if (now_ms - job->cpu_at_ms > job->judged.stall_ms) {
        job->judged.was_stalled = true;
        job_kill(job);
    }
}

static int job_make_means(struct job *job, struct error *err)
{
    int life[2];

    job->page = mmap(NULL, sizeof(*job->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (job->page == MAP_FAILED) {
        job->page = NULL;
        return error_set_errno(err, "cannot share memory with a job");
    }
    job->result_fd = memfd_create("result", MFD_CLOEXEC);
    if (job->result_fd < 0) return error_set_errno(err, "cannot make the memory file of a job");
    if (pipe2(life, O_CLOEXEC) != 0) return error_set_errno(err, "cannot make the pipe of a job");
    job->life_read = life[0];
    job->life_fd = life[1];
    return 0;
}

/* No signal is handled between the fork and the process's own handlers: its event loop is the worker's. */
static int job_fork(struct job *job, const struct job_input *input, struct error *err)
{
    const struct job_child child = {
        .input = input, .page = job->page, .result_fd = job->result_fd, .life_fd = job->life_read};
    char warm[DIGEST_SHA256_HEX_BYTES];
    void *frame;
    sigset_t all, before;

    /* What libraries read at their first use, the process cannot read any more. */
    (void)backtrace(&frame, 1);
    digest_sha256_hex("", 0, warm);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    job->pid = fork();
    if (job->pid == 0) job_child_run(&child);
    const int problem = errno;

    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = problem;
    if (job->pid < 0) return error_set_errno(err, "cannot make the process of a job");
    if (!job_hang_on(job->life_read, job->pid)) return error_set_errno(err, "cannot bound the life of a job");
    job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
    return 0;
}

static int job_watch(struct job *job, struct event_base *base, struct error *err)
{
    const uint64_t look_ms = job->judged.stall_ms / JOB_LOOKS + 1;
    const struct timeval often = {.tv_sec = (time_t)(look_ms / 1000), .tv_usec = (suseconds_t)(look_ms % 1000 * 1000)};

    const struct timeval poll = {.tv_usec = JOB_POLL_US};
    const bool is_told = job->pidfd >= 0;

    job->end = is_told ? event_new(base, job->pidfd, EV_READ, job_on_end, job)
                       : event_new(base, -1, EV_PERSIST, job_on_poll, job);
    job->look = event_new(base, -1, EV_PERSIST, job_on_look, job);
    if (job->end == NULL || job->look == NULL || event_add(job->end, is_told ? NULL : &poll) != 0 ||
        event_add(job->look, &often) != 0)
        return error_set_errno(err, "cannot watch the process of a job");
    return 0;
}

int job_start(struct event_base *base, const struct job_input *input, job_done_fn *done, void *arg,
              struct job **ret_job, struct error *err)
{
    struct job *job = mem_zalloc(sizeof(*job));
    int status;

    *job =
        (struct job){.done = done, .arg = arg, .pid = -1, .pidfd = -1, .life_fd = -1, .life_read = -1, .result_fd = -1};
    job->judged.cpu_max_us = (input->limits.cpu_ms + 999) / 1000 * 1000000;
    job->judged.stall_ms = input->limits.stall_ms > 0 ? input->limits.stall_ms : JOB_STALL_MS;
    job->oom_kills = job_oom_kills();
    job->cpu_at_ms = clock_monotonic_ms();
    status = job_make_means(job, err);
    if (status == 0) status = job_fork(job, input, err);
    if (status == 0) status = job_watch(job, base, err);
    if (status != 0) {
        job_end(job);
        return -1;
    }
    *ret_job = job;
    return 0;
}

double job_progress(struct job *job)
{
    const double progress = (double)job->page->progress / JOB_PROGRESS_WHOLE;

    if (progress > job->progress) job->progress = progress < 1 ? progress : 1;
    return job->progress;
}

pid_t job_pid(const struct job *job)
{
    return job->pid;
}

void job_end(struct job *job)
{
    struct rusage usage;

    if (job == NULL) return;
    if (job->pid > 0) job_reap(job, &usage);
    job_free(job);
}
