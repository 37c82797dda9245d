/* `health`: for health checks in a container without a shell or curl. */
#include <stdio.h>

#include "command/daemon.h"
#include "command/probe.h"

int command_health_main(const struct command_line *line, const struct command_context *context)
{
    const struct conf *conf = context->conf;
    const bool api = command_has(line, "--api") || conf->admin_listen.count == 0;
    const char *path = command_has(line, "--live") ? "/health/live" : "/health/ready";
    struct buf body = {0};
    unsigned status = 0;
    struct error err;

    if (probe_get(api ? &conf->listen : &conf->admin_listen, path, &status, &body, &err) != 0) {
        command_print_error(line, "%s", err.message);
    } else {
        printf("%s\n", buf_cstr(&body));
    }
    buf_clear(&body);
    return status == 200 ? COMMAND_OK : COMMAND_UNHEALTHY;
}

static const struct command_option health_options[] = {
    {.name = "--live", .help = COMMAND_HEALTH_LIVE_HELP},
    {0},
};

const struct command_entry command_health = {
    .name = "health",
    .summary = COMMAND_HEALTH_SUMMARY,
    .about = COMMAND_HEALTH_ABOUT,
    .options = health_options,
    .settings = true,
    .run = command_health_main,
};
