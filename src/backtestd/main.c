#include <stdarg.h>
#include <stdio.h>

#include "backtestd/backtestd.h"
#include "base/distance.h"
#include "base/given.h"
#include "command/daemon.h"

const char *const backtestd_stamps[] = {"open", "close", NULL};

const struct command_option backtestd_json_options[] = {
    {.name = "--json", .type = COMMAND_FLAG, .help = "print JSON, for programs"},
    {0},
};

static const struct command_entry *const commands[] = {
    &backtestd_serve, &backtestd_check,   &command_health,      &command_status,  &command_reload,      &command_config,
    &backtestd_run,   &backtestd_candles, &backtestd_functions, &backtestd_kinds, &backtestd_execution, NULL,
};

static const struct command_program program = {
    .name = "backtestd",
    .version = PACKAGE_VERSION,
    .summary = "Computes backtests of trading strategies on candles.",
    .about = "\"backtestd config --sample\" prints every setting with its meaning.\n",
    .commands = commands,
    .options = command_settings_options,
    .default_command = "serve",
    .settings = CONF_BACKTESTD,
    .run_with_settings = command_run_with_settings,
};

static void print_lines(const struct command_line *line, const struct error *err)
{
    struct slice rest = slice_of(err->message);

    while (rest.data != NULL) {
        const struct slice one = slice_cut(&rest, '\n');

        command_print_error(line, "%.*s", SLICE_FMT(one));
    }
}

int backtestd_fail(const struct command_line *line, const struct error *err)
{
    static const int statuses[] = {
        [ERROR_NONE] = COMMAND_OK,        [ERROR_USAGE] = COMMAND_USAGE,    [ERROR_SETTINGS] = COMMAND_USAGE,
        [ERROR_INVALID] = COMMAND_WRONG,  [ERROR_SYSTEM] = COMMAND_SYSTEM,  [ERROR_UNAVAILABLE] = COMMAND_SYSTEM,
        [ERROR_REFUSED] = COMMAND_SYSTEM, [ERROR_TIMEOUT] = COMMAND_SYSTEM, [ERROR_FAILED] = COMMAND_WRONG,
    };

    print_lines(line, err);
    return statuses[err->code];
}

int backtestd_database_fail(const struct command_line *line, const struct error *err)
{
    print_lines(line, err);
    return command_exit_of(err);
}

void backtestd_note(const struct command_line *line, const char *fmt, ...)
{
    struct buf path = {0};
    va_list ap;

    command_path(line, &path);
    fprintf(stderr, "%s: note: ", buf_cstr(&path));
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    buf_clear(&path);
}

const char *backtestd_nearest(struct slice wanted, const char *(*at)(size_t index))
{
    struct distance_guess guess = {.wanted = wanted};

    for (size_t i = 0; at(i) != NULL; i++) distance_offer(&guess, slice_of(at(i)));
    return guess.best.data;
}

int main(int argc, char **argv)
{
    given_begin(COMMAND_SYSTEM);
    return command_main(&program, argc, argv);
}
