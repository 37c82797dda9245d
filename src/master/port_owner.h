/* Who listens on a TCP port, for the message "address in use" (proc(5): /proc/net/tcp, /proc/PID/fd). */
#ifndef MASTER_PORT_OWNER_H
#define MASTER_PORT_OWNER_H

#include <stdbool.h>
#include <stdint.h>

enum { PORT_OWNER_TEXT_BYTES = 128 };

/* "nginx (pid 812)". Returns false if it cannot be known: the process is another user's, or in another namespace. */
bool port_owner_find(uint16_t port, char out[PORT_OWNER_TEXT_BYTES]);
/* The same of a process whose number is known; "a process (pid 812)" if its name cannot be read. */
void port_owner_name(int pid, char out[PORT_OWNER_TEXT_BYTES]);

#endif
