/* The daemon: the roles of its processes, and what each is given. */
#include <string.h>

#include "admin/admin.h"
#include "backtestd/backtestd.h"
#include "backtestd/schema.h"
#include "base/log.h"
#include "command/identity.h"
#include "command/service.h"
#include "queue/meter.h"
#include "queue/queue.h"

static unsigned serve_register_metrics(void *ctx, struct metrics *metrics)
{
    (void)ctx;
    return meter_register(metrics);
}

static int serve_admin(const struct master_child *child)
{
    const struct service *service = child->ctx;
    const struct conf *conf = service->context->conf;
    const int status = command_enter_wall(service->context, "admin", NULL);

    if (status != COMMAND_OK) return status;
    command_forget_owner(service->context); /* given if it shares an environment with stratslabd */
    return admin_run(&(struct admin_options){
        .http_limits = &conf->http,
        .hosts = conf->admin_hosts,
        .place = &child->place,
        .metrics = {.program = "backtestd", .counted = &meter_table},
    });
}

static int serve_database(const struct master_child *child)
{
    const struct service *service = child->ctx;
    struct migrate_files *files = NULL;
    struct error err;

    /* Inside the wall they could not be read. They were a moment ago (serve_main); without them nothing is said. */
    if (migrate_files_load(service->context->conf->migrations.dir, &files, &err) != 0) files = NULL;
    int status = command_enter_wall(service->context, "database", NULL);

    if (status == COMMAND_OK) {
        command_forget_owner(service->context);
        status = schema_await_database(service->context->conf, files);
    }
    migrate_files_free(files);
    return status;
}

static int serve_worker(const struct master_child *child)
{
    const struct service *service = child->ctx;
    const char *cache = service->context->conf->jobs.cache_dir;
    const struct wall_options more = {.forks = true, .writes = cache[0] == '\0' ? NULL : cache};
    const int status = command_enter_wall(service->context, "worker", &more);

    if (status != COMMAND_OK) return status;
    command_forget_owner(service->context);
    return queue_run(&(struct queue_options){
        .conf = service->context->conf,
        .place = &child->place,
        .slot = child->cell,
        .schema_versions = service->schema_versions,
    });
}

/* Table order is start order: health first, so that "starting" can be seen. */
static struct master_options serve_roles(struct service *service)
{
    const struct conf *conf = service->context->conf;
    struct master_options options = service_options(service);
    const struct master_role roles[] = {
        service_admin_role(service, serve_admin),
        {.name = "database",
         .plural = "looks for the database",
         .run = serve_database,
         .count = 1,
         .task = true,
         .phase = SCOREBOARD_STARTING,
         .doing = "waiting for the database"},
        {.name = "worker",
         .plural = "workers",
         .run = serve_worker,
         .count = conf->supervision.workers,
         .serves = true,
         .counts_as_crash_loop = true,
         .has_cells = true,
         .is_scaled = true},
    };

    memcpy(options.roles, roles, sizeof(roles));
    options.role_count = countof(roles);
    options.ctx = service;
    options.register_metrics = serve_register_metrics;
    return options;
}

static int serve_main(const struct command_line *line, const struct command_context *context)
{
    struct service service = {0};
    struct buf versions = {0};
    struct error err;
    int status = service_require_database(line, context);

    if (status != COMMAND_OK) return status;
    if (service_begin(&service, context, &err) != 0 ||
        migrate_versions_load(context->conf->migrations.dir, &versions, &err) != 0) {
        status = service_fail(&service, &err);
    } else {
        service_knows(&service, buf_slice(&versions));
        struct master_options options = serve_roles(&service);

        status = master_run(&options);
    }
    buf_clear(&versions);
    service_clear(&service);
    return status;
}

const struct command_entry backtestd_serve = {
    .name = "serve",
    .summary = "run the daemon (the default)",
    .about = "Runs in the foreground until SIGTERM or SIGINT. It waits for the database, and for its schema, which\n"
             "stratslabd migrates. Settings come from the settings file, systemd's credentials, the environment\n"
             "and --set; see backtestd config --sample.\n",
    .options = service_command_options,
    .settings = true,
    .connects = true,
    .serves = true,
    .run = serve_main,
};
