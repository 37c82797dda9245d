/* `reload`: makes the running master become the executable that is now on disk, and waits for the verdict. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "command/daemon.h"
#include "command/probe.h"
#include "ipc/control.h"

enum { RELOAD_WAIT_MS = 600000, RELOAD_WAIT_MAX_MS = 86400000 };

/* What reload looks at. */
struct reload_view {
    char instance[CONTROL_INSTANCE_BYTES]; /* "": the service does not say */
    char version[40];
    int64_t pid; /* as the service sees itself: to be shown, never to be signalled */
    int64_t number;
    bool running;
    bool succeeded;
    bool stopping;
    bool same_executable;
    char executable[ERROR_MESSAGE_MAX];
    char reason[ERROR_MESSAGE_MAX];
};

static int reload_fetch(const struct command_context *context, struct reload_view *ret_view, struct error *err)
{
    struct json_object *status = NULL;
    struct buf body = {0};
    int rc = probe_status(context, &body, &status, err);

    if (rc == 0) {
        struct json_object *reload = json_object_object_get(status, "reload");
        const char *instance = probe_text(status, "instance");

        *ret_view = (struct reload_view){
            .pid = probe_number(status, "pid"),
            .number = probe_number(reload, "number"),
            .running = strcmp(probe_text(reload, "state"), "running") == 0,
            .succeeded = strcmp(probe_text(reload, "state"), "succeeded") == 0,
            .stopping = strcmp(probe_text(status, "status"), health_words[HEALTH_DRAINING]) == 0,
            .same_executable = json_object_get_boolean(json_object_object_get(reload, "same_executable")) != 0,
        };
        if (control_is_instance(instance)) snprintf(ret_view->instance, sizeof(ret_view->instance), "%s", instance);
        snprintf(ret_view->version, sizeof(ret_view->version), "%s", probe_text(status, "version"));
        snprintf(ret_view->executable, sizeof(ret_view->executable), "%s", probe_text(status, "executable"));
        snprintf(ret_view->reason, sizeof(ret_view->reason), "%s: %s", probe_text(reload, "step"),
                 probe_text(reload, "reason"));
    }
    json_object_put(status);
    buf_clear(&body);
    return rc;
}

/* ---- The verdict ---- */

/* Another service, or none, has the port by now; or this one stops. Returns false if the wait goes on. */
static bool reload_is_hopeless(const struct command_line *line, const struct reload_view *before,
                               const struct reload_view *now, const struct control_peer *master)
{
    if (!control_is_alive(master)) {
        command_print_error(line, "the master (pid %d) has ended; see its log", master->pid);
    } else if (now != NULL && strcmp(now->instance, before->instance) != 0) {
        command_print_error(
            line, "another service answers there now (pid %" PRId64 "), and nothing is known of this one", now->pid);
    } else if (now != NULL && now->stopping && now->number <= before->number) {
        command_print_error(line, "the service stops, so nothing is reloaded");
    } else {
        return false;
    }
    return true;
}

static int reload_tell(const struct command_line *line, const struct reload_view *now, uint64_t took_ms)
{
    if (!now->succeeded) {
        command_print_error(line, "failed in %s\nThe code that was running serves on.", now->reason);
        return COMMAND_UNHEALTHY;
    }
    printf("reloaded in %" PRIu64 " ms\n", took_ms);
    if (now->same_executable) printf("reloaded: the executable is the same file as before (%s)\n", now->executable);
    return COMMAND_OK;
}

/* The admin process itself is replaced by a reload, so a look that fails is tried again for as long as the master
 * lives. */
static int reload_await(const struct command_line *line, const struct command_context *context,
                        const struct reload_view *before, const struct control_peer *master)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    const struct command_value *timeout = command_get(line, "--timeout");
    const uint64_t wait_ms = timeout == NULL ? RELOAD_WAIT_MS : timeout->duration_ms;
    const uint64_t began_ms = clock_monotonic_ms();
    struct reload_view now = *before;
    struct error err;

    for (;;) {
        const int rc = reload_fetch(context, &now, &err);

        if (rc == 0 && strcmp(now.instance, before->instance) == 0 && now.number > before->number && !now.running) {
            return reload_tell(line, &now, clock_monotonic_ms() - began_ms);
        }
        if (reload_is_hopeless(line, before, rc == 0 ? &now : NULL, master)) return COMMAND_UNHEALTHY;
        if (clock_monotonic_ms() - began_ms >= wait_ms) break;
        nanosleep(&pause, NULL);
    }
    command_print_error(line,
                        "no verdict after %" PRIu64 " ms (--timeout). The reload may still go on: see %s status, "
                        "and the log",
                        wait_ms, context->program->name);
    return COMMAND_LOCKED;
}

/* ---- The master ---- */

static int reload_find(const struct command_line *line, const struct command_context *context,
                       const struct reload_view *view, struct control_peer *ret_master)
{
    const char *program = context->program->name;
    const char *where = context->conf->admin_listen.items[0].text;

    if (view->instance[0] == '\0') {
        command_print_error(line,
                            "the %s that answers on %s (version %s) does not say how to find its master: it is older "
                            "than this command, or has no socket for it. Nothing was signalled\n"
                            "Send SIGHUP to its master where it runs (systemctl kill --kill-whom=main -s HUP %s), or "
                            "restart it",
                            program, where, view->version, program);
        return COMMAND_UNHEALTHY;
    }
    switch (control_find(program, view->instance, ret_master)) {
    case CONTROL_FOUND:
        return COMMAND_OK;
    case CONTROL_NOBODY:
        command_print_error(line,
                            "the %s that answers on %s (pid %" PRId64 " as it sees itself) does not run here: it is in "
                            "a container, or on another machine, or has just ended. Nothing was signalled\n"
                            "Give the command where it runs, such as: docker exec CONTAINER %s reload --wait",
                            program, where, view->pid, program);
        return COMMAND_UNHEALTHY;
    case CONTROL_ELSEWHERE:
        command_print_error(line,
                            "the %s that answers on %s is in another PID namespace (a container), which no signal "
                            "from here reaches\n"
                            "Give the command where it runs, such as: docker exec CONTAINER %s reload --wait",
                            program, where, program);
        return COMMAND_UNHEALTHY;
    case CONTROL_ERROR:
        break;
    }
    command_print_error(line, "cannot look for the master of the %s that answers on %s: %s", program, where,
                        strerror(errno));
    return COMMAND_SYSTEM;
}

static int reload_signal(const struct command_line *line, const struct control_peer *master)
{
    if (control_signal(master, SIGHUP)) return COMMAND_OK;
    if (errno == EPERM) {
        command_print_error(line,
                            "the master (pid %d) belongs to the user with the number %u, and this command to %u: give "
                            "it as that user, or as root",
                            master->pid, master->uid, geteuid());
    } else {
        command_print_error(line, "cannot signal the master (pid %d): %s", master->pid, strerror(errno));
    }
    return COMMAND_SYSTEM;
}

static int reload_main(const struct command_line *line, const struct command_context *context)
{
    struct control_peer master = {.pidfd = -1};
    struct reload_view before;
    struct error err;

    if (command_has(line, "--timeout") && !command_has(line, "--wait")) {
        command_print_error(line, "--timeout is the time of --wait, which is not given");
        return COMMAND_USAGE;
    }
    if (reload_fetch(context, &before, &err) != 0) {
        command_print_error(line, "%s", err.message);
        return COMMAND_UNHEALTHY;
    }
    if (before.stopping) {
        command_print_error(line, "the service stops, so nothing is reloaded");
        return COMMAND_UNHEALTHY;
    }
    int status = reload_find(line, context, &before, &master);

    if (status == COMMAND_OK) status = reload_signal(line, &master);
    if (status == COMMAND_OK && command_has(line, "--wait")) status = reload_await(line, context, &before, &master);
    if (master.pidfd >= 0) close(master.pidfd);
    return status;
}

static const struct command_option reload_options[] = {
    {.name = "--wait", .help = "wait for the verdict: exit 0 if the new code serves, 1 with the reason if it does not"},
    {.name = "--timeout",
     .value = "TIME",
     .type = COMMAND_DURATION,
     .minimum = 1,
     .maximum = RELOAD_WAIT_MAX_MS,
     .help = "how long --wait waits: 10min unless this says otherwise; exit 75 if there is no verdict by then"},
    {0},
};

const struct command_entry command_reload = {
    .name = "reload",
    .summary = "make the running service become the executable that is now on disk",
    .about = "It takes the settings as they are now. No connection is lost, and if the new code does not start the\n"
             "old code serves on. The service is found on STRATSLAB_ADMIN_LISTEN, and signalled if the kernel says\n"
             "that it runs here.\n",
    .options = reload_options,
    .settings = true,
    .run = reload_main,
};
