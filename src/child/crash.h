/* A child's crash: says where it was, on standard error, and then dies of the signal as it would have. */
#ifndef CHILD_CRASH_H
#define CHILD_CRASH_H

/* From now on; `program` is named in what it says. */
void crash_enable_backtrace(const char *program);

#endif
