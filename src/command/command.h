/*
 * The frame of a program's command line: ONE table of commands and options, one parser. Help, usage and completion are
 * made from the table; what is wrong is said with what was meant, and ends the program with COMMAND_USAGE.
 *
 *     static const struct command_option run_options[] = {
 *         {.name = "--start", .value = "TIME", .type = COMMAND_TIME, .help = "the first bar that is judged"}, {0}};
 *     static const struct command_entry commands[] = {
 *         {.name = "run", .summary = "compute a backtest", .options = run_options, .run = run_main}, {0}};
 *     static const struct command_program program = {.name = "backtestd", .version = "1", .commands = commands};
 *     int main(int argc, char **argv) { return command_main(&program, argc, argv, NULL); }
 *
 * A command has verbs (commands of its own), or runs. Options stand anywhere behind their command, as "--name VALUE" or
 * "--name=VALUE"; those of the program also before it. "--" ends the options; "-" is an operand. Every command has
 * --help (-h), the program has --version.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/* Exit statuses (sysexits.h) that every program shares. */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_USAGE = 64,  /* the command line is wrong */
    COMMAND_WRONG = 65,  /* what it names is wrong */
    COMMAND_SYSTEM = 71, /* the system refused */
};

enum command_type {
    COMMAND_FLAG,   /* takes no value */
    COMMAND_TEXT,   /* any text that is not empty */
    COMMAND_WHOLE,  /* a whole number from minimum to maximum, if maximum is above minimum; else any from 0 */
    COMMAND_NUMBER, /* a decimal number, bounded likewise; else any */
    COMMAND_TIME,   /* RFC 3339, or a date, or without an offset: UTC */
    COMMAND_WORD,   /* one of `words` */
};

struct command_option {
    const char *name;  /* "--start"; NULL behind the last */
    const char *value; /* its name in the help, in capital letters: "TIME", "NAME=VALUE"; NULL of a flag */
    const char *help;  /* one sentence without its full stop */
    enum command_type type;
    bool required;
    bool repeatable;
    double minimum, maximum;
    const char *const *words; /* NULL behind the last */
};

struct command_line;

struct command_entry {
    const char *name;                     /* NULL behind the last */
    const char *summary;                  /* for the list of commands */
    const char *about;                    /* lines for the command's own help, each with its end; may be NULL */
    const struct command_option *options; /* may be NULL */
    const struct command_entry *verbs;    /* instead of all that follows */
    const char *operand;                  /* "FILE"; NULL: it takes none */
    size_t operands_min, operands_max;    /* SIZE_MAX: any number */
    int (*run)(const struct command_line *line, void *context); /* returns the exit status */
};

struct command_program {
    const char *name, *version, *summary;
    const char *about; /* lines behind the lists of its help; may be NULL */
    const struct command_entry *commands;
    const struct command_option *options; /* that every command takes; may be NULL */
    const char *fallback;                 /* the command where none is given; NULL: that is an error */
};

struct command_value {
    const struct command_option *option;
    const char *text; /* borrowed from argv */
    union {
        uint64_t whole;
        double number;
        int64_t time_ms; /* since 1970-01-01 UTC */
        size_t word;     /* index in words */
    };
};

/* What was given. */
struct command_line {
    const struct command_program *program;
    const struct command_entry *commands[2]; /* the command and its verb; NULL behind the last */
    size_t depth;                            /* how many of them there are */
    bool wants_help, wants_version;
    struct command_value *values; /* in their order */
    size_t value_count;
    const char **operands;
    size_t operand_count;
};

/* 0, or -1 with ERROR_USAGE: what is wrong, and where to read on. `line` may be cleared either way. Where help or the
 * version is asked for, nothing else is checked. */
int command_parse(const struct command_program *program, int argc, char **argv, struct command_line *line,
                  struct error *err) ATTR_CHECKED;
void command_clear(struct command_line *line);
/* Adds the help of what `line` names: the program, a command or a verb. */
void command_help(const struct command_line *line, struct buf *out);
/* "backtestd candles check" */
void command_path(const struct command_line *line, struct buf *out);
/* Parses, runs, and checks that standard output took everything. Returns the exit status. */
int command_main(const struct command_program *program, int argc, char **argv, void *context);

/* For `run`. The next value of an option behind `previous` (NULL: its first); NULL behind the last. */
const struct command_value *command_next(const struct command_line *line, const char *name,
                                         const struct command_value *previous);
/* NULL where it is not given. */
const struct command_value *command_get(const struct command_line *line, const char *name);
const char *command_text(const struct command_line *line, const char *name);
bool command_has(const struct command_line *line, const char *name);

/* "2024-01-31", "2024-01-31T12:00", "2024-01-31 12:00:30.250+02:00": milliseconds since 1970-01-01 UTC. */
bool command_time(struct slice text, int64_t *ret_ms) ATTR_CHECKED;

#endif
