/* The settings of the execution from JSON: a file of --execution, or a backtest's `execution`. */
#ifndef ENGINE_DOCUMENT_H
#define ENGINE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"
#include "engine/execution.h"

enum { ENGINE_FAULTS_MAX = 64 };

/* One setting that is wrong. */
struct engine_fault {
    struct slice pointer; /* RFC 6901, into the document: "/fee/percent"; "" is all of it; in the arena */
    struct slice value;   /* as written, in the document's text */
    struct slice detail;  /* "execution.fee.percent must be a number from -1 to 50, but is \"99\""; in the arena */
};

struct engine_faults {
    struct arena *arena;                          /* the caller's; set it before */
    struct engine_fault items[ENGINE_FAULTS_MAX]; /* in the order of the text; more than that are dropped */
    size_t count;
};

/* Sets what the document names, an object of valid JSON; the rest stays as it is. "fee": {"percent": 1} and
 * "fee.percent": 1 are the same setting. False, with every fault, if something is wrong: names, values, or what
 * engine_execution_check says of all of it. */
bool engine_execution_read(struct slice document, struct engine_execution *execution,
                           struct engine_faults *faults) ATTR_CHECKED;

#endif
