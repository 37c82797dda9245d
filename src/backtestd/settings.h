/* The settings of the execution, from a file. */
#ifndef BACKTESTD_SETTINGS_H
#define BACKTESTD_SETTINGS_H

#include "base/arena.h"
#include "base/attr.h"
#include "engine/execution.h"
#include "frame/frame.h"

/* The defaults, then the file of --execution, then --capital. The error has the place. */
int settings_load(const struct frame_line *line, struct arena *arena, struct engine_execution *execution,
                  struct error *err) ATTR_CHECKED;

#endif
