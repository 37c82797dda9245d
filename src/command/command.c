#include "command/command.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/given.h"

void command_clear(struct command_line *line)
{
    free(line->values);
    free(line->operands);
    *line = (struct command_line){0};
}

const struct command_value *command_next(const struct command_line *line, const char *name,
                                         const struct command_value *previous)
{
    for (size_t i = previous == NULL ? 0 : (size_t)(previous - line->values) + 1; i < line->value_count; i++) {
        if (strcmp(line->values[i].option->name, name) == 0) return &line->values[i];
    }
    return NULL;
}

const struct command_value *command_get(const struct command_line *line, const char *name)
{
    return command_next(line, name, NULL);
}

const char *command_text(const struct command_line *line, const char *name)
{
    const struct command_value *value = command_get(line, name);

    return value == NULL ? NULL : value->text;
}

bool command_has(const struct command_line *line, const char *name)
{
    return command_get(line, name) != NULL;
}

const struct command_entry *command_of(const struct command_line *line)
{
    return line->depth == 0 ? NULL : line->commands[line->depth - 1];
}

const struct command_option *command_program_options(const struct command_program *program,
                                                     const struct command_entry *entry)
{
    bool takes = entry == NULL || entry->settings;

    for (size_t i = 0; !takes && entry->verbs != NULL && entry->verbs[i] != NULL; i++) {
        takes = entry->verbs[i]->settings;
    }
    return takes ? program->options : NULL;
}

void command_path(const struct command_line *line, struct buf *out)
{
    buf_add_str(out, line->program->name);
    for (size_t i = 0; i < line->depth; i++) buf_printf(out, " %s", line->commands[i]->name);
}

void command_print_error(const struct command_line *line, const char *fmt, ...)
{
    struct buf path = {0};
    va_list ap;

    command_path(line, &path);
    fprintf(stderr, "%s: ", buf_cstr(&path));
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    buf_clear(&path);
}

int command_exit_of(const struct error *err)
{
    static const enum command_exit exits[] = {
        [ERROR_NONE] = COMMAND_OK,          [ERROR_USAGE] = COMMAND_USAGE,    [ERROR_SETTINGS] = COMMAND_SETTINGS,
        [ERROR_INVALID] = COMMAND_WRONG,    [ERROR_SYSTEM] = COMMAND_SYSTEM,  [ERROR_UNAVAILABLE] = COMMAND_DATABASE,
        [ERROR_REFUSED] = COMMAND_DATABASE, [ERROR_TIMEOUT] = COMMAND_LOCKED, [ERROR_FAILED] = COMMAND_WRONG,
    };

    return (int)exits[err->code];
}

/* Whether the process becomes a master. */
static bool command_serves(const struct command_line *line)
{
    const struct command_entry *entry = command_of(line);

    return entry != NULL && entry->serves && !line->wants_version && !line->wants_help;
}

static int command_answer(const struct command_line *line)
{
    const struct command_entry *entry = command_of(line);
    struct buf text = {0};

    if (!command_serves(line)) given_run_once();
    if (line->wants_version) {
        printf("%s %s\n", line->program->name, line->program->version);
    } else if (line->wants_help) {
        command_help(line, &text);
        fwrite(text.data, 1, text.len, stdout);
        buf_clear(&text);
    } else {
        return entry->settings ? line->program->run_with_settings(line) : entry->run(line, NULL);
    }
    return COMMAND_OK;
}

/* 0, or the errno of what failed. A file system may keep the error for the close. */
static int command_output_error(void)
{
    const bool failed_before = ferror(stdout) != 0;

    if (fflush(stdout) != 0) return errno;
    /* Nobody kept that errno, so it is made once more; the output is not whole anyway. */
    if (failed_before) return write(STDOUT_FILENO, "\n", 1) < 0 ? errno : EIO;
    const int fd = dup(STDOUT_FILENO);

    return fd >= 0 && close(fd) != 0 && errno != EINTR ? errno : 0;
}

int command_flush(struct error *err)
{
    const int number = command_output_error();

    if (number == 0) return 0;
    __fpurge(stdout);
    clearerr(stdout); /* it is told of now */
    return error_set(err, ERROR_SYSTEM, "standard output could not be written completely: %s", strerror(number));
}

/* The reader has had enough (| head): nothing is wrong that anybody should be told of. The process ends by the signal
 * that such writes send to whoever does not ignore it, as a shell knows it of other programs. */
static void command_end_without_reader(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGPIPE);
}

static int command_check_output(const struct command_program *program, int status)
{
    const int number = command_output_error();

    if (number == 0) return status;
    if (number == EPIPE) command_end_without_reader();
    fprintf(stderr, "%s: standard output could not be written completely: %s\n", program->name, strerror(number));
    return status == COMMAND_OK ? COMMAND_SYSTEM : status;
}

int command_main(const struct command_program *program, int argc, char **argv)
{
    struct command_line line;
    struct error err;
    int status = COMMAND_USAGE;

    if (command_parse(program, argc, argv, &line, &err) == 0) {
        status = command_check_output(program, command_answer(&line));
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    command_clear(&line);
    return status;
}
