/* `stratslabd health`: for health checks where there is no shell and no curl. */

#include <stdio.h>

#include "stratslabd/probe.h"
#include "stratslabd/stratslabd.h"

static const char health_usage[] =
    "Usage: stratslabd health [--live] [--api]\n"
    "Asks the running service whether it is well, prints its answer, and exits 0 where it is, 1 where it is not.\n"
    "\n"
    "  --live  only whether it turns (/health/live), whatever the database does\n"
    "  --api   ask on STRATSLAB_LISTEN instead of STRATSLAB_ADMIN_LISTEN\n"
    "  --help  this text\n";

enum { HEALTH_LIVE = 1, HEALTH_API = 2 };

int command_health(const struct command_context *context, int argc, char **argv)
{
    static const char *const flags[] = {"--live", "--api", NULL};
    struct buf body = {0};
    unsigned given;
    unsigned status = 0;
    struct error err;
    int parsed = command_flags(argc, argv, health_usage, flags, &given);

    if (parsed != 0) return parsed > 0 ? COMMAND_OK : COMMAND_USAGE;
    bool api = (given & HEALTH_API) != 0 || context->conf->admin_listen.count == 0;
    const struct conf_addresses *where = api ? &context->conf->listen : &context->conf->admin_listen;

    if (probe_get(where, (given & HEALTH_LIVE) != 0 ? "/health/live" : "/health/ready", &status, &body, &err) != 0) {
        fprintf(stderr, "stratslabd health: %s\n", err.message);
    } else {
        printf("%s\n", buf_cstr(&body));
    }
    buf_clear(&body);
    return status == 200 ? COMMAND_OK : COMMAND_UNHEALTHY;
}
