#include "command/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "wall/identity.h"
#include "wall/wall.h"

static int identity_judge(const struct command_context *context, struct identity *ret_identity, struct error *err)
{
    const char *const *variables = (const char *const *)environ;
    const char *paths[CONF_DATABASE_FILES_MAX];
    const size_t count = conf_database_files(context->conf, variables, paths);

    if (identity_find(context->conf->user, ret_identity, err) != 0) return -1;
    return identity_try(ret_identity, paths, count, err);
}

int command_judge_identity(const struct command_context *context, struct error *err)
{
    struct identity identity;

    return identity_judge(context, &identity, err);
}

/* libpq looks for them in the home of whoever connects. Who has named another file, or a password, lacks nothing. */
static void identity_tell_home(const struct conf *conf, const struct identity *identity)
{
    const char *home = getenv("HOME");
    char path[4096];

    if (home == NULL || strcmp(home, identity->home) == 0) return;
    for (unsigned i = 0; i < CONF_HOME_FILE_COUNT; i++) {
        const char *file = conf_home_file(conf, (const char *const *)environ, (enum conf_home_file)i);

        if (file == NULL) continue;
        snprintf(path, sizeof(path), "%s/%s", home, file);
        if (access(path, R_OK) != 0) continue;
        log_warning("a file in root's home is not read: the processes that connect are not root", LOG_STR("file", path),
                    LOG_STR("user", identity->name), LOG_STR("home", identity->home));
    }
}

static void identity_tell_user(const struct command_context *context)
{
    struct identity identity;

    if (geteuid() != 0) {
        if (context->conf->user[0] != '\0') {
            log_debug("STRATSLAB_USER is not used: the service was not started as root",
                      LOG_STR("user", context->conf->user));
        }
        return;
    }
    if (identity_find(context->conf->user, &identity, NULL) != 0) return;
    if (identity.stays) {
        log_warning(
            "every process stays root, because STRATSLAB_USER says so: whoever takes one over has root's files");
    } else if (identity_try(&identity, NULL, 0, NULL) == 0 && identity.stays) {
        log_info("root is an ordinary user here, in a user namespace without others: only capabilities are given up");
    } else {
        log_info("only the master stays root", LOG_STR("user", identity.name), LOG_UINT("uid", identity.uid),
                 LOG_UINT("gid", identity.gid));
        identity_tell_home(context->conf, &identity);
    }
}

void command_begin_wall(const struct command_context *context)
{
    struct wall_means means;

    if (context->conf->environment == CONF_ENVIRONMENT_PRODUCTION)
        wall_hide(); /* in development a debugger may attach */
    identity_tell_user(context);
    wall_probe(&means);
    if (!context->conf->sandbox) {
        log_warning("the sandbox is off: STRATSLAB_SANDBOX says so");
    } else if (!means.filter && !means.is_by_choice) {
        log_warning("the sandbox has no filter of system calls", LOG_STR("reason", means.lack));
    } else {
        log_debug("sandbox", LOG_STR("filter", means.filter ? "on" : means.lack),
                  LOG_UINT("landlock", (unsigned)means.landlock));
    }
}

static int identity_leave(const struct command_context *context, struct error *err)
{
    struct identity identity;

    if (identity_find(context->conf->user, &identity, err) != 0) return -1;
    if (identity_try(&identity, NULL, 0, err) != 0) return -1;
    return identity_become(&identity, err);
}

int command_leave_root(const struct command_context *context, struct error *err)
{
    return context->is_helper ? identity_leave(context, err) : 0;
}

int command_try_served(const struct command_context *context, struct error *err)
{
    return identity_leave(context, err);
}

int command_enter_wall(const struct command_context *context, const char *role, const struct wall_options *more)
{
    const struct conf *conf = context->conf;
    struct error err;

    log_set_role(role);
    if (identity_leave(context, &err) != 0) {
        log_error("the process cannot give up what it must not have", LOG_STR("error", err.message));
        return command_exit_of(&err);
    }
    if (!conf->sandbox) return COMMAND_OK;
    log_expect_file();
    if (wall_enter(more, &err) != 0) {
        log_error("the process cannot enter its sandbox", LOG_STR("error", err.message));
        return COMMAND_SYSTEM;
    }
    return COMMAND_OK;
}
