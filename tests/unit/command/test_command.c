#include "test_command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static int ran, loaded; /* what sample_run and sample_run_with_settings count */

enum { SAMPLE_STATUS = 3 };
static int sample_status = SAMPLE_STATUS;

static int sample_run(const struct command_line *line, const struct command_context *context)
{
    (void)line;
    (void)context;
    ran++;
    printf("something\n");
    return sample_status;
}

static int sample_run_with_settings(const struct command_line *line)
{
    loaded++;
    return command_of(line)->run(line, NULL);
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
    {.name = "--wait",
     .value = "DURATION",
     .type = COMMAND_DURATION,
     .maximum = 60000,
     .last_wins = true,
     .help = "how long"},
    {.name = "--internal-name", .value = "X", .type = COMMAND_TEXT, .hidden = true},
    {0},
};
static const struct command_option all_options[] = {
    {.name = "--config", .value = "FILE", .type = COMMAND_TEXT, .may_be_empty = true, .help = "read settings"},
    {0},
};
static const struct command_entry check = {
    .name = "check",
    .summary = "look at it",
    .operand = "FILE",
    .operands_min = 1,
    .operands_max = 2,
    .run = sample_run,
};
static const struct command_entry compare = {
    .name = "compare",
    .summary = "look at two",
    .operand = "ONE OTHER",
    .operands_min = 2,
    .operands_max = 2,
    .run = sample_run,
};
static const struct command_entry *const verbs[] = {&check, &compare, NULL};
static const struct command_entry cook = {
    .name = "cook",
    .summary = "make it",
    .about = "More.\n",
    .options = cook_options,
    .settings = true,
    .run = sample_run,
};
static const struct command_entry things = {.name = "things", .summary = "look at things", .verbs = verbs};
static const struct command_entry serve = {
    .name = "serve",
    .summary = "the default",
    .settings = true,
    .run = sample_run,
};
static const struct command_entry *const commands[] = {&cook, &things, &serve, NULL};
const struct command_program sample = {.name = "sample",
                                       .version = "1.2",
                                       .summary = "cooks things",
                                       .commands = commands,
                                       .options = all_options,
                                       .default_command = "serve",
                                       .run_with_settings = sample_run_with_settings};

/* command_main with standard output and error led to `other`, which is closed; returns the status. */
static int main_of_both(const struct command_program *program, int other, const char *text)
{
    struct words words;
    int status;
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);

    words_of(&words, text);
    fflush(stdout);
    UNIT_INT(dup2(other, STDOUT_FILENO), STDOUT_FILENO);
    UNIT_INT(dup2(other, STDERR_FILENO), STDERR_FILENO);
    status = command_main(program, words.argc, words.argv);
    __fpurge(stdout);
    clearerr(stdout);
    UNIT_INT(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
    UNIT_INT(dup2(err, STDERR_FILENO), STDERR_FILENO);
    close(out);
    close(err);
    close(other);
    return status;
}

static int main_of_fd(int other, const char *text)
{
    return main_of_both(&sample, other, text);
}

static int main_of_program(const struct command_program *program, const char *output, const char *text)
{
    return main_of_both(program, open(output, O_WRONLY), text);
}

static int main_of(const char *output, const char *text)
{
    return main_of_program(&sample, output, text);
}

static size_t read_len(int fd)
{
    char text[64];
    const ssize_t got = read(fd, text, sizeof(text));

    return got < 0 ? 0 : (size_t)got;
}

static void test_main(void)
{
    ran = loaded = 0;
    UNIT_INT(main_of("/dev/null", "serve"), SAMPLE_STATUS);
    UNIT_INT(main_of("/dev/null", ""), SAMPLE_STATUS);
    UNIT_INT(ran, 2);
    UNIT_INT(loaded, 2);
    UNIT_INT(main_of("/dev/null", "things check x"), SAMPLE_STATUS);
    UNIT_INT(ran, 3);
    UNIT_INT(loaded, 2);
    UNIT_INT(main_of("/dev/null", "--version"), COMMAND_OK);
    UNIT_INT(main_of("/dev/null", "cook --help"), COMMAND_OK);
    UNIT_INT(main_of("/dev/null", "--nonsense"), COMMAND_USAGE);
    UNIT_INT(ran, 3);
    UNIT_INT(main_of("/dev/full", "--help"), COMMAND_SYSTEM);
}

/* Where standard output goes, and what a command that ends well ends with then. */
static void test_every_command_s_output_is_checked(void)
{
    int ends[2];
    int status = 0;

    sample_status = COMMAND_OK;
    UNIT_INT(main_of("/dev/null", "things check x"), COMMAND_OK);
    UNIT_INT(main_of("/dev/full", "things check x"), COMMAND_SYSTEM);
    sample_status = COMMAND_WRONG;
    UNIT_INT(main_of("/dev/full", "things check x"), COMMAND_WRONG); /* what was wrong before */
    sample_status = COMMAND_OK;
    if (pipe(ends) != 0) CU_FAIL_FATAL("pipe");
    char *path = mem_printf("/proc/self/fd/%d", ends[1]);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);

    UNIT_INT(main_of(path, "things check x"), COMMAND_OK); /* nobody has read it, and it fits */
    UNIT_INT(read_len(ends[0]), strlen("something\n"));
    /* While its reader is gone. */
    const int other = open(path, O_WRONLY);

    close(ends[0]);
    const pid_t pid = fork();

    if (pid == 0) _exit(main_of_fd(other, "things check x"));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status));
    UNIT_INT(WTERMSIG(status), SIGPIPE);
    close(other);
    signal(SIGPIPE, before);
    close(ends[1]);
    free(path);
    sample_status = SAMPLE_STATUS;
}

static int flush_run(const struct command_line *line, const struct command_context *context)
{
    struct error err = {.message = ""};

    (void)line;
    (void)context;
    printf("something\n");
    if (command_flush(&err) == 0) return COMMAND_OK;
    return strstr(err.message, "standard output could not be written completely: No space left") != NULL ? 42 : 43;
}

static void test_a_command_may_look_at_its_output_before_its_end(void)
{
    static const struct command_entry entry = {.name = "flush", .summary = "look", .run = flush_run};
    static const struct command_entry *const entries[] = {&entry, NULL};
    const struct command_program program = {.name = "sample", .version = "1", .commands = entries};

    UNIT_INT(main_of_program(&program, "/dev/null", "flush"), COMMAND_OK);
    UNIT_INT(main_of_program(&program, "/dev/full", "flush"), 42);
}

static void test_exit_status_of_an_error(void)
{
    UNIT_INT(command_exit_of(&(struct error){.code = ERROR_USAGE}), 64);
    UNIT_INT(command_exit_of(&(struct error){.code = ERROR_FAILED}), 65);
    UNIT_INT(command_exit_of(&(struct error){.code = ERROR_UNAVAILABLE}), 69);
    UNIT_INT(command_exit_of(&(struct error){.code = ERROR_SYSTEM}), 71);
    UNIT_INT(command_exit_of(&(struct error){.code = ERROR_TIMEOUT}), 75);
    UNIT_INT(command_exit_of(&(struct error){.code = ERROR_SETTINGS}), 78);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_main),
        UNIT_TEST(test_every_command_s_output_is_checked),
        UNIT_TEST(test_a_command_may_look_at_its_output_before_its_end),
        UNIT_TEST(test_exit_status_of_an_error),
    };
    static const struct unit_part command_tests = UNIT_PART(tests);
    const struct unit_part *const parts[] = {&command_tests, &daemon_tests, &help_tests, &limits_tests,
                                             &parse_tests,   &probe_tests,  &time_tests};

    return unit_main_parts("command", parts, countof(parts));
}
