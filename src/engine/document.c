#include "engine/document.h"

#include <stdlib.h>
#include <string.h>

#include "json/scan.h"

static const char document_prefix[] = "execution."; /* of the table's messages */

/* A setting that the document has, or an object of settings. */
struct document_place {
    struct slice name; /* "fee.percent", "fee" */
    struct slice pointer, value;
};

enum { DOCUMENT_SEEN_MAX = 64 };

/* A document on its way. */
struct document {
    struct engine_execution *execution;
    struct engine_faults *faults;
    struct document_place seen[DOCUMENT_SEEN_MAX];
    size_t seen_count;
};

static void document_fail(struct document *d, struct slice pointer, struct slice value, const struct error *err)
{
    if (d->faults->count == ENGINE_FAULTS_MAX) return;
    d->faults->items[d->faults->count++] = (struct engine_fault){
        .pointer = pointer,
        .value = value,
        .detail = slice_of(arena_printf(d->faults->arena, "%s", err->message)),
    };
}

/* Whether a setting is there already: "fee.percent" and "fee": {"percent": …} are one. */
static bool document_is_seen(struct document *d, const struct document_place *place)
{
    for (size_t i = 0; i < d->seen_count; i++) {
        if (slice_eq(d->seen[i].name, place->name)) return true;
    }
    if (d->seen_count < DOCUMENT_SEEN_MAX) d->seen[d->seen_count++] = *place;
    return false;
}

/* One setting; `group` is NULL, or the member that it stands in. */
static void document_setting(struct document *d, const struct json_member *group, struct slice pointer,
                             const struct json_member *member)
{
    struct arena *arena = d->faults->arena;
    const struct slice name =
        group == NULL ? member->key
                      : slice_of(arena_printf(arena, "%.*s.%.*s", SLICE_FMT(group->key), SLICE_FMT(member->key)));
    const struct slice text = json_unquote(arena, member->value);
    const struct document_place place = {name, pointer, member->value};
    struct error err;

    if (engine_setting_find(name) != NULL && document_is_seen(d, &place)) {
        error_set(&err, ERROR_INVALID, "execution.%.*s is given twice; remove one of them", SLICE_FMT(name));
    } else if (engine_execution_set(d->execution, name, text.data == NULL ? member->value : text, &err) == 0) {
        return;
    }
    document_fail(d, pointer, member->value, &err);
}

/* In the order of the text, so that its first fault comes first. */
static int document_order(const void *a, const void *b)
{
    const struct json_member *one = a, *other = b;

    return (one->value.data > other->value.data) - (one->value.data < other->value.data);
}

static void document_object(struct document *d, struct slice object, const struct json_member *group,
                            struct slice pointer)
{
    struct json_members members = {0};
    struct slice detail;

    if (!json_scan_members(d->faults->arena, object, JSON_DEPTH_MAX, &members, &detail)) return;
    if (members.count > 0) qsort(members.items, members.count, sizeof(members.items[0]), document_order);
    for (size_t i = 0; i < members.count; i++) {
        const struct json_member *member = &members.items[i];
        const struct slice below = json_pointer_add(d->faults->arena, pointer, member->key);

        if (group == NULL && member->value.data[0] == '{' && engine_setting_is_group(member->key)) {
            document_is_seen(d, &(struct document_place){member->key, below, member->value});
            document_object(d, member->value, member, below);
        } else {
            document_setting(d, group, below, member);
        }
    }
}

/* The message begins with the name of a setting, or of an object of them. */
static void document_blame(struct document *d, struct slice document, const struct error *err)
{
    struct slice name = slice_of(err->message + strlen(document_prefix));
    struct document_place blamed = {.pointer = SLICE_LIT(""), .value = document};

    name = slice_cut(&name, ' ');
    for (size_t i = 0; i < d->seen_count; i++) {
        if (slice_eq(d->seen[i].name, name)) blamed = d->seen[i];
    }
    document_fail(d, blamed.pointer, blamed.value, err);
}

bool engine_execution_read(struct slice document, struct engine_execution *execution, struct engine_faults *faults)
{
    struct document d = {.execution = execution, .faults = faults};
    const size_t before = faults->count;
    struct error err;
    size_t at = 0;

    while (at < document.len && strchr(" \t\r\n", document.data[at]) != NULL) at++;
    if (at == document.len || document.data[at] != '{') {
        error_set(&err, ERROR_INVALID, "the settings must be an object, such as {\"fee\": {\"percent\": 0.1}}");
        document_fail(&d, SLICE_LIT(""), document, &err);
        return false;
    }
    document_object(&d, document, NULL, SLICE_LIT(""));
    if (faults->count == before && engine_execution_check(execution, &err) != 0) document_blame(&d, document, &err);
    return faults->count == before;
}
