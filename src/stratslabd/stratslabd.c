#include "stratslabd/stratslabd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "master/master.h"

static const struct command {
    const char *name;
    int (*run)(const struct command_context *context, int argc, char **argv);
    const char *summary;
} commands[] = {
    {"serve", command_serve, "run the service (the default)"},
    {"migrate", command_migrate, "change the database's schema, or say how it is"},
    {"check", command_check, "try whether the service would start: settings, database, migrations, statements"},
    {"health", command_health, "ask the running service whether it is well; for container health checks"},
    {"status", command_status, "what the running service is doing"},
    {"reload", command_reload, "have the running service become the executable that is now on disk"},
    {"token", command_token, "make, list and revoke access tokens"},
    {"config", command_config, "print the settings in force, and where each comes from"},
    {"openapi", command_openapi, "print the OpenAPI document of the API"},
};

static const char command_usage[] = "Usage: stratslabd [--config FILE] [--set NAME=VALUE]... [COMMAND] [OPTION]...\n";

int command_exit_of(const struct error *err)
{
    static const enum command_exit exits[] = {
        [ERROR_NONE] = COMMAND_OK,           [ERROR_USAGE] = COMMAND_USAGE,    [ERROR_SETTINGS] = COMMAND_SETTINGS,
        [ERROR_INVALID] = COMMAND_MIGRATION, [ERROR_SYSTEM] = COMMAND_SYSTEM,  [ERROR_UNAVAILABLE] = COMMAND_DATABASE,
        [ERROR_REFUSED] = COMMAND_DATABASE,  [ERROR_TIMEOUT] = COMMAND_LOCKED, [ERROR_FAILED] = COMMAND_MIGRATION,
    };

    return (int)exits[err->code];
}

static void command_print_help(void)
{
    printf("%s\nThe API service of StratsLab: trading strategies, kept in PostgreSQL, over HTTP.\n\nCommands:\n",
           command_usage);
    for (size_t i = 0; i < countof(commands); i++) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\nOptions, before or behind the command:\n"
           "  --config FILE      read settings from FILE (the same as --set STRATSLAB_CONFIG=FILE)\n"
           "  --set NAME=VALUE   set one setting; wins over the environment and the file\n"
           "  --version          print the version\n"
           "  --help             print this, or a command's help\n"
           "\n\"stratslabd config --sample\" prints every setting with its meaning.\n");
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < countof(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    }
    return NULL;
}

/* The options that every command has, taken out of argv. */
struct command_line {
    char **args; /* what is left, NULL-terminated; args[0] is the command's name where there is one */
    int count;
    const char **sets;
    size_t set_count;
    char *config; /* "STRATSLAB_CONFIG=FILE" */
};

static void command_line_clear(struct command_line *line)
{
    free(line->args);
    free(line->sets);
    free(line->config);
}

/* Whether option `name` stands at argv[*at], and its value: behind "=" or in the next word, which *at then is. */
static bool command_option(const char *name, char **argv, int argc, int *at, const char **ret_value)
{
    size_t len = strlen(name);
    const char *word = argv[*at];

    if (strncmp(word, name, len) != 0) return false;
    if (word[len] == '=') {
        *ret_value = word + len + 1;
        return true;
    }
    if (word[len] != '\0') return false;
    *ret_value = *at + 1 < argc ? argv[++*at] : "";
    return true;
}

static int command_line_parse(struct command_line *line, int argc, char **argv)
{
    line->args = mem_array((size_t)argc + 1, sizeof(char *));
    line->sets = mem_array((size_t)argc + 1, sizeof(char *));
    for (int at = 1; at < argc; at++) {
        const char *value;

        if (command_option("--config", argv, argc, &at, &value)) {
            free(line->config);
            line->config = mem_printf("STRATSLAB_CONFIG=%s", value);
        } else if (command_option("--set", argv, argc, &at, &value)) {
            line->sets[line->set_count++] = value;
        } else if (line->count == 0 && strcmp(argv[at], "--version") == 0) {
            printf("stratslabd " PACKAGE_VERSION "\n");
            return 1;
        } else if (line->count == 0 && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)) {
            command_print_help();
            return 1;
        } else if (line->count == 0 && argv[at][0] == '-') {
            fprintf(stderr, "stratslabd: unknown option %s\n%s", argv[at], command_usage);
            return -1;
        } else {
            line->args[line->count++] = argv[at];
        }
    }
    if (line->config != NULL) line->sets[line->set_count++] = line->config;
    return 0;
}

const struct conf_address *command_open_address(const struct conf *conf)
{
    for (size_t i = 0; conf->auth == CONF_AUTH_OFF && i < conf->listen.count; i++) {
        if (conf_address_is_public(&conf->listen.items[i])) return &conf->listen.items[i];
    }
    return NULL;
}

int command_flags(int argc, char **argv, const char *usage, const char *const *names, unsigned *ret_given)
{
    *ret_given = 0;
    for (int i = 1; i < argc; i++) {
        unsigned at = 0;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 1;
        }
        while (names[at] != NULL && strcmp(argv[i], names[at]) != 0) at++;
        if (names[at] == NULL) {
            fprintf(stderr, "stratslabd %s: unknown argument \"%s\"\n%s", argv[0], argv[i], usage);
            return -1;
        }
        *ret_given |= 1U << at;
    }
    return 0;
}

/* Words that are answered without settings. */
static bool command_wants_help(const struct command_line *line)
{
    for (int i = 1; i < line->count; i++) {
        bool text = strcmp(line->args[i], "--sample") == 0 || strcmp(line->args[i], "--man") == 0;

        if (text && strcmp(line->args[0], "config") == 0) return true;
        if (strcmp(line->args[i], "--help") == 0 || strcmp(line->args[i], "-h") == 0) return true;
    }
    return false;
}

/* The settings of the command line, the environment and the file; or, in an image that takes its service back, its own.
 */
static int command_load(const struct command_line *line, int resume_fd, struct conf **ret_conf, struct error *err)
{
    const char *kept[CONF_EXPORT_MAX + 1] = {NULL};
    struct buf settings = {0};
    size_t count = 0;
    int rc;

    master_resume_settings(resume_fd, &settings);
    for (size_t at = 0; at < settings.len && count < CONF_EXPORT_MAX; at += strlen(settings.data + at) + 1) {
        kept[count++] = settings.data + at;
    }
    if (count > 0) {
        rc = conf_load(CONF_STRATSLABD, kept, NULL, 0, ret_conf, err);
    } else {
        rc = conf_load(CONF_STRATSLABD, (const char *const *)environ, line->sets, line->set_count, ret_conf, err);
    }
    buf_clear(&settings);
    return rc;
}

static int command_run(const struct command_line *line)
{
    static char serve[] = "serve";
    char *default_args[] = {serve, NULL};
    char **args = line->count == 0 ? default_args : line->args;
    const struct command *command = command_find(args[0]);
    struct command_context context = {
        .sets = line->sets, .set_count = line->set_count, .resume_fd = master_resume_fd()};
    struct conf *conf = NULL;
    struct error err;

    if (command == NULL) {
        fprintf(stderr, "stratslabd: there is no command \"%s\"; see stratslabd --help\n%s", args[0], command_usage);
        return COMMAND_USAGE;
    }
    /* Help must not depend on settings that may be what is wrong. */
    if (!command_wants_help(line)) {
        if (command_load(line, context.resume_fd, &conf, &err) != 0) {
            if (context.resume_fd >= 0) command_serve_give_back(&context, err.message);
            fprintf(stderr, "stratslabd: bad settings; nothing was started\n%s\n", err.message);
            return COMMAND_SETTINGS;
        }
        context.conf = conf;
    }
    int status = command->run(&context, line->count == 0 ? 1 : line->count, args);

    conf_free(conf);
    return status;
}

int command_main(int argc, char **argv)
{
    struct command_line line = {0};
    int parsed = command_line_parse(&line, argc, argv);
    int status = parsed == 0 ? command_run(&line) : parsed > 0 ? COMMAND_OK : COMMAND_USAGE;

    command_line_clear(&line);
    return status;
}
