/* What is stored of a symbol, and which of its series a job takes. For queue/load.c. */
#ifndef QUEUE_CATALOG_H
#define QUEUE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "queue/load.h"

struct db_result;
struct db_statement;

enum { CATALOG_MAX = 64 }; /* there are fewer timeframes */

struct catalog_series {
    int64_t id, timeframe_ms, first_ms, last_ms;
};

/* The finest first. */
struct catalog {
    struct catalog_series items[CATALOG_MAX];
    size_t count;
};

/* Borrowed from the catalog. */
struct catalog_choice {
    const struct catalog_series *source; /* of the candles; NULL: none can be taken */
    const struct catalog_series *detail; /* NULL: none, or it is the source's own bars */
    bool is_derived;
    int64_t from_ms, to_ms; /* of the source: bars that open in [from, to) */
    int64_t bars_end_ms;    /* the end of the last bar of the timeframe that may open in the span */
};

/* Takes the symbol. */
extern const struct db_statement catalog_statement;

bool catalog_take(struct catalog *catalog, const struct db_result *result) ATTR_CHECKED;
/* The series of the timeframe itself; else the finest that it can be made from. For the detail, the finest of all. */
void catalog_choose(const struct catalog *catalog, const struct load_request *request, struct catalog_choice *choice);
/* A sentence: what is not there, and what is. */
void catalog_explain(const struct catalog *catalog, const struct catalog_choice *choice,
                     const struct load_request *request, struct buf *out);

#endif
