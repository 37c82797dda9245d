#include "test_command.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ran; /* what sample_run counts */

static int sample_run(const struct command_line *line, void *context)
{
    (void)line;
    ran++;
    return *(const int *)context;
}

static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct command_option cook_options[] = {
    {.name = "--file", .value = "FILE", .type = COMMAND_TEXT, .required = true, .help = "what is read"},
    {.name = "--count", .value = "N", .type = COMMAND_WHOLE, .minimum = 1, .maximum = 9, .help = "how many"},
    {.name = "--share", .value = "X", .type = COMMAND_NUMBER, .minimum = 0, .maximum = 1, .help = "how much"},
    {.name = "--any", .value = "X", .type = COMMAND_NUMBER, .help = "any number"},
    {.name = "--start", .value = "TIME", .type = COMMAND_TIME, .help = "from when"},
    {.name = "--colour",
     .value = "red|green|blue",
     .type = COMMAND_WORD,
     .words = colours,
     .help = "a text that is so long that it cannot stand on one line of a hundred columns beside its own name at all"},
    {.name = "--set", .value = "NAME=VALUE", .type = COMMAND_TEXT, .repeatable = true, .help = "set one"},
    {.name = "--quiet", .help = "say nothing"},
    {0},
};
static const struct command_option all_options[] = {
    {.name = "--config", .value = "FILE", .type = COMMAND_TEXT, .help = "read settings"},
    {0},
};
static const struct command_entry verbs[] = {
    {.name = "check",
     .summary = "look at it",
     .operand = "FILE",
     .operands_min = 1,
     .operands_max = 2,
     .run = sample_run},
    {0},
};
static const struct command_entry commands[] = {
    {.name = "cook", .summary = "make it", .about = "More.\n", .options = cook_options, .run = sample_run},
    {.name = "things", .summary = "look at things", .verbs = verbs},
    {.name = "serve", .summary = "the default", .run = sample_run},
    {0},
};
const struct command_program sample = {.name = "sample",
                                       .version = "1.2",
                                       .summary = "cooks things",
                                       .commands = commands,
                                       .options = all_options,
                                       .fallback = "serve"};

/* The help of words. */
static char *help_of(const char *text)
{
    struct words words;
    struct command_line line;
    struct buf out = {0};
    struct error err;

    words_of(&words, text);
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    CU_ASSERT_TRUE(line.wants_help);
    command_help(&line, &out);
    command_clear(&line);
    return buf_steal(&out);
}

static void test_help_of_the_program(void)
{
    char *help = help_of("--help");

    UNIT_STR(help, "Usage: sample COMMAND [OPTION]...\nCooks things.\n\nCommands:\n"
                   "  cook    make it\n  things  look at things\n  serve   the default\n\nOptions:\n"
                   "  --config FILE  read settings\n  --version      print the version\n"
                   "  --help         print this, or a command's help\n");
    free(help);
}

static void test_help_of_a_command(void)
{
    char *help = help_of("cook -h");

    UNIT_STR(help, "Usage: sample cook --file FILE [--count N] [--share X] [--any X] [--start TIME]\n"
                   "                   [--colour red|green|blue] [--set NAME=VALUE]... [--quiet]\n"
                   "Make it.\n\nOptions:\n"
                   "  --file FILE       what is read\n"
                   "  --count N         how many\n"
                   "  --share X         how much\n"
                   "  --any X           any number\n"
                   "  --start TIME      from when\n"
                   "  --colour red|green|blue\n"
                   "                    a text that is so long that it cannot stand on one line of a hundred columns\n"
                   "                    beside its own name at all\n"
                   "  --set NAME=VALUE  set one\n"
                   "  --quiet           say nothing\n"
                   "  --config FILE     read settings\n"
                   "  --help            print this\n\nMore.\n");
    free(help);
}

static void test_help_of_a_verb(void)
{
    char *help = help_of("things check --help");

    CU_ASSERT_PTR_NOT_NULL(strstr(help, "Usage: sample things check FILE...\nLook at it.\n"));
    free(help);
}

/* command_main with standard output and error led elsewhere; returns the status. */
static int main_of(const char *output, const char *text)
{
    struct words words;
    int status = 3;
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    const int other = open(output, O_WRONLY);

    words_of(&words, text);
    fflush(stdout);
    UNIT_INT(dup2(other, STDOUT_FILENO), STDOUT_FILENO);
    UNIT_INT(dup2(other, STDERR_FILENO), STDERR_FILENO);
    status = command_main(&sample, words.argc, words.argv, &status);
    clearerr(stdout);
    UNIT_INT(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
    UNIT_INT(dup2(err, STDERR_FILENO), STDERR_FILENO);
    close(out);
    close(err);
    close(other);
    return status;
}

static void test_main(void)
{
    ran = 0;
    UNIT_INT(main_of("/dev/null", "serve"), 3);
    UNIT_INT(main_of("/dev/null", ""), 3);
    UNIT_INT(ran, 2);
    UNIT_INT(main_of("/dev/null", "--version"), COMMAND_OK);
    UNIT_INT(main_of("/dev/null", "cook --help"), COMMAND_OK);
    UNIT_INT(main_of("/dev/null", "--nonsense"), COMMAND_USAGE);
    UNIT_INT(ran, 2);
    if (access("/dev/full", W_OK) == 0) {
        UNIT_INT(main_of("/dev/full", "--help"), COMMAND_SYSTEM);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_help_of_the_program),
        UNIT_TEST(test_help_of_a_command),
        UNIT_TEST(test_help_of_a_verb),
        UNIT_TEST(test_main),
    };
    static const struct unit_part command_tests = UNIT_PART(tests);
    const struct unit_part *const parts[] = {&command_tests, &parse_tests, &time_tests};

    return unit_main_parts("command", parts, countof(parts));
}
