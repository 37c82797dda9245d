/*
 * How somebody outside finds the master: a Unix socket in the abstract namespace (unix(7)), which the master listens on
 * from its first image to its end. Nothing is said on it. Whoever connects asks the kernel who listens there
 * (SO_PEERCRED), and so knows the process without believing a number that a port told. Only the master holds the
 * socket: no child has it, so a connection shows that the master lives.
 *
 * Abstract names belong to a network namespace: there is nobody at the name of a service in another container. Anybody
 * may listen on any name, but only ever shows itself.
 */
#ifndef IPC_CONTROL_H
#define IPC_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"

/* With its NUL: 16 lowercase hexadecimal digits, by chance, for the life of the service. */
enum { CONTROL_INSTANCE_BYTES = 17 };

bool control_is_instance(const char *text);

/* For the master: picks an instance, and listens at its name. Returns the socket, close-on-exec and non-blocking; -1 if
 * the system has no such sockets. */
int control_listen(const char *program, char ret_instance[CONTROL_INSTANCE_BYTES], struct error *err) ATTR_CHECKED;
/* Takes in who has connected, and lets them go: else the queue would fill. It accepts a few at a time. */
void control_accept(int fd);

struct control_peer {
    pid_t pid; /* as this process sees it; 0: it is in another PID namespace */
    uid_t uid;
    int pidfd; /* of the same process, whatever becomes of the number; -1: the system has no pidfds */
};

enum control_found {
    CONTROL_FOUND,
    CONTROL_NOBODY,    /* nobody listens at that name here: the service has ended, or is in another network namespace */
    CONTROL_ELSEWHERE, /* it is in another PID namespace, so no signal of ours reaches it */
    CONTROL_ERROR,     /* the system refused; errno says why */
};

/* The process that listens at the name. If it was found, ret_peer->pidfd is the caller's to close. */
enum control_found control_find(const char *program, const char *instance, struct control_peer *ret_peer) ATTR_CHECKED;
/* Sends a signal to that process, and to no other that got its number since. Returns false and sets errno. */
bool control_signal(const struct control_peer *peer, int signo) ATTR_CHECKED;
bool control_is_alive(const struct control_peer *peer);

#endif
