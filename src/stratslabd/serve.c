/* The service: the roles of its processes, and what each is given. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "api/api.h"
#include "api/docs.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "child/child.h"
#include "http/http.h"
#include "master/master.h"
#include "migrate/migrate.h"
#include "stratslabd/stratslabd.h"
#include "web/count.h"
#include "web/web.h"

/* Past the workers' own time for a graceful stop, what is left is killed. */
enum { SERVE_KILL_GRACE_MS = 2000 };

struct serve {
    const struct command_context *context;
    struct buf schema_versions; /* a text[] literal */
    struct buf settings;        /* as conf_export writes them */
    struct count_name *names;   /* what workers count requests under */
    size_t name_count;
    struct api_docs *docs; /* NULL: there is no Swagger UI */
    /* argv of the next image, of its preflight, and of its migration */
    char **args;
    char **preflight_args;
    char **migrate_args;
};

static void serve_init_args(struct serve *serve)
{
    char form[MASTER_FORM_BYTES];

    master_state_form(form);
    /* The option's name is older than the form: whoever knows only versions refuses this one, and says what to do. */
    char *version = mem_printf("--state-version=%s", form);
    char *have = mem_printf("--have=%s", serve->schema_versions.data);
    const char *const again[] = {"serve", NULL};
    const char *const preflight[] = {"check", "--preflight", version, have, NULL};
    const char *const migrate[] = {"migrate", "up", NULL};

    serve->args = command_args_new(serve->context, again);
    serve->preflight_args = command_args_new(serve->context, preflight);
    serve->migrate_args = command_args_new(serve->context, migrate);
    free(version);
    free(have);
}

/* The admin process and the master do not know the api: its routes' names reach them from here. It fails if a path
 * of the settings is one that the api has already: better said here than by every worker. */
static int serve_init_names(struct serve *serve, struct error *err)
{
    const struct api_options options = web_api_options(serve->context->conf);
    struct api *api;
    size_t count;

    if (api_new(&options, &api, err) != 0) return -1;
    const struct http_route *const *routes = api_routes(api, &count);

    serve->names = count_names(routes, count, &serve->name_count);
    api_free(api);
    return 0;
}

static unsigned serve_learn_metrics(void *ctx, struct metrics *metrics)
{
    const struct serve *serve = ctx;

    return count_learn(metrics, serve->names, serve->name_count);
}

static int serve_migrate(const struct master_child *child)
{
    const struct serve *serve = child->ctx;

    log_set_role("migrate");
    return stratslabd_migrate_boot(serve->context);
}

static struct child_place serve_place(const struct master_child *child, struct scoreboard_worker *cells)
{
    return (struct child_place){
        .channel_fd = child->channel_fd,
        .board = child->board,
        .cells = cells,
        .heartbeat_ms = child->heartbeat_ms,
        .listen_fds = child->listen_fds,
        .listen_count = child->listen_count,
        .listen_passed = child->listen_passed,
    };
}

static int serve_admin(const struct master_child *child)
{
    const struct serve *serve = child->ctx;
    const struct child_place place = serve_place(child, NULL);

    return admin_run(&(struct admin_options){
        .program = "stratslabd",
        .http_limits = &serve->context->conf->http,
        .place = &place,
        .metrics = {.program = "stratslabd", .counted = &count_table},
    });
}

static int serve_worker(const struct master_child *child)
{
    const struct serve *serve = child->ctx;
    const struct child_place place = serve_place(child, &child->board->worker[child->cell]);

    return web_run(&(struct web_options){
        .conf = serve->context->conf,
        .place = &place,
        .slot = child->cell,
        .docs = serve->docs,
        .schema_versions = serve->schema_versions.data,
    });
}

static int serve_configure_log(const struct conf *conf, struct error *err)
{
    /* systemd sets JOURNAL_STREAM if standard error goes to the journal (systemd.exec(5)). */
    log_configure(&(struct log_options){
        .lines = conf->log.lines,
        .journal_prefix = getenv("JOURNAL_STREAM") != NULL,
        .fd = 2,
    });
    log_set_role("master"); /* which this is going to be */
    return conf->log.file[0] == '\0' ? 0 : log_open(conf->log.file, err);
}

/* Table order is start order: health first, so that "migrating" can be seen. */
static struct master_options serve_roles(struct serve *serve)
{
    const struct conf *conf = serve->context->conf;

    return (struct master_options){
        .name = "stratslabd",
        .times =
            {
                .start_ms = conf->database.limits.connect_timeout_ms,
                .stop_delay_ms = conf->supervision.stop_delay_ms,
                .stop_timeout_ms = conf->supervision.stop_timeout_ms,
                .kill_grace_ms = SERVE_KILL_GRACE_MS,
                .hang_timeout_ms = conf->supervision.hang_timeout_ms,
                .reload_timeout_ms = conf->supervision.reload_timeout_ms,
            },
        .ctx = serve,
        .reload =
            {
                .args = serve->args,
                .preflight_args = serve->preflight_args,
                .prepare_name = conf->migrations.on_start ? "migrate" : NULL,
                .prepare_args = serve->migrate_args,
                .unprepared_status = PREFLIGHT_NO_DATABASE,
                .timeout_setting = "STRATSLAB_RELOAD_TIMEOUT",
            },
        .settings = buf_slice(&serve->settings),
        .learn_metrics = serve_learn_metrics,
        .resume_fd = serve->context->resume_fd,
        .roles =
            {
                {.name = "admin",
                 .plural = "admin processes",
                 .run = serve_admin,
                 .listen = &conf->admin_listen,
                 .socket_name = "admin",
                 .count = conf->admin_listen.count > 0 ? 1 : 0,
                 .ends_last = true},
                {.name = "migrate",
                 .plural = "migrations",
                 .run = serve_migrate,
                 .count = conf->migrations.on_start ? 1 : 0,
                 .task = true,
                 .phase = SCOREBOARD_MIGRATING,
                 .doing = "waiting for the database, and for migrations"},
                {.name = "worker",
                 .plural = "workers",
                 .run = serve_worker,
                 .listen = &conf->listen,
                 .socket_name = "http",
                 .takes_unnamed_sockets = true,
                 .count = conf->supervision.workers,
                 .serves = true,
                 .counts_as_crash_loop = true,
                 .has_cells = true,
                 .is_scaled = true},
            },
        .role_count = 3,
    };
}

const struct conf_address *stratslabd_open_address(const struct conf *conf)
{
    for (size_t i = 0; conf->auth == CONF_AUTH_OFF && i < conf->listen.count; i++) {
        if (conf_address_is_public(&conf->listen.items[i])) return &conf->listen.items[i];
    }
    return NULL;
}

/* The service is the same without it: a page that links the document takes its place. */
static struct api_docs *serve_load_docs(const struct conf *conf)
{
    struct api_docs *docs = NULL;
    struct error err;

    if (conf->docs_url == NULL || conf->openapi_url == NULL) return NULL;
    if (api_docs_load(conf->docs_dir, &docs, &err) != 0) {
        log_warning("there is no Swagger UI: the page only links the document", LOG_STR("page", conf->docs_url),
                    LOG_STR("reason", err.message));
    }
    return docs;
}

static void serve_warn_open(const struct conf *conf)
{
    const struct conf_address *open = stratslabd_open_address(conf);

    if (open == NULL) return;
    log_warning("whoever can connect may read and change everything: STRATSLAB_AUTH is off",
                LOG_STR("listen", open->text));
}

static int serve_run(const struct command_context *context)
{
    struct serve serve = {.context = context};
    struct migrate_files *files = NULL;
    struct error err;

    /* Migrations are read once: what this build knows does not change when somebody puts a file there while it serves.
     */
    if (serve_configure_log(context->conf, &err) != 0 || serve_init_names(&serve, &err) != 0 ||
        migrate_files_load(context->conf->migrations.dir, &files, &err) != 0) {
        if (context->resume_fd >= 0) command_give_back(context, err.message);
        fprintf(stderr, "stratslabd: %s\n", err.message);
        return command_exit_of(&err);
    }
    serve_warn_open(context->conf);
    migrate_files_array(files, &serve.schema_versions);
    buf_cstr(&serve.schema_versions);
    serve.docs = serve_load_docs(context->conf);
    serve_init_args(&serve);
    conf_export(context->conf, &serve.settings);
    migrate_files_free(files);

    struct master_options options = serve_roles(&serve);
    int status = master_run(&options);

    api_docs_free(serve.docs);
    buf_clear(&serve.schema_versions);
    buf_clear(&serve.settings);
    free(serve.names);
    command_args_free(serve.args);
    command_args_free(serve.preflight_args);
    command_args_free(serve.migrate_args);
    return status;
}

static int serve_main(const struct command_line *line, const struct command_context *context)
{
    if (command_has(line, "--require-database") && !context->conf->database.given) {
        fprintf(stderr,
                "stratslabd: no database is configured; nothing was started\n"
                "Name one with DATABASE_URL, or with POSTGRES_HOST and the other POSTGRES_* settings, in %s,\n"
                "in the environment, or in a credential of the unit. Then try it: stratslabd check\n",
                context->conf->config_path);
        return COMMAND_SETTINGS;
    }
    return serve_run(context);
}

static const struct command_option serve_options[] = {
    {.name = "--require-database",
     .help = "end with 78 if nothing says which database, instead of trying the default one"},
    {0},
};

const struct command_entry stratslabd_serve = {
    .name = "serve",
    .summary = "run the service (the default)",
    .about = "Runs in the foreground: applies pending migrations, then serves on STRATSLAB_LISTEN until SIGTERM or\n"
             "SIGINT. Settings come from the settings file, systemd's credentials, the environment and --set; see\n"
             "stratslabd config --sample.\n",
    .options = serve_options,
    .settings = true,
    .run = serve_main,
};
