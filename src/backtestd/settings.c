#include "backtestd/settings.h"

#include "backtestd/place.h"
#include "json/scan.h"

static int settings_fail(const struct document *document, struct slice value, struct error *err)
{
    struct buf place = {0};

    place_at(document, (size_t)(value.data - document->text.data), &place);
    error_prefix(err, "%.*s", (int)place.len - (int)strlen(": "), place.data);
    buf_clear(&place);
    return -1;
}

/* One setting; `group` is absent, or the member that it stands in. */
static int settings_member(const struct document *document, struct slice group, const struct json_member *member,
                           struct arena *arena, struct engine_execution *execution, struct error *err)
{
    const struct slice name =
        group.data == NULL ? member->key
                           : slice_of(arena_printf(arena, "%.*s.%.*s", SLICE_FMT(group), SLICE_FMT(member->key)));
    const struct slice text = document_string(member->value, arena);

    if (engine_execution_set(execution, name, text.data == NULL ? member->value : text, err) == 0) return 0;
    return settings_fail(document, member->value, err);
}

static int settings_object(const struct document *document, struct slice object, struct slice group,
                           struct arena *arena, struct engine_execution *execution, struct error *err)
{
    struct json_members members = {0};
    struct slice detail;
    int status = 0;

    if (object.data[strspn(object.data, " \t\r\n")] != '{') {
        error_set(err, ERROR_INVALID, "the settings are an object, such as {\"fee\": {\"percent\": 0.1}}");
        return settings_fail(document, object, err);
    }
    if (!json_scan_members(arena, object, JSON_DEPTH_MAX, &members, &detail)) {
        return error_set(err, ERROR_INVALID, "%s: %.*s", document->path, SLICE_FMT(detail));
    }
    for (size_t i = 0; i < members.count && status == 0; i++) {
        const struct json_member *member = &members.items[i];

        status = group.data == NULL && member->value.data[0] == '{'
                     ? settings_object(document, member->value, member->key, arena, execution, err)
                     : settings_member(document, group, member, arena, execution, err);
    }
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

int settings_load(const struct frame_line *line, struct arena *arena, struct engine_execution *execution,
                  struct document *ret_document, struct error *err)
{
    const char *path = frame_text(line, "--execution"), *capital = frame_text(line, "--capital");

    *ret_document = (struct document){0};
    engine_execution_init(execution);
    if (path != NULL) {
        if (document_load(ret_document, path, arena, err) != 0 ||
            settings_object(ret_document, ret_document->text, SLICE_NONE, arena, execution, err) != 0) {
            return -1;
        }
        if (engine_execution_check(execution, err) != 0) return settings_blame(ret_document, arena, err);
    }
    if (capital != NULL && engine_execution_set(execution, SLICE_LIT("capital"), slice_of(capital), err) != 0) {
        err->code = ERROR_USAGE;
        return error_prefix(err, "--capital");
    }
    return 0;
}
