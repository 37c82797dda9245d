/* The public side: a document from text to its compiled form, and what is known of it before it runs. */
#include "rules/rules.h"

#include "rules/internal.h"

static const char *const rules_output_names[RULES_OUTPUTS] = {
    [RULES_LONG_ENTER] = "long.enter",
    [RULES_LONG_EXIT] = "long.exit",
    [RULES_SHORT_ENTER] = "short.enter",
    [RULES_SHORT_EXIT] = "short.exit",
    [RULES_STOP_DISTANCE] = "stop.distance",
    [RULES_STOP_PERCENT] = "stop.percent",
    [RULES_STOP_PRICE] = "stop.price",
    [RULES_TAKE_DISTANCE] = "take.distance",
    [RULES_TAKE_PERCENT] = "take.percent",
    [RULES_TAKE_PRICE] = "take.price",
    [RULES_TRAIL_DISTANCE] = "trail.distance",
    [RULES_TRAIL_PERCENT] = "trail.percent",
    [RULES_SIZE] = "size",
};

const char *rules_output_name(enum rules_output output)
{
    return rules_output_names[output];
}

static struct rules *rules_compile(struct rules_document *document, const struct rules_kind *kind,
                                   struct slice parameters, const struct rules_override *overrides,
                                   size_t override_count)
{
    const size_t faults = rules_faults_seen(document->faults);
    struct slice text = parameters;

    if (kind->document != NULL) {
        text = kind_document(kind, parameters, overrides, override_count, document->arena, document->faults);
        if (rules_faults_seen(document->faults) > faults) return NULL;
    }
    document_read(document, text);
    if (kind->document == NULL) document_override(document, overrides, override_count);
    check_document(document);
    if (rules_faults_seen(document->faults) == faults) clocks_check(document);
    return rules_faults_seen(document->faults) > faults ? NULL : compile_document(document);
}

struct rules *rules_new(struct slice kind, struct slice parameters, const struct rules_override *overrides,
                        size_t override_count, struct rules_faults *faults)
{
    const struct rules_kind *found = rules_kind_find(kind);
    const struct rules_place whole = {SLICE_LIT(""), SLICE_NONE};
    struct rules_document document = {.faults = faults};
    struct distance_guess guess = {.wanted = kind};
    struct rules *r;
    size_t count;

    if (found == NULL) {
        const struct rules_kind *kinds = rules_kinds(&count);

        struct buf all = {0};

        for (size_t i = 0; i < count; i++) {
            distance_offer(&guess, slice_of(kinds[i].name));
            buf_printf(&all, "%s%s", i == 0 ? "" : ", ", kinds[i].name);
        }
        rules_fault_add(faults, &whole, 0, "there is no kind of strategy \"%s\"%s", rules_excerpt(faults->arena, kind),
                        guess.best.data != NULL ? rules_guess_text(&guess, faults->arena)
                                                : arena_printf(faults->arena, "; the kinds are %s", buf_cstr(&all)));
        buf_clear(&all);
        return NULL;
    }
    document.arena = arena_new();
    r = rules_compile(&document, found, parameters, overrides, override_count);
    if (r == NULL) arena_free(document.arena);
    return r;
}

void rules_check(struct slice kind, struct slice parameters, struct rules_faults *faults)
{
    const struct rules_kind *found = rules_kind_find(kind);

    if (found != NULL && found->document != NULL && kind_is_checked(found, parameters, faults)) return;
    rules_free(rules_new(kind, parameters, NULL, 0, faults));
}

void rules_free(struct rules *r)
{
    if (r != NULL) arena_free(r->arena);
}

bool rules_has(const struct rules *r, enum rules_output output)
{
    return r->has[output];
}

bool rules_is_dynamic(const struct rules *r, enum rules_output output)
{
    return r->has[output] && r->nodes[r->outputs[output]].is_dynamic;
}

enum rules_size rules_size_kind(const struct rules *r)
{
    return r->size_kind;
}

bool rules_size_at_close(const struct rules *r)
{
    return r->size_at_close;
}

uint64_t rules_cost(const struct rules *r)
{
    return r->cost;
}

/* ---- look-back ---- */

static int64_t rules_clock_ms(const struct rules *r, uint32_t clock, int64_t timeframe_ms)
{
    return clock == 0 ? timeframe_ms : r->clocks[clock];
}

/* Bars of the node's own timeframe before the one that is computed. */
static double rules_node_bars(const struct rules *r, const double *bars, size_t node, int64_t timeframe_ms)
{
    const struct rules_node *n = &r->nodes[node];
    const int64_t own_ms = rules_clock_ms(r, n->clock, timeframe_ms);
    double most = 0;

    if (n->kind == NODE_HIGHER) {
        const double ratio = (double)rules_clock_ms(r, r->nodes[n->args[0]].clock, timeframe_ms) / (double)own_ms;

        /* The bar that is not closed yet, the value's own bar, and those before it. */
        return (bars[n->args[0]] + 2) * ratio;
    }
    if (n->kind != NODE_CALL) return 0;
    for (size_t a = 0; n->function->arguments[a].name != NULL; a++) {
        if (rules_is_column(n->function, a)) most = fmax(most, bars[n->args[a]]);
    }
    return most + (n->function->bars == NULL ? 0 : n->function->bars(n->constants, own_ms));
}

static double rules_bars(const struct rules *r, int64_t timeframe_ms)
{
    double bars[RULES_NODES_MAX], most = 0;

    for (size_t i = 0; i < r->node_count; i++) {
        bars[i] = rules_node_bars(r, bars, i, timeframe_ms);
    }
    for (enum rules_output output = 0; output < RULES_OUTPUTS; output++) {
        if (r->has[output]) most = fmax(most, bars[r->outputs[output]]);
    }
    return ceil(most);
}

bool rules_fits(const struct rules *r, int64_t timeframe_ms, struct error *err)
{
    if (timeframe_ms <= 0) {
        error_set(err, ERROR_INVALID, "the timeframe of a series must be above 0");
        return false;
    }
    for (size_t i = 1; i < r->clock_count; i++) {
        if (r->clocks[i] % timeframe_ms == 0) continue;
        error_set(err, ERROR_INVALID,
                  "tf() asks for a timeframe of %lld minutes, but the series has bars of %lld seconds: tf() takes the "
                  "timeframe of the series or a multiple of it",
                  (long long)(r->clocks[i] / 60000), (long long)(timeframe_ms / 1000));
        return false;
    }
    if (rules_bars(r, timeframe_ms) <= (double)RULES_LOOKBACK_MAX) return true;
    error_set(err, ERROR_INVALID,
              "the rules need a look-back of %.0f bars, and at most %d are allowed; use shorter lengths",
              rules_bars(r, timeframe_ms), RULES_LOOKBACK_MAX);
    return false;
}

void rules_misfits(const struct rules *r, int64_t timeframe_ms, struct rules_faults *faults)
{
    const bool is_minutes = timeframe_ms % 60000 == 0;

    for (const struct rules_higher *h = r->higher; h != NULL; h = h->next) {
        if (h->timeframe_ms % timeframe_ms == 0) continue;
        rules_fault_add(faults, &h->place, h->at,
                        "tf('%s', ...): the series has bars of %lld %s; tf() takes the timeframe of the series or a "
                        "multiple of it",
                        h->timeframe, (long long)(timeframe_ms / (is_minutes ? 60000 : 1000)),
                        is_minutes ? "minutes" : "seconds");
    }
}

size_t rules_lookback(const struct rules *r, int64_t timeframe_ms)
{
    return rules_fits(r, timeframe_ms, NULL) ? (size_t)rules_bars(r, timeframe_ms) : 0;
}
