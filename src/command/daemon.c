#include "command/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/given.h"
#include "base/mem.h"
#include "master/master.h"

const struct command_option command_settings_options[] = {
    {.name = "--config",
     .value = "FILE",
     .type = COMMAND_TEXT,
     .may_be_empty = true,
     .last_wins = true,
     .help = "read settings from FILE (the same as --set STRATSLAB_CONFIG=FILE)"},
    {.name = "--set",
     .value = "NAME=VALUE",
     .type = COMMAND_TEXT,
     .may_be_empty = true,
     .repeatable = true,
     .help = "set one setting; it wins over the environment and the file"},
    {0},
};

/* setenv leaves the old value where it was, and nobody finds it there to wipe it later. */
static void settings_wipe_variable(const char *name)
{
    const size_t len = strlen(name);

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') conf_wipe_owners(*at);
    }
}

/* The environment is the next source after the command line, and programs that we start get no other secret from us: so
 * it counts there as it did here. */
static void settings_hand_over(const char *set)
{
    struct slice value = slice_of(set);
    const struct slice name = slice_cut(&value, '=');

    if (value.data == NULL) return; /* it is not a setting, and a command with settings has said so */
    char *variable = mem_printf("%.*s", SLICE_FMT(name));
    char *by_file = mem_printf("%s_FILE", variable);

    settings_wipe_variable(variable);
    if (setenv(variable, value.data, 1) != 0 || unsetenv(by_file) != 0) mem_die(value.len);
    free(variable);
    free(by_file);
}

char **command_args_new(const struct command_context *context, const char *const *words)
{
    size_t count = 0;
    size_t at = 0;

    while (words[count] != NULL) count++;
    char **args = mem_array(1 + context->set_count + count + 1, sizeof(char *));

    args[at++] = mem_strdup(context->program->name);
    for (size_t i = 0; i < context->set_count; i++) {
        if (conf_set_is_secret(context->sets[i])) {
            settings_hand_over(context->sets[i]);
        } else {
            args[at++] = mem_printf("--set=%s", context->sets[i]);
        }
    }
    for (size_t i = 0; i < count; i++) args[at++] = mem_strdup(words[i]);
    return args;
}

void command_args_free(char **args)
{
    for (size_t i = 0; args != NULL && args[i] != NULL; i++) free(args[i]);
    free(args);
}

void command_forget_owner(const struct command_context *context)
{
    conf_forget_owner(context->conf, environ);
    /* These are copies of this program's own (settings_take), const for all others. */
    for (size_t i = 0; i < context->set_count; i++) conf_wipe_owners((char *)(uintptr_t)context->sets[i]);
    mem_burn_free();
    mem_burn_stack();
}

void command_roll_back(const struct command_context *context, const char *reason)
{
    const char *const again[] = {context->program->default_command, NULL};
    char **args = command_args_new(context, again);

    master_roll_back(context->program->name, context->resume_fd, reason, args);
    command_args_free(args);
}

static int settings_load_now(const struct command_context *context, bool connects, struct conf **ret_conf,
                             struct error *err)
{
    const char *const *variables = (const char *const *)environ;
    struct conf *conf;

    if (conf_load(context->program->settings, variables, context->sets, context->set_count, &conf, err) != 0) return -1;
    if (connects && conf_judge_database(conf, variables, err) != 0) {
        conf_free(conf);
        return -1;
    }
    *ret_conf = conf;
    return 0;
}

/* The settings of the command line, the environment and the file; or, in an image that takes its service back, its own.
 */
static int settings_load(const struct command_context *context, bool connects, struct conf **ret_conf,
                         struct error *err)
{
    const char *kept[CONF_EXPORT_MAX + 1] = {NULL};
    const enum conf_program settings = context->program->settings;
    struct buf handed = {0};
    size_t count = 0;
    int rc;

    master_resume_settings(context->resume_fd, &handed);
    for (size_t at = 0; at < handed.len && count < CONF_EXPORT_MAX; at += strlen(handed.data + at) + 1) {
        kept[count++] = handed.data + at;
    }
    if (count > 0) {
        rc = conf_load(settings, kept, NULL, 0, ret_conf, err);
    } else {
        rc = settings_load_now(context, connects, ret_conf, err);
    }
    buf_burn(&handed);
    mem_burn_stack(); /* before a frame that stays lies over what reading them has left */
    return rc;
}

static bool settings_are_wanted(const struct command_line *line)
{
    for (size_t i = 0; i < line->value_count; i++) {
        if (line->values[i].option->without_settings) return false;
    }
    return true;
}

static int settings_run(const struct command_line *line, struct command_context *context)
{
    struct conf *conf = NULL;
    struct error err;
    int rc = 0;

    /* What is printed of a table must not depend on settings that may be what is wrong. */
    if (settings_are_wanted(line)) rc = settings_load(context, command_of(line)->connects, &conf, &err);
    if (rc != 0) {
        if (context->resume_fd >= 0) command_roll_back(context, err.message);
        fprintf(stderr, "%s: bad settings; nothing was started\n%s\n", line->program->name, err.message);
        return COMMAND_SETTINGS;
    }
    context->conf = conf;
    const int status = command_of(line)->run(line, context);

    conf_free(conf);
    return status;
}

/* Everybody on the machine can read a command line (proc(5): /proc/PID/cmdline), so a secret stays there for no longer
 * than it takes to get here. The copy is the caller's. */
static char *settings_take(const char *text)
{
    char *copy = mem_strdup(text);
    char *equals = strchr(text, '=');
    char *secret = equals == NULL ? (char *)(uintptr_t)text : equals + 1;

    /* The strings of argv are the program's to change (C17 section 5.1.2.2.1). */
    if (conf_set_is_secret(copy)) memset(secret, '*', strlen(secret));
    return copy;
}

/* A service says so in its log. */
static void settings_warn(const char *program, const char *set)
{
    if (!conf_set_has_password(set)) return;
    fprintf(stderr, "%s: warning: --set %.*s: %s\n", program, (int)strcspn(set, "="), set, COMMAND_SECRET_ADVICE);
}

int command_run_with_settings(const struct command_line *line)
{
    char **sets = mem_array(line->value_count + 2, sizeof(char *));
    const char *config = command_text(line, "--config");
    struct command_context context = {.program = line->program,
                                      .sets = (const char *const *)sets,
                                      .is_helper = getenv(MASTER_HELPER_VARIABLE) != NULL,
                                      .resume_fd = master_resume_fd(line->program->name)};

    unsetenv(MASTER_HELPER_VARIABLE);
    if (command_of(line)->serves) given_serve(line->program->name, context.resume_fd >= 0);
    for (const struct command_value *set = NULL; (set = command_next(line, "--set", set)) != NULL;) {
        sets[context.set_count++] = settings_take(set->text);
    }
    for (size_t i = 0; i < context.set_count && !command_of(line)->serves; i++)
        settings_warn(line->program->name, sets[i]);
    if (config != NULL) sets[context.set_count++] = mem_printf("STRATSLAB_CONFIG=%s", config);
    const int status = settings_run(line, &context);

    for (size_t i = 0; i < context.set_count; i++) free(sets[i]);
    free(sets);
    return status;
}
