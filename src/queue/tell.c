#include "queue/tell.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

enum {
    TELL_PAUSE_MIN_MS = 200,
    TELL_PAUSE_MAX_MS = 5000,
    TELL_REFUSALS_MAX = 4,
    TELL_TIMEOUTS_MAX = 20, /* each has taken STRATSLAB_DATABASE_STATEMENT_TIMEOUT: some minutes */
};

struct tell {
    struct tell_options options;
    struct db_query *query; /* NULL: it waits for the timer */
    struct event *timer;
    unsigned pause_ms;
    unsigned refusals; /* answers that were none, though there was a connection */
    unsigned timeouts;
    bool is_refused; /* it cannot be sent, and never will be */
};

enum queue_answer queue_answer_of(const struct db_result *result)
{
    static const char *const words[] = {"running", "queued", "succeeded", "failed", "cancelled", "lost"};
    const struct slice word = db_result_value(result, 0, db_result_column(result, "answer"));

    for (size_t i = 0; i < countof(words); i++) {
        if (slice_is(word, words[i])) return (enum queue_answer)i;
    }
    return QUEUE_UNKNOWN;
}

/* How an outcome goes on. */
enum tell_next {
    TELL_WAIT,   /* the database is away, full, or busy with others: that ends */
    TELL_SLOW,   /* the database was too slow: what has been computed is worth more than some times of this */
    TELL_COUNT,  /* it may have been chance, some times */
    TELL_GIVE_UP /* it is the same next time */
};

static enum tell_next tell_next_of(enum db_outcome outcome)
{
    switch (outcome) {
    case DB_UNAVAILABLE:
    case DB_UNKNOWN:
    case DB_OVERLOADED:
    case DB_TOO_MANY:
    case DB_CONFLICT:
    case DB_BUSY:
    case DB_RESOURCES:
    case DB_READ_ONLY:
        return TELL_WAIT;
    case DB_TIMEOUT:
        return TELL_SLOW;
    case DB_CHECK:
    case DB_INVALID_VALUE:
    case DB_UNIQUE:
    case DB_FOREIGN_KEY:
        return TELL_GIVE_UP;
    default:
        return TELL_COUNT;
    }
}

static void tell_pause(struct tell *tell)
{
    const unsigned ms = (unsigned)random_between(tell->pause_ms / 2, tell->pause_ms);
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    tell->pause_ms = tell->pause_ms * 2 > TELL_PAUSE_MAX_MS ? TELL_PAUSE_MAX_MS : tell->pause_ms * 2;
    if (event_add(tell->timer, &in) != 0) mem_die(0);
}

static void tell_end(struct tell *tell, enum queue_answer answer, const char *refusal, bool for_good)
{
    const struct tell_options options = tell->options;

    tell_free(tell);
    options.done(options.arg, answer, refusal, for_good);
}

static void tell_on_result(void *arg, const struct db_result *result)
{
    struct tell *tell = arg;
    const enum db_outcome outcome = db_result_outcome(result);

    tell->query = NULL;
    if (outcome == DB_OK) {
        tell_end(tell, queue_answer_of(result), NULL, false);
        return;
    }
    const enum tell_next next = tell_next_of(outcome);
    const bool is_too_slow = next == TELL_SLOW && ++tell->timeouts >= TELL_TIMEOUTS_MAX;
    const bool is_for_good = next == TELL_GIVE_UP || is_too_slow;

    if (is_for_good || (next == TELL_COUNT && ++tell->refusals >= TELL_REFUSALS_MAX)) {
        tell_end(tell, QUEUE_UNKNOWN, db_result_message(result), is_for_good);
        return;
    }
    /* That it took so long was pause enough. */
    if (next == TELL_SLOW) tell->pause_ms = TELL_PAUSE_MIN_MS;
    tell_pause(tell);
}

static void tell_send(struct tell *tell)
{
    enum db_outcome outcome;

    tell->query =
        db_submit(tell->options.db, tell->options.statement, tell->options.values, tell_on_result, tell, &outcome);
    if (tell->query != NULL) return;
    if (tell_next_of(outcome) == TELL_WAIT) {
        tell_pause(tell);
    } else {
        tell->is_refused = true; /* told by the timer, as this may be tell_new */
        event_active(tell->timer, EV_TIMEOUT, 0);
    }
}

static void tell_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct tell *tell = arg;

    (void)fd;
    (void)what;
    if (tell->is_refused) {
        tell_end(tell, QUEUE_UNKNOWN, "it has a NUL byte, which the database does not take", true);
    } else {
        tell_send(tell);
    }
}

struct tell *tell_new(const struct tell_options *options)
{
    struct tell *tell = mem_zalloc(sizeof(*tell));

    tell->options = *options;
    tell->pause_ms = TELL_PAUSE_MIN_MS;
    tell->timer = evtimer_new(options->base, tell_on_timer, tell);
    if (tell->timer == NULL) mem_die(0);
    tell_send(tell);
    return tell;
}

void tell_free(struct tell *tell)
{
    if (tell == NULL) return;
    if (tell->query != NULL) db_abandon(tell->query);
    event_free(tell->timer);
    free(tell);
}

void tell_again(struct tell *tell)
{
    if (tell->query != NULL) return;
    tell->pause_ms = TELL_PAUSE_MIN_MS;
    event_active(tell->timer, EV_TIMEOUT, 0);
}
