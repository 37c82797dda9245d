/* `health`: for health checks in a container without a shell or curl. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/health.h"
#include "command/daemon.h"
#include "command/probe.h"

/* Anybody may answer 200 on that port. */
static bool health_is_ours(const struct buf *body)
{
    struct json_object *answer = probe_parse_json(body);
    const bool ours = strcmp(probe_text(answer, "status"), health_words[HEALTH_OK]) == 0;

    json_object_put(answer);
    return ours;
}

int command_health_main(const struct command_line *line, const struct command_context *context)
{
    const struct conf *conf = context->conf;
    const bool api = command_has(line, "--api") || conf->admin_listen.count == 0;
    const char *path = command_has(line, "--live") ? "/health/live" : "/health/ready";
    struct buf body = {0};
    unsigned status = 0;
    struct error err;

    const struct conf_addresses *where = api ? &conf->listen : &conf->admin_listen;

    if (probe_get(where, path, &status, &body, &err) != 0) {
        command_print_error(line, "%s", err.message);
    } else if (status == 200 && !health_is_ours(&body)) {
        command_print_error(line,
                            "what listens on %s is not %s: its answer to %s is 200, but not {\"status\":\"ok\",...}",
                            where->items[0].text, context->program->name, path);
        status = 0;
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
