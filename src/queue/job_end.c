/* What the end of a job's process says of it. */
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/mem.h"
#include "queue/job_internal.h"

static const char *const end_phases[] = {
    [JOB_STARTING] = "start",
    [JOB_COMPILING] = "compile",
    [JOB_COMPUTING] = "compute",
    [JOB_WRITING] = "write",
};

static const char *const end_refusals[] = {
    [JOB_REFUSAL_STRATEGY] = "strategy_invalid",
    [JOB_REFUSAL_EXECUTION] = "execution_invalid",
    [JOB_REFUSAL_NO_DATA] = "no_data",
    [JOB_REFUSAL_DATA_INCOMPLETE] = "data_incomplete",
    [JOB_REFUSAL_TOO_MANY_TRADES] = "too_many_trades",
    [JOB_REFUSAL_TOO_LARGE] = "out_of_memory",
};

_Static_assert(countof(end_phases) == JOB_PHASES && countof(end_refusals) == JOB_REFUSALS, "each has its word");

const char *job_phase_name(enum job_phase phase)
{
    return end_phases[phase];
}

static void end_say(struct job_report *report, enum job_outcome outcome, const char *code, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
static void end_say(struct job_report *report, enum job_outcome outcome, const char *code, const char *fmt, ...)
{
    va_list ap;

    report->outcome = outcome;
    report->code = code;
    va_start(ap, fmt);
    vsnprintf(report->detail, sizeof(report->detail), fmt, ap);
    va_end(ap);
}

static const char *end_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* "engine_run+0x3f (backtestd+0x5e21)"; the nearest name that the program exports, and the offset for addr2line(1). */
static bool end_name(const void *frame, struct buf *out)
{
    Dl_info info;

    if (frame == NULL || dladdr(frame, &info) == 0 || info.dli_fname == NULL) return false;
    const unsigned long offset = (unsigned long)((const char *)frame - (const char *)info.dli_fbase);

    if (info.dli_sname != NULL) {
        buf_printf(out, "%s+0x%lx (", info.dli_sname,
                   (unsigned long)((const char *)frame - (const char *)info.dli_saddr));
    }
    buf_printf(out, "%s+0x%lx%s", end_base_name(info.dli_fname), offset, info.dli_sname != NULL ? ")" : "");
    return true;
}

static bool end_is_ours(const void *frame)
{
    Dl_info here, there;

    return dladdr((const void *)(uintptr_t)end_is_ours, &here) != 0 && frame != NULL && dladdr(frame, &there) != 0 &&
           here.dli_fbase == there.dli_fbase;
}

/* Where it was: the place itself, and if that is in a library, what of ours called it. The first of the frames is the
 * place; those behind it begin with the handler's own. */
static void end_place(const struct job_page *page, struct buf *out)
{
    const unsigned count = page->frame_count < JOB_FRAMES_MAX ? page->frame_count : JOB_FRAMES_MAX;
    unsigned own = 0;

    if (count == 0 || !end_name(page->frames[0], out) || end_is_ours(page->frames[0])) return;
    while (own < count && page->frames[own] != page->frames[0]) own++;
    for (unsigned i = 2; i < count; i++) {
        /* Behind the place: the handler stands before it. */
        if (page->frames[i] == page->frames[0]) own = i;
    }
    for (unsigned i = own + 1; i < count; i++) {
        if (!end_is_ours(page->frames[i])) continue;
        buf_add_str(out, ", called by ");
        end_name(page->frames[i], out);
        return;
    }
}

static void end_crashed(const struct job_page *page, int signo, struct job_report *report)
{
    const char *name = sigdescr_np(signo), *phase = job_phase_name(report->phase);
    struct buf place = {0};

    if (page->signo == signo) end_place(page, &place);
    end_say(report, JOB_CRASHED, "crashed", "the computation crashed by signal %d (%s) in the phase \"%s\"%s%s", signo,
            name == NULL ? "unknown" : name, phase, place.len > 0 ? ", at " : "", buf_cstr(&place));
    buf_clear(&place);
}

static void end_killed(const struct job_status *status, struct job_report *report)
{
    const char *phase = job_phase_name(report->phase);

    if (status->was_stalled) {
        end_say(report, JOB_CRASHED, "crashed",
                "the computation used no processor time for %llu ms in the phase \"%s\", and was ended",
                (unsigned long long)status->stall_ms, phase);
    } else if (status->was_starved) {
        /* Another process may have been the one that the kernel ended, and another attempt may go well. */
        end_say(report, JOB_OUT_OF_MEMORY, "crashed",
                "the computation was killed (signal 9) in the phase \"%s\", while the system ran out of memory", phase);
    } else {
        end_say(report, JOB_CRASHED, "crashed",
                "the computation was killed (signal 9) in the phase \"%s\", by somebody on this machine "
                "or because it ran out of memory",
                phase);
    }
}

static void end_by_signal(const struct job_status *status, const struct job_page *page, struct job_report *report)
{
    const int signo = WTERMSIG(status->status);

    report->signo = signo;
    /* The kernel's second warning is SIGKILL. */
    if (signo == SIGXCPU || (signo == SIGKILL && status->cpu_max_us > 0 && report->cpu_us >= status->cpu_max_us)) {
        end_say(report, JOB_OUT_OF_TIME, "out_of_time",
                "the computation took more than %llu s of processor time; test a shorter span, or simplify the "
                "strategy",
                (unsigned long long)(status->cpu_max_us / 1000000));
    } else if (signo == SIGKILL) {
        end_killed(status, report);
    } else {
        end_crashed(page, signo, report);
    }
}

static void end_refused(const struct job_page *page, struct job_report *report)
{
    const int refusal = page->refusal;

    if (refusal < 0 || refusal >= JOB_REFUSALS) {
        end_say(report, JOB_CRASHED, "crashed", "the computation refused its input for an unknown reason");
        return;
    }
    end_say(report, JOB_REFUSED, end_refusals[refusal], "%.*s", (int)strnlen(page->detail, sizeof(page->detail)),
            page->detail);
}

void job_judge(const struct job_status *status, const struct job_page *page, struct job_report *report)
{
    const int phase = page->phase;

    report->phase = phase >= 0 && phase < JOB_PHASES ? (enum job_phase)phase : JOB_STARTING;
    report->bars = page->bars;
    for (size_t i = 0; i < JOB_PHASES; i++) report->phase_us[i] = page->phase_us[i];
    if (WIFSIGNALED(status->status)) {
        end_by_signal(status, page, report);
    } else if (WEXITSTATUS(status->status) == 0) {
        report->outcome = JOB_DONE;
    } else if (WEXITSTATUS(status->status) == JOB_EXIT_REFUSED) {
        end_refused(page, report);
    } else if (WEXITSTATUS(status->status) == MEM_EXIT_STATUS) {
        end_say(
            report, JOB_OUT_OF_MEMORY, "out_of_memory",
            "the computation needs more memory than it may have (STRATSLAB_JOB_MEMORY), in the phase \"%s\"; test a "
            "shorter span",
            job_phase_name(report->phase));
    } else {
        end_say(report, JOB_CRASHED, "crashed", "the computation ended with status %d in the phase \"%s\"%s%.*s",
                WEXITSTATUS(status->status), job_phase_name(report->phase), page->detail[0] == '\0' ? "" : ": ",
                (int)strnlen(page->detail, sizeof(page->detail) / 2), page->detail);
    }
}
