#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backtestd/backtestd.h"
#include "base/distance.h"

const char *const backtestd_stamps[] = {"open", "close", NULL};

const struct frame_option json_options[] = {
    {.name = "--json", .type = FRAME_FLAG, .help = "print JSON, for programs"},
    {0},
};

static const struct frame_command candles_verbs[] = {
    {.name = "check",
     .summary = "read files of candles as one series, check every row, and say what is in them",
     .about = "FILE is text or a gzip or zip file; - is standard input. Several files make one series.\n"
              "Unsorted rows are sorted. Nothing is invented: a gap stays a gap, and is listed.\n"
              "Exit status: 0 if every row is sound, 65 if some are not, with the file and line of each.\n",
     .options = candles_check_options,
     .operand = "FILE",
     .operands_min = 1,
     .operands_max = SIZE_MAX,
     .run = candles_check_main},
    {0},
};

static const struct frame_command commands[] = {
    {.name = "run",
     .summary = "compute one backtest, strategy and candles from files, without a database",
     .about =
         "The strategy's FILE is JSON as the API takes it: {\"name\": ..., \"kind\": ..., \"parameters\": {...}}.\n"
         "- is standard input where a file is read, and standard output where one is written.\n"
         "Candles before --start are used for the look-back of the strategy.\n"
         "Exit status: 0 done, 64 the command line is wrong, 65 a file is wrong (with file, line, column).\n",
     .options = run_options,
     .run = run_main},
    {.name = "candles", .summary = "look at files of candles", .verbs = candles_verbs},
    {.name = "functions",
     .summary = "list the functions of the rules, or say all of one",
     .options = json_options,
     .operand = "NAME",
     .operands_max = 1,
     .run = functions_main},
    {.name = "kinds",
     .summary = "list the kinds of strategies with their parameters, or say all of one",
     .options = json_options,
     .operand = "NAME",
     .operands_max = 1,
     .run = kinds_main},
    {.name = "execution",
     .summary = "list the settings of the execution with their defaults, or say all of one",
     .about = "With --json it prints the defaults as a file that backtestd run --execution takes.\n",
     .options = json_options,
     .operand = "NAME",
     .operands_max = 1,
     .run = execution_main},
    {0},
};

static const struct frame_program program = {
    .name = "backtestd",
    .version = PACKAGE_VERSION,
    .summary = "Computes backtests of trading strategies on candles.",
    .commands = commands,
};

int backtestd_fail(const struct frame_line *line, const struct error *err)
{
    static const int statuses[] = {
        [ERROR_NONE] = FRAME_OK,        [ERROR_USAGE] = FRAME_USAGE,    [ERROR_SETTINGS] = FRAME_USAGE,
        [ERROR_INVALID] = FRAME_WRONG,  [ERROR_SYSTEM] = FRAME_SYSTEM,  [ERROR_UNAVAILABLE] = FRAME_SYSTEM,
        [ERROR_REFUSED] = FRAME_SYSTEM, [ERROR_TIMEOUT] = FRAME_SYSTEM, [ERROR_FAILED] = FRAME_WRONG,
    };
    struct slice rest = slice_of(err->message);
    struct buf path = {0};

    frame_path(line, &path);
    while (rest.data != NULL) {
        const struct slice one = slice_cut(&rest, '\n');

        fprintf(stderr, "%s: %.*s\n", buf_cstr(&path), SLICE_FMT(one));
    }
    buf_clear(&path);
    return statuses[err->code];
}

void backtestd_note(const struct frame_line *line, const char *fmt, ...)
{
    struct buf path = {0};
    va_list ap;

    frame_path(line, &path);
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

/* A descriptor below 3 that whoever started us has closed would become the next file that is opened. */
static void main_hold_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0) exit(FRAME_SYSTEM);
    }
}

int main(int argc, char **argv)
{
    main_hold_descriptors();
    return frame_main(&program, argc, argv, NULL);
}
