/*
 * What the tests of loading stand on: a schema of the test's own with the tables of candles, an event loop, a db, and a
 * plain connection to store things by. The server is the one of STRATSLAB_TEST_DATABASE_URL, as superuser.
 */
#ifndef QUEUE_RIG_H
#define QUEUE_RIG_H

#include <event2/event.h>
#include <libpq-fe.h>

#include "db/db.h"
#include "queue/load.h"
#include "test_queue.h"

struct rig {
    struct event_base *base;
    struct db *db;
    PGconn *control;
    char *conninfo; /* owned */
    char schema[64];
    struct cache *cache;
    char *folder;
    enum db_state state;
    struct load *load; /* under way */
    struct loaded *loaded;
    bool retry;
    char code[32], detail[2048];
    unsigned calls;
};

/* The tables are there, and db_start has yet to be called. */
void rig_open(struct rig *rig);
void rig_connect(struct rig *rig);
void rig_close(struct rig *rig);
void rig_sql(struct rig *rig, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* Stores all of the series' chunks, and removes others. */
void rig_store(struct rig *rig, const char *symbol, const struct candles *candles);
/* Loads, and waits for the end; rig->loaded, or code and detail. */
void rig_load(struct rig *rig, const struct load_request *request);
void rig_begin(struct rig *rig, const struct load_request *request);
void rig_forget(struct rig *rig);

#endif
