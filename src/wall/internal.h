/* What the files of this room share. Nobody else includes it. */
#ifndef WALL_INTERNAL_H
#define WALL_INTERNAL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "wall/wall.h"

/* filter.c. Whether there is a table for this processor, and a kernel that takes it. */
const char *filter_lack(void);
int filter_enter(const struct wall_options *options, struct error *err) ATTR_CHECKED;

/* job.c. The one that allows what is needed to compute. */
int job_filter_enter(struct error *err) ATTR_CHECKED;

/* landlock.c. The version of the kernel's interface; 0: none. */
int landlock_version(void);
int landlock_enter(int version, const struct wall_options *options, struct error *err) ATTR_CHECKED;
/* No rights on any file, port or process. */
int landlock_enter_nothing(int version, struct error *err) ATTR_CHECKED;

#endif
