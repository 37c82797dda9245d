/*
 * The scoreboard's memory: who maps which of its pages, and how. The master writes its own and reads the rest; a child
 * writes its own and reads the rest. See ipc/scoreboard.h.
 */
#ifndef IPC_PAGES_H
#define IPC_PAGES_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "ipc/scoreboard.h"

/* For the master. The descriptors are close-on-exec, and no child has them. */
struct pages {
    struct scoreboard *board;
    int fd; /* -1: none */
    int read_fd;
};

/* Makes a scoreboard, or maps the one behind pages->fd if that is not -1; that one must be as if it were made here. */
int pages_open(struct pages *pages, struct error *err) ATTR_CHECKED;
void pages_close(struct pages *pages);

/* Who writes. */
struct pages_owner {
    bool is_worker;
    unsigned at; /* the place of a worker, or the number among the others */
};

/* For the master, before it starts a child: what the child before left in its pages is cleared away. What that one
 * counted stays, unless it is more than a worker could have counted. */
int pages_prepare(const struct pages *pages, const struct pages_owner *owner, struct error *err) ATTR_CHECKED;
/* For the child, right after the fork: from now on it writes its own pages only, and whatever it forks does not have
 * these. Closes the descriptors. */
int pages_enter(struct pages *pages, const struct pages_owner *owner, struct error *err) ATTR_CHECKED;

#endif
