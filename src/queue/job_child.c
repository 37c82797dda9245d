/*
 * The process's side: what it gives up before it computes. It calls nothing that could wait for a lock of the worker's
 * threads, which are not here: the C library's memory is safe after fork(2), and libcrypto's digests were used before.
 */
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "queue/job_internal.h"
#include "wall/wall.h"

enum { CHILD_STACK_BYTES = 64 * 1024, CHILD_EXIT_LOST = 84 };

/* A signal's handler gets nothing but the signal, so this is global. */
static struct job_page *child_page;

/* ---- A crash ---- */

static void *child_place(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

/* The worker has the same program at the same addresses, and finds their names. The handler is gone: what it returns
 * to happens again, and ends the process. abort(3) goes on by itself. */
static void child_on_crash(int signo, siginfo_t *info, void *context)
{
    (void)info;
    child_page->signo = signo;
    child_page->frames[0] = child_place(context);
    child_page->frame_count = 1;
    child_page->frame_count = 1 + (unsigned)backtrace(child_page->frames + 1, JOB_FRAMES_MAX - 1);
}

static void child_set_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ, SIGALRM};
    static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
    static char bytes[CHILD_STACK_BYTES];
    const stack_t stack = {.ss_sp = bytes, .ss_size = sizeof(bytes)};
    struct sigaction action = {.sa_sigaction = child_on_crash,
                               .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_ONSTACK)};
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++) (void)signal(signo, SIG_DFL);
    for (size_t i = 0; i < countof(ignored); i++) (void)signal(ignored[i], SIG_IGN);
    (void)sigaltstack(&stack, NULL);
    for (size_t i = 0; i < countof(crashes); i++) (void)sigaction(crashes[i], &action, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- Descriptors ---- */

static void child_close_range(unsigned from, unsigned to)
{
    if (from > to || syscall(SYS_close_range, from, to, 0) == 0) return;
    /* A kernel before 5.9, or a tool that does not know it. */
    const long most = sysconf(_SC_OPEN_MAX);

    for (unsigned fd = from; fd <= to && fd < (unsigned)most; fd++) close((int)fd);
}

/* All but the two. A sanitizer's report needs standard error. */
static void child_close_others(int one, int other, bool keeps_stderr)
{
    const unsigned low = (unsigned)(one < other ? one : other), high = (unsigned)(one < other ? other : one);
    const unsigned first = keeps_stderr ? STDERR_FILENO + 1 : 0;

    if (keeps_stderr) close(STDIN_FILENO), close(STDOUT_FILENO);
    if (low > first) child_close_range(first, low - 1);
    if (low + 1 < high) child_close_range(low + 1, high - 1);
    child_close_range(high + 1, UINT32_MAX);
}

bool job_hang_on(int life_fd, pid_t pid)
{
    return fcntl(life_fd, F_SETSIG, SIGKILL) == 0 && fcntl(life_fd, F_SETOWN, pid) == 0 &&
           fcntl(life_fd, F_SETFL, O_ASYNC | O_NONBLOCK) == 0;
}

static void child_hang_on(int life_fd)
{
    char byte;

    if (!job_hang_on(life_fd, getpid())) _exit(CHILD_EXIT_LOST);
    if (read(life_fd, &byte, 1) >= 0) _exit(CHILD_EXIT_LOST); /* it is over already */
}

/* ---- Limits ---- */

static uint64_t child_mapped_bytes(void)
{
    char text[128] = "";
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd < 0) return 0;
    const ssize_t n = read(fd, text, sizeof(text) - 1);

    close(fd);
    return n > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* A limit that is lower already stays. */
static void child_limit(__rlimit_resource_t what, rlim_t soft, rlim_t hard)
{
    struct rlimit limit;

    if (getrlimit(what, &limit) != 0) return;
    if (hard < limit.rlim_max) limit.rlim_max = hard;
    if (soft < limit.rlim_cur) limit.rlim_cur = soft;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(what, &limit);
}

static void child_set_limits(const struct job_limits *limits, bool is_plain)
{
    const uint64_t mapped = child_mapped_bytes();
    const rlim_t seconds = (rlim_t)(limits->cpu_ms + 999) / 1000;

    /* A sanitizer maps terabytes, and fills few of them. */
    if (is_plain && limits->memory_bytes > 0 && mapped > 0)
        child_limit(RLIMIT_AS, mapped + limits->memory_bytes, mapped + limits->memory_bytes);
    if (seconds > 0) child_limit(RLIMIT_CPU, seconds, seconds + 1);
    child_limit(RLIMIT_FSIZE, JOB_RESULT_BYTES_MAX, JOB_RESULT_BYTES_MAX);
}

/* ---- Texts ---- */

struct child_texts {
    char *at;
    size_t used, size;
};

static struct slice child_copy(struct child_texts *texts, struct slice text)
{
    char *copy = texts->at + texts->used;

    if (text.data == NULL) return text;
    if (text.len > 0) memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    texts->used += text.len + 1;
    return (struct slice){copy, text.len};
}

/* The job's texts where job_forget leaves them as they are, though they may have a secret's words. */
static struct job_input child_keep(const struct job_input *from, struct child_texts *texts)
{
    struct job_input input = *from;

    texts->size = from->kind.len + from->parameters.len + from->execution.len + from->capital.len + from->read.len +
                  strlen(from->fingerprint) + 6;
    texts->at = mmap(NULL, texts->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (texts->at == MAP_FAILED) _exit(CHILD_EXIT_LOST);
    input.kind = child_copy(texts, from->kind);
    input.parameters = child_copy(texts, from->parameters);
    input.execution = child_copy(texts, from->execution);
    input.capital = child_copy(texts, from->capital);
    input.read = child_copy(texts, from->read);
    input.fingerprint = child_copy(texts, slice_of(from->fingerprint)).data;
    return input;
}

void job_child_run(const struct job_child *child)
{
    struct child_texts texts = {0};
    struct wall_means means;
    struct error err;

    child_page = child->page;
    job_page_enter(child->page, JOB_STARTING);
    wall_probe(&means);
    const bool is_plain = !means.is_by_choice; /* no sanitizer, no valgrind */

    child_close_others(child->result_fd, child->life_fd, !is_plain);
    child_set_signals();
    /* The pipe says it too, but for a worker that was stopped in the middle of closing. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) _exit(CHILD_EXIT_LOST);
    child_hang_on(child->life_fd);
    const struct job_input input = child_keep(child->input, &texts);

    job_forget(input.secrets, input.secret_count, texts.at, texts.size, is_plain);
    child_set_limits(&input.limits, is_plain);
    if (!input.no_sandbox && wall_enter_job(&err) != 0) {
        snprintf(child->page->detail, sizeof(child->page->detail), "%s", err.message);
        _exit(CHILD_EXIT_LOST);
    }
    const int status = job_compute(&input, child->page, child->result_fd);

    job_page_enter(child->page, (enum job_phase)child->page->phase); /* how long the last one took */
    _exit(status);
}
