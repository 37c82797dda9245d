#include "command/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sink.h"
#include "command/identity.h"
#include "command/limits.h"

/* The master ends the program with its own statuses, which are among those that helps and man pages list. */
_Static_assert((int)MASTER_EXIT_CRASH_LOOP == (int)COMMAND_CRASH_LOOP && (int)MASTER_EXIT_SYSTEM == (int)COMMAND_SYSTEM,
               "the master's exit statuses are those of every command");

static void service_warn_limits(const struct conf *conf)
{
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        struct buf text = {0};

        limits_judge(conf, i, &text);
        if (text.len > 0) log_warning("a limit of the system is low", LOG_STR("limit", buf_cstr(&text)));
        buf_clear(&text);
    }
}

static void service_warn_secrets(const struct command_context *context)
{
    for (size_t i = 0; i < context->set_count; i++) {
        const char *set = context->sets[i];
        const struct slice name = {set, strcspn(set, "=")};

        if (conf_set_has_password(set)) {
            log_warning("a secret stood on the command line", LOG_SLICE("setting", name),
                        LOG_STR("advice", COMMAND_SECRET_ADVICE));
        }
    }
}

static void service_tell_links(const struct conf *conf)
{
    struct buf names = {0};

    for (size_t i = 0; i < conf->links.count; i++) {
        buf_printf(&names, "%s%s", i == 0 ? "" : " ", conf->links.items[i]);
    }
    if (names.len > 0) {
        log_debug("variables that an orchestrator sets by itself are passed over", LOG_STR("names", buf_cstr(&names)));
    }
    buf_clear(&names);
    if (conf->newer_passed[0] != '\0') {
        log_info("settings of a newer version are passed over", LOG_STR("names", conf->newer_passed));
    }
}

/* What nobody has set depends on the machine, so the log says what it came to, and why. */
static void service_log_size(const struct conf *conf)
{
    struct buf workers = {0}, memory = {0};

    conf_print_source(conf, "STRATSLAB_WORKERS", &workers);
    conf_print_source(conf, "STRATSLAB_HTTP_MEMORY", &memory);
    if (conf->listen.count == 0) { /* then it has no clients to hold memory for */
        log_info("sized", LOG_UINT("workers", conf->supervision.workers), LOG_STR("workers_from", buf_cstr(&workers)));
    } else {
        log_info("sized", LOG_UINT("workers", conf->supervision.workers), LOG_STR("workers_from", buf_cstr(&workers)),
                 LOG_UINT("http_memory", conf->http.memory_bytes), LOG_STR("http_memory_from", buf_cstr(&memory)));
    }
    buf_clear(&workers);
    buf_clear(&memory);
}

/* Past the children's own time for a graceful stop, what is left is killed. */
enum { SERVICE_KILL_GRACE_MS = 2000 };

int service_begin(struct service *service, const struct command_context *context, struct error *err)
{
    const struct conf *conf = context->conf;

    *service = (struct service){.context = context};
    /* Not even what libraries write there (the C library when it aborts) may wait for whoever reads the log. */
    sink_own(STDERR_FILENO);
    log_configure(&(struct log_options){
        .lines = conf->log.lines,
        .journal_prefix = sink_is_stream(STDERR_FILENO, getenv("JOURNAL_STREAM")),
        .fd = STDERR_FILENO,
    });
    log_set_role("master"); /* which this process is going to be */
    if (conf->log.file[0] != '\0' && log_open(conf->log.file, err) != 0) return -1;
    if (command_judge_identity(context, err) != 0) return -1;
    service_warn_limits(conf);
    service_warn_secrets(context);
    service_tell_links(conf);
    command_begin_wall(context);
    service_log_size(conf);
    return 0;
}

char *service_state_form(const struct command_program *program)
{
    char form[MASTER_FORM_BYTES];

    master_state_form(form);
    return mem_printf("%s:%s", program->name, form);
}

void service_knows(struct service *service, struct slice versions)
{
    char *form = service_state_form(service->context->program);

    buf_add_slice(&service->schema, versions);
    service->schema_versions = buf_cstr(&service->schema);
    /* The option's name is older than the form: a program that knows only versions refuses it, and says what to do. */
    char *version = mem_printf("--state-version=%s", form);
    char *have = mem_printf("--have=%s", service->schema_versions);
    const char *const again[] = {service->context->program->default_command, NULL};
    const char *const preflight[] = {"check", "--preflight", version, have, NULL};

    service->args = command_args_new(service->context, again);
    service->preflight_args = command_args_new(service->context, preflight);
    conf_export(service->context->conf, &service->settings);
    free(form);
    free(version);
    free(have);
}

/* A request may take the time of its head, of its body and of its statements, and its client has a time to read: the
 * usual limits add up to less than the least. */
enum { SERVICE_RETIRE_LEAST_MS = 120000 };

static unsigned service_retire_ms(const struct conf *conf)
{
    const struct http_limits *http = &conf->http;
    const uint64_t all = (uint64_t)http->header_timeout_ms + http->body_timeout_ms + http->write_timeout_ms +
                         2 * (uint64_t)conf->database.limits.statement_timeout_ms;

    if (conf->supervision.retire_timeout_ms > 0) return conf->supervision.retire_timeout_ms;
    if (all < SERVICE_RETIRE_LEAST_MS) return SERVICE_RETIRE_LEAST_MS;
    return all < UINT32_MAX ? (unsigned)all : UINT32_MAX;
}

struct master_options service_options(const struct service *service)
{
    const struct conf *conf = service->context->conf;

    return (struct master_options){
        .name = service->context->program->name,
        .times =
            {
                .start_ms = conf->database.limits.connect_timeout_ms,
                .stop_delay_ms = conf->supervision.stop_delay_ms,
                .stop_timeout_ms = conf->supervision.stop_timeout_ms,
                .kill_grace_ms = SERVICE_KILL_GRACE_MS,
                .hang_timeout_ms = conf->supervision.hang_timeout_ms,
                .reload_timeout_ms = conf->supervision.reload_timeout_ms,
                .retire_timeout_ms = service_retire_ms(conf),
            },
        .socket_access = &conf->sockets,
        .reload =
            {
                .args = service->args,
                .preflight_args = service->preflight_args,
                .unprepared_status = COMMAND_NO_DATABASE,
                .timeout_setting = "STRATSLAB_RELOAD_TIMEOUT",
            },
        .settings = buf_slice(&service->settings),
        .resume_fd = service->context->resume_fd,
    };
}

struct master_role service_admin_role(const struct service *service, int (*run)(const struct master_child *child))
{
    const struct conf_addresses *listen = &service->context->conf->admin_listen;

    return (struct master_role){
        .name = "admin",
        .plural = "admin processes",
        .run = run,
        .listen = listen,
        .listen_setting = "STRATSLAB_ADMIN_LISTEN",
        .socket_name = "admin",
        .count = listen->count > 0 ? 1 : 0,
        .ends_last = true,
    };
}

int service_fail(const struct service *service, const struct error *err)
{
    if (service->context->resume_fd >= 0) command_roll_back(service->context, err->message);
    fprintf(stderr, "%s: %s\n", service->context->program->name, err->message);
    return command_exit_of(err);
}

void service_clear(struct service *service)
{
    buf_clear(&service->schema);
    buf_clear(&service->settings);
    command_args_free(service->args);
    command_args_free(service->preflight_args);
}

const struct command_option service_command_options[] = {
    {.name = "--require-database",
     .help = "end with 78 if nothing says which database, instead of trying the default one"},
    {0},
};

int service_require_database(const struct command_line *line, const struct command_context *context)
{
    if (!command_has(line, "--require-database") || context->conf->database.given) return COMMAND_OK;
    fprintf(stderr,
            "%s: no database is configured; nothing was started\n"
            "Name one with DATABASE_URL, or with POSTGRES_HOST and the other POSTGRES_* settings, in %s,\n"
            "in the environment, or in a credential of the unit. Then try it: %s check\n",
            context->program->name, context->conf->config_path, context->program->name);
    return COMMAND_SETTINGS;
}
