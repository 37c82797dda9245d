/* /status: the scoreboard as JSON. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "base/buf.h"
#include "ipc/scoreboard.h"

void admin_status_json(const char *program, const struct scoreboard *board, struct buf *out);

#endif
