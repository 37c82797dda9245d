/*
 * The timeframes of a document. A name of let is computed on the timeframe of whoever uses it, so the trees are walked
 * from the outputs, each name once a timeframe.
 */
#include "rules/internal.h"

struct clocks {
    struct rules_document *document;
    int64_t ms[RULES_CLOCKS_MAX]; /* [0] is the series' own */
    size_t count;
    bool *seen; /* by clock and let */
};

/* Its index; RULES_CLOCKS_MAX if there are too many. */
static size_t clocks_find(struct clocks *c, int64_t ms)
{
    for (size_t i = 1; i < c->count; i++) {
        if (c->ms[i] == ms) return i;
    }
    if (c->count == RULES_CLOCKS_MAX) return RULES_CLOCKS_MAX;
    c->ms[c->count] = ms;
    return c->count++;
}

static void clocks_remember(const struct clocks *c, const struct rules_place *place, const struct parse_node *node,
                            const char *timeframe)
{
    struct rules_document *d = c->document;
    struct rules_higher *higher = arena_alloc(d->arena, sizeof(*higher));

    *higher = (struct rules_higher){d->higher, *place, node->start, timeframe, node->timeframe_ms};
    d->higher = higher;
}

static void clocks_walk(struct clocks *c, const struct rules_place *place, const struct parse_node *node, size_t clock);

static void clocks_tf(struct clocks *c, const struct rules_place *place, const struct parse_node *node, size_t clock)
{
    struct rules_faults *faults = c->document->faults;
    const char *timeframe = rules_excerpt(c->document->arena, node->args[0]->name);
    const size_t higher = node->timeframe_ms == c->ms[clock] ? clock : clocks_find(c, node->timeframe_ms);

    if (higher == RULES_CLOCKS_MAX) {
        rules_fault_add(faults, place, node->start, "tf('%s', ...): there are more than %d timeframes in the document",
                        timeframe, RULES_CLOCKS_MAX - 1);
        return;
    }
    if (clock != 0 && node->timeframe_ms % c->ms[clock] != 0) {
        rules_fault_add(faults, place, node->start,
                        "tf('%s', ...) is within a tf() of %lld minutes, and must be a multiple of it", timeframe,
                        (long long)(c->ms[clock] / 60000));
        return;
    }
    clocks_remember(c, place, node, timeframe);
    clocks_walk(c, place, node->args[1], higher);
}

static void clocks_walk(struct clocks *c, const struct rules_place *place, const struct parse_node *node, size_t clock)
{
    const struct rules_document *d = c->document;

    if (node->is_constant) return;
    if (node->timeframe_ms != 0) {
        clocks_tf(c, place, node, clock);
    } else if (node->kind == PARSE_NAME && node->means == PARSE_MEANS_LET) {
        bool *seen = &c->seen[clock * d->let_count + node->index];
        const struct rules_expression *let = &d->lets[node->index].expression;

        if (!*seen) {
            *seen = true;
            clocks_walk(c, &let->place, let->root, clock);
        }
    }
    for (size_t i = 0; i < node->count && node->timeframe_ms == 0; i++) clocks_walk(c, place, node->args[i], clock);
}

void clocks_check(struct rules_document *d)
{
    struct clocks c = {.document = d, .count = 1};

    c.seen = arena_zalloc(d->arena, RULES_CLOCKS_MAX * d->let_count + 1);
    for (enum rules_output output = 0; output < RULES_OUTPUTS; output++) {
        const struct rules_expression *e = &d->outputs[output];

        if (e->root != NULL) clocks_walk(&c, &e->place, e->root, 0);
    }
}
