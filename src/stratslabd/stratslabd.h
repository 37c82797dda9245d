/* The subcommands of stratslabd: one file each, one table (stratslabd.c). */
#ifndef STRATSLABD_STRATSLABD_H
#define STRATSLABD_STRATSLABD_H

#include "base/error.h"
#include "conf/conf.h"
#include "migrate/migrate.h"

/* Exit statuses (sysexits.h where it has one). */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_UNHEALTHY = 1,   /* health: the service is not well; reload --wait: it failed */
    COMMAND_USAGE = 64,      /* the command line is wrong */
    COMMAND_MIGRATION = 65,  /* a migration failed, or a migration file is wrong */
    COMMAND_DATABASE = 69,   /* the database is out of reach, or refuses us */
    COMMAND_CRASH_LOOP = 70, /* workers die before any is ready */
    COMMAND_SYSTEM = 71,     /* cannot bind, or the system refused */
    COMMAND_LOCKED = 75,     /* another process held the migration lock for too long */
    COMMAND_SETTINGS = 78,   /* bad settings */
};

/* Loaded before a command runs; borrowed. */
struct command_context {
    const struct conf *conf;
    /* What the command line set, as NAME=VALUE: for programs that are started with the same settings. */
    const char *const *sets;
    size_t set_count;
    int resume_fd; /* the master's state, where this process was another image of it a moment ago; else -1 */
};

/* argv[0] is the subcommand's name. Each returns the process's exit status. */
int command_serve(const struct command_context *context, int argc, char **argv);
/* This image of a running master cannot go on: back to the one before it. Returns where that is impossible. */
void command_serve_give_back(const struct command_context *context, const char *reason);
int command_migrate(const struct command_context *context, int argc, char **argv);
int command_check(const struct command_context *context, int argc, char **argv);
int command_health(const struct command_context *context, int argc, char **argv);
int command_status(const struct command_context *context, int argc, char **argv);
int command_reload(const struct command_context *context, int argc, char **argv);
int command_token(const struct command_context *context, int argc, char **argv);
int command_config(const struct command_context *context, int argc, char **argv);
int command_openapi(const struct command_context *context, int argc, char **argv);

/*
 * The options of a command that takes only words like --json: the one at index i of `names` (NULL-terminated) sets bit
 * i of *ret_given. Returns 0; 1 after --help was answered with `usage`; -1 after something else was refused on standard
 * error.
 */
int command_flags(int argc, char **argv, const char *usage, const char *const *names, unsigned *ret_given);

/* An address where others than this machine can use the API without a token; NULL where there is none. */
const struct conf_address *command_open_address(const struct conf *conf);

/* How a migration's session is opened with these settings. */
struct migrate_options command_migrate_options(const struct conf *conf);

/* What serve runs in the child that migrates before the first worker: waits for the database up to the boot deadline,
 * applies what is pending, says so in the log. */
int command_migrate_boot(const struct command_context *context);

/* The whole program. */
int command_main(int argc, char **argv);

int command_exit_of(const struct error *err);

#endif
