/* What `serve` is in every daemon: the settings become the master's options, to which the program adds its roles. */
#ifndef COMMAND_SERVICE_H
#define COMMAND_SERVICE_H

#include "base/buf.h"
#include "command/daemon.h"
#include "master/master.h"

/* Embedded; service_begin, then service_clear whatever it said. */
struct service {
    const struct command_context *context;
    const char *schema_versions; /* every migration that this build knows, as a text[] literal */
    struct buf schema;
    struct buf settings; /* as conf_export writes them */
    /* argv of the next image, and of its preflight */
    char **args;
    char **preflight_args;
};

/* The log goes where the settings say, from here on. */
int service_begin(struct service *service, const struct command_context *context, struct error *err) ATTR_CHECKED;
/* The form of the state that this executable hands over at a reload, with the program's name; the caller frees it. */
char *service_state_form(const struct command_program *program);
/* The migrations that this build knows; `versions` is a text[] literal. Once, before service_options. */
void service_knows(struct service *service, struct slice versions);
/* Everything but the roles, ctx, the metrics and what the program prepares at a reload. It borrows from `service`. */
struct master_options service_options(const struct service *service);
/* The role of the admin process, whose life is `run`. */
struct master_role service_admin_role(const struct service *service, int (*run)(const struct master_child *child));
/* The service cannot start. An image that a reload started gives it back to the one before it; otherwise this says why
 * on standard error, and returns the exit status. */
int service_fail(const struct service *service, const struct error *err);
void service_clear(struct service *service);

/* Options of `serve`: --require-database. */
extern const struct command_option service_command_options[];
/* COMMAND_OK; or COMMAND_SETTINGS, having said so, if --require-database is given and nothing says which database. */
int service_require_database(const struct command_line *line, const struct command_context *context);

#endif
