/* `stratslabd status` and `stratslabd reload`: what the running service tells of itself on its admin port. */

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/process.h"
#include "stratslabd/probe.h"
#include "stratslabd/stratslabd.h"

static const char status_usage[] = "Usage: stratslabd status [--json]\n"
                                   "Prints what the running service is doing, asked on STRATSLAB_ADMIN_LISTEN.\n"
                                   "\n"
                                   "  --json  as the service answers it\n"
                                   "  --help  this text\n";

static const char reload_usage[] =
    "Usage: stratslabd reload [--wait]\n"
    "Has the running service become the executable that is now on disk, with the settings as they are now: no "
    "connection is\n"
    "lost, and where the new code does not start the old code serves on. The service is found on "
    "STRATSLAB_ADMIN_LISTEN.\n"
    "\n"
    "  --wait  wait for the verdict: exit 0 where the new code serves, 1 where it does not, with the reason\n"
    "  --help  this text\n";

static int status_fetch(const struct command_context *context, struct buf *body, struct json_object **ret_status,
                        struct error *err)
{
    unsigned status;

    buf_reset(body);
    if (probe_get(&context->conf->admin_listen, "/status", &status, body, err) != 0) return -1;
    if (status == 200) *ret_status = json_tokener_parse(buf_cstr(body));
    if (status == 200 && *ret_status != NULL) return 0;
    return error_set(err, ERROR_INVALID,
                     "what listens on STRATSLAB_ADMIN_LISTEN is no stratslabd: %s answers /status with %u",
                     context->conf->admin_listen.items[0].text, status);
}

static const char *status_text(struct json_object *object, const char *name)
{
    const char *text = json_object_get_string(json_object_object_get(object, name));

    return text == NULL ? "-" : text;
}

static int64_t status_number(struct json_object *object, const char *name)
{
    return json_object_get_int64(json_object_object_get(object, name));
}

static void status_print_reload(struct json_object *reload)
{
    if (status_number(reload, "number") == 0) return;
    printf("reload      number %" PRId64 " %s (%s, %" PRId64 " ms, at %s)\n", status_number(reload, "number"),
           status_text(reload, "state"), status_text(reload, "step"), status_number(reload, "duration_ms"),
           status_text(reload, "at"));
    if (status_text(reload, "reason")[0] != '\0') printf("            %s\n", status_text(reload, "reason"));
}

static void status_print(struct json_object *status)
{
    struct json_object *workers = json_object_object_get(status, "workers");

    printf("status      %s\nversion     %s, generation %" PRId64 "\nexecutable  %s\nmaster      pid %" PRId64
           ", up %s s\nserved      %" PRId64 " requests, %" PRId64 " restarts of workers\n",
           status_text(status, "status"), status_text(status, "version"), status_number(status, "generation"),
           status_text(status, "executable"), status_number(status, "pid"), status_text(status, "uptime_s"),
           status_number(status, "requests"), status_number(status, "restarts"));
    status_print_reload(json_object_object_get(status, "reload"));
    printf("\n%8s %4s %-9s %-15s %10s %9s %11s %8s %8s\n", "WORKER", "GEN", "STATE", "DATABASE", "REQUESTS",
           "IN FLIGHT", "CONNECTIONS", "MEM MiB", "RESTARTS");
    for (size_t i = 0; i < json_object_array_length(workers); i++) {
        struct json_object *w = json_object_array_get_idx(workers, i);

        printf("%8" PRId64 " %4" PRId64 " %-9s %-15s %10" PRId64 " %9" PRId64 " %11" PRId64 " %8.1f %8" PRId64 "\n",
               status_number(w, "pid"), status_number(w, "generation"), status_text(w, "state"),
               status_text(w, "database"), status_number(w, "requests"), status_number(w, "in_flight"),
               status_number(w, "connections"), (double)status_number(w, "memory_bytes") / 1048576,
               status_number(w, "restarts"));
    }
}

int command_status(const struct command_context *context, int argc, char **argv)
{
    static const char *const flags[] = {"--json", NULL};
    struct json_object *status = NULL;
    struct buf body = {0};
    unsigned given;
    struct error err;
    int parsed = command_flags(argc, argv, status_usage, flags, &given);
    int exit_status = parsed < 0 ? COMMAND_USAGE : COMMAND_OK;

    if (parsed == 0 && status_fetch(context, &body, &status, &err) != 0) {
        fprintf(stderr, "stratslabd status: %s\n", err.message);
        exit_status = COMMAND_UNHEALTHY;
    } else if (parsed == 0 && given != 0) {
        printf("%s\n", buf_cstr(&body));
    } else if (parsed == 0) {
        status_print(status);
    }
    json_object_put(status);
    buf_clear(&body);
    return exit_status;
}

/* What reload waits for. */
struct reload_view {
    int64_t pid;
    int64_t number;
    bool running;
    bool succeeded;
    char reason[ERROR_MESSAGE_MAX];
};

static int reload_look(const struct command_context *context, struct reload_view *ret_view, struct error *err)
{
    struct json_object *status = NULL;
    struct buf body = {0};
    int rc = status_fetch(context, &body, &status, err);

    if (rc == 0) {
        struct json_object *reload = json_object_object_get(status, "reload");

        ret_view->pid = status_number(status, "pid");
        ret_view->number = status_number(reload, "number");
        ret_view->running = strcmp(status_text(reload, "state"), "running") == 0;
        ret_view->succeeded = strcmp(status_text(reload, "state"), "succeeded") == 0;
        snprintf(ret_view->reason, sizeof(ret_view->reason), "%s: %s", status_text(reload, "step"),
                 status_text(reload, "reason"));
    }
    json_object_put(status);
    buf_clear(&body);
    return rc;
}

/* The admin process itself is replaced by a reload, so a look that fails is tried again for as long as the master
 * lives. */
static int reload_await(const struct command_context *context, const struct reload_view *before)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    uint64_t began_ms = clock_monotonic_ms();
    struct reload_view now = *before;
    struct error err = {.message = ""};

    for (;;) {
        int rc = reload_look(context, &now, &err);

        if (rc == 0 && now.pid != before->pid) {
            fprintf(stderr, "stratslabd reload: the master (pid %" PRId64 ") has gone\n", before->pid);
            return COMMAND_UNHEALTHY;
        }
        if (rc == 0 && now.number > before->number && !now.running) break;
        if (!process_is_alive((pid_t)before->pid)) {
            fprintf(stderr, "stratslabd reload: the master (pid %" PRId64 ") has ended; see its log\n", before->pid);
            return COMMAND_UNHEALTHY;
        }
        nanosleep(&pause, NULL);
    }
    if (now.succeeded) {
        printf("reloaded in %" PRIu64 " ms\n", clock_monotonic_ms() - began_ms);
        return COMMAND_OK;
    }
    fprintf(stderr, "stratslabd reload: failed in %s\nThe code that was running serves on.\n", now.reason);
    return COMMAND_UNHEALTHY;
}

int command_reload(const struct command_context *context, int argc, char **argv)
{
    static const char *const flags[] = {"--wait", NULL};
    struct reload_view before;
    unsigned given;
    struct error err;
    int parsed = command_flags(argc, argv, reload_usage, flags, &given);

    if (parsed != 0) return parsed > 0 ? COMMAND_OK : COMMAND_USAGE;
    if (reload_look(context, &before, &err) != 0) {
        fprintf(stderr, "stratslabd reload: %s\n", err.message);
        return COMMAND_UNHEALTHY;
    }
    if (kill((pid_t)before.pid, SIGHUP) != 0) {
        fprintf(stderr, "stratslabd reload: cannot signal the master (pid %" PRId64 "): %s\n", before.pid,
                strerror(errno));
        return COMMAND_SYSTEM;
    }
    return given == 0 ? COMMAND_OK : reload_await(context, &before);
}
