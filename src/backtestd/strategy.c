#include "backtestd/strategy.h"

#include <stdlib.h>

#include "backtestd/backtestd.h"
#include "backtestd/place.h"
#include "json/scan.h"

/* The members of a strategy, as the API takes and answers them. */
static const char *strategy_member(size_t index)
{
    static const char *const members[] = {"name", "kind",    "parameters", "description", "status",
                                          "id",   "version", "created_at", "updated_at",  NULL};

    return members[index];
}

/* Of more faults only the number is given. */
enum { LOADING_MESSAGES_MAX = RULES_FAULTS_MAX, STRATEGY_ERROR_BYTES = ERROR_MESSAGE_MAX - 64 };

struct loading {
    struct document document;
    struct arena *arena;
    struct json_members members;
    struct slice parameters;
    const char *below; /* where the parameters are: a pointer */
    struct rules_override *overrides;
    size_t override_count;
    struct loading_message {
        size_t offset;   /* in the file; those of the command line come first */
        size_t number;   /* in which they were found */
        bool is_of_line; /* about the command line by itself */
        const char *text;
    } messages[LOADING_MESSAGES_MAX];
    size_t message_count;
};

static void loading_tell(struct loading *l, size_t offset, const char *text)
{
    if (l->message_count == LOADING_MESSAGES_MAX) return;
    l->messages[l->message_count] = (struct loading_message){offset, l->message_count, false, text};
    l->message_count++;
}

static void loading_fault(struct loading *l, struct slice pointer, size_t column, const char *text)
{
    const size_t offset = place_of(&l->document, pointer, column, l->arena);
    struct buf message = {0};

    place_at(&l->document, offset, &message);
    buf_add_str(&message, text);
    loading_tell(l, offset, arena_copy(l->arena, buf_slice(&message)).data);
    buf_clear(&message);
}

static bool strategy_is_object(struct slice text)
{
    return text.data[strspn(text.data, " \t\r\n")] == '{';
}

/* A document of rules by itself. */
static bool strategy_is_rules(const struct loading *l)
{
    static const char *const members[] = {"long", "short", "let"};

    if (json_members_find(&l->members, SLICE_LIT("kind")).data != NULL) return false;
    for (size_t i = 0; i < countof(members); i++) {
        if (json_members_find(&l->members, slice_of(members[i])).data != NULL) return true;
    }
    return false;
}

static void strategy_read_members(struct loading *l, struct strategy *strategy)
{
    if (strategy_is_rules(l)) {
        strategy->kind = SLICE_LIT("rules");
        l->parameters = l->document.text;
        return;
    }
    l->below = "/parameters";
    for (size_t i = 0; i < l->members.count; i++) {
        const struct json_member *member = &l->members.items[i];
        size_t known = 0;

        while (strategy_member(known) != NULL && !slice_is(member->key, strategy_member(known))) known++;
        if (strategy_member(known) != NULL) continue;
        const char *meant = backtestd_nearest(member->key, strategy_member);

        loading_fault(l, slice_of(arena_printf(l->arena, "/%.*s", SLICE_FMT(member->key))), 0,
                      arena_printf(l->arena, "\"%s\" is not a member of a strategy%s%s%s",
                                   json_excerpt(l->arena, member->key), meant == NULL ? "" : " (did you mean \"",
                                   meant == NULL ? "" : meant,
                                   meant == NULL ? "; its members are name, kind and parameters" : "\"?)"));
    }
    const struct slice kind = json_members_find(&l->members, SLICE_LIT("kind"));
    const struct slice name = json_members_find(&l->members, SLICE_LIT("name"));

    strategy->kind = json_unquote(l->arena, kind);
    strategy->name = json_unquote(l->arena, name);
    if (kind.data == NULL) {
        loading_fault(l, SLICE_LIT(""), 0,
                      "the member \"kind\" is missing, as in {\"kind\": \"rules\", \"parameters\": {...}}; \"backtestd "
                      "kinds\" lists the kinds");
    } else if (strategy->kind.data == NULL) {
        loading_fault(l, SLICE_LIT("/kind"), 0, "the kind must be a string");
    }
    if (name.data != NULL && strategy->name.data == NULL)
        loading_fault(l, SLICE_LIT("/name"), 0, "the name must be a string");
    l->parameters = json_members_find(&l->members, SLICE_LIT("parameters"));
    if (l->parameters.data == NULL) l->parameters = SLICE_LIT("{}");
}

/* Each --param NAME=VALUE. */
static int strategy_overrides(const struct command_line *line, struct loading *l, struct error *err)
{
    const struct command_value *value = NULL;

    l->overrides = arena_alloc(l->arena, (line->value_count + 1) * sizeof(*l->overrides));
    while ((value = command_next(line, "--param", value)) != NULL) {
        struct slice rest = slice_of(value->text);
        const struct slice name = slice_cut(&rest, '=');

        if (name.len == 0 || rest.data == NULL || rest.len == 0) {
            return error_set(err, ERROR_USAGE, "--param must be NAME=VALUE, but is \"%s\"", value->text);
        }
        for (size_t i = 0; i < l->override_count; i++) {
            if (!slice_eq(l->overrides[i].name, name)) continue;
            return error_set(err, ERROR_USAGE, "--param %.*s is given twice", SLICE_FMT(name));
        }
        l->overrides[l->override_count++] = (struct rules_override){name, rest};
    }
    return 0;
}

/* The override that a fault is about; NULL if it is about the file. */
static const struct rules_override *strategy_override_of(const struct loading *l, const struct rules_fault *fault)
{
    struct slice name = fault->pointer;

    if (name.len > strlen("/params/") && memcmp(name.data, "/params/", strlen("/params/")) == 0) {
        name.data += strlen("/params"), name.len -= strlen("/params");
    }
    if (name.len < 2) return NULL;
    name.data++, name.len--;
    for (size_t i = 0; i < l->override_count; i++) {
        if (slice_eq(l->overrides[i].name, name)) return &l->overrides[i];
    }
    return NULL;
}

static enum error_code strategy_tell(struct loading *l, bool kind_is_known, const struct rules_faults *faults)
{
    enum error_code code = ERROR_USAGE;

    for (size_t i = 0; i < faults->count; i++) {
        const struct rules_fault *fault = &faults->items[i];
        const struct rules_override *override = strategy_override_of(l, fault);
        const char *pointer = arena_printf(l->arena, "%s%.*s", l->below, SLICE_FMT(fault->pointer));

        if (override != NULL) {
            loading_tell(l, 0,
                         arena_printf(l->arena, "--param %.*s=%.*s: %.*s", SLICE_FMT(override->name),
                                      SLICE_FMT(override->value), SLICE_FMT(fault->detail)));
            if (l->message_count > 0) l->messages[l->message_count - 1].is_of_line = true;
            continue;
        }
        code = ERROR_INVALID;
        loading_fault(l, kind_is_known ? slice_of(pointer) : SLICE_LIT("/kind"), fault->column,
                      rules_fault_text(fault, l->arena).data);
    }
    return code;
}

/* Whether the file is sound without what the command line sets, on candles of `timeframe_ms` if that is above 0. */
static bool strategy_is_sound_alone(const struct strategy *strategy, const struct loading *l, int64_t timeframe_ms)
{
    struct rules_faults *faults = arena_zalloc(l->arena, sizeof(*faults));
    struct rules *alone;
    bool is_sound;

    if (l->override_count == 0) return false;
    faults->arena = l->arena;
    alone = rules_new(strategy->kind, l->parameters, NULL, 0, faults);
    is_sound = alone != NULL && (timeframe_ms == 0 || rules_fits(alone, timeframe_ms, NULL));
    rules_free(alone);
    return is_sound;
}

/* A value of --param that an expression cannot take: the place is that of the expression, the fault the command
 * line's. */
static enum error_code strategy_blame(struct loading *l)
{
    struct buf said = {0};

    for (size_t i = 0; i < l->override_count; i++) {
        buf_printf(&said, " --param %.*s=%.*s", SLICE_FMT(l->overrides[i].name), SLICE_FMT(l->overrides[i].value));
    }
    for (size_t i = 0; i < l->message_count; i++) {
        if (l->messages[i].is_of_line) continue;
        l->messages[i].text = arena_printf(l->arena, "%s, with%s", l->messages[i].text, buf_cstr(&said));
    }
    buf_clear(&said);
    return ERROR_USAGE;
}

static int loading_order(const void *a, const void *b)
{
    const struct loading_message *x = a, *y = b;

    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* All messages in the order of the file, as one error. */
static int strategy_finish(struct loading *l, enum error_code code, struct error *err)
{
    struct buf all = {0};

    if (l->message_count == 0) return 0;
    qsort(l->messages, l->message_count, sizeof(l->messages[0]), loading_order);
    for (size_t i = 0; i < l->message_count; i++) {
        if (all.len + strlen(l->messages[i].text) > STRATEGY_ERROR_BYTES) {
            buf_printf(&all, "\nand %zu more", l->message_count - i);
            break;
        }
        if (i > 0) buf_add_char(&all, '\n');
        buf_add_str(&all, l->messages[i].text);
    }
    error_set(err, code, "%s", buf_cstr(&all));
    buf_clear(&all);
    return -1;
}

int strategy_load(const struct command_line *line, struct arena *arena, struct strategy *strategy, struct error *err)
{
    struct loading l = {.arena = arena, .below = ""};
    struct rules_faults *faults = arena_zalloc(arena, sizeof(*faults));
    enum error_code code = ERROR_INVALID;
    struct slice detail;

    *strategy = (struct strategy){0};
    if (document_load(&l.document, command_text(line, "--strategy"), arena, err) != 0 ||
        strategy_overrides(line, &l, err) != 0) {
        return -1;
    }
    strategy->path = l.document.path;
    if (!strategy_is_object(l.document.text)) {
        loading_fault(&l, SLICE_LIT(""), 0,
                      "a strategy must be an object, such as {\"kind\": ..., \"parameters\": {...}}");
    } else if (json_scan_members(arena, l.document.text, JSON_DEPTH_MAX, &l.members, &detail)) {
        strategy_read_members(&l, strategy);
    }
    if (l.message_count == 0) {
        faults->arena = arena;
        strategy->rules = rules_new(strategy->kind, l.parameters, l.overrides, l.override_count, faults);
        if (faults->count > 0) code = strategy_tell(&l, rules_kind_find(strategy->kind) != NULL, faults);
        if (faults->count > 0 && code == ERROR_INVALID && strategy_is_sound_alone(strategy, &l, 0)) {
            code = strategy_blame(&l);
        }
    }
    strategy->document = l.document;
    strategy->below = l.below;
    strategy->parameters = l.parameters;
    strategy->overrides = l.overrides;
    strategy->override_count = l.override_count;
    if (strategy_finish(&l, code, err) == 0) return 0;
    strategy_clear(strategy);
    return -1;
}

int strategy_fits(const struct strategy *strategy, int64_t timeframe_ms, struct arena *arena, struct error *err)
{
    struct loading l = {.arena = arena,
                        .document = strategy->document,
                        .below = strategy->below,
                        .parameters = strategy->parameters,
                        .overrides = strategy->overrides,
                        .override_count = strategy->override_count};
    enum error_code code = ERROR_INVALID;
    struct rules_faults *faults;

    if (rules_fits(strategy->rules, timeframe_ms, err)) return 0;
    faults = arena_zalloc(arena, sizeof(*faults));
    faults->arena = arena;
    rules_misfits(strategy->rules, timeframe_ms, faults);
    (void)strategy_tell(&l, true, faults);
    /* The look-back is one of the whole. */
    if (faults->count == 0) loading_fault(&l, slice_of(l.below), 0, err->message);
    if (strategy_is_sound_alone(strategy, &l, timeframe_ms)) code = strategy_blame(&l);
    return strategy_finish(&l, code, err);
}

void strategy_clear(struct strategy *strategy)
{
    rules_free(strategy->rules);
    *strategy = (struct strategy){0};
}
