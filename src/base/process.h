/* What Linux knows about a process (proc(5)). */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Resident memory; 0 if it cannot be known. */
uint64_t process_resident_bytes(pid_t pid);

/* False also for a zombie, which kill(2) still finds. */
bool process_is_alive(pid_t pid);

#endif
