/* What every daemon's program has: settings from its command line, and the commands that ask the running one. */
#ifndef COMMAND_DAEMON_H
#define COMMAND_DAEMON_H

#include <stddef.h>

#include "command/command.h"
#include "conf/conf.h"

/* What a command with `settings` runs with; borrowed. */
struct command_context {
    const struct command_program *program;
    const struct conf *conf; /* NULL if an option says that it does without */
    /* What the command line set, as NAME=VALUE: for programs that are started with the same settings. No secret stands
     * on the command line any more. */
    const char *const *sets; /* copies of our own; NULL after the last */
    size_t set_count;
    bool is_helper; /* the master of a service runs it for a reload */
    int resume_fd;  /* the master's state if this process was another image of it a moment ago; else -1 */
};

/* For struct command_program: --config and --set, and what reads them. */
extern const struct command_option command_settings_options[];
int command_run_with_settings(const struct command_line *line);

/* Of a setting that --set gives. */
#define COMMAND_SECRET_ADVICE                                                                                         \
    "this is a secret, and others on this machine can read it until the program has started, and for longer in what " \
    "starts it (sudo, a unit, the shell's history); give it in the environment, or in a file that NAME_FILE names"

/* The command line of a program with the same settings: `words` (NULL after the last) are its command and options. What
 * the command line set that is secret goes into the environment instead, which is for our own user to read only. */
char **command_args_new(const struct command_context *context, const char *const *words);
void command_args_free(char **args); /* takes NULL */

/* In a process that serves requests: conf_forget_owner, for all that the program has of its settings. No command line
 * can be made from the context after it. */
void command_forget_owner(const struct command_context *context);

/* This image of a running master cannot go on: back to the one before it. Returns if that is impossible. */
void command_roll_back(const struct command_context *context, const char *reason);

extern const struct command_entry command_config, command_health, command_status, command_reload;

/* For a daemon whose `health` has an option more: --api, which asks on `listen` instead of `admin_listen`. */
int command_health_main(const struct command_line *line, const struct command_context *context);
#define COMMAND_HEALTH_SUMMARY "ask the running service whether it is well; for container health checks"
#define COMMAND_HEALTH_ABOUT \
    "Prints the service's answer. Exit status: 0 if it is well, 1 if it is not, or nobody answers.\n"
#define COMMAND_HEALTH_LIVE_HELP "ask only whether it runs (/health/live), whatever the database does"

#endif
