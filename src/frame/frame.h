/*
 * The frame of a program's command line: ONE table of commands and options, one parser. Help, usage and completion are
 * made from the table; what is wrong is said with what was meant, and ends the program with FRAME_USAGE.
 *
 *     static const struct frame_option run_options[] = {
 *         {.name = "--start", .value = "TIME", .type = FRAME_TIME, .help = "the first bar that is judged"}, {0}};
 *     static const struct frame_command commands[] = {
 *         {.name = "run", .summary = "compute a backtest", .options = run_options, .run = run_main}, {0}};
 *     static const struct frame_program program = {.name = "backtestd", .version = "1", .commands = commands};
 *     int main(int argc, char **argv) { return frame_main(&program, argc, argv, NULL); }
 *
 * A command has verbs (commands of its own), or runs. Options stand anywhere behind their command, as "--name VALUE" or
 * "--name=VALUE"; those of the program also before it. "--" ends the options; "-" is an operand. Every command has
 * --help (-h), the program has --version.
 */
#ifndef FRAME_FRAME_H
#define FRAME_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/* Exit statuses (sysexits.h) that every program shares. */
enum frame_exit {
    FRAME_OK = 0,
    FRAME_USAGE = 64,  /* the command line is wrong */
    FRAME_WRONG = 65,  /* what it names is wrong */
    FRAME_SYSTEM = 71, /* the system refused */
};

enum frame_type {
    FRAME_FLAG,   /* takes no value */
    FRAME_TEXT,   /* any text that is not empty */
    FRAME_WHOLE,  /* a whole number from minimum to maximum, if maximum is above minimum; else any from 0 */
    FRAME_NUMBER, /* a decimal number, bounded likewise; else any */
    FRAME_TIME,   /* RFC 3339, or a date, or without an offset: UTC */
    FRAME_WORD,   /* one of `words` */
};

struct frame_option {
    const char *name;  /* "--start"; NULL behind the last */
    const char *value; /* its name in the help, in capital letters: "TIME", "NAME=VALUE"; NULL of a flag */
    const char *help;  /* one sentence without its full stop */
    enum frame_type type;
    bool required;
    bool repeatable;
    double minimum, maximum;
    const char *const *words; /* NULL behind the last */
};

struct frame_line;

struct frame_command {
    const char *name;                   /* NULL behind the last */
    const char *summary;                /* for the list of commands */
    const char *about;                  /* lines for the command's own help, each with its end; may be NULL */
    const struct frame_option *options; /* may be NULL */
    const struct frame_command *verbs;  /* instead of all that follows */
    const char *operand;                /* "FILE"; NULL: it takes none */
    size_t operands_min, operands_max;  /* SIZE_MAX: any number */
    int (*run)(const struct frame_line *line, void *context); /* returns the exit status */
};

struct frame_program {
    const char *name, *version, *summary;
    const char *about; /* lines behind the lists of its help; may be NULL */
    const struct frame_command *commands;
    const struct frame_option *options; /* that every command takes; may be NULL */
    const char *fallback;               /* the command where none is given; NULL: that is an error */
};

struct frame_value {
    const struct frame_option *option;
    const char *text; /* borrowed from argv */
    union {
        uint64_t whole;
        double number;
        int64_t time_ms; /* since 1970-01-01 UTC */
        size_t word;     /* index in words */
    };
};

/* What was given. */
struct frame_line {
    const struct frame_program *program;
    const struct frame_command *commands[2]; /* the command and its verb; NULL behind the last */
    size_t depth;                            /* how many of them there are */
    bool wants_help, wants_version;
    struct frame_value *values; /* in their order */
    size_t value_count;
    const char **operands;
    size_t operand_count;
};

/* 0, or -1 with ERROR_USAGE: what is wrong, and where to read on. `line` may be cleared either way. Where help or the
 * version is asked for, nothing else is checked. */
int frame_parse(const struct frame_program *program, int argc, char **argv, struct frame_line *line,
                struct error *err) ATTR_CHECKED;
void frame_clear(struct frame_line *line);
/* Adds the help of what `line` names: the program, a command or a verb. */
void frame_help(const struct frame_line *line, struct buf *out);
/* "backtestd candles check" */
void frame_path(const struct frame_line *line, struct buf *out);
/* Parses, runs, and checks that standard output took everything. Returns the exit status. */
int frame_main(const struct frame_program *program, int argc, char **argv, void *context);

/* For `run`. The next value of an option behind `previous` (NULL: its first); NULL behind the last. */
const struct frame_value *frame_next(const struct frame_line *line, const char *name,
                                     const struct frame_value *previous);
/* NULL where it is not given. */
const struct frame_value *frame_get(const struct frame_line *line, const char *name);
const char *frame_text(const struct frame_line *line, const char *name);
bool frame_has(const struct frame_line *line, const char *name);

/* "2024-01-31", "2024-01-31T12:00", "2024-01-31 12:00:30.250+02:00": milliseconds since 1970-01-01 UTC. */
bool frame_time(struct slice text, int64_t *ret_ms) ATTR_CHECKED;

#endif
