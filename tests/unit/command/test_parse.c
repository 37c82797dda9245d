#include "test_command.h"

#include <stdio.h>
#include <string.h>

void words_of(struct words *words, const char *text)
{
    static char name[] = "sample";

    snprintf(words->text, sizeof(words->text), "%s", text);
    words->argc = 0;
    words->argv[words->argc++] = name;
    for (char *rest = words->text, *word;
         *text != '\0' && words->argc < WORDS_MAX && (word = strsep(&rest, " ")) != NULL;) {
        for (char *at = word; *at != '\0'; at++) {
            if (*at == '_') *at = ' ';
        }
        words->argv[words->argc++] = word;
    }
    words->argv[words->argc] = NULL;
}

static void test_parse_values(void)
{
    struct words words;
    struct command_line line;
    struct error err;
    const struct command_value *value;

    words_of(&words, "--config a cook --file=b=c --count 9 --share .5 --start 1970-01-02 --set x=1 --quiet --set y=2");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    UNIT_INT(line.depth, 1);
    UNIT_STR(line.commands[0]->name, "cook");
    UNIT_STR(command_text(&line, "--config"), "a");
    UNIT_STR(command_text(&line, "--file"), "b=c");
    UNIT_INT(command_get(&line, "--count")->whole, 9);
    CU_ASSERT_EQUAL(command_get(&line, "--share")->number, 0.5);
    UNIT_INT(command_get(&line, "--start")->time_ms, 86400000);
    CU_ASSERT_TRUE(command_has(&line, "--quiet"));
    CU_ASSERT_FALSE(command_has(&line, "--colour"));
    CU_ASSERT_PTR_NULL(command_text(&line, "--colour"));
    value = command_next(&line, "--set", NULL);
    UNIT_STR(value->text, "x=1");
    value = command_next(&line, "--set", value);
    UNIT_STR(value->text, "y=2");
    CU_ASSERT_PTR_NULL(command_next(&line, "--set", value));
    command_clear(&line);

    words_of(&words, "cook --file - --colour blue --any -1e3");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    UNIT_INT(command_get(&line, "--colour")->word, 2);
    CU_ASSERT_EQUAL(command_get(&line, "--any")->number, -1000);
    command_clear(&line);
}

static void test_parse_operands(void)
{
    struct words words;
    struct command_line line;
    struct error err;

    words_of(&words, "things check - -- --odd");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    UNIT_INT(line.depth, 2);
    UNIT_INT(line.operand_count, 2);
    UNIT_STR(line.operands[0], "-");
    UNIT_STR(line.operands[1], "--odd");
    command_clear(&line);

    words_of(&words, "--config x");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    UNIT_STR(line.commands[0]->name, "serve");
    command_clear(&line);
}

static void test_parse_wrong(void)
{
    static const struct {
        const char *words, *message;
    } cases[] = {
        {"coook", "sample: there is no command \"coook\"; did you mean cook?"},
        {"x", "sample: there is no command \"x\""},
        {"--confg", "sample: there is no option --confg; did you mean --config?"},
        {"--file x", "sample: there is no option --file"},
        {"things", "sample things: a command is missing: check or compare"},
        {"things chek", "sample things: there is no command \"chek\"; did you mean check?"},
        {"things check", "sample things check: FILE is missing"},
        {"things compare", "sample things compare: ONE is missing"},
        {"things compare x", "sample things compare: OTHER is missing"},
        {"things compare x y z", "sample things compare: \"z\" is one word too many"},
        {"things check a b c", "sample things check: \"c\" is one word too many"},
        {"cook", "sample cook: --file FILE is missing"},
        {"cook x", "sample cook: \"x\" is one word too many"},
        {"cook --file", "sample cook: --file needs a value, FILE"},
        {"cook --file=", "sample cook: --file must be text that is not empty, but is \"\""},
        {"cook --file a --file b", "sample cook: --file is given twice"},
        {"cook --quiet=1", "sample cook: --quiet takes no value"},
        {"cook --quite", "sample cook: there is no option --quite; did you mean --quiet?"},
        {"cook --count 0", "sample cook: --count must be a whole number from 1 to 9, but is \"0\""},
        {"cook --count 10", "sample cook: --count must be a whole number from 1 to 9, but is \"10\""},
        {"cook --count 1.5", "sample cook: --count must be a whole number from 1 to 9, but is \"1.5\""},
        {"cook --share 1.01", "sample cook: --share must be a number from 0 to 1, but is \"1.01\""},
        {"cook --any nan", "sample cook: --any must be a number, but is \"nan\""},
        {"cook --any 1e999", "sample cook: --any must be a number, but is \"1e999\""},
        {"cook --any 0x10", "sample cook: --any must be a number, but is \"0x10\""},
        {"cook --start now",
         "sample cook: --start must be a time, such as 2024-01-31 or 2024-01-31T12:00:00Z, but is \"now\""},
        {"cook --wait 61s",
         "sample cook: --wait must be a duration, such as 60s or 5min, of 0 to 60000 ms, but is \"61s\""},
        {"cook --wait soon",
         "sample cook: --wait must be a duration, such as 60s or 5min, of 0 to 60000 ms, but is \"soon\""},
        {"cook --internal-nam x", "sample cook: there is no option --internal-nam"},
        {"serve --config", "sample serve: --config needs a value, FILE"},
        {"things --config x check f", "sample things: there is no option --config"},
        {"--config x things check f",
         "sample things check: --config is not for this command, which runs without settings"},
        {"--quiet cook", "sample: there is no option --quiet"},
        {"x --help", "sample: there is no command \"x\""},
        {"cook -- --help", "sample cook: \"--help\" is one word too many"},
        {"cook --colour pink", "sample cook: --colour must be red, green or blue, but is \"pink\""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct words words;
        struct command_line line;
        struct error err;

        words_of(&words, cases[i].words);
        UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), -1);
        UNIT_INT(err.code, ERROR_USAGE);
        struct slice rest = slice_of(err.message);

        UNIT_SLICE(slice_cut(&rest, '\n'), cases[i].message);
        command_clear(&line);
    }
}

/* A flag counts once; of an option whose last one wins, the last; of others a second one is refused. */
static void test_parse_twice(void)
{
    struct words words;
    struct command_line line;
    struct error err;

    words_of(&words, "cook --quiet --wait 5 --file f --wait=250ms --quiet --internal-name x --config=");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    UNIT_INT(command_get(&line, "--wait")->duration_ms, 250);
    CU_ASSERT_PTR_NULL(command_next(&line, "--wait", command_get(&line, "--wait")));
    CU_ASSERT_PTR_NULL(command_next(&line, "--quiet", command_get(&line, "--quiet")));
    UNIT_STR(command_text(&line, "--internal-name"), "x");
    UNIT_STR(command_text(&line, "--config"), "");
    UNIT_INT(line.value_count, 5);
    command_clear(&line);
}

/* Whoever asks for help gets it, of what is named until then. */
static void test_parse_help_comes_first(void)
{
    static const struct {
        const char *words;
        size_t depth;
    } cases[] = {
        {"cook --help", 1},
        {"cook --nonsense --help", 1},
        {"cook --help --nonsense", 1},
        {"cook x y -h", 1},
        {"--help", 0},
        {"--help cook", 1},
        {"help", 0},
        {"help things check", 2},
        {"things help", 1},
        {"things x --help", 1},
        {"--help x", 0},
        {"cook --count x --help", 1},
        {"cook --file --help", 1},
    };
    struct words words;
    struct command_line line;
    struct error err;

    for (size_t i = 0; i < countof(cases); i++) {
        words_of(&words, cases[i].words);
        UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
        CU_ASSERT_TRUE(line.wants_help);
        UNIT_INT(line.depth, cases[i].depth);
        command_clear(&line);
    }
    words_of(&words, "--version cook");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    CU_ASSERT_TRUE(line.wants_version);
    command_clear(&line);
    words_of(&words, "cook --file=--help");
    UNIT_INT(command_parse(&sample, words.argc, words.argv, &line, &err), 0);
    UNIT_STR(command_text(&line, "--file"), "--help");
    command_clear(&line);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_parse_values), UNIT_TEST(test_parse_operands),         UNIT_TEST(test_parse_wrong),
    UNIT_TEST(test_parse_twice),  UNIT_TEST(test_parse_help_comes_first),
};
const struct unit_part parse_tests = UNIT_PART(tests);
