/*
 * A compiled document over a series: its operations in order, each over the whole column. A column that nobody reads
 * any more is the next one's memory. Operations of one bar go over it in blocks, so that constants need no column for
 * them.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "rules/internal.h"

enum { RUN_BLOCK = 1024, RUN_HUGE_BYTES = 2 << 20 };

/* Columns of one length. */
struct rules_pool {
    size_t bytes; /* of a column */
    double **free;
    size_t free_count;
};

/* The series of one timeframe. */
struct run_clock {
    struct candles candles;
    void *memory; /* of a derived series */
    struct rules_pool pool;
};

struct rules_run {
    const struct rules *rules;
    struct run_clock clocks[RULES_CLOCKS_MAX];
    const double **columns; /* by node; NULL where there is none (yet, or any more) */
    double **owned;         /* the same where the run owns it */
    struct arena *scratch;
    uint64_t steps;
};

/*
 * The first touch of a page is what a column costs most: four thousand bytes at a time it takes longer than most
 * functions. So the kernel is asked for huge pages, and columns are used again.
 */
static double *run_take(struct rules_pool *pool)
{
    void *column = NULL;

    if (pool->free_count > 0) return pool->free[--pool->free_count];
    if (pool->bytes < RUN_HUGE_BYTES) return mem_alloc(pool->bytes);
    if (posix_memalign(&column, RUN_HUGE_BYTES, pool->bytes) != 0) mem_die(pool->bytes);
    (void)madvise(column, pool->bytes, MADV_HUGEPAGE);
    return column;
}

static void run_give(struct rules_pool *pool, double *column)
{
    pool->free[pool->free_count++] = column;
}

double *rules_scratch(struct rules_call *call, size_t count)
{
    const bool is_column = count * 2 > call->count && count * sizeof(double) <= call->pool->bytes;

    if (!is_column || call->taken_count == RULES_TAKEN_MAX) return arena_alloc(call->scratch, count * sizeof(double));
    call->taken[call->taken_count] = run_take(call->pool);
    return call->taken[call->taken_count++];
}

static double *run_make(struct rules_run *run, size_t node)
{
    run->owned[node] = run_take(&run->clocks[run->rules->nodes[node].clock].pool);
    run->columns[node] = run->owned[node];
    return run->owned[node];
}

/* Gives the columns back that node `i` is the last to read. Before it has run, if it may write over them: the next
 * column that is taken is the last one given. */
static void run_release(struct rules_run *run, uint32_t i)
{
    const struct rules *r = run->rules;
    const struct rules_node *n = &r->nodes[i];
    const size_t count = n->kind == NODE_HIGHER ? 1 : n->kind == NODE_CALL ? RULES_ARGUMENTS_MAX : 0;

    for (size_t a = 0; a < count; a++) {
        const uint32_t arg = n->args[a];
        if (n->kind == NODE_CALL && (n->function->arguments[a].name == NULL || !rules_is_column(n->function, a)))
            continue;
        if (r->nodes[arg].last_use != i || r->nodes[arg].is_kept || run->owned[arg] == NULL) continue;
        run_give(&run->clocks[r->nodes[arg].clock].pool, run->owned[arg]);
        run->owned[arg] = NULL;
        run->columns[arg] = NULL;
    }
}

static const double *run_candles(const struct candles *c, uint32_t column)
{
    switch ((enum rules_column_id)column) {
    case RULES_COLUMN_OPEN:
        return c->open;
    case RULES_COLUMN_HIGH:
        return c->high;
    case RULES_COLUMN_LOW:
        return c->low;
    case RULES_COLUMN_CLOSE:
        return c->close;
    default:
        return c->volume;
    }
}

/* The column of a constant, for who needs it whole. */
static void run_spread(struct rules_run *run, uint32_t node)
{
    const struct rules_node *n = &run->rules->nodes[node];
    const size_t count = run->clocks[n->clock].candles.count;
    double *out;

    if (run->columns[node] != NULL) return;
    out = run_make(run, node);
    for (size_t i = 0; i < count; i++) out[i] = n->constants[0];
}

/* A function of one bar without a kernel of its own. */
static void run_point(const struct rules_function *f, size_t arguments, const struct rules_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        double values[RULES_ARGUMENTS_MAX] = {0};

        for (size_t a = 0; a < arguments; a++) values[a] = call->in[a][i];
        call->out[i] = f->point(values);
    }
}

static void run_blocks(struct rules_run *run, uint32_t node)
{
    const struct rules_node *n = &run->rules->nodes[node];
    const size_t count = run->clocks[n->clock].candles.count;
    double constants[RULES_ARGUMENTS_MAX][RUN_BLOCK];
    const double *in[RULES_ARGUMENTS_MAX] = {NULL};
    double *out;
    size_t arguments = 0;

    for (; n->function->arguments[arguments].name != NULL; arguments++) {
        in[arguments] = run->columns[n->args[arguments]];
        for (size_t i = 0; in[arguments] == NULL && i < RUN_BLOCK; i++) {
            constants[arguments][i] = run->rules->nodes[n->args[arguments]].constants[0];
        }
    }
    run_release(run, node);
    out = run_make(run, node);
    for (size_t from = 0; from < count; from += RUN_BLOCK) {
        struct rules_call call = {.count = count - from < RUN_BLOCK ? count - from : RUN_BLOCK, .out = out + from};

        for (size_t a = 0; a < arguments; a++) call.in[a] = in[a] == NULL ? constants[a] : in[a] + from;
        if (n->function->kernel != NULL) {
            n->function->kernel(&call);
        } else {
            run_point(n->function, arguments, &call);
        }
    }
    run->steps += count;
}

static void run_whole(struct rules_run *run, uint32_t node)
{
    const struct rules_node *n = &run->rules->nodes[node];
    const struct candles *candles = &run->clocks[n->clock].candles;
    struct rules_call call = {
        .count = candles->count, .candles = candles, .scratch = run->scratch, .pool = &run->clocks[n->clock].pool};

    for (size_t a = 0; n->function->arguments[a].name != NULL; a++) {
        call.constant[a] = n->constants[a];
        if (!rules_is_column(n->function, a)) continue;
        if (run->rules->nodes[n->args[a]].kind == NODE_CONSTANT) run_spread(run, n->args[a]);
        call.in[a] = run->columns[n->args[a]];
    }
    if (n->function->in_place) run_release(run, node);
    call.out = run_make(run, node);
    n->function->kernel(&call);
    for (size_t i = 0; i < call.count && n->function->shape == RULES_SHAPE_WHOLE; i++) {
        call.out[i] = rules_finite(call.out[i]);
    }
    run->steps += call.steps > call.count ? call.steps : call.count;
    while (call.taken_count > 0) run_give(call.pool, call.taken[--call.taken_count]);
    arena_reset(run->scratch);
}

/* The value of the last higher bar that has closed when a bar closes. */
static void run_higher(struct rules_run *run, uint32_t node)
{
    const struct rules_node *n = &run->rules->nodes[node];
    const struct rules_node *inner = &run->rules->nodes[n->args[0]];
    const struct run_clock *from = &run->clocks[inner->clock], *to = &run->clocks[n->clock];
    const int64_t span = from->candles.timeframe_ms;
    const double *in = run->columns[n->args[0]];
    double *out = run_make(run, node);
    size_t closed = 0;

    for (size_t i = 0; i < to->candles.count; i++) {
        const int64_t now = to->candles.time_ms[i] + to->candles.timeframe_ms;

        while (closed < from->candles.count && from->candles.time_ms[closed] + span <= now) closed++;
        out[i] = closed > 0 ? in[closed - 1] : n->constants[0];
    }
    run->steps += to->candles.count;
}

static void run_node(struct rules_run *run, uint32_t i)
{
    const struct rules_node *n = &run->rules->nodes[i];

    if (n->is_dynamic || n->kind == NODE_CONSTANT) return;
    if (n->kind == NODE_COLUMN) {
        run->columns[i] = run_candles(&run->clocks[n->clock].candles, n->index);
    } else if (n->kind == NODE_HIGHER) {
        run_higher(run, i);
    } else if (n->function->shape == RULES_SHAPE_POINT) {
        run_blocks(run, i);
    } else {
        run_whole(run, i);
    }
    run_release(run, i);
}

/* ---- higher timeframes ---- */

/* Weeks begin on Monday; 1970-01-01 was a Thursday. */
static int64_t run_bucket(int64_t time_ms, int64_t timeframe_ms)
{
    const int64_t week = 604800000, monday = 4 * 86400000;
    const int64_t shifted = time_ms - (timeframe_ms % week == 0 ? monday : 0);

    return shifted / timeframe_ms - (shifted % timeframe_ms < 0);
}

static int64_t run_bucket_start(int64_t bucket, int64_t timeframe_ms)
{
    const int64_t week = 604800000, monday = 4 * 86400000;

    return bucket * timeframe_ms + (timeframe_ms % week == 0 ? monday : 0);
}

/*
 * The series in a higher timeframe: first, highest, lowest, last, sum. Bars before the first beginning of a higher bar
 * are left out, so that none is made of a part of its bars only because they were not loaded.
 */
static void run_derive(const struct candles *from, int64_t timeframe_ms, struct run_clock *clock)
{
    const size_t most = from->count + 1;
    double *columns = mem_alloc(most * (5 * sizeof(double) + sizeof(int64_t)));
    double *open = columns, *high = open + most, *low = high + most, *close = low + most, *volume = close + most;
    int64_t *time = (int64_t *)(void *)(volume + most), last = 0;
    size_t count = 0;

    for (size_t i = 0; i < from->count; i++) {
        const int64_t bucket = run_bucket(from->time_ms[i], timeframe_ms);

        if (count > 0 && bucket == last) {
            high[count - 1] = fmax(high[count - 1], from->high[i]);
            low[count - 1] = fmin(low[count - 1], from->low[i]);
            close[count - 1] = from->close[i];
            volume[count - 1] += from->volume[i];
            continue;
        }
        if (count == 0 && i == 0 && run_bucket_start(bucket, timeframe_ms) != from->time_ms[0]) {
            last = bucket;
            continue;
        }
        if (count == 0 && i > 0 && bucket == last) continue;
        time[count] = run_bucket_start(bucket, timeframe_ms);
        open[count] = from->open[i];
        high[count] = from->high[i];
        low[count] = from->low[i];
        close[count] = from->close[i];
        volume[count++] = from->volume[i];
        last = bucket;
    }
    clock->memory = columns;
    clock->candles = (struct candles){
        count, time, open, high, low, close, volume, timeframe_ms, from->tick, from->lot, from->price_digits};
}

/* ---- the public side ---- */

struct rules_run *rules_run_new(const struct rules *r, const struct candles *candles, struct error *err)
{
    struct rules_run *run;

    if (!rules_fits(r, candles->timeframe_ms, err)) return NULL;
    run = mem_zalloc(sizeof(*run));
    run->rules = r;
    run->scratch = arena_new();
    run->columns = mem_array(r->node_count + 1, sizeof(*run->columns));
    run->owned = mem_array(r->node_count + 1, sizeof(*run->owned));
    for (size_t i = 0; i < r->clock_count; i++) {
        if (i == 0) {
            run->clocks[0].candles = *candles;
        } else {
            run_derive(candles, r->clocks[i], &run->clocks[i]);
            run->steps += candles->count;
        }
        run->clocks[i].pool.bytes = (run->clocks[i].candles.count + 1) * sizeof(double);
        run->clocks[i].pool.free = mem_array(r->node_count + RULES_TAKEN_MAX + 1, sizeof(double *));
    }
    for (uint32_t i = 0; i < r->node_count; i++) run_node(run, i);
    for (enum rules_output output = 0; output <= RULES_SHORT_EXIT; output++) {
        if (r->has[output] && r->nodes[r->outputs[output]].kind == NODE_CONSTANT) run_spread(run, r->outputs[output]);
    }
    arena_free(run->scratch);
    run->scratch = NULL;
    return run;
}

void rules_run_free(struct rules_run *run)
{
    if (run == NULL) return;
    for (size_t i = 0; i < run->rules->node_count; i++) free(run->owned[i]);
    for (size_t c = 0; c < run->rules->clock_count; c++) {
        struct rules_pool *pool = &run->clocks[c].pool;

        while (pool->free_count > 0) free(pool->free[--pool->free_count]);
        free(pool->free);
        free(run->clocks[c].memory);
    }
    free(run->columns);
    free(run->owned);
    free(run);
}

const double *rules_column(const struct rules_run *run, enum rules_output output)
{
    const struct rules *r = run->rules;

    return r->has[output] && !r->nodes[r->outputs[output]].is_dynamic ? run->columns[r->outputs[output]] : NULL;
}

uint64_t rules_run_steps(const struct rules_run *run)
{
    return run->steps;
}

static double run_dynamic(const struct rules_run *run, enum rules_output output, size_t bar,
                          const struct rules_position *position)
{
    const struct rules *r = run->rules;
    const double known[RULES_POSITIONS] = {position == NULL ? (double)NAN : position->entry_price,
                                           position == NULL ? (double)NAN : position->bars_held,
                                           position == NULL ? (double)NAN : position->equity};
    double values[RULES_NODES_MAX]; /* by node; only the program's are set */
    double value = (double)NAN;

    for (size_t p = 0; p < r->program_count[output]; p++) {
        const uint32_t node = r->program[output][p];
        const struct rules_node *n = &r->nodes[node];
        double in[RULES_ARGUMENTS_MAX] = {0};

        if (n->kind == NODE_POSITION) {
            value = values[node] = known[n->index];
            continue;
        }
        for (size_t a = 0; n->function->arguments[a].name != NULL; a++) {
            const struct rules_node *arg = &r->nodes[n->args[a]];

            in[a] = arg->is_dynamic              ? values[n->args[a]]
                    : arg->kind == NODE_CONSTANT ? arg->constants[0]
                                                 : run->columns[n->args[a]][bar];
        }
        value = values[node] = n->function->point(in);
    }
    return value;
}

double rules_value(const struct rules_run *run, enum rules_output output, size_t bar,
                   const struct rules_position *position)
{
    const struct rules *r = run->rules;
    const uint32_t node = r->outputs[output];

    if (!r->has[output]) return output <= RULES_SHORT_EXIT ? 0 : output == RULES_SIZE ? 1 : (double)NAN;
    if (r->nodes[node].kind == NODE_CONSTANT) return r->nodes[node].constants[0];
    if (r->nodes[node].is_dynamic) return run_dynamic(run, output, bar, position);
    return run->columns[node][bar];
}
