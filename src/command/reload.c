/* `reload`: makes the running master become the executable that is now on disk, and waits for the verdict. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/process.h"
#include "command/daemon.h"
#include "command/probe.h"

/* What reload waits for. */
struct reload_view {
    int64_t pid;
    int64_t number;
    bool running;
    bool succeeded;
    char reason[ERROR_MESSAGE_MAX];
};

static int reload_fetch(const struct command_context *context, struct reload_view *ret_view, struct error *err)
{
    struct json_object *status = NULL;
    struct buf body = {0};
    int rc = probe_status(context, &body, &status, err);

    if (rc == 0) {
        struct json_object *reload = json_object_object_get(status, "reload");

        ret_view->pid = probe_number(status, "pid");
        ret_view->number = probe_number(reload, "number");
        ret_view->running = strcmp(probe_text(reload, "state"), "running") == 0;
        ret_view->succeeded = strcmp(probe_text(reload, "state"), "succeeded") == 0;
        snprintf(ret_view->reason, sizeof(ret_view->reason), "%s: %s", probe_text(reload, "step"),
                 probe_text(reload, "reason"));
    }
    json_object_put(status);
    buf_clear(&body);
    return rc;
}

/* The admin process itself is replaced by a reload, so a look that fails is tried again for as long as the master
 * lives. */
static int reload_await(const struct command_line *line, const struct command_context *context,
                        const struct reload_view *before)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    uint64_t began_ms = clock_monotonic_ms();
    struct reload_view now = *before;
    struct error err = {.message = ""};

    for (;;) {
        int rc = reload_fetch(context, &now, &err);

        if (rc == 0 && now.pid != before->pid) {
            command_print_error(line, "the master (pid %" PRId64 ") has gone", before->pid);
            return COMMAND_UNHEALTHY;
        }
        if (rc == 0 && now.number > before->number && !now.running) break;
        if (!process_is_alive((pid_t)before->pid)) {
            command_print_error(line, "the master (pid %" PRId64 ") has ended; see its log", before->pid);
            return COMMAND_UNHEALTHY;
        }
        nanosleep(&pause, NULL);
    }
    if (now.succeeded) {
        printf("reloaded in %" PRIu64 " ms\n", clock_monotonic_ms() - began_ms);
        return COMMAND_OK;
    }
    command_print_error(line, "failed in %s\nThe code that was running serves on.", now.reason);
    return COMMAND_UNHEALTHY;
}

static int reload_main(const struct command_line *line, const struct command_context *context)
{
    struct reload_view before;
    struct error err;

    if (reload_fetch(context, &before, &err) != 0) {
        command_print_error(line, "%s", err.message);
        return COMMAND_UNHEALTHY;
    }
    if (kill((pid_t)before.pid, SIGHUP) != 0) {
        command_print_error(line, "cannot signal the master (pid %" PRId64 "): %s", before.pid, strerror(errno));
        return COMMAND_SYSTEM;
    }
    return command_has(line, "--wait") ? reload_await(line, context, &before) : COMMAND_OK;
}

static const struct command_option reload_options[] = {
    {.name = "--wait", .help = "wait for the verdict: exit 0 if the new code serves, 1 with the reason if it does not"},
    {0},
};

const struct command_entry command_reload = {
    .name = "reload",
    .summary = "make the running service become the executable that is now on disk",
    .about = "It takes the settings as they are now. No connection is lost, and if the new code does not start the\n"
             "old code serves on. The service is found on STRATSLAB_ADMIN_LISTEN.\n",
    .options = reload_options,
    .settings = true,
    .run = reload_main,
};
