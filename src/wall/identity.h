/*
 * Who a process is. A service that was started as root keeps root in its master alone, which binds ports, opens log
 * files and becomes the next executable; what speaks to clients or to the database becomes an ordinary user and cannot
 * get back (setresuid(2), capabilities(7)).
 *
 * Where root is not root, in a user namespace that an ordinary user made and that has no other user in it
 * (user_namespaces(7)), nobody else can be become: the identity stays, and only the capabilities go.
 */
#ifndef WALL_IDENTITY_H
#define WALL_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"

enum { IDENTITY_GROUPS_MAX = 256, IDENTITY_TEXT_BYTES = 256 };

/* Whom a process of root's becomes. */
struct identity {
    bool stays; /* it is not root, or is to stay root: only its capabilities go */
    uid_t uid;
    gid_t gid;
    gid_t groups[IDENTITY_GROUPS_MAX]; /* all of the user's, as login(1) would give them */
    size_t group_count;
    char name[IDENTITY_TEXT_BYTES];
    char home[IDENTITY_TEXT_BYTES]; /* where libpq looks for its files */
};

/*
 * Finds the user that `text` names, by name or number. "" is "stratslab" if there is such a user, else "nobody", else
 * number 65534, which needs no name. "root" or "0" stays root. If the process is not root, it stays who it is, whatever
 * the text. ERROR_SETTINGS, naming STRATSLAB_USER, if there is no such user.
 */
int identity_find(const char *text, struct identity *ret_identity, struct error *err) ATTR_CHECKED;

/*
 * Tries, in a child process, to become that user, and to read the files at `paths` as that user; and whether this
 * process may send that one a signal. Sets `stays` if this is a user namespace without other users. ERROR_SETTINGS if
 * it cannot be done, with what helps; the caller has no threads.
 */
int identity_try(struct identity *identity, const char *const *paths, size_t count, struct error *err) ATTR_CHECKED;

/*
 * Becomes the user, for ever: groups, user and group numbers, HOME; no capability is left in any set, no_new_privs is
 * set, and the session keyring is a new one. PR_SET_PDEATHSIG stays as it was. It was tried to become root again, in
 * vain, when this returns 0. After a failure the process is neither the one nor the other, and must end.
 */
int identity_become(const struct identity *identity, struct error *err) ATTR_CHECKED;

#endif
