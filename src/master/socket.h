/* Listening sockets: bound once by the master, held for ever, inherited by children. */
#ifndef MASTER_SOCKET_H
#define MASTER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "conf/conf.h"
#include "ipc/form.h"
#include "master/unix_socket.h"

enum { SOCKETS_MAX = 4 * CONF_LISTEN_MAX }; /* a name may stand for several addresses */

/* From a list, because a reload hands them on (ipc/form.h). */
#define SOCKETS_MEMBERS(M, owner)                                                                           \
    M(owner, int, fds, [SOCKETS_MAX])                                                                       \
    M(owner, size_t, count, )                                                                               \
    M(owner, struct unix_socket_file, files, [CONF_LISTEN_MAX]) /* of Unix sockets, to remove at the end */ \
    M(owner, size_t, file_count, )                                                                          \
    M(owner, bool,                                                                                          \
      passed, ) /* the service manager holds them too: the service that comes after this one goes on with them */
FORM_STRUCT(sockets, SOCKETS_MEMBERS);

/* What a role listens on; borrowed. */
struct sockets_wanted {
    const struct conf_addresses *addresses;
    const char *setting;                     /* "STRATSLAB_LISTEN", where they come from: errors name it */
    const struct conf_socket_access *access; /* of Unix sockets */
};

/* Binds and listens on every address, close-on-exec and non-blocking. If an address is in use, the error names it, and
 * the process that holds it if that can be known. On failure nothing stays open. */
int sockets_open(const struct sockets_wanted *wanted, struct sockets *ret_sockets, struct error *err) ATTR_CHECKED;

enum { SOCKET_TEXT_BYTES = 128 };

/* The address that a socket listens on, in the form of STRATSLAB_LISTEN. */
void socket_text(int fd, char out[SOCKET_TEXT_BYTES]);
void sockets_close(struct sockets *sockets);  /* this process's copies */
void sockets_remove(struct sockets *sockets); /* the Unix sockets' files that are still ours; the master's, at its end,
                                                 before it closes them */

#endif
