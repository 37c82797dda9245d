/*
 * What the tests of whoever asks the queue stand on: an event loop, a db with statements of their own, and a schema
 * with a table `told`, in which the functions that they make up note what they were told. The server is the one of
 * STRATSLAB_TEST_DATABASE_URL, as superuser.
 */
#ifndef QUEUE_ASKER_H
#define QUEUE_ASKER_H

#include <event2/event.h>
#include <libpq-fe.h>

#include "db/db.h"
#include "test_queue.h"

struct asker {
    struct event_base *base;
    struct db *db;
    PGconn *control;
    char *conninfo; /* owned */
    char schema[64];
    enum db_state state;
    unsigned times_ready;
    void (*on_ready)(struct asker *asker); /* may be NULL */
    void *arg;
    char value[256];
};

/* `sql` is run in the schema first. */
void asker_open(struct asker *asker, const char *sql, const struct db_statement *const *statements, size_t count);
void asker_close(struct asker *asker);
/* Turns the loop until *flag is at least `count`; fails after long. */
void asker_until(struct asker *asker, const unsigned *flag, unsigned count);
/* The first value, valid until the next call; "" if there is no row. */
const char *asker_sql(struct asker *asker, const char *sql);

#endif
