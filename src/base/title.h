/*
 * What ps(1) shows for this process in place of its command line: "stratslabd: worker 3". The text is written over the
 * arguments that the process was started with (proc(5): /proc/PID/cmdline), so nobody may hold on to argv. If it is
 * longer than they are, the environment's strings behind them are moved to the heap first.
 */
#ifndef BASE_TITLE_H
#define BASE_TITLE_H

#include "base/attr.h"

/* The title is cut to the room that there is. A forked child may set its own. Does nothing if the system keeps
 * arguments in another way. Do not call it in a process with threads. */
void title_set(const char *fmt, ...) ATTR_PRINTF(1, 2);

#endif
