/* The JSON of a document: which members there are, and what kind of value each has. */
#include <stdlib.h>

#include "rules/internal.h"
#include "json/scan.h"

/* A member of an object, and what to do with its value. */
struct document_member {
    const char *name;
    void (*read)(struct rules_document *d, struct rules_place place, struct slice value, int what);
    int what;
};

bool document_number(struct slice value, double *ret_number)
{
    char text[1024];

    if (value.len == 0 || value.len >= sizeof(text) || json_number_length(value) != value.len) return false;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    *ret_number = strtod(text, NULL);
    return true;
}

/* White space may stand around the whole document. */
bool document_is_object(struct slice value)
{
    size_t at = 0;

    while (at < value.len && strchr(" \t\r\n", value.data[at]) != NULL && value.data[at] != '\0') at++;
    return at < value.len && value.data[at] == '{';
}

static bool document_is_string(struct slice value)
{
    return value.len > 0 && value.data[0] == '"';
}

/* The members of an object; false after a fault. */
static bool document_object(struct rules_document *d, const struct rules_place *place, struct slice value,
                            const char *what, struct json_members *ret_members)
{
    struct slice detail = SLICE_NONE;

    if (slice_trim(value).len == 0) return rules_fault_add(d->faults, place, 0, "the document is empty");
    if (!document_is_object(value)) {
        return rules_fault_add(d->faults, place, 0, "the value must be an object%s, but is %s", what,
                               rules_excerpt(d->faults->arena, value));
    }
    if (json_scan_members(d->arena, value, JSON_DEPTH_MAX, ret_members, &detail)) return true;
    return rules_fault_add(d->faults, place, 0, "%.*s", SLICE_FMT(detail));
}

static struct rules_place document_below(struct rules_document *d, struct slice pointer, struct slice member)
{
    return (struct rules_place){json_pointer_add(d->arena, pointer, member), SLICE_NONE};
}

static void document_unknown(struct rules_document *d, const struct rules_place *place, struct slice key,
                             const struct document_member *table, size_t count)
{
    struct distance_guess guess = {.wanted = key};
    struct buf all = {0};

    for (size_t i = 0; i < count; i++) {
        distance_offer(&guess, slice_of(table[i].name));
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", table[i].name);
    }
    rules_fault_add(d->faults, place, 0, "there is no such member%s; the members are %s",
                    rules_guess_text(&guess, d->faults->arena), buf_cstr(&all));
    buf_clear(&all);
}

/* Reads the members of an object as a table says. */
static void document_members(struct rules_document *d, const struct rules_place *place, struct slice value,
                             const char *what, const struct document_member *table, size_t count)
{
    struct json_members members = {0};

    if (!document_object(d, place, value, what, &members)) return;
    for (size_t m = 0; m < members.count; m++) {
        const struct rules_place below = document_below(d, place->pointer, members.items[m].key);
        size_t i = 0;

        while (i < count && !slice_is(members.items[m].key, table[i].name)) i++;
        if (i == count) {
            document_unknown(d, &below, members.items[m].key, table, count);
        } else {
            table[i].read(d, below, members.items[m].value, table[i].what);
        }
    }
}

/* A number or a string is an expression. */
static bool document_expression(struct rules_document *d, struct rules_place place, struct slice value,
                                struct rules_expression *ret_expression)
{
    double number;

    if (document_is_string(value)) {
        place.text = json_unquote(d->arena, value);
    } else if (document_number(value, &number)) {
        place.text = arena_copy(d->arena, value);
    } else {
        rules_fault_add(d->faults, &place, 0, "the value must be a number, or a string with an expression, but is %s",
                        rules_excerpt(d->faults->arena, value));
        return false;
    }
    ret_expression->place = place;
    ret_expression->root = parse_expression(d->arena, &ret_expression->place, d->faults);
    return true;
}

static void document_output(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    document_expression(d, place, value, &d->outputs[what]);
}

static void document_side(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    static const struct document_member sides[2][2] = {
        {{"enter", document_output, RULES_LONG_ENTER}, {"exit", document_output, RULES_LONG_EXIT}},
        {{"enter", document_output, RULES_SHORT_ENTER}, {"exit", document_output, RULES_SHORT_EXIT}},
    };
    const enum rules_output enter = what == 0 ? RULES_LONG_ENTER : RULES_SHORT_ENTER;
    const size_t faults = rules_faults_seen(d->faults);

    document_members(d, &place, value, " with enter, and exit if needed", sides[what], 2);
    if (d->outputs[enter].place.text.data == NULL && rules_faults_seen(d->faults) == faults) {
        rules_fault_add(d->faults, &place, 0, "the member enter is missing: it says when the position is opened");
    }
}

/* One of a level's three members must be given. */
static void document_level(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    static const struct document_member levels[3][3] = {
        {{"distance", document_output, RULES_STOP_DISTANCE},
         {"percent", document_output, RULES_STOP_PERCENT},
         {"price", document_output, RULES_STOP_PRICE}},
        {{"distance", document_output, RULES_TAKE_DISTANCE},
         {"percent", document_output, RULES_TAKE_PERCENT},
         {"price", document_output, RULES_TAKE_PRICE}},
        {{"distance", document_output, RULES_TRAIL_DISTANCE}, {"percent", document_output, RULES_TRAIL_PERCENT}},
    };
    const size_t count = what == 2 ? 2 : 3, faults = rules_faults_seen(d->faults);
    size_t found = 0;

    document_members(d, &place, value, " with a distance, a percent or a price", levels[what], count);
    for (size_t i = 0; i < count; i++) found += d->outputs[levels[what][i].what].place.text.data != NULL;
    if (found != 1 && rules_faults_seen(d->faults) == faults) {
        rules_fault_add(d->faults, &place, 0, "exactly one of %s must be given, but there are %zu",
                        what == 2 ? "distance and percent" : "distance, percent and price", found);
    }
}

static void document_share(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    if (d->outputs[RULES_SIZE].place.text.data != NULL) {
        rules_fault_add(d->faults, &place, 0, "the size is given twice; give only one of equity, cash and units");
        return;
    }
    d->size_kind = (enum rules_size)what;
    document_output(d, place, value, RULES_SIZE);
}

static void document_at(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    const struct slice text = document_is_string(value) ? json_unquote(d->arena, value) : SLICE_NONE;

    (void)what;
    d->size_at_close = slice_is(text, "close");
    if (!slice_is(text, "close") && !slice_is(text, "fill")) {
        rules_fault_add(d->faults, &place, 0, "the value must be \"fill\" or \"close\", but is %s",
                        rules_excerpt(d->faults->arena, value));
    }
}

static void document_size(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    static const struct document_member table[] = {
        {"equity", document_share, RULES_SIZE_EQUITY},
        {"cash", document_share, RULES_SIZE_CASH},
        {"units", document_share, RULES_SIZE_UNITS},
        {"at", document_at, 0},
    };
    const size_t faults = rules_faults_seen(d->faults);

    (void)what;
    document_members(d, &place, value, " with equity, cash or units", table, countof(table));
    if (d->outputs[RULES_SIZE].place.text.data == NULL && rules_faults_seen(d->faults) == faults) {
        rules_fault_add(d->faults, &place, 0, "one of equity, cash and units must be given");
    }
}

static void document_version(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    double version = 0;

    (void)what;
    if (document_number(value, &version) && version == 1) return;
    rules_fault_add(d->faults, &place, 0, "the value must be 1, the version of the language, but is %s",
                    rules_excerpt(d->faults->arena, value));
}

static void document_params(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    struct json_members members = {0};

    (void)what;
    if (!document_object(d, &place, value, " of names with numbers", &members)) return;
    for (size_t i = 0; i < members.count; i++) {
        struct rules_param param = {.name = members.items[i].key,
                                    .place = document_below(d, place.pointer, members.items[i].key)};

        if (!parse_is_name(param.name)) {
            rules_fault_add(d->faults, &param.place, 0,
                            "a name is made of letters, digits and _, does not begin with a digit, and is not a word "
                            "of the language");
        } else if (!document_number(members.items[i].value, &param.value)) {
            rules_fault_add(d->faults, &param.place, 0, "the value must be a number, but is %s",
                            rules_excerpt(d->faults->arena, members.items[i].value));
            param.is_used = true;
        }
        if (d->param_count == RULES_PARAMS_MAX) {
            rules_fault_add(d->faults, &place, 0, "params has more than %d parameters", RULES_PARAMS_MAX);
            return;
        }
        param.name = arena_copy(d->arena, param.name);
        d->params[d->param_count++] = param;
    }
}

static bool document_is_taken(struct slice name)
{
    for (size_t i = 0; rules_column_names[i] != NULL; i++) {
        if (slice_is(name, rules_column_names[i])) return true;
    }
    for (size_t i = 0; rules_position_names[i] != NULL; i++) {
        if (slice_is(name, rules_position_names[i])) return true;
    }
    return false;
}

static void document_lets(struct rules_document *d, struct rules_place place, struct slice value, int what)
{
    struct json_members members = {0};

    (void)what;
    if (!document_object(d, &place, value, " of names with expressions", &members)) return;
    if (members.count > RULES_LETS_MAX) {
        rules_fault_add(d->faults, &place, 0, "let has more than %d names", RULES_LETS_MAX);
        return;
    }
    d->lets = arena_zalloc(d->arena, (members.count + 1) * sizeof(*d->lets));
    for (size_t i = 0; i < members.count; i++) {
        const struct rules_place below = document_below(d, place.pointer, members.items[i].key);
        struct rules_let *let = &d->lets[d->let_count];

        if (!parse_is_name(members.items[i].key)) {
            rules_fault_add(d->faults, &below, 0,
                            "a name is made of letters, digits and _, does not begin with a digit, and is not a word "
                            "of the language");
        } else if (document_is_taken(members.items[i].key)) {
            rules_fault_add(d->faults, &below, 0,
                            "this name is a column or a value of the position; choose another one");
        }
        let->name = arena_copy(d->arena, members.items[i].key);
        let->expression.place = below;
        document_expression(d, below, members.items[i].value, &let->expression);
        d->let_count++;
    }
}

void document_read(struct rules_document *d, struct slice text)
{
    static const struct document_member table[] = {
        {"v", document_version, 0},  {"params", document_params, 0}, {"let", document_lets, 0},
        {"long", document_side, 0},  {"short", document_side, 1},    {"stop", document_level, 0},
        {"take", document_level, 1}, {"trail", document_level, 2},   {"size", document_size, 0},
    };
    const struct rules_place whole = {SLICE_LIT(""), SLICE_NONE};
    const size_t faults = rules_faults_seen(d->faults);

    if (text.len > RULES_TEXT_BYTES_MAX) {
        rules_fault_add(d->faults, &whole, 0, "the document has %zu bytes; at most %d are allowed", text.len,
                        RULES_TEXT_BYTES_MAX);
        return;
    }
    document_members(d, &whole, text, " with long, short or both", table, countof(table));
    if (rules_faults_seen(d->faults) > faults) return;
    if (d->outputs[RULES_LONG_ENTER].place.text.data == NULL && d->outputs[RULES_SHORT_ENTER].place.text.data == NULL) {
        rules_fault_add(d->faults, &whole, 0,
                        "long or short is missing: without one of them, and its enter, no position is ever opened");
    }
}

/* "; the parameters are fast, slow", or that there are none. */
static const char *document_param_names(const struct rules_document *d)
{
    struct buf all = {0};
    const char *names;

    for (size_t i = 0; i < d->param_count; i++) {
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", rules_excerpt(d->faults->arena, d->params[i].name));
    }
    names = d->param_count == 0 ? "; the document has no params"
                                : arena_printf(d->faults->arena, "; the parameters are %s", buf_cstr(&all));
    buf_clear(&all);
    return names;
}

void document_override(struct rules_document *d, const struct rules_override *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rules_place place = document_below(d, SLICE_LIT("/params"), overrides[i].name);
        struct distance_guess guess = {.wanted = overrides[i].name};
        struct rules_param *param = NULL;
        double value;

        for (size_t p = 0; p < d->param_count; p++) {
            if (slice_eq(d->params[p].name, overrides[i].name)) param = &d->params[p];
            distance_offer(&guess, d->params[p].name);
        }
        if (param == NULL) {
            rules_fault_add(d->faults, &place, 0, "there is no such parameter%s%s",
                            rules_guess_text(&guess, d->faults->arena), document_param_names(d));
        } else if (!document_number(overrides[i].value, &value) || !isfinite(value)) {
            rules_fault_add(d->faults, &place, 0, "the value must be a number, but is %s",
                            rules_excerpt(d->faults->arena, overrides[i].value));
        } else {
            param->value = value;
        }
    }
}
