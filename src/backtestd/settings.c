#include "backtestd/settings.h"

#include "backtestd/place.h"
#include "engine/document.h"

enum { SETTINGS_FAULTS_BYTES = ERROR_MESSAGE_MAX / 2 };

/* Every fault of the file is in the error, one a line, with its place. */
static int settings_read(const struct document *document, struct arena *arena, struct engine_execution *execution,
                         struct error *err)
{
    struct engine_faults faults = {.arena = arena};
    struct buf lines = {0};

    if (engine_execution_read(document->text, execution, &faults)) return 0;
    for (size_t i = 0; i < faults.count && lines.len <= SETTINGS_FAULTS_BYTES; i++) {
        if (i > 0) buf_add_char(&lines, '\n');
        place_at(document, (size_t)(faults.items[i].value.data - document->text.data), &lines);
        buf_add_slice(&lines, faults.items[i].detail);
    }
    error_set(err, ERROR_INVALID, "%s", buf_cstr(&lines));
    buf_clear(&lines);
    return -1;
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

    *ret_document = (struct document){0};
    engine_execution_init(execution);
    if (path != NULL) {
        if (document_load(ret_document, path, arena, err) != 0) return -1;
        if (settings_read(ret_document, arena, execution, err) != 0) return -1;
    }
    if (capital != NULL && engine_execution_set(execution, SLICE_LIT("capital"), slice_of(capital), err) != 0) {
        /* The message begins with the setting's name. */
        return error_set(err, ERROR_USAGE, "--capital%s",
                         arena_printf(arena, "%s", err->message + strlen("execution.capital")));
    }
    return 0;
}
