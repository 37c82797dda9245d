/*
 * Tells the queue how a claim ended, until it answers. Each of these functions may be called again if its answer was
 * lost (docs/backtests.md), so whatever became of the connection, it is simply asked again: after a short pause, and
 * at once when there is a connection again. What the database refuses for good, or again and again, is given up; so is
 * what it is too slow for (STRATSLAB_DATABASE_STATEMENT_TIMEOUT) 20 times in all, as refused for good: it would be as
 * slow again.
 */
#ifndef QUEUE_TELL_H
#define QUEUE_TELL_H

#include "db/db.h"

struct event_base;
struct tell;

/* What the queue answers about a claim. */
enum queue_answer {
    QUEUE_RUNNING,
    QUEUE_QUEUED,
    QUEUE_SUCCEEDED,
    QUEUE_FAILED,
    QUEUE_CANCELLED,
    QUEUE_LOST,
    QUEUE_UNKNOWN, /* another word, which only another schema could answer */
};

enum queue_answer queue_answer_of(const struct db_result *result);

struct tell_options {
    struct event_base *base;
    struct db *db;
    const struct db_statement *statement;
    struct slice values[4]; /* borrowed until the tell ends or is freed */
    /* Called once, never from within tell_new. `refusal` is NULL if there is an answer; else why the database took
     * none, a sentence, and `refused_for_good` whether it says the same next time. The tell is gone afterwards. */
    void (*done)(void *arg, enum queue_answer answer, const char *refusal, bool refused_for_good);
    void *arg;
};

struct tell *tell_new(const struct tell_options *options);
void tell_free(struct tell *tell);  /* `done` will not be called. Takes NULL */
void tell_again(struct tell *tell); /* there is a connection again */

#endif
