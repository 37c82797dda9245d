/*
 * A backtest that was claimed, until its claim has ended: its candles are loaded, a job computes it, and the queue is
 * told how it ended. Meanwhile the lease is held. Whatever the queue answers is obeyed: if the claim is not ours any
 * more, everything is dropped.
 *
 * If the connection is lost, the job goes on, and the queue is told when it is back. If candles could not be read, they
 * are read again, as soon as the queue says that the claim is still ours.
 */
#ifndef QUEUE_WORK_H
#define QUEUE_WORK_H

#include "conf/conf.h"
#include "db/db.h"
#include "queue/meter.h"

struct cache;
struct child;
struct event_base;
struct work;

/* Borrowed. */
struct work_options {
    struct child *child;
    struct event_base *base;
    struct db *db;
    struct cache *cache;
    const struct conf *conf;
    struct meter *meter;
    void *arg;
    /* The claim has ended. Called once, never from within a function of this file; frees the work. */
    void (*done)(void *arg, struct work *work);
};

/* What is told of it at its end. The texts live as long as the work. */
struct work_record {
    struct slice id, kind, symbol, timeframe, attempts;
    enum meter_outcome outcome;
    const char *code; /* of a failure; NULL: none */
    struct slice detail;
    uint64_t bars;
    uint64_t phase_ns[METER_PHASES];
    uint64_t took_ns;   /* since the claim */
    const char *cached; /* "yes", "no" or "part"; "-": nothing was loaded */
};

/* `row` is of queue_claim, and is copied. */
struct work *work_new(const struct work_options *options, const struct db_result *row);
void work_free(struct work *work); /* ends its job; takes NULL */
struct slice work_id(const struct work *work);
struct work_record work_record(const struct work *work);
void work_ask(struct work *work);       /* the claim may have been cancelled */
void work_connected(struct work *work); /* there is a connection again */
/* Ends it, and gives it back. If the queue is being told of its end already, that goes on. */
void work_give_back(struct work *work);

#endif
