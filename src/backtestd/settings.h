/* The settings of the execution, from a file. */
#ifndef BACKTESTD_SETTINGS_H
#define BACKTESTD_SETTINGS_H

#include "backtestd/place.h"
#include "base/arena.h"
#include "base/attr.h"
#include "command/command.h"
#include "engine/execution.h"

/* The defaults, then the file of --execution, then --capital. The error has the place. *ret_document is the file; its
 * path is NULL if there is none. */
int settings_load(const struct command_line *line, struct arena *arena, struct engine_execution *execution,
                  struct document *ret_document, struct error *err) ATTR_CHECKED;
/* Puts the place of the setting that the engine's message names ("execution.fee.percent …") before it, if the message
 * begins with one and there is a file. Returns -1. */
int settings_blame(const struct document *document, struct arena *arena, struct error *err);

#endif
