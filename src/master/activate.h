/*
 * Sockets that the service manager has opened and passes on (sd_listen_fds(3)). They take the place of the sockets that
 * the settings name, and outlive this service, so that a restart refuses no connection.
 */
#ifndef MASTER_ACTIVATE_H
#define MASTER_ACTIVATE_H

#include "master/master.h"
#include "master/socket.h"

/*
 * Gives each passed descriptor to the role whose socket_name it has in LISTEN_FDNAMES; `sockets` has one entry for each
 * role. Descriptors without a name of their own go to the role that takes them. Takes LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES out of the environment. Fails if a descriptor is not a listening stream socket, or belongs to no role.
 */
int activate_take(const struct master_role *roles, size_t role_count, struct sockets *sockets,
                  struct error *err) ATTR_CHECKED;

#endif
