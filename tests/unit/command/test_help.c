#include "test_command.h"

#include <stdlib.h>
#include <string.h>

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

    UNIT_STR(help, "Usage: sample [COMMAND] [OPTION]...\nCooks things.\n\nCommands:\n"
                   "  cook    make it\n  things  look at things\n  serve   the default\n\nOptions:\n"
                   "  --config FILE  read settings\n  --version      print the version\n"
                   "  --help         print this, or a command's help\n");
    free(help);
}

static void test_help_of_a_command(void)
{
    char *help = help_of("cook -h");

    UNIT_STR(help, "Usage: sample cook --file FILE [--count N] [--share X] [--any X] [--start TIME]\n"
                   "                   [--colour red|green|blue] [--set NAME=VALUE]... [--quiet] [--wait DURATION]\n"
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
                   "  --wait DURATION   how long\n"
                   "  --config FILE     read settings\n"
                   "  --help            print this\n\nMore.\n");
    free(help);
}

static void test_help_of_a_verb(void)
{
    char *help = help_of("help things check");

    CU_ASSERT_PTR_NOT_NULL(strstr(help, "Usage: sample things check FILE...\nLook at it.\n"));
    free(help);
    help = help_of("help things compare");
    CU_ASSERT_PTR_NOT_NULL(strstr(help, "Usage: sample things compare ONE OTHER\nLook at two.\n"));
    free(help);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_help_of_the_program),
    UNIT_TEST(test_help_of_a_command),
    UNIT_TEST(test_help_of_a_verb),
};
const struct unit_part help_tests = UNIT_PART(tests);
