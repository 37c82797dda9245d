/* Listening sockets: bound once by the master, held for ever, inherited by children. */
#ifndef MASTER_SOCKET_H
#define MASTER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "conf/conf.h"
#include "ipc/form.h"

enum { SOCKET_PATH_BYTES = 108 };           /* of struct sockaddr_un */
enum { SOCKETS_MAX = 4 * CONF_LISTEN_MAX }; /* a name may stand for several addresses */

/* From a list, because a reload hands them on (ipc/form.h). */
#define SOCKETS_MEMBERS(M, owner)                                                                              \
    M(owner, int, fds, [SOCKETS_MAX])                                                                          \
    M(owner, size_t, count, )                                                                                  \
    M(owner, char, unlink_paths, [CONF_LISTEN_MAX][SOCKET_PATH_BYTES]) /* Unix sockets to remove at the end */ \
    M(owner, size_t, unlink_count, )                                                                           \
    M(owner, bool,                                                                                             \
      passed, ) /* the service manager holds them too: the service that comes after this one goes on with them */
FORM_STRUCT(sockets, SOCKETS_MEMBERS);

/* Binds and listens on every address, close-on-exec and non-blocking. If an address is in use, the error names it, and
 * the process that holds it if that can be known. On failure nothing stays open. */
int sockets_open(const struct conf_addresses *addresses, struct sockets *ret_sockets, struct error *err) ATTR_CHECKED;

enum { SOCKET_TEXT_BYTES = 128 };

/* The address that a socket listens on, in the form of STRATSLAB_LISTEN. */
void socket_text(int fd, char out[SOCKET_TEXT_BYTES]);
void sockets_close(struct sockets *sockets);  /* this process's copies */
void sockets_remove(struct sockets *sockets); /* the Unix sockets' files; the master's, at its end */

#endif
