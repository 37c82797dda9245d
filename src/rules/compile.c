/*
 * Trees to a list of operations. Operations that are equal (the same function of the same nodes and constants, on the
 * same timeframe) are one, so that what several rules share is computed once.
 */
#include <stdlib.h>

#include "rules/internal.h"

enum { COMPILE_SLOTS = 4 * RULES_NODES_MAX, COMPILE_FIRST = 32, COMPILE_NONE = UINT32_MAX };

struct compiler {
    const struct rules_document *document;
    struct rules *rules;
    uint32_t *slots; /* of the table of nodes: an index, or COMPILE_NONE */
    uint32_t **lets; /* by clock and let: its node, or COMPILE_NONE */
    size_t capacity; /* of rules->nodes */
    bool is_full;
};

static uint64_t compile_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29;
}

static uint64_t compile_bits(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static uint64_t compile_hash(const struct rules_node *n)
{
    uint64_t hash = compile_mix(n->kind, n->clock);

    hash = compile_mix(hash, n->index);
    if (n->function != NULL) {
        for (const char *c = n->function->name; *c != '\0'; c++) hash = compile_mix(hash, (unsigned char)*c);
    }
    for (size_t i = 0; i < RULES_ARGUMENTS_MAX; i++) {
        hash = compile_mix(compile_mix(hash, n->args[i]), compile_bits(n->constants[i]));
    }
    return hash;
}

static bool compile_is_equal(const struct rules_node *a, const struct rules_node *b)
{
    if (a->kind != b->kind || a->clock != b->clock || a->index != b->index || a->function != b->function) return false;
    for (size_t i = 0; i < RULES_ARGUMENTS_MAX; i++) {
        if (a->args[i] != b->args[i] || compile_bits(a->constants[i]) != compile_bits(b->constants[i])) return false;
    }
    return true;
}

/* The node that is equal to `n`, made if there is none. */
static uint32_t compile_add(struct compiler *c, const struct rules_node *n)
{
    struct rules *r = c->rules;
    size_t slot = compile_hash(n) % COMPILE_SLOTS;

    for (; c->slots[slot] != COMPILE_NONE; slot = (slot + 1) % COMPILE_SLOTS) {
        if (compile_is_equal(&r->nodes[c->slots[slot]], n)) return c->slots[slot];
    }
    if (r->node_count == RULES_NODES_MAX) {
        c->is_full = true;
        return 0;
    }
    if (r->node_count == c->capacity) {
        struct rules_node *more = arena_alloc(r->arena, 2 * c->capacity * sizeof(*more));

        memcpy(more, r->nodes, r->node_count * sizeof(*more));
        r->nodes = more;
        c->capacity *= 2;
    }
    c->slots[slot] = (uint32_t)r->node_count;
    r->nodes[r->node_count] = *n;
    return (uint32_t)r->node_count++;
}

static uint32_t compile_column(struct compiler *c, uint32_t clock, size_t index)
{
    static const struct {
        enum operator_id op;
        unsigned char count, parts[4];
    } mixes[] = {
        {OPERATOR_HL2, 2, {RULES_COLUMN_HIGH, RULES_COLUMN_LOW}},
        {OPERATOR_HLC3, 3, {RULES_COLUMN_HIGH, RULES_COLUMN_LOW, RULES_COLUMN_CLOSE}},
        {OPERATOR_OHLC4, 4, {RULES_COLUMN_OPEN, RULES_COLUMN_HIGH, RULES_COLUMN_LOW, RULES_COLUMN_CLOSE}},
    };
    struct rules_node n = {.kind = NODE_COLUMN, .clock = clock, .index = (uint32_t)index};

    if (index < RULES_COLUMN_HL2) return compile_add(c, &n);
    index -= RULES_COLUMN_HL2;
    n = (struct rules_node){.kind = NODE_CALL, .clock = clock, .function = &rules_operators[mixes[index].op]};
    for (size_t i = 0; i < mixes[index].count; i++) n.args[i] = compile_column(c, clock, mixes[index].parts[i]);
    return compile_add(c, &n);
}

/* The clock of a timeframe; clocks.c has seen to it that there is room. */
static uint32_t compile_clock(struct compiler *c, int64_t timeframe_ms)
{
    struct rules *r = c->rules;

    for (size_t i = 0; i < r->clock_count; i++) {
        if (r->clocks[i] == timeframe_ms) return (uint32_t)i;
    }
    r->clocks[r->clock_count] = timeframe_ms;
    return (uint32_t)r->clock_count++;
}

static uint32_t compile_node(struct compiler *c, uint32_t clock, const struct parse_node *node);

static uint32_t compile_higher(struct compiler *c, uint32_t clock, const struct parse_node *node)
{
    struct rules_node n = {.kind = NODE_HIGHER, .clock = clock};
    const uint32_t higher = compile_clock(c, node->timeframe_ms);

    if (higher == clock) return compile_node(c, clock, node->args[1]);
    n.args[0] = compile_node(c, higher, node->args[1]);
    n.constants[0] = node->type == RULES_CONDITION ? 0 : (double)NAN;
    return compile_add(c, &n);
}

static uint32_t compile_call(struct compiler *c, uint32_t clock, const struct parse_node *node)
{
    struct rules_node n = {.kind = NODE_CALL, .clock = clock, .function = node->function};

    for (size_t i = 0; i < node->count; i++) {
        if (rules_is_column(node->function, i)) {
            n.args[i] = compile_node(c, clock, node->args[i]);
            n.is_dynamic = n.is_dynamic || c->rules->nodes[n.args[i]].is_dynamic;
        } else {
            n.constants[i] = node->args[i]->number;
        }
    }
    return compile_add(c, &n);
}

static uint32_t compile_node(struct compiler *c, uint32_t clock, const struct parse_node *node)
{
    struct rules_node n = {.clock = clock};

    if (c->is_full) return 0;
    if (node->is_constant) {
        n.kind = NODE_CONSTANT;
        n.constants[0] = node->number;
        return compile_add(c, &n);
    }
    if (node->kind != PARSE_NAME) {
        return node->timeframe_ms != 0 ? compile_higher(c, clock, node) : compile_call(c, clock, node);
    }
    switch (node->means) {
    case PARSE_MEANS_COLUMN:
        return compile_column(c, clock, node->index);
    case PARSE_MEANS_POSITION:
        n.kind = NODE_POSITION;
        n.index = (uint32_t)node->index;
        n.is_dynamic = true;
        return compile_add(c, &n);
    case PARSE_MEANS_LET: {
        uint32_t *known = &c->lets[clock][node->index];

        if (*known == COMPILE_NONE) *known = compile_node(c, clock, c->document->lets[node->index].expression.root);
        return *known;
    }
    default:
        return compile_call(c, clock, node);
    }
}

/* The dynamic nodes that an output needs, in order. */
static void compile_program(struct rules *r, enum rules_output output)
{
    bool *needed = arena_zalloc(r->arena, r->node_count);
    size_t count = 0;

    needed[r->outputs[output]] = true;
    for (size_t i = r->node_count; i-- > 0;) {
        struct rules_node *n = &r->nodes[i];

        if (!needed[i]) continue;
        if (!n->is_dynamic) {
            n->is_kept = true;
            continue;
        }
        count++;
        for (size_t a = 0; n->kind == NODE_CALL && n->function->arguments[a].name != NULL; a++)
            needed[n->args[a]] = true;
    }
    r->program[output] = arena_alloc(r->arena, (count + 1) * sizeof(**r->program));
    for (size_t i = 0; i < r->node_count; i++) {
        if (needed[i] && r->nodes[i].is_dynamic) r->program[output][r->program_count[output]++] = (uint32_t)i;
    }
}

static double compile_cost(const struct rules_node *n)
{
    if (n->is_dynamic || n->kind == NODE_COLUMN) return n->kind == NODE_COLUMN ? 0 : 1;
    return n->kind == NODE_CALL && n->function->steps != NULL ? n->function->steps(n->constants) : 1;
}

static void compile_use(struct rules_node *n, uint32_t user, bool whole)
{
    n->last_use = user;
    n->is_whole = n->is_whole || whole;
}

static void compile_finish(struct rules *r)
{
    double cost = (double)(r->clock_count - 1);

    for (enum rules_output output = 0; output < RULES_OUTPUTS; output++) {
        if (!r->has[output]) continue;
        struct rules_node *n = &r->nodes[r->outputs[output]];

        if (n->is_dynamic) {
            compile_program(r, output);
        } else if (output <= RULES_SHORT_EXIT) {
            n->is_signal = true;
        } else {
            n->is_kept = true;
        }
    }
    for (uint32_t i = 0; i < r->node_count; i++) {
        struct rules_node *n = &r->nodes[i];

        n->last_use = i;
        cost += compile_cost(n);
        if (n->kind == NODE_HIGHER) compile_use(&r->nodes[n->args[0]], i, true);
        for (size_t a = 0; n->kind == NODE_CALL && n->function->arguments[a].name != NULL; a++) {
            if (rules_is_column(n->function, a)) compile_use(&r->nodes[n->args[a]], i, rules_needs_whole(n->function));
        }
    }
    r->cost = (uint64_t)ceil(cost);
}

static void compile_outputs(struct compiler *c)
{
    const struct rules_document *d = c->document;
    struct rules *r = c->rules;

    for (enum rules_output output = 0; output < RULES_OUTPUTS; output++) {
        const struct parse_node *root = d->outputs[output].root;

        if (root == NULL) continue;
        /* A condition that is never true is as good as none. */
        r->has[output] = !(output <= RULES_SHORT_EXIT && root->is_constant && root->number == 0);
        if (r->has[output]) r->outputs[output] = compile_node(c, 0, root);
    }
}

struct rules *compile_document(const struct rules_document *d)
{
    const struct rules_place whole = {SLICE_LIT(""), SLICE_NONE};
    const size_t faults = rules_faults_seen(d->faults);
    struct rules *r = arena_zalloc(d->arena, sizeof(*r));
    struct compiler c = {.document = d, .rules = r};

    r->arena = d->arena;
    r->size_kind = d->size_kind;
    r->size_at_close = d->size_at_close;
    r->higher = d->higher;
    r->clock_count = 1;
    c.capacity = COMPILE_FIRST;
    r->nodes = arena_alloc(d->arena, c.capacity * sizeof(*r->nodes));
    c.slots = arena_alloc(d->arena, COMPILE_SLOTS * sizeof(*c.slots));
    memset(c.slots, 0xff, COMPILE_SLOTS * sizeof(*c.slots));
    c.lets = arena_alloc(d->arena, RULES_CLOCKS_MAX * sizeof(*c.lets));
    for (size_t i = 0; i < RULES_CLOCKS_MAX; i++) {
        c.lets[i] = arena_alloc(d->arena, (d->let_count + 1) * sizeof(**c.lets));
        memset(c.lets[i], 0xff, (d->let_count + 1) * sizeof(**c.lets));
    }
    compile_outputs(&c);
    if (c.is_full && rules_faults_seen(d->faults) == faults) {
        rules_fault_add(d->faults, &whole, 0, "the document has more than %d different operations; make it shorter",
                        RULES_NODES_MAX);
    }
    if (rules_faults_seen(d->faults) > faults) return NULL;
    compile_finish(r);
    if (r->cost <= RULES_COST_MAX) return r;
    rules_fault_add(d->faults, &whole, 0,
                    "the document costs %llu steps a bar, more than %d: use shorter lengths, or fewer of the costly "
                    "functions (median, percentrank, rci, cci)",
                    (unsigned long long)r->cost, RULES_COST_MAX);
    return NULL;
}
