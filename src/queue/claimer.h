/*
 * When a worker claims: when it has become free, when a notification says that there is something, and every 5 to 10
 * seconds, since notifications may be lost and claims notice leases that ran out.
 *
 * All workers hear each notification, and one of them gets the backtest. So that the others do not all ask for it: of
 * the workers of one master that are free, the first asks at once, and each further one some milliseconds later, unless
 * another worker of this master has the backtest by then. Whoever has asked in vain waits a little longer each time,
 * as long as notifications follow each other.
 */
#ifndef QUEUE_CLAIMER_H
#define QUEUE_CLAIMER_H

#include <stdbool.h>

#include "db/db.h"
#include "ipc/place.h"
#include "queue/meter.h"

struct cache;
struct claimer;
struct event_base;

struct claimer_options {
    struct event_base *base;
    struct db *db;
    struct cache *cache; /* what it holds is preferred; may be NULL */
    struct meter *meter;
    const struct child_place *place;
    unsigned slot;
    void *arg;
    /* Whether the schema is one that this build can work with. While it is not, nothing is claimed: a newer build waits
     * for the migration, and spends no attempts meanwhile. */
    bool (*may_claim)(void *arg);
    /* A row of queue_claim. The claimer does nothing more until claimer_start is called again. */
    void (*claimed)(void *arg, const struct db_result *row);
    /* The claim that was under way when claimer_stop was called has found nothing. */
    void (*stopped)(void *arg);
};

struct claimer *claimer_new(const struct claimer_options *options);
void claimer_free(struct claimer *claimer);  /* takes NULL */
void claimer_start(struct claimer *claimer); /* the worker is free: it claims now, and then as above */
/* It claims no more. Returns whether a claim is still under way: then `claimed` or `stopped` is called. */
bool claimer_stop(struct claimer *claimer);
void claimer_notified(struct claimer *claimer, struct slice id);
void claimer_connected(struct claimer *claimer); /* notifications may have been lost; or it may claim again */

/* The kinds that backtestd knows, as a literal of text[]; lives as long as the claimer. */
struct slice claimer_kinds(const struct claimer *claimer);
/* Whether this is the first of the workers that serve now, which asks what is one's to ask for all. */
bool claimer_is_first(const struct claimer *claimer);

#endif
