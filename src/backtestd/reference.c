/* `backtestd functions`, `kinds` and `execution`: what the tables of rules/ and engine/ say. */
#include <stdio.h>

#include "backtestd/backtestd.h"
#include "engine/execution.h"
#include "engine/text.h"
#include "rules/rules.h"
#include "json/write.h"

enum { REFERENCE_NAME_COLUMNS = 20, REFERENCE_SIGNATURE_COLUMNS = 38 };

static const char *const type_names[] = {
    [RULES_NUMBER] = "numbers",
    [RULES_CONDITION] = "a condition",
    [RULES_WHOLE] = "a whole constant",
    [RULES_CONSTANT] = "a constant",
};

/* Prints `out` if there is something in it, else says that there is nothing of that name. */
static int reference_finish(const struct frame_line *line, const char *noun, const char *(*at)(size_t index),
                            struct buf *out)
{
    struct error err;
    int status = FRAME_OK;

    if (out->len == 0) {
        const char *wanted = line->operands[0], *meant = backtestd_nearest(slice_of(wanted), at);

        error_set(&err, ERROR_USAGE, "there is no %s \"%s\"%s%s%s", noun, wanted,
                  meant == NULL ? "" : "; did you mean ", meant == NULL ? "" : meant, meant == NULL ? "" : "?");
        status = backtestd_fail(line, &err);
    }
    fwrite(out->data, 1, out->len, stdout);
    buf_clear(out);
    return status;
}

static bool reference_is_wanted(const struct frame_line *line, const char *name)
{
    return line->operand_count == 0 || strcmp(line->operands[0], name) == 0;
}

/* ---- functions ---- */

static const char *function_name(size_t index)
{
    const struct rules_function *f = rules_function_at(index);

    return f == NULL ? NULL : f->name;
}

static void function_bounds(const struct rules_argument *a, struct buf *out)
{
    if (a->type == RULES_WHOLE || a->type == RULES_CONSTANT) {
        if (a->maximum > a->minimum) buf_printf(out, " from %.15g to %.15g", a->minimum, a->maximum);
    }
    if (a->fallback != NULL) buf_printf(out, ", %s if it is left out", a->fallback);
}

static void function_in_full(const struct rules_function *f, struct buf *out)
{
    rules_function_signature(f, out);
    buf_printf(out, "\n    %s.\n\n", f->description);
    buf_printf(out, "%-10s %s\n%-10s %s\n", "family", f->family, "result", type_names[f->result]);
    buf_printf(out, "%-10s %s\n", "formula", f->formula);
    if (f->seed[0] != '\0') buf_printf(out, "%-10s %s\n", "seed", f->seed);
    buf_printf(out, "%-10s %s\n", "look-back", f->lookback);
    for (size_t i = 0; f->arguments[i].name != NULL; i++) {
        buf_printf(out, "%-10s %s: %s", i == 0 ? "arguments" : "", f->arguments[i].name,
                   type_names[f->arguments[i].type]);
        function_bounds(&f->arguments[i], out);
        buf_add_char(out, '\n');
    }
}

static void function_json(struct json_writer *w, const struct rules_function *f)
{
    static const char *const types[] = {"number", "condition", "whole", "constant"};
    struct buf signature = {0};

    rules_function_signature(f, &signature);
    json_open(w, '{');
    json_key_text(w, "name", f->name);
    json_key_text(w, "signature", buf_cstr(&signature));
    json_key_text(w, "family", f->family);
    json_key_text(w, "description", f->description);
    json_key_text(w, "formula", f->formula);
    json_key_text(w, "seed", f->seed);
    json_key_text(w, "lookback", f->lookback);
    json_key_text(w, "result", types[f->result]);
    json_key_open(w, "arguments", '[');
    for (size_t i = 0; f->arguments[i].name != NULL; i++) {
        const struct rules_argument *a = &f->arguments[i];

        json_open(w, '{');
        json_key_text(w, "name", a->name);
        json_key_text(w, "type", types[a->type]);
        if (a->type >= RULES_WHOLE && a->maximum > a->minimum) {
            json_key(w, "minimum");
            json_double(w, a->minimum);
            json_key(w, "maximum");
            json_double(w, a->maximum);
        }
        if (a->fallback != NULL) json_key_text(w, "default", a->fallback);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
    buf_clear(&signature);
}

static void functions_json(const struct frame_line *line, struct buf *out)
{
    struct json_writer w = {.out = out};
    const struct rules_function *f;

    if (line->operand_count == 0) json_open(&w, '[');
    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        if (reference_is_wanted(line, f->name)) function_json(&w, f);
    }
    if (line->operand_count == 0) json_close(&w, ']');
    if (out->len > 0) buf_add_char(out, '\n');
}

static void functions_text(const struct frame_line *line, struct buf *out)
{
    const struct rules_function *f;
    const char *family = "";
    struct buf signature = {0};

    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        if (!reference_is_wanted(line, f->name)) continue;
        if (line->operand_count > 0) {
            function_in_full(f, out);
            continue;
        }
        if (strcmp(family, f->family) != 0) buf_printf(out, "%s%s\n", i == 0 ? "" : "\n", f->family);
        family = f->family;
        buf_reset(&signature);
        rules_function_signature(f, &signature);
        buf_printf(out, "  %-*s %s\n", REFERENCE_SIGNATURE_COLUMNS, buf_cstr(&signature), f->description);
    }
    buf_clear(&signature);
}

int functions_main(const struct frame_line *line, void *context)
{
    struct buf out = {0};

    (void)context;
    (frame_has(line, "--json") ? functions_json : functions_text)(line, &out);
    return reference_finish(line, "function", function_name, &out);
}

/* ---- kinds ---- */

static const char *kind_name(size_t index)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    return index < count ? kinds[index].name : NULL;
}

static void kind_in_full(const struct rules_kind *kind, struct buf *out)
{
    static const char *const types[] = {
        [RULES_KIND_WHOLE] = "whole", [RULES_KIND_NUMBER] = "number", [RULES_KIND_BOOLEAN] = "true/false"};

    buf_printf(out, "%s\n    %s.\n", kind->name, kind->description);
    if (kind->parameters[0].name != NULL) buf_add_str(out, "\nparameters:\n");
    for (size_t i = 0; kind->parameters[i].name != NULL; i++) {
        const struct rules_kind_parameter *p = &kind->parameters[i];

        buf_printf(out, "  %-12s %-10s", p->name, types[p->type]);
        if (p->type == RULES_KIND_BOOLEAN) {
            buf_printf(out, " %-28s", p->fallback != 0 ? "true" : "false");
        } else {
            struct buf bounds = {0};

            buf_printf(&bounds, "%.15g (from %.15g to %.15g)", p->fallback, p->minimum, p->maximum);
            buf_printf(out, " %-28s", buf_cstr(&bounds));
            buf_clear(&bounds);
        }
        buf_printf(out, " %s\n", p->description);
    }
    if (kind->document != NULL) {
        buf_printf(out,
                   "\nand stop, take, trail and size, as in a document of rules\n\nas a document of rules:\n  {%s}\n",
                   kind->document);
    }
}

static void kinds_text(const struct frame_line *line, struct buf *out)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        if (!reference_is_wanted(line, kinds[i].name)) continue;
        if (line->operand_count > 0) {
            kind_in_full(&kinds[i], out);
        } else {
            buf_printf(out, "%-*s %s\n", REFERENCE_NAME_COLUMNS, kinds[i].name, kinds[i].description);
        }
    }
}

static void kinds_json(const struct frame_line *line, struct buf *out)
{
    struct json_writer w = {.out = out};
    struct buf schema = {0};
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    if (line->operand_count == 0) json_open(&w, '[');
    for (size_t i = 0; i < count; i++) {
        if (!reference_is_wanted(line, kinds[i].name)) continue;
        buf_reset(&schema);
        rules_kind_schema(&kinds[i], &schema);
        json_open(&w, '{');
        json_key_text(&w, "name", kinds[i].name);
        json_key_text(&w, "description", kinds[i].description);
        json_key_raw(&w, "parameters", buf_cstr(&schema));
        json_close(&w, '}');
    }
    if (line->operand_count == 0) json_close(&w, ']');
    if (out->len > 0) buf_add_char(out, '\n');
    buf_clear(&schema);
}

int kinds_main(const struct frame_line *line, void *context)
{
    struct buf out = {0};

    (void)context;
    (frame_has(line, "--json") ? kinds_json : kinds_text)(line, &out);
    return reference_finish(line, "kind", kind_name, &out);
}

/* ---- execution ---- */

static const char *setting_name(size_t index)
{
    size_t count;
    const struct engine_setting *settings = engine_settings(&count);

    return index < count ? settings[index].name : NULL;
}

static void setting_values(const struct engine_setting *setting, struct buf *out)
{
    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        buf_add_str(out, "true or false");
        break;
    case ENGINE_SETTING_WORD:
        for (size_t i = 0; setting->words[i] != NULL; i++)
            buf_printf(out, "%s%s", i == 0 ? "" : ", ", setting->words[i]);
        break;
    default:
        buf_printf(out, "%s %.15g to %.15g", setting->above_minimum ? "above" : "from", setting->minimum,
                   setting->maximum);
        break;
    }
}

static void setting_default(const struct engine_setting *setting, struct buf *out)
{
    if (setting->kind == ENGINE_SETTING_NUMBER) {
        buf_printf(out, "%.15g", setting->fallback);
    } else {
        buf_add_str(out, setting->kind == ENGINE_SETTING_WORD ? setting->words[(size_t)setting->fallback]
                         : setting->fallback != 0             ? "true"
                                                              : "false");
    }
}

static void settings_text(const struct frame_line *line, struct buf *out)
{
    size_t count;
    const struct engine_setting *settings = engine_settings(&count);

    for (size_t i = 0; i < count; i++) {
        struct buf fallback = {0};

        if (!reference_is_wanted(line, settings[i].name)) continue;
        setting_default(&settings[i], &fallback);
        buf_printf(out, "%-*s %-12s %s", REFERENCE_NAME_COLUMNS, settings[i].name, buf_cstr(&fallback),
                   settings[i].help);
        if (settings[i].kind == ENGINE_SETTING_WORD || line->operand_count > 0) {
            buf_add_str(out, ": ");
            setting_values(&settings[i], out);
        }
        buf_add_char(out, '\n');
        buf_clear(&fallback);
    }
}

static void settings_json(const struct frame_line *line, struct buf *out)
{
    struct engine_execution execution;
    const struct engine_setting *setting;
    struct json_writer w = {.out = out};
    struct buf text = {0};

    if (line->operand_count == 0) {
        engine_execution_init(&execution);
        engine_execution_json(&execution, out);
        buf_add_char(out, '\n');
    } else if ((setting = engine_setting_find(slice_of(line->operands[0]))) != NULL) {
        json_open(&w, '{');
        json_key_text(&w, "name", setting->name);
        json_key_text(&w, "description", setting->help);
        setting_values(setting, &text);
        json_key_text(&w, "values", buf_cstr(&text));
        buf_reset(&text);
        setting_default(setting, &text);
        if (setting->kind == ENGINE_SETTING_WORD) {
            json_key_text(&w, "default", buf_cstr(&text));
        } else {
            json_key_raw(&w, "default", buf_cstr(&text));
        }
        json_close(&w, '}');
        buf_add_char(out, '\n');
    }
    buf_clear(&text);
}

int execution_main(const struct frame_line *line, void *context)
{
    struct buf out = {0};

    (void)context;
    (frame_has(line, "--json") ? settings_json : settings_text)(line, &out);
    return reference_finish(line, "setting of the execution", setting_name, &out);
}
