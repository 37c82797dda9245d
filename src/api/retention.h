/*
 * Removes backtests that finished longer ago than they are kept, while the service runs: about once a minute, in small
 * pieces, so that no request waits long behind one. Several workers and services may do it at once: each passes over
 * what another is removing.
 */
#ifndef API_RETENTION_H
#define API_RETENTION_H

#include <stddef.h>
#include <stdint.h>

#include "db/db.h"

struct api_retention;

struct api_retention_events {
    void *ctx;
    /* All that was old enough is removed, and this worker removed so many. Not called for 0. */
    void (*removed)(void *ctx, uint64_t backtests);
    /* It failed in a way that will not pass by itself. It is tried again about a minute later. */
    void (*failed)(void *ctx, const char *statement, const struct db_result *result);
};

/* Borrows `db`, which is freed first: what is under way is then dropped. `keep_ms`: for how long a backtest is kept
 * after its end. */
struct api_retention *api_retention_new(struct db *db, size_t keep_ms, const struct api_retention_events *events);
void api_retention_free(struct api_retention *retention); /* takes NULL */
/* Each second. */
void api_retention_tick(struct api_retention *retention);

#endif
