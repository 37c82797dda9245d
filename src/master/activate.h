/*
 * Sockets that the service manager has opened and passes on (sd_listen_fds(3)): they take the place of those that the
 * settings name, and outlive this service, so that a restart refuses nobody.
 */
#ifndef MASTER_ACTIVATE_H
#define MASTER_ACTIVATE_H

#include "master/master.h"
#include "master/socket.h"

/*
 * Puts each passed descriptor to the sockets (one for each role) of the role whose socket_name it has by
 * LISTEN_FDNAMES; those without a name of their own go to the role that takes them. Takes LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES out of the environment. Fails if a descriptor is not a listening stream socket, or nobody's.
 */
int activate_take(const struct master_role *roles, size_t role_count, struct sockets *sockets,
                  struct error *err) ATTR_CHECKED;

#endif
