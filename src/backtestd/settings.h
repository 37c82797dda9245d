/* The settings of the execution, from a file. */
#ifndef BACKTESTD_SETTINGS_H
#define BACKTESTD_SETTINGS_H

#include "base/arena.h"
#include "base/attr.h"
#include "command/command.h"
#include "engine/execution.h"

/* The defaults, then the file of --execution, then --capital. The error has the place. */
int settings_load(const struct command_line *line, struct arena *arena, struct engine_execution *execution,
                  struct error *err) ATTR_CHECKED;

#endif
