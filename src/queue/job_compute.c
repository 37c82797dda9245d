/* A backtest from the job's texts and candles to the document of its result, or to why it cannot be computed. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "candles/series.h"
#include "engine/document.h"
#include "engine/engine.h"
#include "queue/job_internal.h"
#include "queue/result.h"
#include "rules/rules.h"
#include "json/scan.h"

/* How far the job is when a phase or a part of it begins, of JOB_PROGRESS_WHOLE. */
enum {
    PROGRESS_COMPUTING = JOB_PROGRESS_WHOLE / 100,
    PROGRESS_SIMULATING = JOB_PROGRESS_WHOLE * 4 / 10,
    PROGRESS_WRITING = JOB_PROGRESS_WHOLE * 85 / 100,
};

struct compute {
    const struct job_input *input;
    struct job_page *page;
    int result_fd;
    struct arena *arena;
    struct rules *rules;
    struct engine_execution execution;
    struct engine_series series;
    struct rules_run *columns;
    struct engine_job job;
    struct engine_result result;
    size_t bars; /* of the test */
};

void job_page_enter(struct job_page *page, enum job_phase phase)
{
    static uint64_t since_ns;
    const uint64_t now_ns = clock_monotonic_ns();
    const int before = page->phase;

    if (before >= 0 && before < JOB_PHASES && since_ns > 0) page->phase_us[before] = (now_ns - since_ns) / 1000;
    since_ns = now_ns;
    page->phase = phase;
}

static int compute_refuse(struct compute *c, enum job_refusal refusal, const char *fmt, ...) ATTR_PRINTF(3, 4);
static int compute_refuse(struct compute *c, enum job_refusal refusal, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->page->detail, sizeof(c->page->detail), fmt, ap);
    va_end(ap);
    c->page->refusal = (int)refusal;
    return JOB_EXIT_REFUSED;
}

/* One fault a line, each with its place. */
static int compute_refuse_rules(struct compute *c, const struct rules_faults *faults)
{
    const char *all = "";

    for (size_t i = 0; i < faults->count; i++) {
        all = arena_printf(c->arena, "%s%s%.*s", all, i == 0 ? "" : "\n",
                           SLICE_FMT(rules_fault_text(&faults->items[i], c->arena)));
    }
    if (faults->dropped > 0) all = arena_printf(c->arena, "%s\nand %zu more", all, faults->dropped);
    return compute_refuse(c, JOB_REFUSAL_STRATEGY, "%s", all);
}

static int compute_rules(struct compute *c)
{
    struct rules_faults *faults = arena_zalloc(c->arena, sizeof(*faults));
    struct error err;

    faults->arena = c->arena;
    c->rules = rules_new(c->input->kind, c->input->parameters, NULL, 0, faults);
    if (c->rules == NULL) return compute_refuse_rules(c, faults);
    if (rules_fits(c->rules, c->input->candles->timeframe_ms, &err)) return 0;
    rules_misfits(c->rules, c->input->candles->timeframe_ms, faults);
    if (faults->count > 0) return compute_refuse_rules(c, faults);
    return compute_refuse(c, JOB_REFUSAL_STRATEGY, "%s", err.message); /* the look-back is one of the whole */
}

/* One fault a line. False: something is wrong, and was told. */
static bool compute_settings(struct compute *c)
{
    struct engine_faults *faults = arena_zalloc(c->arena, sizeof(*faults));
    struct slice detail = SLICE_NONE;
    const char *all = "";

    if (c->input->execution.data == NULL) return true;
    if (!json_scan_members(c->arena, c->input->execution, JSON_DEPTH_MAX, NULL, &detail)) {
        compute_refuse(c, JOB_REFUSAL_EXECUTION, "execution: %.*s", SLICE_FMT(detail));
        return false;
    }
    faults->arena = c->arena;
    if (engine_execution_read(c->input->execution, &c->execution, faults)) return true;
    for (size_t i = 0; i < faults->count; i++) {
        all = arena_printf(c->arena, "%s%s%.*s", all, i == 0 ? "" : "\n", SLICE_FMT(faults->items[i].detail));
    }
    compute_refuse(c, JOB_REFUSAL_EXECUTION, "%s", all);
    return false;
}

static int compute_execution(struct compute *c)
{
    const struct slice capital = c->input->capital;
    struct error err;

    engine_execution_init(&c->execution);
    if (!compute_settings(c)) return JOB_EXIT_REFUSED;
    if (capital.data == NULL || engine_execution_set(&c->execution, SLICE_LIT("capital"), capital, &err) == 0) return 0;
    return compute_refuse(c, JOB_REFUSAL_EXECUTION, "%s", err.message);
}

static void compute_tell(struct compute *c, uint32_t from, uint32_t to, double share)
{
    c->page->progress = from + (uint32_t)((to - from) * (share < 1 ? share : 1));
}

static void compute_on_bars(void *arg, size_t bars)
{
    struct compute *c = arg;

    compute_tell(c, PROGRESS_SIMULATING, PROGRESS_WRITING, (double)bars / (double)c->bars);
}

static void compute_on_written(void *arg, double share)
{
    compute_tell(arg, PROGRESS_WRITING, JOB_PROGRESS_WHOLE, share);
}

static int compute_simulate(struct compute *c)
{
    const struct job_input *in = c->input;
    struct error err;

    if (engine_series_prepare(in->candles, c->execution.missing, &c->series, &err) != 0) {
        const bool is_gap = c->execution.missing == ENGINE_MISSING_ERROR;

        return compute_refuse(c, is_gap ? JOB_REFUSAL_DATA_INCOMPLETE : JOB_REFUSAL_EXECUTION, "%s", err.message);
    }
    c->job = (struct engine_job){
        .candles = &c->series.candles,
        .invented = c->series.invented,
        .first = candles_find(&c->series.candles, in->start_ms),
        .end = candles_find(&c->series.candles, in->end_ms),
        .detail = in->detail != NULL && in->detail->count > 0 ? in->detail : NULL,
        .execution = &c->execution,
        .progress = compute_on_bars,
        .progress_arg = c,
    };
    if (c->job.first >= c->job.end)
        return compute_refuse(c, JOB_REFUSAL_NO_DATA, "there are no candles between start and end; import some");
    c->bars = c->job.end - c->job.first;
    c->page->bars = c->series.candles.count;
    c->columns = rules_run_new(c->rules, &c->series.candles, &err);
    if (c->columns == NULL) return compute_refuse(c, JOB_REFUSAL_STRATEGY, "%s", err.message);
    const struct engine_signals signals = engine_signals_of(c->rules, c->columns);

    c->job.signals = &signals;
    compute_tell(c, PROGRESS_SIMULATING, PROGRESS_WRITING, 0);
    const int rc = engine_run(&c->job, &c->result, &err);

    c->job.signals = NULL;
    if (rc != 0) return compute_refuse(c, JOB_REFUSAL_EXECUTION, "%s", err.message);
    if (c->result.trade_count <= JOB_TRADES_MAX) return 0;
    return compute_refuse(c, JOB_REFUSAL_TOO_MANY_TRADES,
                          "the backtest makes %zu trades, and %d are kept at most; test a shorter span, or enter less "
                          "often",
                          c->result.trade_count, JOB_TRADES_MAX);
}

static int compute_write(struct compute *c)
{
    const struct result_subject subject = {
        .job = &c->job,
        .result = &c->result,
        .fingerprint = c->input->fingerprint,
        .read = c->input->read,
        .progress = compute_on_written,
        .progress_arg = c,
    };
    struct error err;

    errno = 0;
    if (result_write(&subject, c->result_fd, &err) == 0) return 0;
    if (errno == ENOSPC || errno == ENOMEM) return MEM_EXIT_STATUS;
    if (errno == EFBIG) {
        return compute_refuse(c, JOB_REFUSAL_TOO_LARGE,
                              "the result has more than %llu MiB; test a shorter span or a longer timeframe",
                              (unsigned long long)(JOB_RESULT_BYTES_MAX >> 20));
    }
    return compute_refuse(c, JOB_REFUSAL_EXECUTION, "%s", err.message);
}

static void compute_enter(struct compute *c, enum job_phase phase)
{
    job_page_enter(c->page, phase);
    if (c->input->hook != NULL) c->input->hook(c->input->hook_arg, phase);
}

/* Nothing is freed: the process ends. */
int job_compute(const struct job_input *input, struct job_page *page, int result_fd)
{
    struct compute c = {.input = input, .page = page, .result_fd = result_fd, .arena = arena_new()};
    int status;

    compute_enter(&c, JOB_COMPILING);
    status = compute_rules(&c);
    if (status == 0) status = compute_execution(&c);
    if (status != 0) return status;
    compute_tell(&c, PROGRESS_COMPUTING, PROGRESS_SIMULATING, 0);
    compute_enter(&c, JOB_COMPUTING);
    status = compute_simulate(&c);
    if (status != 0) return status;
    compute_enter(&c, JOB_WRITING);
    return compute_write(&c);
}
