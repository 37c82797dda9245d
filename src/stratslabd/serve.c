/* The service: the roles of its processes, and what each is given. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "api/api.h"
#include "api/site.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "command/identity.h"
#include "command/service.h"
#include "http/http.h"
#include "migrate/migrate.h"
#include "stratslabd/stratslabd.h"
#include "web/count.h"
#include "web/web.h"

struct serve {
    struct service service;
    struct count_name *names; /* what workers count requests under */
    size_t name_count;
    struct api_site *docs; /* NULL: there is no Swagger UI */
    struct api_site *ui;   /* NULL: there is no page for people */
    char **migrate_args;   /* argv of the next image's migration */
};

/* The admin process and the master do not know the api: its routes' names reach them from here. It fails if a path
 * of the settings is one that the api has already: better said here than by every worker. */
static int serve_init_names(struct serve *serve, struct error *err)
{
    const struct api_options options = web_api_options(serve->service.context->conf);
    struct api *api;
    size_t count;

    if (api_new(&options, &api, err) != 0) return -1;
    const struct http_route *const *routes = api_routes(api, &count);

    serve->names = count_names(routes, count, &serve->name_count);
    api_free(api);
    return 0;
}

static unsigned serve_register_metrics(void *ctx, struct metrics *metrics)
{
    const struct serve *serve = ctx;

    return count_register(metrics, serve->names, serve->name_count);
}

static int serve_migrate(const struct master_child *child)
{
    const struct serve *serve = child->ctx;

    return stratslabd_migrate_boot(serve->service.context);
}

static int serve_admin(const struct master_child *child)
{
    const struct serve *serve = child->ctx;
    const struct conf *conf = serve->service.context->conf;
    const int status = command_enter_wall(serve->service.context, "admin", NULL);

    if (status != COMMAND_OK) return status;
    command_forget_owner(serve->service.context);
    return admin_run(&(struct admin_options){
        .http_limits = &conf->http,
        .hosts = conf->admin_hosts,
        .place = &child->place,
        .metrics = {.program = "stratslabd", .counted = &count_table},
    });
}

static int serve_worker(const struct master_child *child)
{
    const struct serve *serve = child->ctx;
    const int status = command_enter_wall(serve->service.context, "worker", NULL);

    if (status != COMMAND_OK) return status;
    command_forget_owner(serve->service.context);
    return web_run(&(struct web_options){
        .conf = serve->service.context->conf,
        .place = &child->place,
        .slot = child->cell,
        .docs = serve->docs,
        .ui = serve->ui,
        .schema_versions = serve->service.schema_versions,
    });
}

/* Table order is start order: health first, so that "migrating" can be seen. */
static struct master_options serve_roles(struct serve *serve)
{
    const struct conf *conf = serve->service.context->conf;
    struct master_options options = service_options(&serve->service);
    const struct master_role roles[] = {
        service_admin_role(&serve->service, serve_admin),
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
         .listen_setting = "STRATSLAB_LISTEN",
         .socket_name = "http",
         .takes_unnamed_sockets = true,
         .count = conf->supervision.workers,
         .serves = true,
         .counts_as_crash_loop = true,
         .has_cells = true,
         .is_scaled = true},
    };

    memcpy(options.roles, roles, sizeof(roles));
    options.role_count = countof(roles);
    options.ctx = serve;
    options.register_metrics = serve_register_metrics;
    options.reload.prepare_name = conf->migrations.on_start ? "migrate" : NULL;
    options.reload.prepare_args = serve->migrate_args;
    return options;
}

const struct conf_address *stratslabd_open_address(const struct conf *conf)
{
    for (size_t i = 0; conf->auth == CONF_AUTH_OFF && i < conf->listen.count; i++) {
        if (conf_address_is_public(&conf->listen.items[i])) return &conf->listen.items[i];
    }
    return NULL;
}

/* The service is the same without it: a page that links the document takes its place. */
static struct api_site *serve_load_docs(const struct conf *conf)
{
    struct api_site *docs = NULL;
    struct error err;

    if (conf->docs_url == NULL || conf->openapi_url == NULL) return NULL;
    if (api_site_load(conf->docs_dir, &docs, &err) != 0) {
        log_warning("there is no Swagger UI: the page only links the document", LOG_STR("page", conf->docs_url),
                    LOG_STR("reason", err.message));
    }
    return docs;
}

static struct api_site *serve_load_ui(const struct conf *conf)
{
    struct api_site *ui = NULL;
    struct error err;

    if (api_site_load(conf->ui_dir, &ui, &err) != 0) {
        log_warning("there is no page for people: / only links the API", LOG_STR("reason", err.message));
    }
    return ui;
}

static void serve_warn_open(const struct conf *conf)
{
    const struct conf_address *open = stratslabd_open_address(conf);

    if (open == NULL) return;
    log_warning("whoever can connect may read and change everything: STRATSLAB_AUTH is off",
                LOG_STR("listen", open->text));
}

/* What is read once: what this build knows does not change because somebody puts a file there while it serves. */
static int serve_init(struct serve *serve, const struct command_context *context, struct error *err)
{
    static const char *const migrate[] = {"migrate", "up", NULL};
    struct buf versions = {0};

    if (service_begin(&serve->service, context, err) != 0 || serve_init_names(serve, err) != 0) return -1;
    if (migrate_versions_load(context->conf->migrations.dir, &versions, err) != 0) return -1;
    serve_warn_open(context->conf);
    service_knows(&serve->service, buf_slice(&versions));
    serve->migrate_args = command_args_new(context, migrate);
    serve->docs = serve_load_docs(context->conf);
    serve->ui = serve_load_ui(context->conf);
    buf_clear(&versions);
    return 0;
}

static int serve_main(const struct command_line *line, const struct command_context *context)
{
    struct serve serve = {0};
    struct error err;
    int status = service_require_database(line, context);

    if (status != COMMAND_OK) return status;
    if (serve_init(&serve, context, &err) != 0) {
        status = service_fail(&serve.service, &err);
    } else {
        struct master_options options = serve_roles(&serve);

        status = master_run(&options);
    }
    api_site_free(serve.docs);
    api_site_free(serve.ui);
    free(serve.names);
    command_args_free(serve.migrate_args);
    service_clear(&serve.service);
    return status;
}

const struct command_entry stratslabd_serve = {
    .name = "serve",
    .summary = "run the service (the default)",
    .about = "Runs in the foreground: applies pending migrations, then serves on STRATSLAB_LISTEN until SIGTERM or\n"
             "SIGINT. Settings come from the settings file, systemd's credentials, the environment and --set; see\n"
             "stratslabd config --sample.\n",
    .options = service_command_options,
    .settings = true,
    .connects = true,
    .serves = true,
    .run = serve_main,
};
