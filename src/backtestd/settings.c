#include "backtestd/settings.h"

#include <stdlib.h>

#include "backtestd/place.h"
#include "json/scan.h"

enum { SETTINGS_SEEN_MAX = 64, SETTINGS_FAULTS_BYTES = ERROR_MESSAGE_MAX / 2 };

/* A file on its way. */
struct settings {
    const struct document *document;
    struct arena *arena;
    struct engine_execution *execution;
    const struct engine_setting *seen[SETTINGS_SEEN_MAX]; /* those that were set */
    size_t seen_count;
    struct buf faults; /* one a line */
};

/* Adds the error, with the place of `value`, to those that are reported. */
static void settings_fail(struct settings *s, struct slice value, const struct error *err)
{
    if (s->faults.len > SETTINGS_FAULTS_BYTES) return;
    if (s->faults.len > 0) buf_add_char(&s->faults, '\n');
    place_at(s->document, (size_t)(value.data - s->document->text.data), &s->faults);
    buf_add_str(&s->faults, err->message);
}

/* "fee.percent" and "fee": {"percent": …} are one setting. */
static bool settings_is_seen(struct settings *s, const struct engine_setting *setting)
{
    for (size_t i = 0; i < s->seen_count; i++) {
        if (s->seen[i] == setting) return true;
    }
    if (setting != NULL && s->seen_count < SETTINGS_SEEN_MAX) s->seen[s->seen_count++] = setting;
    return false;
}

/* One setting; `group` is absent, or the member that it stands in. */
static void settings_member(struct settings *s, struct slice group, const struct json_member *member)
{
    const struct slice name =
        group.data == NULL ? member->key
                           : slice_of(arena_printf(s->arena, "%.*s.%.*s", SLICE_FMT(group), SLICE_FMT(member->key)));
    const struct slice text = document_string(member->value, s->arena);

    struct error err;

    if (settings_is_seen(s, engine_setting_find(name))) {
        error_set(&err, ERROR_INVALID, "execution.%.*s is given twice; remove one of them", SLICE_FMT(name));
    } else if (engine_execution_set(s->execution, name, text.data == NULL ? member->value : text, &err) == 0) {
        return;
    }
    settings_fail(s, member->value, &err);
}

/* In the order of the file, so that its first fault comes first. */
static int settings_order(const void *a, const void *b)
{
    const struct json_member *one = a, *other = b;

    return (one->value.data > other->value.data) - (one->value.data < other->value.data);
}

static void settings_object(struct settings *s, struct slice object, struct slice group)
{
    struct json_members members = {0};
    struct slice detail;

    /* It was scanned when it was loaded. */
    if (!json_scan_members(s->arena, object, JSON_DEPTH_MAX, &members, &detail)) return;
    if (members.count > 0) qsort(members.items, members.count, sizeof(members.items[0]), settings_order);
    for (size_t i = 0; i < members.count; i++) {
        const struct json_member *member = &members.items[i];

        if (group.data == NULL && member->value.data[0] == '{' && engine_setting_is_group(member->key)) {
            settings_object(s, member->value, member->key);
        } else {
            settings_member(s, group, member);
        }
    }
}

/* Every fault of the file is in the error, one a line, with its place. */
static int settings_read(struct settings *s, struct error *err)
{
    const struct slice text = s->document->text;
    int status = 0;

    if (text.data[strspn(text.data, " \t\r\n")] == '{') {
        settings_object(s, text, SLICE_NONE);
    } else {
        error_set(err, ERROR_INVALID, "the settings must be an object, such as {\"fee\": {\"percent\": 0.1}}");
        settings_fail(s, text, err);
    }
    if (s->faults.len > 0) status = error_set(err, ERROR_INVALID, "%s", buf_cstr(&s->faults));
    buf_clear(&s->faults);
    return status;
}

int settings_blame(const struct document *document, struct arena *arena, struct error *err)
{
    static const char before[] = "execution.";
    const char *name = err->message + strlen(before);
    struct buf pointer = {0}, place = {0};

    if (document->path == NULL || strncmp(err->message, before, strlen(before)) != 0) return -1;
    buf_add_char(&pointer, '/');
    for (; (*name >= 'a' && *name <= 'z') || *name == '_' || *name == '.'; name++) {
        buf_add_char(&pointer, *name == '.' ? '/' : *name);
    }
    place_at(document, place_of(document, buf_slice(&pointer), 0, arena), &place);
    error_prefix(err, "%.*s", (int)place.len - (int)strlen(": "), place.data);
    buf_clear(&pointer);
    buf_clear(&place);
    return -1;
}

int settings_load(const struct command_line *line, struct arena *arena, struct engine_execution *execution,
                  struct document *ret_document, struct error *err)
{
    const char *path = command_text(line, "--execution"), *capital = command_text(line, "--capital");

    struct settings s = {.document = ret_document, .arena = arena, .execution = execution};

    *ret_document = (struct document){0};
    engine_execution_init(execution);
    if (path != NULL) {
        if (document_load(ret_document, path, arena, err) != 0 || settings_read(&s, err) != 0) {
            return -1;
        }
        if (engine_execution_check(execution, err) != 0) return settings_blame(ret_document, arena, err);
    }
    if (capital != NULL && engine_execution_set(execution, SLICE_LIT("capital"), slice_of(capital), err) != 0) {
        /* The message begins with the setting's name. */
        return error_set(err, ERROR_USAGE, "--capital%s",
                         arena_printf(arena, "%s", err->message + strlen("execution.capital")));
    }
    return 0;
}
