/*
 * A compiled document over a series. Operations whose values at a bar need what was before it but not whole columns go
 * over the bars together, a piece after the other, so that most of what they compute never leaves the cache; the others
 * go over whole columns. A column that nobody reads any more is the next one's memory.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/attr.h"
#include "base/mem.h"
#include "candles/series.h"
#include "candles/sum.h"
#include "rules/internal.h"
#include "rules/wide.h"
#include "rules/window.h"

/* A piece is whole words of bits. */
enum { RUN_PIECE = 1024, RUN_PIECE_LOOKS = 8, RUN_HUGE_BYTES = 2 << 20 };

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
    const double **columns; /* by node; NULL if there is none (yet, or any more) */
    double **owned;         /* the same if the run owns it */
    double **pieces;        /* by node: of a piece of the bars, while a group runs */
    struct rules_pool piece_pool;
    size_t piece;            /* bars */
    struct window_sums sums; /* of the group that runs */
    uint64_t **signals;      /* by node: conditions that are asked for after the run */
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
    const bool is_column = call->pool != NULL && count * 2 > call->count && count * sizeof(double) <= call->pool->bytes;

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

static void run_forget(struct rules_run *run, uint32_t node)
{
    if (run->owned[node] == NULL) return;
    run_give(&run->clocks[run->rules->nodes[node].clock].pool, run->owned[node]);
    run->owned[node] = NULL;
    run->columns[node] = NULL;
}

/* Gives the whole columns back that node `i` is the last to read. */
static void run_release(struct rules_run *run, uint32_t i)
{
    const struct rules *r = run->rules;
    const struct rules_node *n = &r->nodes[i];
    const size_t count = n->kind == NODE_HIGHER ? 1 : n->kind == NODE_CALL ? RULES_ARGUMENTS_MAX : 0;

    for (size_t a = 0; a < count; a++) {
        const uint32_t arg = n->args[a];
        if (n->kind == NODE_CALL && (n->function->arguments[a].name == NULL || !rules_is_column(n->function, a)))
            continue;
        if (r->nodes[arg].last_use != i || r->nodes[arg].is_kept) continue;
        run_forget(run, arg);
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

/* The column of a constant, for an operation that needs it whole. */
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

static uint64_t *run_words(size_t count)
{
    return mem_alloc((count / RULES_WORD_BARS + 1) * sizeof(uint64_t));
}

/* The doubles of a condition as bits. */
static ATTR_WIDE void run_pack(const double *in, size_t count, uint64_t *out)
{
    size_t i = 0;

    for (; i + RULES_WORD_BARS <= count; i += RULES_WORD_BARS) {
        rules_wide_bits word = {0}, bit = {1, 2, 4, 8};

        for (size_t k = 0; k < RULES_WORD_BARS; k += RULES_WIDE, bit <<= RULES_WIDE) {
            rules_wide values;

            memcpy(&values, in + i + k, sizeof(values));
            word |= (values != 0) & bit;
        }
        *out++ = rules_wide_any(&word);
    }
    if (i < count) *out = 0;
    for (size_t k = i; k < count; k++) *out |= (uint64_t)(in[k] != 0) << (k - i);
}

/* A node that needs its arguments whole. */
static void run_node(struct rules_run *run, uint32_t i)
{
    const struct rules_node *n = &run->rules->nodes[i];

    if (n->kind == NODE_HIGHER) {
        run_higher(run, i);
    } else {
        run_whole(run, i);
    }
    run_release(run, i);
    if (n->is_signal) {
        const size_t count = run->clocks[n->clock].candles.count;

        run->signals[i] = run_words(count);
        run_pack(run->columns[i], count, run->signals[i]);
        if (n->last_use == i && !n->is_kept) run_forget(run, i);
    }
}

/* ---- groups: nodes that go over the bars together, piece by piece ---- */

struct run_step {
    uint32_t node;
    struct rules_call call;
    bool moves[RULES_ARGUMENTS_MAX], out_moves; /* whole columns, in which the next piece stands behind this one */
    uint64_t *signal;                           /* of a condition whose doubles are packed */
};

static bool run_is_group(const struct rules_node *n)
{
    return n->kind == NODE_CALL && !n->is_dynamic &&
           (n->function->shape == RULES_SHAPE_POINT || n->function->shape == RULES_SHAPE_PIECE);
}

/* Behind the last node from `first` on that can be in one group with it. Nodes without work may stand between. */
static uint32_t run_group_end(const struct rules *r, uint32_t first)
{
    uint32_t end = first;

    for (; end < r->node_count; end++) {
        const struct rules_node *n = &r->nodes[end];

        if (n->is_dynamic || n->kind == NODE_CONSTANT || n->kind == NODE_COLUMN) continue;
        if (!run_is_group(n) || n->clock != r->nodes[first].clock) break;
    }
    return end;
}

/* The pieces of the constants that node `i` reads. They keep their values until the group has ended, so they come
 * before all that is written in it. */
static void run_step_fill(struct rules_run *run, uint32_t i)
{
    const struct rules_node *nodes = run->rules->nodes, *n = &nodes[i];

    for (size_t a = 0; n->function->arguments[a].name != NULL; a++) {
        const uint32_t arg = n->args[a];

        if (!rules_is_column(n->function, a) || nodes[arg].kind != NODE_CONSTANT) continue;
        /* Whoever looks back does it in a column, even of a constant. */
        if (nodes[arg].is_whole) run_spread(run, arg);
        if (run->columns[arg] != NULL || run->pieces[arg] != NULL) continue;
        run->pieces[arg] = run_take(&run->piece_pool);
        for (size_t k = 0; k < run->piece; k++) run->pieces[arg][k] = nodes[arg].constants[0];
    }
}

/* Where a node's arguments are and where its values go. `end` is behind the group's last node. */
static void run_step_make(struct rules_run *run, uint32_t i, uint32_t end, struct run_step *step)
{
    const struct rules_node *n = &run->rules->nodes[i];
    const struct run_clock *clock = &run->clocks[n->clock];

    *step =
        (struct run_step){.node = i, .call = {.candles = &clock->candles, .scratch = run->scratch, .sums = &run->sums}};
    for (size_t a = 0; n->function->arguments[a].name != NULL; a++) {
        const uint32_t arg = n->args[a];

        step->call.constant[a] = n->constants[a];
        if (!rules_is_column(n->function, a)) continue;
        step->moves[a] = run->columns[arg] != NULL;
        step->call.in[a] = step->moves[a] ? run->columns[arg] : run->pieces[arg];
    }
    step->out_moves = n->is_kept || n->is_whole || n->last_use >= end;
    if (n->is_signal) {
        const bool only_bits = n->function->packs && n->last_use == i && !n->is_kept;

        run->signals[i] = run_words(clock->candles.count);
        *(only_bits ? &step->call.bits : &step->signal) = run->signals[i];
    }
    if (step->out_moves) {
        step->call.out = run_make(run, i);
        return;
    }
    step->call.out = run->pieces[i] = run_take(&run->piece_pool);
}

/* Gives back the pieces that node `i` is the last to read; a constant's keeps its values until the group has ended. */
static void run_step_release(struct rules_run *run, uint32_t i, bool constants)
{
    const struct rules_node *nodes = run->rules->nodes, *n = &nodes[i];

    for (size_t a = 0; a <= RULES_ARGUMENTS_MAX; a++) {
        const uint32_t node = a == RULES_ARGUMENTS_MAX ? i : n->args[a];

        if (a < RULES_ARGUMENTS_MAX && (n->function->arguments[a].name == NULL || !rules_is_column(n->function, a)))
            continue;
        if (run->pieces[node] == NULL || (!constants && nodes[node].kind == NODE_CONSTANT)) continue;
        if (!constants && nodes[node].last_use != i) continue;
        run_give(&run->piece_pool, run->pieces[node]);
        run->pieces[node] = NULL;
    }
}

static void run_step_go(struct run_step *step, const struct rules_function *f, size_t count)
{
    struct rules_call *call = &step->call;
    size_t arguments = 0;

    call->count = count;
    while (f->arguments[arguments].name != NULL) arguments++;
    if (f->kernel != NULL) {
        f->kernel(call);
    } else {
        run_point(f, arguments, call);
    }
    if (step->signal != NULL) run_pack(call->out, count, step->signal), step->signal += count / RULES_WORD_BARS;
    if (call->bits != NULL) call->bits += count / RULES_WORD_BARS;
    for (size_t a = 0; a < arguments; a++) {
        if (step->moves[a]) call->in[a] += count;
    }
    if (step->out_moves) call->out += count;
    call->before += count;
    arena_reset(call->scratch);
}

/* The nodes from `first` to the one before `end`. What only they need is never written out whole: it stays in the
 * cache. */
static void run_group(struct rules_run *run, uint32_t first, uint32_t end)
{
    const struct rules *r = run->rules;
    const size_t count = run->clocks[r->nodes[first].clock].candles.count;
    struct run_step *steps = mem_array(end - first, sizeof(*steps));
    size_t step_count = 0;

    for (uint32_t i = first; i < end; i++) {
        if (run_is_group(&r->nodes[i])) run_step_fill(run, i);
    }
    for (uint32_t i = first; i < end; i++) {
        if (!run_is_group(&r->nodes[i])) continue;
        run_step_make(run, i, end, &steps[step_count++]);
        run_step_release(run, i, false);
    }
    for (size_t from = 0; from < count; from += run->piece) {
        for (size_t s = 0; s < step_count; s++) {
            run_step_go(&steps[s], r->nodes[steps[s].node].function,
                        count - from < run->piece ? count - from : run->piece);
        }
    }
    window_sums_clear(&run->sums); /* other values may come to stand in the same memory */
    for (size_t s = 0; s < step_count; s++) {
        run->steps += steps[s].call.steps > count ? steps[s].call.steps : count;
        run_step_release(run, steps[s].node, true);
        run_release(run, steps[s].node);
    }
    free(steps);
}

/* A kernel that looks back does some of the work again in each piece: it must be little beside the piece. */
static size_t run_piece(const struct rules *r, int64_t timeframe_ms)
{
    size_t piece = RUN_PIECE;

    for (uint32_t i = 0; i < r->node_count; i++) {
        const struct rules_node *n = &r->nodes[i];

        if (!run_is_group(n) || !n->function->looks_back) continue;
        while ((double)piece < (double)RUN_PIECE_LOOKS * n->function->bars(n->constants, timeframe_ms)) piece *= 2;
    }
    return piece;
}

static void run_nodes(struct rules_run *run)
{
    const struct rules *r = run->rules;

    for (uint32_t i = 0; i < r->node_count; i++) {
        const struct rules_node *n = &r->nodes[i];
        const struct candles *candles = &run->clocks[n->clock].candles;

        if (n->kind == NODE_COLUMN) run->columns[i] = run_candles(candles, n->index);
        if (n->kind == NODE_CONSTANT && n->is_signal) {
            run->signals[i] = run_words(candles->count);
            memset(run->signals[i], n->constants[0] != 0 ? 0xff : 0,
                   (candles->count / RULES_WORD_BARS + 1) * sizeof(uint64_t));
        }
    }
    for (uint32_t i = 0; i < r->node_count;) {
        const uint32_t end = run_group_end(r, i);

        if (end > i) {
            run_group(run, i, end);
            i = end;
        } else {
            run_node(run, i++);
        }
    }
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
    const int digits = candles_step_digits(from->lot);
    struct candles_sum traded;
    size_t count = 0;

    for (size_t i = 0; i < from->count; i++) {
        const int64_t bucket = run_bucket(from->time_ms[i], timeframe_ms);

        if (count > 0 && bucket == last) {
            high[count - 1] = fmax(high[count - 1], from->high[i]);
            low[count - 1] = fmin(low[count - 1], from->low[i]);
            close[count - 1] = from->close[i];
            candles_sum_add(&traded, from->volume[i]);
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
        if (count > 0) volume[count - 1] = candles_sum_end(&traded);
        candles_sum_begin(&traded, digits);
        candles_sum_add(&traded, from->volume[i]);
        count++;
        last = bucket;
    }
    if (count > 0) volume[count - 1] = candles_sum_end(&traded);
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
    run->pieces = mem_array(r->node_count + 1, sizeof(*run->pieces));
    run->signals = mem_array(r->node_count + 1, sizeof(*run->signals));
    run->piece = run_piece(r, candles->timeframe_ms);
    run->piece_pool = (struct rules_pool){.bytes = run->piece * sizeof(double),
                                          .free = mem_array(r->node_count + 1, sizeof(double *))};
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
    run_nodes(run);
    arena_free(run->scratch);
    run->scratch = NULL;
    return run;
}

static void run_pool_clear(struct rules_pool *pool)
{
    while (pool->free_count > 0) free(pool->free[--pool->free_count]);
    free(pool->free);
}

void rules_run_free(struct rules_run *run)
{
    if (run == NULL) return;
    for (size_t i = 0; i < run->rules->node_count; i++) {
        free(run->owned[i]);
        free(run->signals[i]);
    }
    for (size_t c = 0; c < run->rules->clock_count; c++) {
        run_pool_clear(&run->clocks[c].pool);
        free(run->clocks[c].memory);
    }
    run_pool_clear(&run->piece_pool);
    free(run->pieces);
    free(run->signals);
    free(run->columns);
    free(run->owned);
    free(run);
}

const uint64_t *rules_condition(const struct rules_run *run, enum rules_output output)
{
    return run->rules->has[output] ? run->signals[run->rules->outputs[output]] : NULL;
}

const double *rules_column(const struct rules_run *run, enum rules_output output)
{
    const struct rules_node *n = &run->rules->nodes[run->rules->outputs[output]];

    if (!run->rules->has[output] || n->is_dynamic || n->is_signal) return NULL;
    return run->columns[run->rules->outputs[output]];
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
    if (output <= RULES_SHORT_EXIT) return rules_bit(run->signals[node], bar);
    return run->columns[node][bar];
}
