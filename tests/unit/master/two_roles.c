/*
 * A program of two roles without sockets, for test_master.c: it is started, reloaded and stopped as a service is.
 * Words in the file that TWO_ROLES_MODE names say how an image of it behaves. They are its settings: it reads them
 * once, and gets them back with its service.
 *
 *   two_roles serve   the master
 *   two_roles check   the preflight of a reload
 *   two_roles ready   what a reload makes ready
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "master/master.h"

static char mode[256]; /* "mode", and the words */

static void mode_load(int resume_fd)
{
    struct buf settings = {0};
    FILE *file = fopen(getenv("TWO_ROLES_MODE"), "re");

    master_resume_settings(resume_fd, &settings);
    snprintf(mode, sizeof(mode), "mode ");
    if (settings.len > 0) {
        snprintf(mode, sizeof(mode), "%s", buf_cstr(&settings));
    } else if (file != NULL && fgets(mode + strlen(mode), 200, file) == NULL) {
        snprintf(mode, sizeof(mode), "mode ");
    }
    if (file != NULL) fclose(file);
    buf_clear(&settings);
}

static bool mode_has(const char *word)
{
    return strstr(mode, word) != NULL;
}

/* SIGTERM ends it as it ends anybody. */
static int child_run(const struct master_child *child)
{
    struct channel_message ignored;

    channel_send(child->place.channel_fd, CHANNEL_READY);
    for (;;) {
        struct pollfd fd = {.fd = child->place.channel_fd, .events = POLLIN};

        *child->place.heartbeat_ms = clock_monotonic_ms();
        poll(&fd, 1, 100);
        if (channel_receive(child->place.channel_fd, &ignored) < 0) _exit(EXIT_SUCCESS);
    }
}

static int keeper_run(const struct master_child *child)
{
    log_set_role("keeper");
    return child_run(child);
}

static int helper_run(const struct master_child *child)
{
    log_set_role("helper");
    log_info("begins", LOG_UINT("sockets", child->place.listen_count));
    return child_run(child);
}

static int worker_run(const struct master_child *child)
{
    log_set_role("worker");
    if (mode_has("crash")) _exit(7);
    if (mode_has("silent")) pause();
    return child_run(child);
}

static char *const serve_args[] = {(char[]){"two-roles"}, (char[]){"serve"}, NULL};
static char *const check_args[] = {(char[]){"two-roles"}, (char[]){"check"}, NULL};
static char *const ready_args[] = {(char[]){"two-roles"}, (char[]){"ready"}, NULL};

/* The helper's, for it alone has sockets. */
static const struct conf_socket_access usual = {.mode = 0600, .owner = ""};
static const struct conf_addresses helper_listen = {.items = {{.text = "127.0.0.1:0", .host = "127.0.0.1", .port = 0}},
                                                    .count = 1};

static struct master_options program(int resume_fd)
{
    struct master_options options = {
        .name = "two-roles",
        .times = {.stop_timeout_ms = 30000,
                  .kill_grace_ms = 30000,
                  .hang_timeout_ms = mode_has("hasty") ? 500 : 600000,
                  .reload_timeout_ms = mode_has("silent") ? 300 : 60000},
        .roles = {{.name = "keeper", .plural = "keepers", .run = keeper_run, .count = 1, .ends_last = true},
                  {.name = "worker",
                   .plural = "workers",
                   .run = worker_run,
                   .count = 2,
                   .serves = true,
                   .counts_as_crash_loop = true,
                   .is_scaled = true}},
        .role_count = 2,
        .socket_access = &usual,
        .reload = {.args = serve_args,
                   .preflight_args = check_args,
                   .prepare_name = "tidy",
                   .prepare_args = ready_args,
                   .timeout_setting = "TWO_ROLES_TIMEOUT"},
        .settings = slice_of(mode),
        .resume_fd = resume_fd,
    };

    /* Another build of the program has other roles. */
    if (mode_has("more")) {
        options.roles[options.role_count++] = (struct master_role){.name = "helper",
                                                                   .plural = "helpers",
                                                                   .run = helper_run,
                                                                   .listen = &helper_listen,
                                                                   .listen_setting = "TWO_ROLES_LISTEN",
                                                                   .count = 1};
    }
    if (mode_has("fewer")) {
        options.roles[0] = options.roles[1];
        options.roles[--options.role_count] = (struct master_role){.name = NULL};
    }
    return options;
}

static int serve(void)
{
    const int resume_fd = master_resume_fd("two-roles");

    mode_load(resume_fd);

    log_configure(
        &(struct log_options){.lines = {.level = LOG_LEVEL_DEBUG, .format = LOG_FORMAT_LOGFMT}, .fd = STDERR_FILENO});
    if (resume_fd >= 0 && mode_has("refuse-late")) {
        master_roll_back("two-roles", resume_fd, "the settings are bad", serve_args);
        return EXIT_FAILURE;
    }
    const struct master_options options = program(resume_fd);

    if (mode_has("deaf")) signal(SIGCHLD, SIG_IGN); /* the kernel reaps, and says nothing */
    return master_run(&options);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "serve") == 0) return serve();
    mode_load(-1);
    if (strcmp(command, "check") == 0 && mode_has("refuse-early")) fprintf(stderr, "nothing is right\n");
    if (strcmp(command, "ready") == 0 && mode_has("untidy")) fprintf(stderr, "nothing is tidy\n");
    return (strcmp(command, "check") == 0 && mode_has("refuse-early")) ||
                   (strcmp(command, "ready") == 0 && mode_has("untidy"))
               ? EXIT_FAILURE
               : EXIT_SUCCESS;
}
