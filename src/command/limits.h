/* The system's limits for a process (getrlimit(2)), judged by what the settings ask for. What can be raised has been
 * raised by then (base/given.h). None of them keeps the service from starting. */
#ifndef COMMAND_LIMITS_H
#define COMMAND_LIMITS_H

#include "base/buf.h"
#include "conf/conf.h"

enum { LIMITS_COUNT = 4 };

/* Adds what is wrong with the limit at `index`, below LIMITS_COUNT, and what to do; nothing if it is high enough. */
void limits_judge(const struct conf *conf, size_t index, struct buf *out);

#endif
