#include "queue/work.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "candles/timeframe.h"
#include "child/child.h"
#include "queue/failure.h"
#include "queue/job.h"
#include "queue/lease.h"
#include "queue/load.h"
#include "queue/statements.h"
#include "queue/tell.h"
#include "rules/rules.h"

enum { WORK_LOADS_MAX = 3, WORK_PAUSE_MIN_MS = 200, WORK_PAUSE_MAX_MS = 1000 };

enum work_phase {
    WORK_BEGINNING,
    WORK_LOADING,
    WORK_WAITING, /* candles could not be read: for the queue's word that the claim is still ours */
    WORK_COMPUTING,
    WORK_TELLING,
};

struct work {
    struct work_options options;
    struct arena *arena; /* of the texts */
    struct slice id, claim, kind, parameters, symbol, timeframe, capital, execution, attempts;
    int64_t timeframe_ms, start_ms, end_ms;
    size_t lookback;
    bool detail, own_tick, own_lot;

    enum work_phase phase;
    struct event *timer; /* begins what cannot begin in the callback of the claim; ends a pause */
    struct lease *lease;
    struct load *load;
    struct loaded *loaded;
    struct job *job;
    struct tell *tell;
    struct job_report *report; /* has the result */
    struct buf text;           /* the error that is told */
    unsigned loads;

    enum meter_outcome told; /* what the queue makes of what it is told, if it is told in time */
    struct work_record record;
    uint64_t claimed_ns, phase_began_ns;
};

static void work_load(struct work *w);

/* ---- The end ---- */

static void work_end_job(struct work *w)
{
    load_cancel(w->load);
    job_end(w->job);
    loaded_free(w->loaded);
    w->load = NULL;
    w->job = NULL;
    w->loaded = NULL;
}

static void work_stop(struct work *w)
{
    work_end_job(w);
    lease_free(w->lease);
    w->lease = NULL;
}

static void work_phase_over(struct work *w, enum meter_phase phase)
{
    const uint64_t now_ns = clock_monotonic_ns();

    w->record.phase_ns[phase] += now_ns - w->phase_began_ns;
    w->phase_began_ns = now_ns;
}

static void work_done(struct work *w, enum meter_outcome outcome)
{
    if (w->phase == WORK_LOADING) work_phase_over(w, METER_LOAD);
    if (w->phase == WORK_COMPUTING) work_phase_over(w, METER_COMPUTE);
    work_stop(w);
    w->record.outcome = outcome;
    w->record.took_ns = clock_monotonic_ns() - w->claimed_ns;
    w->options.done(w->options.arg, w);
}

static void work_show(struct work *w, const char *doing)
{
    const char *what =
        arena_printf(w->arena, "%.*s on %.*s %.*s", SLICE_FMT(w->kind), SLICE_FMT(w->symbol), SLICE_FMT(w->timeframe));

    child_set_last(w->options.child, what, w->id, doing);
}

/* What becomes of a claim that the queue does not take our word for. */
static enum meter_outcome work_outcome(const struct work *w, enum queue_answer answer)
{
    switch (answer) {
    case QUEUE_CANCELLED:
        return METER_CANCELLED;
    case QUEUE_SUCCEEDED:
        return w->told == METER_SUCCEEDED ? METER_SUCCEEDED : METER_LOST;
    case QUEUE_QUEUED:
        /* Of a result: the lease ran out, and nobody has taken it yet. */
        return w->told == METER_FAILED ? METER_REQUEUED : w->told == METER_GIVEN_BACK ? METER_GIVEN_BACK : METER_LOST;
    case QUEUE_FAILED:
        return w->told == METER_FAILED ? METER_FAILED : METER_LOST;
    default:
        return METER_LOST;
    }
}

static void work_fail(struct work *w, const char *code, struct slice detail);

static void work_on_told(void *arg, enum queue_answer answer, const char *refusal, bool refused_for_good)
{
    struct work *w = arg;

    w->tell = NULL;
    if (w->told == METER_SUCCEEDED) {
        work_phase_over(w, METER_WRITE);
        meter_time(w->options.meter, METER_WRITE, w->record.phase_ns[METER_WRITE]);
    }
    if (refusal == NULL) {
        work_done(w, work_outcome(w, answer));
    } else if (w->told == METER_SUCCEEDED) {
        work_fail(w, refused_for_good ? "result_refused" : "internal",
                  slice_of(arena_printf(w->arena, "The database does not take the result: %s.", refusal)));
    } else {
        w->record.detail = arena_copy(w->arena, slice_of(refusal));
        work_done(w, METER_DROPPED);
    }
}

/* `what` is the result, or the error; it lives as long as the work. */
static void work_tell(struct work *w, const struct db_statement *statement, enum meter_outcome told, struct slice what)
{
    const bool retry = w->record.code != NULL && failure_code_find(w->record.code)->retry;

    w->phase = WORK_TELLING;
    w->told = told;
    work_show(w, statement->name);
    w->tell = tell_new(&(struct tell_options){
        .base = w->options.base,
        .db = w->options.db,
        .statement = statement,
        .values = {w->id, w->claim, what, retry ? SLICE_LIT("t") : SLICE_LIT("f")},
        .done = work_on_told,
        .arg = w,
    });
}

/* The error is in `text`. */
static void work_fail_with_text(struct work *w, const struct failure_code *code)
{
    w->record.code = code->code;
    meter_failure(w->options.meter, code->code);
    work_end_job(w);
    work_tell(w, &queue_fail, METER_FAILED, buf_slice(&w->text));
}

static void work_fail(struct work *w, const char *name, struct slice detail)
{
    const struct failure_code *code = failure_code_find(name);

    w->record.detail = arena_copy(w->arena, detail);
    buf_clear(&w->text);
    failure_json(code, detail, &w->text);
    work_fail_with_text(w, code);
}

void work_give_back(struct work *work)
{
    if (work->phase == WORK_TELLING) return;
    work_end_job(work);
    work_tell(work, &queue_give_back, METER_GIVEN_BACK, SLICE_NONE);
}

/* ---- The job ---- */

/* What the job must not have of this process's memory: the address of the database, its password as it is written
 * there, and as it is sent. */
enum { WORK_SECRETS = 3 };

static size_t work_secrets(const struct work *w, struct slice secrets[WORK_SECRETS])
{
    const char *url = w->options.conf->database.url;
    const char *at = strstr(url, "://");
    struct slice rest = slice_of(at == NULL ? NULL : at + strlen("://"));
    size_t count = 0;

    secrets[count++] = slice_of(url);
    secrets[count++] = slice_of(db_password(w->options.db));
    if (rest.data != NULL && memchr(rest.data, '@', rest.len) != NULL) {
        struct slice login = slice_cut(&rest, '@');

        (void)slice_cut(&login, ':');
        if (login.data != NULL) secrets[count++] = login;
    }
    return count;
}

static void work_on_job(void *arg, struct job_report *report)
{
    struct work *w = arg;

    w->job = NULL;
    w->report = report;
    work_phase_over(w, METER_COMPUTE);
    meter_time(w->options.meter, METER_COMPUTE, w->record.phase_ns[METER_COMPUTE]);
    w->record.bars = report->bars;
    if (report->outcome != JOB_DONE) {
        work_fail(w, report->code, slice_of(report->detail));
        return;
    }
    metrics_add(w->options.meter->cells[METER_BARS], report->bars);
    work_end_job(w);
    work_tell(w, &queue_put, METER_SUCCEEDED, report->document);
}

static void work_compute(struct work *w)
{
    const struct loaded *loaded = w->loaded;
    struct slice secrets[WORK_SECRETS];
    struct job_input input = {
        .kind = w->kind,
        .parameters = w->parameters,
        .execution = w->execution,
        .capital = w->capital,
        .start_ms = w->start_ms,
        .end_ms = w->end_ms,
        .candles = &loaded->candles,
        .detail = loaded->detail.count > 0 ? &loaded->detail : NULL,
        .fingerprint = loaded->fingerprint,
        .read = buf_slice(&loaded->read),
        .limits = {.memory_bytes = w->options.conf->jobs.memory_bytes, .cpu_ms = w->options.conf->jobs.cpu_ms},
        .secrets = secrets,
        .no_sandbox = !w->options.conf->sandbox,
    };
    struct error err;

    input.secret_count = work_secrets(w, secrets);
    w->phase = WORK_COMPUTING;
    work_show(w, "computing");
    if (job_start(w->options.base, &input, work_on_job, w, &w->job, &err) != 0) {
        work_fail(w, "internal", slice_of(err.message));
    }
}

/* ---- The candles ---- */

static void work_count_load(struct work *w)
{
    const struct loaded *loaded = w->loaded;
    struct meter *meter = w->options.meter;

    meter_time(meter, METER_LOAD, w->record.phase_ns[METER_LOAD]);
    metrics_add(meter->cells[METER_CACHE_HITS], loaded->cache_hits);
    metrics_add(meter->cells[METER_CACHE_MISSES], loaded->cache_misses);
    metrics_add(meter->cells[METER_CACHE_DAMAGED], loaded->cache_damaged);
    metrics_add(meter->cells[METER_CACHE_READ], loaded->cached_bytes);
    metrics_add(meter->cells[METER_FETCHED], loaded->fetched_bytes);
    w->record.cached = loaded->cache_misses == 0 ? "yes" : loaded->cache_hits == 0 ? "no" : "part";
}

static void work_pause(struct work *w)
{
    const unsigned ms = (unsigned)random_between(WORK_PAUSE_MIN_MS, WORK_PAUSE_MAX_MS);
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    w->phase = WORK_WAITING;
    if (event_add(w->timer, &in) != 0) mem_die(0);
}

static void work_on_loaded(void *arg, struct loaded *loaded, const struct load_failure *failure)
{
    struct work *w = arg;

    w->load = NULL;
    work_phase_over(w, METER_LOAD);
    w->loaded = loaded;
    if (loaded != NULL) {
        work_count_load(w);
        work_compute(w);
    } else if (failure->retry && w->loads < WORK_LOADS_MAX) {
        work_pause(w);
    } else {
        work_fail(w, failure->code, slice_of(failure->detail));
    }
}

static void work_load(struct work *w)
{
    const struct load_request request = {
        .symbol = w->symbol,
        .timeframe_ms = w->timeframe_ms,
        .start_ms = w->start_ms,
        .end_ms = w->end_ms,
        .lookback = w->lookback,
        .detail = w->detail,
        .own_tick = w->own_tick,
        .own_lot = w->own_lot,
        .bytes_max = w->options.conf->jobs.memory_bytes / 2, /* the job computes columns beside them */
    };

    w->phase = WORK_LOADING;
    w->loads++;
    work_show(w, "loading");
    w->load = load_start(w->options.base, w->options.db, w->options.cache, &request, work_on_loaded, w);
}

/* ---- The strategy ---- */

static bool work_judge_strategy(struct work *w, struct rules_faults *faults)
{
    struct rules *rules = rules_new(w->kind, w->parameters, NULL, 0, faults);
    struct error err;

    if (rules == NULL) return false;
    const bool fits = rules_fits(rules, w->timeframe_ms, &err);

    if (fits) {
        w->lookback = rules_lookback(rules, w->timeframe_ms);
    } else {
        rules_misfits(rules, w->timeframe_ms, faults);
        if (faults->count == 0) {
            faults->items[faults->count++] =
                (struct rules_fault){.pointer = SLICE_LIT(""), .detail = arena_copy(w->arena, slice_of(err.message))};
        }
    }
    rules_free(rules);
    return fits;
}

static void work_begin(struct work *w)
{
    struct rules_faults *faults = arena_zalloc(w->arena, sizeof(*faults));

    faults->arena = w->arena;
    if (!candles_timeframe_parse(w->timeframe, &w->timeframe_ms)) {
        work_fail(
            w, "no_data",
            slice_of(arena_printf(w->arena, "There are no candles of the timeframe %.*s.", SLICE_FMT(w->timeframe))));
    } else if (!work_judge_strategy(w, faults)) {
        buf_clear(&w->text);
        failure_strategy_json(faults, &w->text);
        if (faults->count > 0) w->record.detail = rules_fault_text(&faults->items[0], w->arena);
        work_fail_with_text(w, failure_code_find("strategy_invalid"));
    } else {
        work_load(w);
    }
}

/* ---- The lease ---- */

static void work_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct work *w = arg;

    (void)fd;
    (void)what;
    if (w->phase == WORK_BEGINNING) work_begin(w);
    if (w->phase == WORK_WAITING) lease_ask(w->lease);
}

static double work_progress(void *arg)
{
    const struct work *w = arg;

    return w->job == NULL ? -1 : job_progress(w->job);
}

/* While the queue is told of the end, the answer to that is what counts. */
static void work_on_answer(void *arg, enum queue_answer answer)
{
    struct work *w = arg;

    if (w->phase == WORK_TELLING) return;
    if (answer != QUEUE_RUNNING) {
        w->told = METER_DROPPED;
        work_done(w, work_outcome(w, answer));
    } else if (w->phase == WORK_WAITING) {
        event_del(w->timer);
        work_load(w);
    }
}

void work_ask(struct work *work)
{
    if (work->phase != WORK_TELLING) lease_ask(work->lease);
}

void work_connected(struct work *work)
{
    if (work->tell != NULL) tell_again(work->tell);
    lease_ask(work->lease);
}

/* ---- Wiring ---- */

static struct slice work_value(struct work *w, const struct db_result *row, const char *column)
{
    const struct slice value = db_result_value(row, 0, db_result_column(row, column));

    return value.data == NULL ? SLICE_LIT("") : arena_copy(w->arena, value);
}

static int64_t work_number(struct work *w, const struct db_result *row, const char *column)
{
    return strtoll(work_value(w, row, column).data, NULL, 10); /* the statement makes it a bigint */
}

static void work_read(struct work *w, const struct db_result *row)
{
    w->id = work_value(w, row, "id");
    w->claim = work_value(w, row, "claim");
    w->kind = work_value(w, row, "kind");
    w->parameters = work_value(w, row, "parameters");
    w->symbol = work_value(w, row, "symbol");
    w->timeframe = work_value(w, row, "timeframe");
    w->capital = work_value(w, row, "initial_capital");
    w->execution = work_value(w, row, "execution");
    w->attempts = work_value(w, row, "attempts");
    w->start_ms = work_number(w, row, "start_ms");
    w->end_ms = work_number(w, row, "end_ms");
    w->detail = slice_is(work_value(w, row, "detail"), "t");
    w->own_tick = slice_is(work_value(w, row, "own_tick"), "t");
    w->own_lot = slice_is(work_value(w, row, "own_lot"), "t");
}

struct work *work_new(const struct work_options *options, const struct db_result *row)
{
    struct work *w = mem_zalloc(sizeof(*w));

    w->options = *options;
    w->arena = arena_new();
    work_read(w, row);
    w->claimed_ns = w->phase_began_ns = clock_monotonic_ns();
    w->record = (struct work_record){.id = w->id,
                                     .kind = w->kind,
                                     .symbol = w->symbol,
                                     .timeframe = w->timeframe,
                                     .attempts = w->attempts,
                                     .cached = "-"};
    w->lease = lease_new(&(struct lease_options){
        .base = options->base,
        .db = options->db,
        .id = w->id,
        .claim = w->claim,
        .arg = w,
        .progress = work_progress,
        .answered = work_on_answer,
    });
    w->timer = evtimer_new(options->base, work_on_timer, w);
    if (w->timer == NULL) mem_die(0);
    work_show(w, "claimed");
    event_active(w->timer, EV_TIMEOUT, 0);
    return w;
}

void work_free(struct work *work)
{
    if (work == NULL) return;
    work_stop(work);
    tell_free(work->tell);
    job_report_free(work->report);
    event_free(work->timer);
    buf_clear(&work->text);
    arena_free(work->arena);
    free(work);
}

struct slice work_id(const struct work *work)
{
    return work->id;
}

struct work_record work_record(const struct work *work)
{
    return work->record;
}
