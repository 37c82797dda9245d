/* A strategy from a file, checked and bound to its parameters. */
#ifndef BACKTESTD_STRATEGY_H
#define BACKTESTD_STRATEGY_H

#include "backtestd/place.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "command/command.h"
#include "rules/rules.h"

struct strategy {
    const char *path;  /* of the file, as messages print it */
    struct slice name; /* absent if the file has none */
    struct slice kind;
    struct rules *rules; /* owned */
    struct document document;
    const char *below; /* where in it the rules are: a pointer */
    struct slice parameters;
    struct rules_override *overrides; /* of --param */
    size_t override_count;
};

/* The file of --strategy with every --param. Every fault is in the error, one a line, with its place. ERROR_USAGE if
 * only --param is at fault. Slices live in the arena. */
int strategy_load(const struct command_line *line, struct arena *arena, struct strategy *strategy,
                  struct error *err) ATTR_CHECKED;
/* Can it be computed on candles of `timeframe_ms`? Each place that cannot is in the error, one a line. */
int strategy_fits(const struct strategy *strategy, int64_t timeframe_ms, struct arena *arena,
                  struct error *err) ATTR_CHECKED;
void strategy_clear(struct strategy *strategy);

#endif
