/* The names of let, in an order in which each needs only those before it. */
#include "rules/internal.h"

static void order_references(const struct rules_document *d, const struct parse_node *node, bool *ret_needs)
{
    if (node == NULL) return;
    for (size_t i = 0; node->kind == PARSE_NAME && i < d->let_count; i++) {
        if (slice_eq(d->lets[i].name, node->name)) ret_needs[i] = true;
    }
    for (size_t i = 0; i < node->count; i++) order_references(d, node->args[i], ret_needs);
}

/* Adds a fault for the circle that is found from `start` on; all names on it are marked as reported. */
static void order_circle(struct rules_document *d, const bool *needs, const bool *is_done, bool *is_told, size_t start)
{
    size_t path[RULES_LETS_MAX] = {0}, len = 0, first = 0;
    bool on_path[RULES_LETS_MAX] = {false};
    struct buf text = {0};
    size_t at = start;

    while (!on_path[at]) {
        size_t next = 0;

        on_path[at] = true;
        path[len++] = at;
        while (next < d->let_count && (!needs[at * d->let_count + next] || is_done[next])) next++;
        if (next == d->let_count) return;
        at = next;
    }
    while (path[first] != at) first++;
    if (is_told[at]) return;
    for (size_t i = first; i < len; i++) {
        is_told[path[i]] = true;
        buf_printf(&text, "%.*s -> ", SLICE_FMT(d->lets[path[i]].name));
    }
    buf_add_slice(&text, d->lets[at].name);
    rules_fault_add(d->faults, &(struct rules_place){d->lets[at].expression.place.pointer, SLICE_NONE}, 0,
                    "the name is defined by itself: %s", rules_excerpt(d->faults->arena, buf_slice(&text)));
    buf_clear(&text);
}

void order_lets(struct rules_document *d)
{
    const size_t count = d->let_count;
    bool *needs = arena_zalloc(d->arena, count * count + 1), *is_done = arena_zalloc(d->arena, count + 1);
    bool *is_told = arena_zalloc(d->arena, count + 1), more = true;
    struct rules_let *sorted = arena_alloc(d->arena, (count + 1) * sizeof(*sorted));
    size_t done = 0;

    for (size_t i = 0; i < count; i++) order_references(d, d->lets[i].expression.root, needs + i * count);
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            bool ready = !is_done[i];

            for (size_t j = 0; j < count && ready; j++) ready = !needs[i * count + j] || is_done[j];
            if (!ready) continue;
            is_done[i] = more = true;
            sorted[done++] = d->lets[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_done[i]) continue;
        order_circle(d, needs, is_done, is_told, i);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_done[i]) continue;
        d->lets[i].expression.root->is_wrong = true;
        sorted[done++] = d->lets[i];
    }
    d->lets = sorted;
}
