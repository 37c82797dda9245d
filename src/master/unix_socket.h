/*
 * A listening Unix socket at a path of the file system (unix(7)).
 *
 * The path may be somebody else's: a living process's, which is told of and left alone; a file, which is never removed;
 * or a socket that nobody listens on any more, left by a process that was killed, or by one that is ending and has
 * stopped listening. That one is replaced. What is removed at the end is the socket that was made here, and not its
 * successor at the same path. Starts at one path wait for one another: each holds flock(2) on the folder meanwhile.
 */
#ifndef MASTER_UNIX_SOCKET_H
#define MASTER_UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "conf/conf.h"
#include "ipc/form.h"

enum { SOCKET_PATH_BYTES = 108 }; /* of struct sockaddr_un */

/* Which file it is. From a list, because a reload hands it on (ipc/form.h). While the socket is open, no other file of
 * the device gets its number. */
#define UNIX_SOCKET_FILE_MEMBERS(M, owner)        \
    M(owner, char, path, [SOCKET_PATH_BYTES])     \
    M(owner, uint64_t, device, ) /* of stat(2) */ \
    M(owner, uint64_t, inode, )
FORM_STRUCT(unix_socket_file, UNIX_SOCKET_FILE_MEMBERS);

/* Binds and listens, close-on-exec and non-blocking. The file's mode and owner are those of `access` from the moment
 * that somebody can connect, whatever the umask. On failure (ERROR_SYSTEM) nothing is left. The error names the address
 * and `setting`, where it comes from. */
int unix_socket_open(const struct conf_address *address, const char *setting, const struct conf_socket_access *access,
                     int backlog, int *ret_fd, struct unix_socket_file *ret_file, struct error *err) ATTR_CHECKED;
/* Removes the file if it is still the one that was made. Before the socket is closed. */
void unix_socket_remove(const struct unix_socket_file *file);

#endif
