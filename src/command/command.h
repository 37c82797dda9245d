/*
 * The frame of a program's command line: ONE table of commands and options, one parser. Help, usage and completion are
 * made from the table; what is wrong is said with what was meant, and ends the program with COMMAND_USAGE.
 *
 *     static const struct command_option run_options[] = {
 *         {.name = "--start", .value = "TIME", .type = COMMAND_TIME, .help = "the first bar that is judged"}, {0}};
 *     static const struct command_entry run = {
 *         .name = "run", .summary = "compute a backtest", .options = run_options, .run = run_main};
 *     static const struct command_entry *const commands[] = {&run, NULL};
 *     static const struct command_program program = {.name = "backtestd", .version = "1", .commands = commands};
 *     int main(int argc, char **argv) { given_begin(COMMAND_SYSTEM); return command_main(&program, argc, argv); }
 *
 * A command has verbs (commands of its own), or runs. Options stand anywhere after their command, as "--name VALUE" or
 * "--name=VALUE"; those of the program also before it. "--" ends the options; "-" is an operand. Every command has
 * --help (-h), the program has --version, and "help" is --help if a command or a verb is expected.
 *
 * What the commands of a daemon have beyond that, its settings above all, is command/daemon.h.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "conf/conf.h"

/* Exit statuses of every program (sysexits.h if it has one). */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_UNHEALTHY = 1,   /* health: the service is not well; reload --wait: it failed */
    COMMAND_USAGE = 64,      /* the command line is wrong */
    COMMAND_WRONG = 65,      /* what it names is wrong: a file; a migration, which failed */
    COMMAND_DATABASE = 69,   /* the database is out of reach, or refuses us */
    COMMAND_CRASH_LOOP = 70, /* workers die before any is ready */
    COMMAND_SYSTEM = 71,     /* cannot bind, or the system refused; the output could not be written */
    COMMAND_LOCKED = 75,     /* no end in time: another process held the migration lock; reload --wait --timeout */
    COMMAND_SETTINGS = 78,   /* bad settings */
};

/* Of a preflight that finds all well but the database, which its schema needs nothing of: only the master sees it. */
enum { COMMAND_NO_DATABASE = 3 };

enum command_type {
    COMMAND_FLAG,     /* takes no value */
    COMMAND_TEXT,     /* any text that is not empty */
    COMMAND_WHOLE,    /* a whole number from minimum to maximum, if maximum is above minimum; else any from 0 */
    COMMAND_NUMBER,   /* a decimal number, bounded likewise; else any */
    COMMAND_DURATION, /* "250ms", "60s", "5min", "12h", "90d"; bounded likewise, in milliseconds */
    COMMAND_TIME,     /* RFC 3339, or a date, or without an offset: UTC */
    COMMAND_WORD,     /* one of `words` */
};

struct command_option {
    const char *name;  /* "--start"; NULL after the last */
    const char *value; /* its name in the help, in capital letters: "TIME", "NAME=VALUE"; NULL of a flag */
    const char *help;  /* one sentence without its full stop */
    enum command_type type;
    bool required;
    bool repeatable;       /* every value counts. Otherwise a second one is an error, but for flags, and if ... */
    bool last_wins;        /* ... the last one counts */
    bool may_be_empty;     /* of a text */
    bool hidden;           /* in no help: for another program of ours, not for people */
    bool without_settings; /* a command that has `settings` does without them if this is given */
    double minimum, maximum;
    const char *const *words; /* NULL after the last */
};

struct command_line;
struct command_context;

struct command_entry {
    const char *name;
    const char *summary;                      /* for the list of commands */
    const char *about;                        /* lines for the command's own help, each with its end; may be NULL */
    const struct command_option *options;     /* may be NULL */
    const struct command_entry *const *verbs; /* NULL after the last; instead of all that follows */
    const char *operand;                      /* "FILE", "SYMBOL TIMEFRAME"; NULL: it takes none */
    size_t operands_min, operands_max;        /* SIZE_MAX: any number */
    bool settings;                            /* it runs with the program's settings */
    bool connects; /* to the database: what its library would find wrong is judged before; needs `settings` */
    bool serves;   /* it becomes a master, which takes signals itself; needs `settings` (base/given.h) */
    /* Returns the exit status. `context` is NULL without `settings`. */
    int (*run)(const struct command_line *line, const struct command_context *context);
};

struct command_program {
    const char *name, *version, *summary;
    const char *about; /* lines after the lists of its help; may be NULL */
    const struct command_entry *const *commands;
    const struct command_option *options; /* of every command with `settings`; may be NULL */
    const char *default_command;          /* the command if none is given; NULL: that is an error */
    enum conf_program settings;           /* whose settings its commands run with */
    /* Reads the settings and runs the command of `line`; NULL if no command has `settings`. */
    int (*run_with_settings)(const struct command_line *line);
};

struct command_value {
    const struct command_option *option;
    const char *text; /* borrowed from argv */
    union {
        uint64_t whole;
        uint64_t duration_ms;
        double number;
        int64_t time_ms; /* since 1970-01-01 UTC */
        size_t word;     /* index in words */
    };
};

/* What was given. */
struct command_line {
    const struct command_program *program;
    const struct command_entry *commands[2]; /* the command and its verb */
    size_t depth;                            /* how many of them there are */
    bool wants_help, wants_version;
    struct command_value *values; /* in their order */
    size_t value_count;
    const char **operands;
    size_t operand_count;
};

/* 0, or -1 with ERROR_USAGE: what is wrong, and where to read on. `line` may be cleared either way. Whoever asks for
 * help or the version gets it, whatever else is wrong with the line but the name of a command. */
int command_parse(const struct command_program *program, int argc, char **argv, struct command_line *line,
                  struct error *err) ATTR_CHECKED;
void command_clear(struct command_line *line);
/* The command or verb of `line`; NULL if it names none. */
const struct command_entry *command_of(const struct command_line *line);
/* The program's own options, if the command or verb takes them (NULL: the program itself); else NULL. */
const struct command_option *command_program_options(const struct command_program *program,
                                                     const struct command_entry *entry);
/* Adds the help of what `line` names: the program, a command or a verb. */
void command_help(const struct command_line *line, struct buf *out);
/* Adds a text that begins at column `at`, with its later lines at column `indent`, as wide as helps are, and an end of
 * line. A tab is a space at which no line ends. */
void command_wrap(struct slice text, size_t at, size_t indent, struct buf *out);
/* "backtestd candles check" */
void command_path(const struct command_line *line, struct buf *out);
/* Parses, runs, and checks that standard output took everything: if it did not, that is told, and a status of 0 becomes
 * COMMAND_SYSTEM. If whoever read a pipe has gone (| head), the process ends by SIGPIPE. Returns the exit status. */
int command_main(const struct command_program *program, int argc, char **argv);

/* For `run`. The next value of an option after `previous` (NULL: its first); NULL after the last. */
const struct command_value *command_next(const struct command_line *line, const char *name,
                                         const struct command_value *previous);
/* NULL if it is not given. */
const struct command_value *command_get(const struct command_line *line, const char *name);
const char *command_text(const struct command_line *line, const char *name);
bool command_has(const struct command_line *line, const char *name);
/* For a command that must know that its output has arrived before it goes on: 0, or -1 with ERROR_SYSTEM. What could
 * not be written is lost then. Every command's output is checked at its end anyway. */
int command_flush(struct error *err) ATTR_CHECKED;
/* Prints "backtestd candles check: ..." and the line's end on standard error. */
void command_print_error(const struct command_line *line, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The exit status that says what kind of error it is. */
int command_exit_of(const struct error *err);

/* "2024-01-31", "2024-01-31T12:00", "2024-01-31 12:00:30.250+02:00": milliseconds since 1970-01-01 UTC. */
bool command_time(struct slice text, int64_t *ret_ms) ATTR_CHECKED;

#endif
