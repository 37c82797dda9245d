/* The commands of stratslabd that are its own: one file each, one table (main.c). */
#ifndef STRATSLABD_STRATSLABD_H
#define STRATSLABD_STRATSLABD_H

#include "base/error.h"
#include "command/command.h"
#include "command/daemon.h"
#include "conf/conf.h"
#include "migrate/migrate.h"

extern const struct command_entry stratslabd_serve, stratslabd_migrate, stratslabd_check, stratslabd_health,
    stratslabd_token, stratslabd_backtests, stratslabd_openapi;

/* An address where others than this machine can use the API without a token; NULL if there is none. */
const struct conf_address *stratslabd_open_address(const struct conf *conf);

/* How a migration's session is opened with these settings. */
struct migrate_options stratslabd_migrate_options(const struct conf *conf);

/* What serve runs in the child that migrates before the first worker: waits for the database up to the boot deadline,
 * applies what is pending, says so in the log. */
int stratslabd_migrate_boot(const struct command_context *context);

#endif
