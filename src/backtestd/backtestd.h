/* The subcommands of backtestd: one file each, one table (main.c). */
#ifndef BACKTESTD_BACKTESTD_H
#define BACKTESTD_BACKTESTD_H

#include "base/error.h"
#include "command/command.h"

/* How files of candles are read: options of every command that reads some. */
/* clang-format off */
#define BACKTESTD_FORMAT_OPTIONS                                                                                       \
    {.name = "--timeframe",                                                                                            \
     .value = "T",                                                                                                     \
     .type = COMMAND_TEXT,                                                                                             \
     .help = "the timeframe: 1m, 5m, 15m, 1h, 4h, 1d and so on (default: that of the file)"},                          \
        {.name = "--format",                                                                                           \
         .value = "F",                                                                                                 \
         .type = COMMAND_TEXT,                                                                                         \
         .help = "the format of the file (default: found from its header or rows)"},                                   \
        {.name = "--timezone",                                                                                         \
         .value = "Z",                                                                                                 \
         .type = COMMAND_TEXT,                                                                                         \
         .help = "the time zone of times without an offset: UTC, +02:00, America/New_York (default: that of the "      \
                 "format, or else UTC)"},                                                                              \
        {.name = "--adjusted",                                                                                         \
         .type = COMMAND_FLAG,                                                                                         \
         .help = "use adjusted prices; the file must have a column of adjusted closes"},                               \
    {                                                                                                                  \
        .name = "--stamp", .value = "open|close", .type = COMMAND_WORD, .words = backtestd_stamps,                     \
        .help = "whether a time is that of a candle's open or its close (default: open)"                               \
    }
#define BACKTESTD_READING_OPTIONS                                                                                      \
    {.name = "--symbol",                                                                                               \
     .value = "S",                                                                                                     \
     .type = COMMAND_TEXT,                                                                                             \
     .help = "the symbol to read from a file that has several"},                                                       \
    BACKTESTD_FORMAT_OPTIONS
/* clang-format on */

extern const char *const backtestd_stamps[];

extern const struct command_option backtestd_json_options[]; /* for a command that takes --json alone */
extern const struct command_entry backtestd_serve, backtestd_check, backtestd_run, backtestd_candles,
    backtestd_functions, backtestd_kinds, backtestd_execution;
/* Of `candles`. */
extern const struct command_entry candles_verb_import, candles_verb_export, candles_verb_list, candles_verb_verify,
    candles_verb_delete;

/* Prints the error after the command's name, line by line, and returns its exit status: that of a command that works on
 * files alone. */
int backtestd_fail(const struct command_line *line, const struct error *err);
/* The same of a command that works on the database. */
int backtestd_database_fail(const struct command_line *line, const struct error *err);
/* A note that does not stop the work, on standard error. */
void backtestd_note(const struct command_line *line, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The name that is nearest to `wanted` among those that `at(i)` gives (NULL behind the last); NULL if none is near. */
const char *backtestd_nearest(struct slice wanted, const char *(*at)(size_t index));

#endif
