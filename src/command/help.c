/* The help of a program, a command or a verb, from the table. */
#include <ctype.h>
#include <string.h>

#include "command/command.h"

/* Columns of a terminal, and how far the words of a list may push what they mean. */
enum { HELP_WIDTH = 100, HELP_NAMES_MAX = 26 };

/* "  --start TIME" */
static void help_name(const char *name, const char *value, struct buf *out)
{
    buf_printf(out, "  %s", name);
    if (value != NULL) buf_printf(out, " %s", value);
}

void command_wrap(struct slice text, size_t at, size_t indent, struct buf *out)
{
    struct slice rest = text;

    for (bool first = true; rest.data != NULL; first = false) {
        const struct slice word = slice_cut(&rest, ' ');

        if (!first && at + 1 + word.len > HELP_WIDTH) {
            buf_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            buf_add_char(out, ' ');
            at++;
        }
        for (size_t i = 0; i < word.len; i++) buf_add_char(out, word.data[i] == '\t' ? ' ' : word.data[i]);
        at += word.len;
    }
    buf_add_char(out, '\n');
}

static void help_row(const char *name, const char *value, const char *text, size_t indent, struct buf *out)
{
    const size_t before = out->len;
    size_t at;

    help_name(name, value, out);
    at = out->len - before;
    if (at + 2 > indent) {
        buf_add_char(out, '\n');
        at = 0;
    }
    buf_printf(out, "%*s", (int)(indent - at), "");
    command_wrap(slice_of(text), indent, indent, out);
}

/* What is one sentence without its full stop, as a sentence. */
static void help_sentence(const char *text, struct buf *out)
{
    struct buf sentence = {0};

    buf_add_str(&sentence, text);
    if (sentence.len > 0) sentence.data[0] = (char)toupper((unsigned char)sentence.data[0]);
    if (sentence.len > 0 && sentence.data[sentence.len - 1] != '.') buf_add_char(&sentence, '.');
    command_wrap(buf_slice(&sentence), 0, 0, out);
    buf_clear(&sentence);
}

static size_t help_wider(const char *name, const char *value, size_t widest)
{
    const size_t width = 4 + strlen(name) + (value == NULL ? 0 : 1 + strlen(value));

    return width > widest && width <= HELP_NAMES_MAX ? width : widest;
}

static void help_usage_option(const struct command_option *option, struct buf *out)
{
    buf_printf(out, option->required ? " %s" : " [%s", option->name);
    if (option->value != NULL) buf_printf(out, "\t%s", option->value);
    if (!option->required) buf_add_char(out, ']');
    if (option->repeatable) buf_add_str(out, "...");
}

/* Of "SYMBOL TIMEFRAME" two. */
static size_t help_words(const char *operand)
{
    size_t words = 1;

    for (; *operand != '\0'; operand++) words += *operand == ' ';
    return words;
}

static void help_usage(const struct command_line *line, const struct command_entry *command, struct buf *out)
{
    struct buf usage = {0};
    size_t indent;

    command_path(line, &usage);
    indent = strlen("Usage: ") + usage.len + 1;
    buf_reset(&usage);
    if (command == NULL && line->program->default_command != NULL) {
        buf_add_str(&usage, " [COMMAND] [OPTION]...");
    } else if (command == NULL || command->verbs != NULL) {
        buf_add_str(&usage, " COMMAND [OPTION]...");
    }
    for (size_t i = 0; command != NULL && command->options != NULL && command->options[i].name != NULL; i++) {
        if (!command->options[i].hidden) help_usage_option(&command->options[i], &usage);
    }
    if (command != NULL && command->operand != NULL) {
        buf_printf(&usage, command->operands_min > 0 ? " %s" : " [%s]", command->operand);
        if (command->operands_max > help_words(command->operand)) buf_add_str(&usage, "...");
    }
    buf_add_str(out, "Usage: ");
    command_path(line, out);
    command_wrap(buf_slice(&usage), indent - 1, indent, out);
    buf_clear(&usage);
}

static void help_options(const struct command_option *options, size_t indent, struct buf *out)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
        if (options[i].hidden) continue;
        help_row(options[i].name, options[i].value, options[i].help, indent, out);
    }
}

static void help_commands(const struct command_entry *const *commands, struct buf *out)
{
    size_t indent = 0;

    if (commands == NULL) return;
    buf_add_str(out, "\nCommands:\n");
    for (size_t i = 0; commands[i] != NULL; i++) indent = help_wider(commands[i]->name, NULL, indent);
    for (size_t i = 0; commands[i] != NULL; i++) {
        help_row(commands[i]->name, NULL, commands[i]->summary, indent, out);
    }
}

void command_help(const struct command_line *line, struct buf *out)
{
    const struct command_program *program = line->program;
    const struct command_entry *command = command_of(line);
    const struct command_entry *const *commands = command == NULL ? program->commands : command->verbs;
    const struct command_option *tables[] = {command == NULL ? NULL : command->options,
                                             command_program_options(program, command)};
    const char *about = command == NULL ? program->about : command->about;
    const char *summary = command == NULL ? program->summary : command->summary;
    size_t indent = strlen("  --version  ");

    help_usage(line, command, out);
    help_sentence(summary, out);
    help_commands(commands, out);
    for (size_t t = 0; t < countof(tables); t++) {
        for (size_t i = 0; tables[t] != NULL && tables[t][i].name != NULL; i++) {
            if (!tables[t][i].hidden) indent = help_wider(tables[t][i].name, tables[t][i].value, indent);
        }
    }
    buf_add_str(out, "\nOptions:\n");
    for (size_t t = 0; t < countof(tables); t++) help_options(tables[t], indent, out);
    if (command == NULL) help_row("--version", NULL, "print the version", indent, out);
    help_row("--help", NULL, commands != NULL ? "print this, or a command's help" : "print this", indent, out);
    if (about != NULL) buf_printf(out, "\n%s", about);
}
