/* `config`: the settings in force and where each came from, or what documents are made of. */
#include <stdio.h>

#include "base/buf.h"
#include "command/daemon.h"

/* What is printed instead of the text. */
static const struct config_form {
    const char *option;
    void (*print)(const struct conf *conf, struct buf *out);
    void (*print_table)(enum conf_program program, struct buf *out);
} config_forms[] = {
    {.option = "--json", .print = conf_print_json},
    {.option = "--sample", .print_table = conf_print_sample},
    {.option = "--man", .print_table = conf_print_man},
};

static int config_main(const struct command_line *line, const struct command_context *context)
{
    static const struct config_form text = {.print = conf_print_text};
    const struct config_form *form = &text;
    struct buf out = {0};

    for (size_t i = 0; i < countof(config_forms); i++) {
        if (!command_has(line, config_forms[i].option)) continue;
        if (form != &text) {
            command_print_error(line, "%s and %s cannot be given together", form->option, config_forms[i].option);
            return COMMAND_USAGE;
        }
        form = &config_forms[i];
    }
    if (form->print != NULL) {
        form->print(context->conf, &out);
    } else {
        form->print_table(context->program->settings, &out);
    }
    fwrite(out.data, 1, out.len, stdout);
    buf_clear(&out);
    return COMMAND_OK;
}

static const struct command_option config_options[] = {
    {.name = "--json", .help = "print a JSON object"},
    {.name = "--sample",
     .without_settings = true,
     .help = "print a sample settings file instead, with each setting at its default"},
    {.name = "--man",
     .without_settings = true,
     .help = "print the list of settings for the manual page instead, as mdoc"},
    {0},
};

const struct command_entry command_config = {
    .name = "config",
    .summary = "print the settings in force, and where each comes from",
    .about = "Secrets are masked. Only one of --json, --sample and --man may be given.\n",
    .options = config_options,
    .settings = true,
    .run = config_main,
};
