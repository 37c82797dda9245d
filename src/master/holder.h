/* Who listens on a TCP port, for the message "address in use" (proc(5): /proc/net/tcp, /proc/PID/fd). */
#ifndef MASTER_HOLDER_H
#define MASTER_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

enum { HOLDER_TEXT_BYTES = 128 };

/* "nginx (pid 812)". False where it cannot be known: another user's process, another namespace. */
bool holder_find(uint16_t port, char out[HOLDER_TEXT_BYTES]);

#endif
