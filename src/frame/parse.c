/* From argv to what was given, by the program's table. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/distance.h"
#include "base/mem.h"
#include "base/number.h"
#include "frame/frame.h"

struct parse {
    struct frame_line *line;
    int argc, at;
    char **argv;
    bool options_ended;
    struct error *err;
};

/* Fills the error: who says it, the message, the name that was perhaps meant, and where to read on. */
static int parse_fail(struct parse *p, const char *meant, const char *fmt, ...) ATTR_PRINTF(3, 4);

static int parse_fail(struct parse *p, const char *meant, const char *fmt, ...)
{
    struct buf path = {0}, what = {0};
    char *said = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&said, fmt, ap) < 0) mem_die(0);
    va_end(ap);
    frame_path(p->line, &path);
    if (meant != NULL) buf_printf(&what, "; did you mean %s?", meant);
    error_set(p->err, ERROR_USAGE, "%s: %s%s\nSee %s --help", buf_cstr(&path), said, buf_cstr(&what), buf_cstr(&path));
    buf_clear(&path);
    buf_clear(&what);
    free(said);
    return -1;
}

static const struct frame_command *parse_command_of(const struct frame_line *line)
{
    return line->depth == 0 ? NULL : line->commands[line->depth - 1];
}

static const struct frame_option *parse_find_in(const struct frame_option *options, struct slice name,
                                                struct distance_guess *guess)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
        if (slice_is(name, options[i].name)) return &options[i];
        distance_offer(guess, slice_of(options[i].name));
    }
    return NULL;
}

static bool parse_is_within(const struct frame_option *option, double number)
{
    return option->maximum <= option->minimum || (number >= option->minimum && number <= option->maximum);
}

/* The words of an option, as a list. */
static bool parse_word(const struct frame_option *option, struct slice text, size_t *ret_word, struct buf *all)
{
    for (size_t i = 0; option->words[i] != NULL; i++) {
        if (slice_is(text, option->words[i])) {
            *ret_word = i;
            return true;
        }
        if (i > 0) buf_add_str(all, option->words[i + 1] == NULL ? " or " : ", ");
        buf_add_str(all, option->words[i]);
    }
    return false;
}

/* What the value must be, in words; NULL if it is so. */
static const char *parse_value(struct frame_value *value, struct buf *scratch)
{
    const struct frame_option *option = value->option;
    const struct slice text = slice_of(value->text);
    bool bounded = option->maximum > option->minimum;

    switch (option->type) {
    case FRAME_WHOLE:
        if (number_parse_u64(text, &value->whole) && parse_is_within(option, (double)value->whole)) return NULL;
        buf_add_str(scratch, "a whole number");
        break;
    case FRAME_NUMBER:
        if (number_parse_double(text, &value->number) && parse_is_within(option, value->number)) return NULL;
        buf_add_str(scratch, "a number");
        break;
    case FRAME_TIME:
        if (frame_time(text, &value->time_ms)) return NULL;
        return "a time, such as 2024-01-31 or 2024-01-31T12:00:00Z";
    case FRAME_WORD:
        return parse_word(option, text, &value->word, scratch) ? NULL : buf_cstr(scratch);
    default:
        return text.len > 0 ? NULL : "a text that is not empty";
    }
    if (bounded) buf_printf(scratch, " from %.15g to %.15g", option->minimum, option->maximum);
    return buf_cstr(scratch);
}

static int parse_add(struct parse *p, const struct frame_option *option, const char *text)
{
    struct frame_value *value = &p->line->values[p->line->value_count];
    struct buf scratch = {0};
    const char *expected = NULL;
    int status = 0;

    if (!option->repeatable && frame_has(p->line, option->name)) {
        return parse_fail(p, NULL, "%s is given twice", option->name);
    }
    *value = (struct frame_value){.option = option, .text = text};
    if (option->type != FRAME_FLAG) expected = parse_value(value, &scratch);
    if (expected == NULL) {
        p->line->value_count++;
    } else {
        status = parse_fail(p, NULL, "%s must be %s, but is \"%s\"", option->name, expected, text);
    }
    buf_clear(&scratch);
    return status;
}

/* At a word that begins with "-". */
static int parse_option(struct parse *p)
{
    const char *word = p->argv[p->at];
    const char *equals = strchr(word, '=');
    const struct slice name = {word, equals == NULL ? strlen(word) : (size_t)(equals - word)};
    struct distance_guess guess = {.wanted = name};
    const struct frame_command *command = parse_command_of(p->line);
    const struct frame_option *option = parse_find_in(command == NULL ? NULL : command->options, name, &guess);

    if (option == NULL) option = parse_find_in(p->line->program->options, name, &guess);
    if (slice_is(name, "--help") || slice_is(name, "-h")) {
        p->line->wants_help = true;
        return 0;
    }
    if (slice_is(name, "--version") && option == NULL) {
        p->line->wants_version = true;
        return 0;
    }
    distance_offer(&guess, slice_of("--help"));
    if (option == NULL) return parse_fail(p, guess.best.data, "there is no option %.*s", SLICE_FMT(name));
    if (option->type == FRAME_FLAG) {
        if (equals != NULL) return parse_fail(p, NULL, "%s takes no value", option->name);
        return parse_add(p, option, "");
    }
    if (equals != NULL) return parse_add(p, option, equals + 1);
    if (p->at + 1 == p->argc) return parse_fail(p, NULL, "%s needs a value, %s", option->name, option->value);
    return parse_add(p, option, p->argv[++p->at]);
}

/* A word that names a command or a verb. */
static int parse_command(struct parse *p, const struct frame_command *table, const char *word)
{
    struct distance_guess guess = {.wanted = slice_of(word)};

    for (size_t i = 0; table[i].name != NULL; i++) {
        if (strcmp(table[i].name, word) == 0) {
            p->line->commands[p->line->depth++] = &table[i];
            return 0;
        }
        distance_offer(&guess, slice_of(table[i].name));
    }
    return parse_fail(p, guess.best.data, "there is no command \"%s\"", word);
}

static int parse_word_at(struct parse *p)
{
    const struct frame_command *command = parse_command_of(p->line);
    const char *word = p->argv[p->at];

    if (!p->options_ended && strcmp(word, "--") == 0) {
        p->options_ended = true;
        return 0;
    }
    if (!p->options_ended && word[0] == '-' && word[1] != '\0') return parse_option(p);
    if (command == NULL) return parse_command(p, p->line->program->commands, word);
    if (command->verbs != NULL) return parse_command(p, command->verbs, word);
    if (p->line->operand_count == command->operands_max) {
        return parse_fail(p, NULL, "\"%s\" is one word too many", word);
    }
    p->line->operands[p->line->operand_count++] = word;
    return 0;
}

static int parse_missing(struct parse *p)
{
    const struct frame_command *command = parse_command_of(p->line);

    if (command == NULL || command->verbs != NULL) return parse_fail(p, NULL, "a command is missing");
    for (size_t i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
        if (command->options[i].required && !frame_has(p->line, command->options[i].name)) {
            return parse_fail(p, NULL, "%s %s is missing", command->options[i].name, command->options[i].value);
        }
    }
    if (p->line->operand_count < command->operands_min) return parse_fail(p, NULL, "%s is missing", command->operand);
    return 0;
}

int frame_parse(const struct frame_program *program, int argc, char **argv, struct frame_line *line, struct error *err)
{
    struct parse p = {.line = line, .argc = argc, .argv = argv, .err = err};

    *line = (struct frame_line){.program = program,
                                .values = mem_array((size_t)argc + 1, sizeof(struct frame_value)),
                                .operands = mem_array((size_t)argc + 1, sizeof(char *))};
    for (p.at = 1; p.at < argc; p.at++) {
        if (parse_word_at(&p) != 0) return -1;
        if (line->wants_version) return 0;
    }
    if (line->wants_help) return 0;
    if (line->depth == 0 && program->fallback != NULL && parse_command(&p, program->commands, program->fallback) != 0) {
        return -1;
    }
    return parse_missing(&p);
}
