/* From argv to what was given, by the program's table. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/distance.h"
#include "base/mem.h"
#include "base/number.h"
#include "command/command.h"

struct parse {
    struct command_line *line;
    int argc, at;
    char **argv;
    bool options_ended;
    bool command_is_wrong;
    struct error *err;
};

/* Fills the error: the program that says it, the message, the name that was perhaps meant, and where to read on. */
static int parse_fail(struct parse *p, const char *meant, const char *fmt, ...) ATTR_PRINTF(3, 4);

static int parse_fail(struct parse *p, const char *meant, const char *fmt, ...)
{
    struct buf path = {0}, what = {0};
    char *said = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&said, fmt, ap) < 0) mem_die(0);
    va_end(ap);
    command_path(p->line, &path);
    if (meant != NULL) buf_printf(&what, "; did you mean %s?", meant);
    error_set(p->err, ERROR_USAGE, "%s: %s%s\nSee %s --help", buf_cstr(&path), said, buf_cstr(&what), buf_cstr(&path));
    buf_clear(&path);
    buf_clear(&what);
    free(said);
    return -1;
}

static const struct command_option *parse_find_in(const struct command_option *options, struct slice name,
                                                  struct distance_guess *guess)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
        if (slice_is(name, options[i].name)) return &options[i];
        if (!options[i].hidden) distance_offer(guess, slice_of(options[i].name));
    }
    return NULL;
}

static bool parse_is_within(const struct command_option *option, double number)
{
    return option->maximum <= option->minimum || (number >= option->minimum && number <= option->maximum);
}

/* The words of an option, as a list. */
static bool parse_word(const struct command_option *option, struct slice text, size_t *ret_word, struct buf *all)
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
static const char *parse_value(struct command_value *value, struct buf *scratch)
{
    const struct command_option *option = value->option;
    const struct slice text = slice_of(value->text);
    bool bounded = option->maximum > option->minimum;

    switch (option->type) {
    case COMMAND_WHOLE:
        if (number_parse_u64(text, &value->whole) && parse_is_within(option, (double)value->whole)) return NULL;
        buf_add_str(scratch, "a whole number");
        break;
    case COMMAND_NUMBER:
        if (number_parse_double(text, &value->number) && parse_is_within(option, value->number)) return NULL;
        buf_add_str(scratch, "a number");
        break;
    case COMMAND_DURATION:
        if (number_parse_duration_ms(text, &value->duration_ms) &&
            parse_is_within(option, (double)value->duration_ms)) {
            return NULL;
        }
        buf_add_str(scratch, "a duration, such as 60s or 5min");
        if (bounded) buf_printf(scratch, ", of %.15g to %.15g ms", option->minimum, option->maximum);
        return buf_cstr(scratch);
    case COMMAND_TIME:
        if (command_time(text, &value->time_ms)) return NULL;
        return "a time, such as 2024-01-31 or 2024-01-31T12:00:00Z";
    case COMMAND_WORD:
        return parse_word(option, text, &value->word, scratch) ? NULL : buf_cstr(scratch);
    default:
        return text.len > 0 || option->may_be_empty ? NULL : "text that is not empty";
    }
    if (bounded) buf_printf(scratch, " from %.15g to %.15g", option->minimum, option->maximum);
    return buf_cstr(scratch);
}

/* Where the option's value goes: after the others, or, of one that counts once, in the place of its last. */
static struct command_value *parse_place(struct parse *p, const struct command_option *option)
{
    for (size_t i = 0; !option->repeatable && i < p->line->value_count; i++) {
        if (p->line->values[i].option == option) return &p->line->values[i];
    }
    return &p->line->values[p->line->value_count];
}

static int parse_add(struct parse *p, const struct command_option *option, const char *text)
{
    struct command_value *place = parse_place(p, option);
    const bool again = place->option != NULL;
    struct command_value value = {.option = option, .text = text};
    struct buf scratch = {0};
    const char *expected = NULL;
    int status = 0;

    if (again && option->type != COMMAND_FLAG && !option->last_wins) {
        return parse_fail(p, NULL, "%s is given twice", option->name);
    }
    if (option->type != COMMAND_FLAG) expected = parse_value(&value, &scratch);
    if (expected == NULL) {
        *place = value;
        if (!again) p->line->value_count++;
    } else {
        status = parse_fail(p, NULL, "%s must be %s, but is \"%s\"", option->name, expected, text);
    }
    buf_clear(&scratch);
    return status;
}

static bool parse_is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* At a word that begins with "-". */
static int parse_option(struct parse *p)
{
    const char *word = p->argv[p->at];
    const char *equals = strchr(word, '=');
    const struct slice name = {word, equals == NULL ? strlen(word) : (size_t)(equals - word)};
    struct distance_guess guess = {.wanted = name};
    const struct command_entry *command = command_of(p->line);
    const struct command_option *option = parse_find_in(command == NULL ? NULL : command->options, name, &guess);

    if (option == NULL) option = parse_find_in(command_program_options(p->line->program, command), name, &guess);
    if (parse_is_help(word)) {
        p->line->wants_help = true;
        return 0;
    }
    if (slice_is(name, "--version") && option == NULL) {
        p->line->wants_version = true;
        return 0;
    }
    distance_offer(&guess, slice_of("--help"));
    if (option == NULL) return parse_fail(p, guess.best.data, "there is no option %.*s", SLICE_FMT(name));
    if (option->type == COMMAND_FLAG) {
        if (equals != NULL) return parse_fail(p, NULL, "%s takes no value", option->name);
        return parse_add(p, option, "");
    }
    if (equals != NULL) return parse_add(p, option, equals + 1);
    if (p->at + 1 == p->argc || parse_is_help(p->argv[p->at + 1])) {
        return parse_fail(p, NULL, "%s needs a value, %s", option->name, option->value);
    }
    return parse_add(p, option, p->argv[++p->at]);
}

/* A word that names a command or a verb. */
static int parse_command(struct parse *p, const struct command_entry *const *table, const char *word)
{
    struct distance_guess guess = {.wanted = slice_of(word)};

    for (size_t i = 0; table[i] != NULL; i++) {
        if (strcmp(table[i]->name, word) == 0) {
            p->line->commands[p->line->depth++] = table[i];
            return 0;
        }
        distance_offer(&guess, slice_of(table[i]->name));
    }
    if (strcmp(word, "help") == 0) {
        p->line->wants_help = true;
        return 0;
    }
    p->command_is_wrong = command_of(p->line) == NULL;
    return parse_fail(p, guess.best.data, "there is no command \"%s\"", word);
}

static int parse_word_at(struct parse *p)
{
    const struct command_entry *command = command_of(p->line);
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

static int parse_missing_command(struct parse *p, const struct command_entry *const *table)
{
    struct buf names = {0};

    for (size_t i = 0; table[i] != NULL; i++) {
        if (i > 0) buf_add_str(&names, table[i + 1] == NULL ? " or " : ", ");
        buf_add_str(&names, table[i]->name);
    }
    parse_fail(p, NULL, "a command is missing: %s", buf_cstr(&names));
    buf_clear(&names);
    return -1;
}

/* The name of an option of the program that stood before a command which does not take it; NULL if there is none. */
static const char *parse_misplaced(const struct parse *p, const struct command_entry *command)
{
    const struct command_option *options = p->line->program->options;

    if (command_program_options(p->line->program, command) == options) return NULL;
    for (size_t i = 0; i < p->line->value_count; i++) {
        for (size_t j = 0; options[j].name != NULL; j++) {
            if (p->line->values[i].option == &options[j]) return options[j].name;
        }
    }
    return NULL;
}

/* Of "SYMBOL TIMEFRAME" the name of the first one that is not given. */
static struct slice parse_missing_operand(const struct parse *p, const struct command_entry *command)
{
    struct slice rest = slice_of(command->operand), name = rest;

    for (size_t i = 0; i <= p->line->operand_count && rest.data != NULL; i++) name = slice_cut(&rest, ' ');
    return name;
}

static int parse_missing(struct parse *p)
{
    const struct command_entry *command = command_of(p->line);

    if (command == NULL) return parse_missing_command(p, p->line->program->commands);
    if (command->verbs != NULL) return parse_missing_command(p, command->verbs);
    if (parse_misplaced(p, command) != NULL) {
        return parse_fail(p, NULL, "%s is not for this command, which runs without settings",
                          parse_misplaced(p, command));
    }
    for (size_t i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
        if (command->options[i].required && !command_has(p->line, command->options[i].name)) {
            return parse_fail(p, NULL, "%s %s is missing", command->options[i].name, command->options[i].value);
        }
    }
    if (p->line->operand_count < command->operands_min) {
        return parse_fail(p, NULL, "%.*s is missing", SLICE_FMT(parse_missing_operand(p, command)));
    }
    return 0;
}

/* After a word that is wrong: whether help is asked for all the same. */
static bool parse_wants_help(const struct parse *p)
{
    if (p->line->wants_help) return true;
    for (int i = p->at; !p->options_ended && i < p->argc && strcmp(p->argv[i], "--") != 0; i++) {
        if (parse_is_help(p->argv[i])) return true;
    }
    return false;
}

int command_parse(const struct command_program *program, int argc, char **argv, struct command_line *line,
                  struct error *err)
{
    struct parse p = {.line = line, .argc = argc, .argv = argv, .err = err};

    *line = (struct command_line){.program = program,
                                  .values = mem_array((size_t)argc + 1, sizeof(struct command_value)),
                                  .operands = mem_array((size_t)argc + 1, sizeof(char *))};
    for (p.at = 1; p.at < argc; p.at++) {
        if (parse_word_at(&p) != 0) {
            if (!line->wants_help && (p.command_is_wrong || !parse_wants_help(&p))) return -1;
            line->wants_help = true;
            break;
        }
        if (line->wants_version) return 0;
    }
    if (line->wants_help) return 0;
    if (line->depth == 0 && program->default_command != NULL &&
        parse_command(&p, program->commands, program->default_command) != 0) {
        return -1;
    }
    return parse_missing(&p);
}
