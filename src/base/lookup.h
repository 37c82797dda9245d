/*
 * Addresses of names, looked up outside the caller's thread: getaddrinfo(3) has no deadline of its own, and with a name
 * server that answers nothing it takes as long as resolv.conf(5) says, 10 s and more.
 *
 * Each look-up has a thread of its own, with all signals blocked but those of its own faults. If the caller no longer
 * wants it, the thread ends when getaddrinfo does, and frees what was found. No lock is shared with it, so a process
 * may fork meanwhile.
 */
#ifndef BASE_LOOKUP_H
#define BASE_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

#include "base/attr.h"

struct lookup;

/* As getaddrinfo, which it is unless a test has its own. What it finds is freed by freeaddrinfo. */
typedef int lookup_fn(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found);

enum { LOOKUP_NO_ANSWER = -1000 }; /* beside the EAI_ codes: the deadline passed */

/* Copies what it is given; `service` may be NULL, and so may `resolve` (getaddrinfo). NULL, with errno, if there is no
 * thread or descriptor to be had. */
struct lookup *lookup_start(const char *name, const char *service, const struct addrinfo *hints, lookup_fn *resolve);
/* Readable as soon as the look-up is done. Only to be watched. */
int lookup_fd(const struct lookup *l);
bool lookup_is_done(const struct lookup *l);
/* Once it is done: 0, or an EAI_ code. */
int lookup_status(const struct lookup *l);
/* Once it is done: what was found, the look-up's own; NULL if it failed. */
const struct addrinfo *lookup_found(const struct lookup *l);
/* The caller wants it no more, done or not; takes NULL. */
void lookup_drop(struct lookup *l);

/* Waits for the answer, for at most `timeout_ms`. Returns 0, an EAI_ code, or LOOKUP_NO_ANSWER. What was found is the
 * caller's (freeaddrinfo). An address that is a number, and no name at all (NULL), take no thread. */
int lookup_within(const char *name, const char *service, const struct addrinfo *hints, unsigned timeout_ms,
                  struct addrinfo **ret_found) ATTR_CHECKED;
/* A status in words. */
const char *lookup_strerror(int status);

#endif
