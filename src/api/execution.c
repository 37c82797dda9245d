#include "api/execution.h"

#include <stdio.h>
#include <string.h>

#include "engine/document.h"
#include "json/scan.h"

/* ---- The document ---- */

static void execution_key_double(struct json_writer *w, const char *name, double value)
{
    json_key(w, name);
    json_double(w, value);
}

static void execution_write_number(struct json_writer *w, const struct engine_setting *setting, bool is_input)
{
    json_key_text(w, "type", "number");
    execution_key_double(w, setting->above_minimum ? "exclusiveMinimum" : "minimum", setting->minimum);
    execution_key_double(w, "maximum", setting->maximum);
    if (is_input) execution_key_double(w, "default", setting->fallback);
}

static void execution_write_word(struct json_writer *w, const struct engine_setting *setting, bool is_input)
{
    json_key_text(w, "type", "string");
    json_key_open(w, "enum", '[');
    for (const char *const *word = setting->words; *word != NULL; word++) json_text(w, *word);
    json_close(w, ']');
    if (is_input) json_key_text(w, "default", setting->words[(size_t)setting->fallback]);
}

static void execution_write(struct json_writer *w, const char *name, const struct engine_setting *setting,
                            bool is_input)
{
    json_key_open(w, name, '{');
    json_key_text(w, "description", setting->help);
    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        json_key_text(w, "type", "boolean");
        if (is_input) json_key_raw(w, "default", setting->fallback != 0 ? "true" : "false");
        break;
    case ENGINE_SETTING_WORD:
        execution_write_word(w, setting, is_input);
        break;
    default:
        execution_write_number(w, setting, is_input);
        break;
    }
    json_close(w, '}');
}

/* "fee.percent" is a member of the object "fee". Those of one object stand together. */
void api_execution_properties(struct json_writer *w, bool is_input)
{
    size_t count;
    const struct engine_setting *settings = engine_settings(&count);

    for (size_t i = 1; i < count; i++) { /* the first is the capital, which is the backtest's own */
        const char *dot = strchr(settings[i].name, '.');

        if (dot == NULL) {
            execution_write(w, settings[i].name, &settings[i], is_input);
            continue;
        }
        const size_t len = (size_t)(dot - settings[i].name) + 1;
        char group[32];

        snprintf(group, sizeof(group), "%.*s", (int)len - 1, settings[i].name);
        json_key_open(w, group, '{');
        json_key_text(w, "type", "object");
        json_key_open(w, "properties", '{');
        for (;; i++) {
            execution_write(w, settings[i].name + len, &settings[i], is_input);
            if (i + 1 == count || strncmp(settings[i + 1].name, dot - (len - 1), len) != 0) break;
        }
        json_close(w, '}');
        if (is_input) json_key_raw(w, "additionalProperties", "false");
        json_close(w, '}');
    }
}

/* ---- Bodies ---- */

static void execution_fault(struct arena *arena, struct slice pointer, struct slice detail, struct json_faults *faults)
{
    json_faults_add(faults, arena, slice_of(arena_printf(arena, "/execution%.*s", SLICE_FMT(pointer))), "%.*s",
                    SLICE_FMT(detail));
}

/* Files may have a number in quotes, and "fee.percent" for a member of "fee". */
static void execution_judge(struct arena *arena, const char *group, struct slice pointer,
                            const struct json_member *member, struct json_faults *faults)
{
    const char *name = arena_printf(arena, "%s%.*s", group, SLICE_FMT(member->key));
    const struct engine_setting *setting = engine_setting_find(slice_of(name));
    const char *dot = strchr(name, '.');

    if (setting == NULL) return;
    if (group[0] == '\0' && dot != NULL) {
        execution_fault(
            arena, pointer,
            slice_of(arena_printf(arena, "must be the member %s of the object %.*s", dot + 1, (int)(dot - name), name)),
            faults);
    } else if (setting->kind != ENGINE_SETTING_WORD && member->value.data[0] == '"') {
        execution_fault(arena, pointer,
                        setting->kind == ENGINE_SETTING_FLAG ? SLICE_LIT("must be true or false, but is a string")
                                                             : SLICE_LIT("must be a number, but is a string"),
                        faults);
    }
}

static void execution_judge_object(struct arena *arena, const char *group, struct slice pointer, struct slice object,
                                   struct json_faults *faults)
{
    struct json_members members = {0};
    struct slice detail;

    if (!json_scan_members(arena, object, JSON_DEPTH_MAX, &members, &detail)) return;
    for (size_t i = 0; i < members.count; i++) {
        const struct json_member *member = &members.items[i];
        const struct slice below = json_pointer_add(arena, pointer, member->key);

        if (group[0] == '\0' && member->value.data[0] == '{' && engine_setting_is_group(member->key)) {
            execution_judge_object(arena, arena_printf(arena, "%.*s.", SLICE_FMT(member->key)), below, member->value,
                                   faults);
        } else if (group[0] == '\0' && slice_is(member->key, "capital")) {
            /* The settings have it for files, which say it there. */
            execution_fault(arena, below, SLICE_LIT("is the backtest's initial_capital; write it there"), faults);
        } else {
            execution_judge(arena, group, below, member, faults);
        }
    }
}

void api_execution_read(struct arena *arena, struct slice document, struct engine_execution *execution,
                        struct json_faults *faults)
{
    struct engine_faults found = {.arena = arena};

    execution_judge_object(arena, "", SLICE_LIT(""), document, faults);
    if (engine_execution_read(document, execution, &found)) return;
    for (size_t i = 0; i < found.count; i++) {
        execution_fault(arena, found.items[i].pointer, found.items[i].detail, faults);
    }
}
