/* `health`: for health checks where there is no shell and no curl. */
#include <stdio.h>

#include "command/daemon.h"
#include "command/probe.h"

static int health_main(const struct command_line *line, const struct command_context *context)
{
    const struct conf *conf = context->conf;
    const bool api = command_has(line, "--api") || conf->admin_listen.count == 0;
    const char *path = command_has(line, "--live") ? "/health/live" : "/health/ready";
    struct buf body = {0};
    unsigned status = 0;
    struct error err;

    if (probe_get(api ? &conf->listen : &conf->admin_listen, path, &status, &body, &err) != 0) {
        command_complain(line, "%s", err.message);
    } else {
        printf("%s\n", buf_cstr(&body));
    }
    buf_clear(&body);
    return status == 200 ? COMMAND_OK : COMMAND_UNHEALTHY;
}

static const struct command_option health_options[] = {
    {.name = "--live", .help = "ask only whether it turns (/health/live), whatever the database does"},
    {.name = "--api", .help = "ask on STRATSLAB_LISTEN instead of STRATSLAB_ADMIN_LISTEN"},
    {0},
};

const struct command_entry command_health = {
    .name = "health",
    .summary = "ask the running service whether it is well; for container health checks",
    .about = "Prints the service's answer. Exit status: 0 if it is well, 1 if it is not, or nobody answers.\n",
    .options = health_options,
    .settings = true,
    .run = health_main,
};
