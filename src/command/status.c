/* `status`: what the running service says about itself on its admin port. */

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

#include "command/daemon.h"
#include "command/probe.h"

static void status_print_reload(struct json_object *reload)
{
    if (probe_number(reload, "number") == 0) return;
    printf("reload      number %" PRId64 " %s (%s, %" PRId64 " ms, at %s)\n", probe_number(reload, "number"),
           probe_text(reload, "state"), probe_text(reload, "step"), probe_number(reload, "duration_ms"),
           probe_text(reload, "at"));
    if (probe_text(reload, "reason")[0] != '\0') printf("            %s\n", probe_text(reload, "reason"));
}

static void status_print(struct json_object *status)
{
    struct json_object *workers = json_object_object_get(status, "workers");

    printf("status      %s\nversion     %s, generation %" PRId64 "\nexecutable  %s\nmaster      pid %" PRId64
           ", up %s s\nserved      %" PRId64 " requests, %" PRId64 " restarts of workers\n",
           probe_text(status, "status"), probe_text(status, "version"), probe_number(status, "generation"),
           probe_text(status, "executable"), probe_number(status, "pid"), probe_text(status, "uptime_s"),
           probe_number(status, "requests"), probe_number(status, "restarts"));
    status_print_reload(json_object_object_get(status, "reload"));
    printf("\n%8s %4s %-9s %-15s %10s %9s %11s %8s %8s\n", "WORKER", "GEN", "STATE", "DATABASE", "REQUESTS",
           "IN FLIGHT", "CONNECTIONS", "MEM MiB", "RESTARTS");
    for (size_t i = 0; i < json_object_array_length(workers); i++) {
        struct json_object *w = json_object_array_get_idx(workers, i);

        printf("%8" PRId64 " %4" PRId64 " %-9s %-15s %10" PRId64 " %9" PRId64 " %11" PRId64 " %8.1f %8" PRId64 "\n",
               probe_number(w, "pid"), probe_number(w, "generation"), probe_text(w, "state"), probe_text(w, "database"),
               probe_number(w, "requests"), probe_number(w, "in_flight"), probe_number(w, "connections"),
               (double)probe_number(w, "memory_bytes") / 1048576, probe_number(w, "restarts"));
    }
}

static int status_main(const struct command_line *line, const struct command_context *context)
{
    struct json_object *status = NULL;
    struct buf body = {0};
    struct error err;
    int exit_status = COMMAND_OK;

    if (probe_status(context, &body, &status, &err) != 0) {
        command_print_error(line, "%s", err.message);
        exit_status = COMMAND_UNHEALTHY;
    } else if (command_has(line, "--json")) {
        printf("%s\n", buf_cstr(&body));
    } else {
        status_print(status);
    }
    json_object_put(status);
    buf_clear(&body);
    return exit_status;
}

static const struct command_option status_options[] = {
    {.name = "--json", .help = "print the service's own answer, which has more"},
    {0},
};

const struct command_entry command_status = {
    .name = "status",
    .summary = "print what the running service is doing",
    .about = "The service is asked on STRATSLAB_ADMIN_LISTEN.\n",
    .options = status_options,
    .settings = true,
    .run = status_main,
};
