/* What a daemon's commands run with. */
#include "command/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_command.h"

/* What the command saw. */
static struct {
    unsigned runs;
    bool has_conf;
    unsigned workers;
    size_t set_count;
    char last_set[64];
    char args[128];    /* those of a program with the same settings */
    char password[32]; /* in its environment */
    char url[128];     /* of the database */
    char line[128];    /* this program's own arguments by then */
} seen;
static const struct words *given;

static int probe_run(const struct command_line *line, const struct command_context *context)
{
    const char *const words[] = {"again", "--now", NULL};
    char **args = command_args_new(context, words);

    memset(&seen, 0, sizeof(seen));
    seen.runs = 1;
    seen.has_conf = context->conf != NULL;
    if (seen.has_conf) {
        seen.workers = context->conf->supervision.workers;
        snprintf(seen.url, sizeof(seen.url), "%s", context->conf->database.url);
    }
    if (getenv("POSTGRES_PASSWORD") != NULL) {
        snprintf(seen.password, sizeof(seen.password), "%s", getenv("POSTGRES_PASSWORD"));
    }
    for (int i = 1; i < given->argc; i++) {
        const size_t len = strlen(seen.line);

        snprintf(seen.line + len, sizeof(seen.line) - len, "%s ", given->argv[i]);
    }
    seen.set_count = context->set_count;
    if (context->set_count > 0) {
        snprintf(seen.last_set, sizeof(seen.last_set), "%s", context->sets[context->set_count - 1]);
    }
    for (size_t i = 0; args[i] != NULL; i++) {
        strncat(seen.args, args[i], sizeof(seen.args) - strlen(seen.args) - 1);
        strncat(seen.args, " ", sizeof(seen.args) - strlen(seen.args) - 1);
    }
    command_args_free(args);
    UNIT_INT(context->resume_fd, -1);
    CU_ASSERT_PTR_EQUAL(context->program, line->program);
    return COMMAND_OK;
}

static const struct command_option probe_options[] = {
    {.name = "--table", .without_settings = true, .help = "print the table"},
    {0},
};
static const struct command_entry probe = {
    .name = "probe",
    .summary = "look",
    .options = probe_options,
    .settings = true,
    .run = probe_run,
};
static const struct command_entry *const commands[] = {&probe, NULL};
static const struct command_program program = {
    .name = "sample",
    .version = "1",
    .summary = "a daemon",
    .commands = commands,
    .options = command_settings_options,
    .default_command = "probe",
    .run_with_settings = command_run_with_settings,
};

/* command_main with standard error led away, and no settings in the environment. */
static int run(const char *text)
{
    static char *nothing[] = {NULL};
    struct words words;
    const int err = dup(STDERR_FILENO), other = open("/dev/null", O_WRONLY);

    environ = nothing;
    memset(&seen, 0, sizeof(seen));
    words_of(&words, text);
    given = &words;
    /* It makes spaces of what settings have in their names. */
    for (int i = 1; i < words.argc; i++) {
        for (char *at = words.argv[i]; *at != '\0'; at++) {
            if (*at == ' ') *at = '_';
        }
    }
    UNIT_INT(dup2(other, STDERR_FILENO), STDERR_FILENO);
    const int status = command_main(&program, words.argc, words.argv);

    UNIT_INT(dup2(err, STDERR_FILENO), STDERR_FILENO);
    close(err);
    close(other);
    return status;
}

static void test_settings_of_the_line(void)
{
    UNIT_INT(run("--set STRATSLAB_WORKERS=3"), COMMAND_OK);
    CU_ASSERT_TRUE(seen.has_conf);
    UNIT_INT(seen.workers, 3);
    UNIT_INT(seen.set_count, 1);
    UNIT_STR(seen.args, "sample --set=STRATSLAB_WORKERS=3 again --now ");

    /* A later one wins; the file's name comes last, as if it were a setting. */
    UNIT_INT(run("--config= --set STRATSLAB_WORKERS=3 probe --set=STRATSLAB_WORKERS=4"), COMMAND_OK);
    UNIT_INT(seen.workers, 4);
    UNIT_INT(seen.set_count, 3);
    UNIT_STR(seen.last_set, "STRATSLAB_CONFIG=");
}

/* It is still in force, and stands neither on this command line nor on the next one. */
static void test_a_secret_of_the_line(void)
{
    UNIT_INT(run("--set POSTGRES_PASSWORD=geheim probe --set=STRATSLAB_WORKERS=3"), COMMAND_OK);
    UNIT_INT(seen.set_count, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.url, "geheim"));
    UNIT_STR(seen.args, "sample --set=STRATSLAB_WORKERS=3 again --now ");
    UNIT_STR(seen.password, "geheim");
    UNIT_STR(seen.line, "--set POSTGRES_PASSWORD=****** probe --set=STRATSLAB_WORKERS=3 ");

    UNIT_INT(run("--set geheim probe"), COMMAND_SETTINGS);
    UNIT_INT(run("probe --table --set geheim"), COMMAND_OK);
    UNIT_STR(seen.line, "probe --table --set ****** ");
    UNIT_STR(seen.args, "sample again --now ");
}

static void test_bad_settings(void)
{
    UNIT_INT(run("probe --set STRATSLAB_WORKERS=none"), COMMAND_SETTINGS);
    UNIT_INT(run("--set= probe"), COMMAND_SETTINGS);
    UNIT_INT(run("--config /nonexistent"), COMMAND_SETTINGS);
    UNIT_INT(seen.runs, 0);
}

/* What is printed of a table does not depend on settings, nor does help. */
static void test_without_settings(void)
{
    UNIT_INT(run("probe --table --set STRATSLAB_WORKERS=none"), COMMAND_OK);
    UNIT_INT(seen.runs, 1);
    CU_ASSERT_FALSE(seen.has_conf);
    UNIT_INT(run("--set STRATSLAB_WORKERS=none probe"), COMMAND_SETTINGS);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_settings_of_the_line),
    UNIT_TEST(test_a_secret_of_the_line),
    UNIT_TEST(test_bad_settings),
    UNIT_TEST(test_without_settings),
};
const struct unit_part daemon_tests = UNIT_PART(tests);
