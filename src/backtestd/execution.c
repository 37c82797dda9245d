/* `backtestd execution`: the settings of the execution. */
#include "engine/execution.h"
#include "backtestd/reference.h"
#include "json/write.h"

enum { EXECUTION_HELP_COLUMN = REFERENCE_NAME_COLUMNS + 14 };

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
        buf_printf(out, setting->above_minimum ? "above %.15g, up to %.15g" : "%.15g to %.15g", setting->minimum,
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

/* By its name, or that of the object that it is in: all of "fee". */
static bool setting_is_wanted(const struct command_line *line, const char *name)
{
    struct slice rest = slice_of(name);

    return reference_is_wanted(line, name) || slice_is(slice_cut(&rest, '.'), line->operands[0]);
}

static void settings_text(const struct command_line *line, struct buf *out)
{
    size_t count;
    const struct engine_setting *settings = engine_settings(&count);

    if (line->operand_count == 0)
        buf_printf(out, "%-*s %-12s %s\n", REFERENCE_NAME_COLUMNS, "NAME", "DEFAULT", "MEANING");
    for (size_t i = 0; i < count; i++) {
        struct buf fallback = {0}, head = {0}, text = {0};

        if (!setting_is_wanted(line, settings[i].name)) continue;
        setting_default(&settings[i], &fallback);
        buf_printf(&head, "%-*s %s", REFERENCE_NAME_COLUMNS, settings[i].name, buf_cstr(&fallback));
        buf_add_str(&text, settings[i].help);
        if (settings[i].kind == ENGINE_SETTING_WORD || line->operand_count > 0) {
            buf_add_str(&text, ": ");
            setting_values(&settings[i], &text);
        }
        reference_row(buf_cstr(&head), EXECUTION_HELP_COLUMN, buf_cstr(&text), out);
        buf_clear(&fallback);
        buf_clear(&head);
        buf_clear(&text);
    }
}

static void settings_json(const struct command_line *line, struct buf *out)
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

static int execution_main(const struct command_line *line, const struct command_context *context)
{
    struct buf out = {0};

    (void)context;
    (command_has(line, "--json") ? settings_json : settings_text)(line, &out);
    return reference_print(line, "execution setting", setting_name, &out);
}

const struct command_entry backtestd_execution = {
    .name = "execution",
    .summary = "list the execution settings with their defaults, or describe one of them",
    .about = "NAME is a setting, such as fee.percent, or a group of settings, such as fee.\n"
             "With --json and without NAME, it prints a file of defaults that backtestd run --execution takes.\n",
    .options = backtestd_json_options,
    .operand = "NAME",
    .operands_max = 1,
    .run = execution_main,
};
