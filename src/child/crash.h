/* A child's crash: it writes its backtrace to standard error, and then dies of the signal as it would have. */
#ifndef CHILD_CRASH_H
#define CHILD_CRASH_H

/* From now on, a crash writes a backtrace. `program` is named in it. */
void crash_enable_backtrace(const char *program);

#endif
