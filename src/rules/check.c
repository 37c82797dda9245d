/*
 * What the names of a document mean, whether types and bounds fit, and the values of constants. A node with a fault is
 * marked, so that what only follows from it is not reported.
 */
#include <ctype.h>
#include <stdlib.h>

#include "rules/internal.h"

const char *const rules_column_names[] = {"open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4", NULL};
const char *const rules_position_names[] = {"entry_price", "bars_held", "equity", NULL};

struct check {
    struct rules_document *document;
    const struct rules_place *place; /* of the expression */
};

static void check_node(struct check *c, struct parse_node *node);

static const char *check_text(const struct check *c, const struct parse_node *node)
{
    return rules_excerpt(c->document->faults->arena,
                         (struct slice){c->place->text.data + node->start, node->end - node->start});
}

/* Marks `node`, and adds a fault at `at`. */
#define check_fault(c, node, at, ...)                                                 \
    do {                                                                              \
        (node)->is_wrong = true;                                                      \
        rules_fault_add((c)->document->faults, (c)->place, (at)->start, __VA_ARGS__); \
    } while (0)

static const char *check_noun(enum rules_type type)
{
    return type == RULES_CONDITION ? "a condition (true or false)" : "a number";
}

static const char *check_ordinal(size_t index)
{
    static const char *const words[] = {"first", "second", "third", "fourth", "fifth", "sixth"};

    return words[index];
}

static ptrdiff_t check_find(const char *const *names, struct slice name)
{
    for (ptrdiff_t i = 0; names[i] != NULL; i++) {
        if (slice_is(name, names[i])) return i;
    }
    return -1;
}

static void check_offer(struct distance_guess *guess, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) distance_offer(guess, slice_of(names[i]));
}

static void check_offer_functions(struct distance_guess *guess)
{
    const struct rules_function *f;

    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) distance_offer(guess, slice_of(f->name));
    distance_offer(guess, SLICE_LIT("if"));
    distance_offer(guess, SLICE_LIT("tf"));
}

static void check_name_unknown(struct check *c, struct parse_node *node)
{
    const struct rules_document *d = c->document;
    const struct rules_function *function = rules_function_find(node->name);
    struct distance_guess guess = {.wanted = node->name};
    struct buf signature = {0};

    if (function != NULL) {
        rules_function_signature(function, &signature);
        check_fault(c, node, node, "%s is a function: write it with its arguments, %s", function->name,
                    buf_cstr(&signature));
        buf_clear(&signature);
        return;
    }
    for (size_t i = 0; i < d->let_count; i++) distance_offer(&guess, d->lets[i].name);
    check_offer(&guess, rules_column_names);
    check_offer(&guess, rules_position_names);
    for (size_t i = 0; i < d->param_count; i++) {
        if (slice_eq(d->params[i].name, node->name)) {
            check_fault(c, node, node, "unknown name %s; write the parameter as $%s", check_text(c, node),
                        check_text(c, node));
            return;
        }
    }
    if (guess.best.data == NULL) check_offer_functions(&guess);
    check_fault(c, node, node, "unknown name %s%s", check_text(c, node), rules_guess_text(&guess, d->faults->arena));
}

static void check_name(struct check *c, struct parse_node *node)
{
    const struct rules_document *d = c->document;
    const struct rules_function *function;
    ptrdiff_t found = check_find(rules_column_names, node->name);

    node->type = RULES_NUMBER;
    if (found >= 0) {
        node->means = PARSE_MEANS_COLUMN;
        node->index = (size_t)found;
        return;
    }
    found = check_find(rules_position_names, node->name);
    if (found >= 0) {
        node->means = PARSE_MEANS_POSITION;
        node->index = (size_t)found;
        node->is_dynamic = true;
        return;
    }
    for (size_t i = 0; i < d->let_count; i++) {
        const struct parse_node *root = d->lets[i].expression.root;

        if (!slice_eq(d->lets[i].name, node->name)) continue;
        node->means = PARSE_MEANS_LET;
        node->index = i;
        node->is_wrong = root == NULL || root->is_wrong;
        if (node->is_wrong) return;
        node->type = root->type;
        node->is_dynamic = root->is_dynamic;
        node->is_constant = root->is_constant;
        node->number = root->number;
        node->depth = root->depth + 1;
        return;
    }
    function = rules_function_find(node->name);
    if (function != NULL && (function->arguments[0].name == NULL || function->arguments[0].fallback != NULL)) {
        node->means = PARSE_MEANS_FUNCTION;
        node->function = function;
        node->type = function->result;
        return;
    }
    check_name_unknown(c, node);
}

static void check_param(struct check *c, struct parse_node *node)
{
    struct rules_document *d = c->document;
    struct distance_guess guess = {.wanted = node->name};

    node->type = RULES_NUMBER;
    for (size_t i = 0; i < d->param_count; i++) {
        distance_offer(&guess, d->params[i].name);
        if (!slice_eq(d->params[i].name, node->name)) continue;
        d->params[i].is_used = true;
        node->is_constant = true;
        node->number = d->params[i].value;
        return;
    }
    check_fault(c, node, node, "the parameter %s is missing in params%s", check_text(c, node),
                rules_guess_text(&guess, d->faults->arena));
}

/* Takes over what the arguments have in common; false if one of them has a fault. */
static bool check_arguments(struct check *c, struct parse_node *node)
{
    node->is_constant = true;
    for (size_t i = 0; i < node->count; i++) {
        const struct parse_node *arg = node->args[i];

        check_node(c, node->args[i]);
        node->is_wrong = node->is_wrong || arg->is_wrong;
        node->is_dynamic = node->is_dynamic || arg->is_dynamic;
        node->is_constant = node->is_constant && arg->is_constant;
        if (arg->depth >= node->depth) node->depth = arg->depth + 1;
    }
    if (node->is_wrong) return false;
    if (node->depth <= RULES_DEPTH_MAX) return true;
    check_fault(c, node, node, "%s: operations are nested more than %d deep, with the names of let",
                check_text(c, node), RULES_DEPTH_MAX);
    return false;
}

/* The value of a function of constants. */
static void check_fold(struct parse_node *node)
{
    double values[RULES_ARGUMENTS_MAX] = {0};

    node->is_constant = node->is_constant && node->function->point != NULL;
    if (!node->is_constant) return;
    for (size_t i = 0; i < node->count; i++) values[i] = node->args[i]->number;
    node->number = node->function->point(values);
}

static void check_operator(struct check *c, struct parse_node *node)
{
    const struct rules_function *f = &rules_operators[node->op];

    node->function = f;
    node->type = f->result;
    if (!check_arguments(c, node)) return;
    for (size_t i = 0; i < node->count; i++) {
        if (node->args[i]->type == f->arguments[i].type) continue;
        check_fault(c, node, node->args[i], "%s: %s of %s must be %s, but %s is %s", check_text(c, node),
                    node->count == 1 ? "the value after"
                    : i == 0         ? "the left side"
                                     : "the right side",
                    f->name, check_noun(f->arguments[i].type), check_text(c, node->args[i]),
                    check_noun(node->args[i]->type));
    }
    /* A condition that is certain decides without the other one. */
    for (size_t i = 0; i < node->count && !node->is_wrong && !node->is_constant; i++) {
        const struct parse_node *arg = node->args[i];

        if (!arg->is_constant || (node->op != OPERATOR_AND && node->op != OPERATOR_OR)) continue;
        if ((arg->number != 0) != (node->op == OPERATOR_OR)) continue;
        node->is_constant = true;
        node->is_dynamic = false;
        node->number = arg->number;
        return;
    }
    if (!node->is_wrong) check_fold(node);
}

/* "sma(close, 0): the second argument (length)" */
static const char *check_which(const struct check *c, const struct parse_node *node, size_t index)
{
    return arena_printf(c->document->faults->arena, "%s: the %s argument (%s)", check_text(c, node),
                        check_ordinal(index), node->function->arguments[index].name);
}

/* One argument against what the function says of it. */
static void check_argument(struct check *c, struct parse_node *node, size_t index)
{
    const struct rules_argument *want = &node->function->arguments[index];
    struct parse_node *arg = node->args[index];
    const enum rules_type type = want->type == RULES_CONDITION ? RULES_CONDITION : RULES_NUMBER;

    if (want->type == RULES_ZONE) {
        if (arg->kind == PARSE_TEXT) return;
        check_fault(c, node, arg, "%s must be a time zone in quotes, such as 'America/New_York', but is %s",
                    check_which(c, node, index), check_text(c, arg));
    } else if (arg->kind == PARSE_TEXT || arg->type != type) {
        check_fault(c, node, arg, "%s must be %s, but %s is %s", check_which(c, node, index), check_noun(type),
                    check_text(c, arg), arg->kind == PARSE_TEXT ? "text in quotes" : check_noun(arg->type));
    } else if (want->type == RULES_NUMBER || want->type == RULES_CONDITION) {
        if (node->function->shape == RULES_SHAPE_POINT || !arg->is_dynamic) return;
        check_fault(c, node, arg,
                    "%s depends on the position, which has no history: only operators and the functions of the family "
                    "math can use it",
                    check_which(c, node, index));
    } else if (!arg->is_constant) {
        check_fault(c, node, arg, "%s must be a constant: a number, a $parameter, or arithmetic of these",
                    check_which(c, node, index));
    } else if (isnan(arg->number)) {
        check_fault(c, node, arg, "%s must be %s, but %s is not a number", check_which(c, node, index),
                    want->type == RULES_WHOLE ? "a whole number" : "a finite number", check_text(c, arg));
    } else if (!isfinite(arg->number) || (want->type == RULES_WHOLE && floor(arg->number) != arg->number)) {
        check_fault(c, node, arg, "%s must be %s, but is %g", check_which(c, node, index),
                    want->type == RULES_WHOLE ? "a whole number" : "a finite number", arg->number);
    } else if (arg->number < want->minimum || arg->number > want->maximum) {
        check_fault(c, node, arg, "%s must be between %g and %g, but is %.10g", check_which(c, node, index),
                    want->minimum, want->maximum, arg->number);
    }
}

/* Puts the values of arguments that were left out behind those that are there. */
static void check_fallbacks(struct check *c, struct parse_node *node, size_t count)
{
    struct parse_node **args = arena_alloc(c->document->arena, (count + 1) * sizeof(*args));

    for (size_t i = 0; i < count; i++) {
        if (i < node->count) {
            args[i] = node->args[i];
            continue;
        }
        args[i] = arena_zalloc(c->document->arena, sizeof(**args));
        *args[i] = (struct parse_node){.kind = PARSE_NUMBER,
                                       .start = node->start,
                                       .end = node->end,
                                       .depth = 1,
                                       .type = RULES_NUMBER,
                                       .is_constant = true};
        args[i]->number = strtod(node->function->arguments[i].fallback, NULL);
    }
    node->args = args;
    node->count = count;
}

/* Whoever writes "new york" means America/New_York. */
static void check_offer_zone(struct distance_guess *guess, const char *zone)
{
    const char *city = strrchr(zone, '/') + 1;
    const size_t len = strlen(city);
    bool is_city = guess->wanted.len == len;

    for (size_t i = 0; i < len && is_city; i++) {
        const char c = guess->wanted.data[i];

        is_city =
            (c == ' ' ? '_' : tolower((unsigned char)c)) == (city[i] == '_' ? '_' : tolower((unsigned char)city[i]));
    }
    if (is_city) {
        guess->best = slice_of(zone);
        guess->distance = 0;
    } else {
        distance_offer(guess, slice_of(zone));
    }
}

/* A text in the place of a time zone becomes the code of the zone. */
static void check_zones(struct check *c, struct parse_node *node, size_t most)
{
    for (size_t i = 0; i < node->count && i < most; i++) {
        struct parse_node *arg = node->args[i];
        struct distance_guess guess = {.wanted = arg->name};

        if (node->function->arguments[i].type != RULES_ZONE || arg->kind != PARSE_TEXT) continue;
        arg->is_constant = rules_zone_code(arg->name, &arg->number);
        if (arg->is_constant) continue;
        for (size_t z = 0; rules_zone_name(z) != NULL; z++) check_offer_zone(&guess, rules_zone_name(z));
        arg->is_wrong = true;
        check_fault(c, node, arg,
                    "%s: \"%s\" is not a known time zone%s; use UTC, an offset such as +02:00, or a name that "
                    "docs/rules.md or \"backtestd functions hour\" lists",
                    check_text(c, node), rules_excerpt(c->document->faults->arena, arg->name),
                    rules_guess_text(&guess, c->document->faults->arena));
    }
}

static void check_function(struct check *c, struct parse_node *node)
{
    const struct rules_function *f = node->function;
    size_t most = 0;

    node->type = f->result;
    while (f->arguments[most].name != NULL) most++;
    if (node->count > most) {
        struct buf signature = {0};

        rules_function_signature(f, &signature);
        check_fault(c, node, node->args[most], "%s: the function takes %zu argument%s, but %zu are given: %s",
                    check_text(c, node), most, most == 1 ? "" : "s", node->count, buf_cstr(&signature));
        buf_clear(&signature);
    } else if (node->count < most && f->arguments[node->count].fallback == NULL) {
        struct buf signature = {0};

        rules_function_signature(f, &signature);
        check_fault(c, node, node, "%s: the %s argument (%s) is missing; write %s", check_text(c, node),
                    check_ordinal(node->count), f->arguments[node->count].name, buf_cstr(&signature));
        buf_clear(&signature);
    }
    const bool complete = !node->is_wrong;

    check_zones(c, node, most);
    const bool known = check_arguments(c, node);

    for (size_t i = 0; i < node->count && i < most; i++) {
        if (!node->args[i]->is_wrong) check_argument(c, node, i);
    }
    if (!complete || !known || node->is_wrong) return;
    check_fallbacks(c, node, most);
    check_fold(node);
}

static void check_if(struct check *c, struct parse_node *node)
{
    if (node->count != 3) {
        check_fault(c, node, node,
                    "%s: if takes 3 arguments, a condition and two values, such as if(close > open, 1, 2)",
                    check_text(c, node));
    }
    if (!check_arguments(c, node)) return;
    node->type = node->args[1]->type;
    node->function = &rules_operators[node->type == RULES_CONDITION ? OPERATOR_IF_CONDITION : OPERATOR_IF];
    if (node->args[0]->type != RULES_CONDITION) {
        check_fault(c, node, node->args[0], "%s: the first argument of if must be a condition, but %s is a number",
                    check_text(c, node), check_text(c, node->args[0]));
    }
    if (node->args[2]->type != node->type) {
        check_fault(c, node, node->args[2], "%s: both values of if must be of the same type, but %s is %s and %s is %s",
                    check_text(c, node), check_text(c, node->args[1]), check_noun(node->type),
                    check_text(c, node->args[2]), check_noun(node->args[2]->type));
    }
    if (!node->is_wrong) check_fold(node);
}

/* "15m", "4h", "1d", "1w" in milliseconds; 0 if it is not a timeframe. */
static int64_t check_timeframe(struct slice text)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    int64_t number = 0;

    if (text.len < 2 || text.len > 5 || text.data[0] == '0') return 0;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return 0;
        number = number * 10 + (text.data[i] - '0');
    }
    for (size_t i = 0; i < countof(units); i++) {
        if (text.data[text.len - 1] != units[i].unit) continue;
        return number * units[i].ms <= 4 * 604800000LL ? number * units[i].ms : 0;
    }
    return 0;
}

static void check_tf(struct check *c, struct parse_node *node)
{
    if (node->count != 2) {
        check_fault(c, node, node, "%s: tf takes 2 arguments, a timeframe and an expression, such as tf('4h', close)",
                    check_text(c, node));
    } else if (node->args[0]->kind != PARSE_TEXT) {
        check_fault(c, node, node->args[0], "%s: the first argument of tf must be a timeframe in quotes, such as '4h'",
                    check_text(c, node));
    } else {
        node->timeframe_ms = check_timeframe(node->args[0]->name);
        if (node->timeframe_ms == 0) {
            check_fault(c, node, node->args[0],
                        "%s: a timeframe is a whole number and m, h, d or w, at most 4 weeks, such as '15m', '4h', "
                        "'1d' or '1w'",
                        check_text(c, node));
        }
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->args[i]->kind != PARSE_TEXT) check_node(c, node->args[i]);
        node->is_wrong = node->is_wrong || node->args[i]->is_wrong;
    }
    if (node->is_wrong) return;
    const struct parse_node *inner = node->args[1];

    if (inner->kind == PARSE_TEXT) {
        check_fault(c, node, inner, "%s: the second argument of tf must be an expression", check_text(c, node));
    } else if (inner->is_dynamic) {
        check_fault(c, node, inner, "%s: %s depends on the position, which a higher timeframe does not know",
                    check_text(c, node), check_text(c, inner));
    }
    node->type = inner->type;
    node->is_constant = inner->is_constant;
    node->number = inner->number;
    if (inner->depth >= node->depth) node->depth = inner->depth + 1;
}

static void check_call(struct check *c, struct parse_node *node)
{
    struct distance_guess guess = {.wanted = node->name};
    const char *name;

    if (slice_is(node->name, "if")) {
        check_if(c, node);
        return;
    }
    if (slice_is(node->name, "tf")) {
        check_tf(c, node);
        return;
    }
    node->function = rules_function_find(node->name);
    if (node->function != NULL) {
        check_function(c, node);
        return;
    }
    name = rules_excerpt(c->document->faults->arena, node->name);
    if (check_find(rules_column_names, node->name) >= 0 || check_find(rules_position_names, node->name) >= 0) {
        check_fault(c, node, node, "%s is a column, not a function; its value k bars ago is %s[k]", name, name);
    } else {
        check_offer_functions(&guess);
        check_fault(c, node, node, "unknown function %s%s", name,
                    guess.best.data == NULL ? "; docs/rules.md and \"backtestd functions\" list all functions"
                                            : rules_guess_text(&guess, c->document->faults->arena));
    }
    check_arguments(c, node);
}

static void check_back(struct check *c, struct parse_node *node)
{
    if (!check_arguments(c, node)) return;
    const struct parse_node *x = node->args[0], *k = node->args[1];

    node->type = x->type;
    node->function = &rules_operators[x->type == RULES_CONDITION ? OPERATOR_BACK_CONDITION : OPERATOR_BACK];
    node->is_constant = false;
    if (x->is_dynamic) {
        check_fault(c, node, x, "%s: %s depends on the position, which has no history", check_text(c, node),
                    check_text(c, x));
    } else if (k->type != RULES_NUMBER || !k->is_constant || !(floor(k->number) == k->number)) {
        check_fault(c, node, k, "%s: the number of bars in [ ] must be a constant whole number, but is %s",
                    check_text(c, node), check_text(c, k));
    } else if (k->number < 0) {
        check_fault(c, node, k, "%s: the number of bars in [ ] must be 0 or more: the future is not known",
                    check_text(c, node));
    } else if (k->number > (double)RULES_LENGTH_MAX) {
        check_fault(c, node, k, "%s: the number of bars in [ ] must be at most %d, but is %.10g", check_text(c, node),
                    RULES_LENGTH_MAX, k->number);
    }
    if (x->is_constant && !node->is_wrong) {
        node->is_constant = true;
        node->number = x->number;
    }
}

static void check_node(struct check *c, struct parse_node *node)
{
    switch (node->kind) {
    case PARSE_NUMBER:
    case PARSE_BOOLEAN:
        node->type = node->kind == PARSE_NUMBER ? RULES_NUMBER : RULES_CONDITION;
        node->is_constant = true;
        break;
    case PARSE_PARAM:
        check_param(c, node);
        break;
    case PARSE_NAME:
        check_name(c, node);
        break;
    case PARSE_TEXT:
        if (node->is_constant || node->is_wrong) break; /* a time zone */
        check_fault(c, node, node,
                    "text in quotes can only be the timeframe of tf(), as in tf('4h', close), or a time zone, as in "
                    "hour('America/New_York')");
        break;
    case PARSE_OPERATOR:
        check_operator(c, node);
        break;
    case PARSE_BACK:
        check_back(c, node);
        break;
    case PARSE_CALL:
        check_call(c, node);
        break;
    }
}

/* ---- outputs ---- */

static void check_output(struct rules_document *d, enum rules_output output)
{
    struct rules_expression *e = &d->outputs[output];
    struct check c = {d, &e->place};
    const enum rules_type type = output <= RULES_SHORT_EXIT ? RULES_CONDITION : RULES_NUMBER;
    const bool may_depend = output != RULES_LONG_ENTER && output != RULES_SHORT_ENTER && output != RULES_SIZE;

    if (e->root == NULL) return;
    check_node(&c, e->root);
    if (e->root->is_wrong) return;
    if (e->root->type != type) {
        check_fault(&c, e->root, e->root, "%s must be %s, but %s is %s", rules_output_name(output), check_noun(type),
                    check_text(&c, e->root), check_noun(e->root->type));
    } else if (e->root->is_dynamic && !may_depend) {
        check_fault(
            &c, e->root, e->root,
            "%s depends on the position (entry_price, bars_held, equity), which is known in exits and levels only",
            check_text(&c, e->root));
    } else if (type == RULES_NUMBER && e->root->is_constant && !(e->root->number > 0)) {
        if (isnan(e->root->number)) {
            check_fault(&c, e->root, e->root, "%s must be above 0, but %s is not a number", rules_output_name(output),
                        check_text(&c, e->root));
            return;
        }
        check_fault(&c, e->root, e->root, "%s must be above 0, but is %.10g", rules_output_name(output),
                    e->root->number);
    }
}

void check_document(struct rules_document *d)
{
    bool parsed = true;

    order_lets(d);
    for (size_t i = 0; i < d->let_count; i++) {
        struct rules_expression *e = &d->lets[i].expression;
        struct check c = {d, &e->place};

        parsed = parsed && e->root != NULL;
        if (e->root != NULL) check_node(&c, e->root);
    }
    for (enum rules_output output = 0; output < RULES_OUTPUTS; output++) {
        check_output(d, output);
        parsed = parsed && (d->outputs[output].root != NULL || d->outputs[output].place.text.data == NULL);
    }
    for (size_t i = 0; i < d->param_count && parsed; i++) {
        if (d->params[i].is_used) continue;
        rules_fault_add(d->faults, &d->params[i].place, 0,
                        "the parameter is not used: no expression has $%.*s; remove it, or use it",
                        SLICE_FMT(d->params[i].name));
    }
}
