/* Who a daemon's processes are, and what they give up (wall/): from the settings to what is done. */
#ifndef COMMAND_IDENTITY_H
#define COMMAND_IDENTITY_H

#include "command/daemon.h"
#include "wall/wall.h"

/* Whether the processes that connect can become the user of the settings, and whether that user can read what the
 * connection needs. ERROR_SETTINGS. */
int command_judge_identity(const struct command_context *context, struct error *err) ATTR_CHECKED;
/* When the service begins: hides its memory, unless it is to be debugged, and the log says who its processes become,
 * and what of the second wall there is. */
void command_begin_wall(const struct command_context *context);

/* For what the master runs at a reload: becomes whom the service's own children become. Does nothing in a command that
 * a person runs. Before anything is connected, and after the last file of root's is read. */
int command_leave_root(const struct command_context *context, struct error *err) ATTR_CHECKED;
/* For a command that tries what the service would do, whoever runs it: becomes whom the service's children become. As
 * root it would connect with root's password file, certificates and name, which they do not have. */
int command_try_served(const struct command_context *context, struct error *err) ATTR_CHECKED;
/* For a child of the service, with the role that its lines in the log have: becomes the user, and enters the second
 * wall; `more` is what it has beyond others, or NULL. Logs why if that fails; the child then ends with the status that
 * this returns, which is COMMAND_OK otherwise.
 */
int command_enter_wall(const struct command_context *context, const char *role,
                       const struct wall_options *more) ATTR_CHECKED;

#endif
