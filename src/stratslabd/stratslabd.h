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

/* How a session of the tables' owner is opened with these settings. */
struct migrate_options stratslabd_migrate_options(const struct conf *conf);

enum { ROLE_TEXT_BYTES = 512 };

/* The role that requests are served as (roles.c). */
struct role_verdict {
    bool is_mighty;             /* a superuser, an owner of the service's tables, or free to make some */
    char text[ROLE_TEXT_BYTES]; /* what it is, and what to do if it is mighty */
};

/* Connects with DATABASE_URL, once. ERROR_UNAVAILABLE, ERROR_REFUSED as of migrate_connect. */
int stratslabd_judge_role(const struct conf *conf, struct role_verdict *ret_verdict, struct error *err) ATTR_CHECKED;

struct db_statement;

/* Whether that role may do what the statements do, as far as the database tells without running them: ERROR_FAILED
 * names the first that it may not. For a schema that has what they need. */
int stratslabd_judge_rights(const struct conf *conf, const struct db_statement *const *statements, size_t count,
                            struct error *err) ATTR_CHECKED;

/* What serve runs in the child that migrates before the first worker: waits for the database up to the boot deadline,
 * applies what is pending, says so in the log. */
int stratslabd_migrate_boot(const struct command_context *context);

#endif
