#include "queue/claimer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "queue/cache.h"
#include "queue/statements.h"
#include "rules/rules.h"

enum {
    CLAIMER_POLL_MIN_MS = 5000,
    CLAIMER_POLL_MAX_MS = 10000,
    CLAIMER_TURN_MS = 10, /* between free workers of one master */
    CLAIMER_TURNS_MAX = 8,
    CLAIMER_VAIN_MAX_MS = 160, /* after claims in vain */
    CLAIMER_TURN_LAST_MS = CLAIMER_TURNS_MAX * CLAIMER_TURN_MS + CLAIMER_VAIN_MAX_MS,
    CLAIMER_CALM_MS = 1000,   /* after so long without a notification, the next is answered at once */
    CLAIMER_PREFERS = 32,     /* symbols */
    CLAIMER_SILENT_MS = 2500, /* a worker's heart beats once a second */
    CLAIMER_ID_BYTES = 37,
};

struct claimer {
    struct claimer_options options;
    struct event *timer;
    struct db_query *query;
    struct buf kinds;
    struct buf prefers; /* not changed while a query is under way */
    char name[160];     /* for people who look at the table */
    bool running;       /* between start and the claim that found something, or stop */
    bool again;         /* told of something while a claim is under way */
    uint64_t due_ms;    /* of the timer */
    uint64_t told_ms;   /* the last notification */
    unsigned vain_ms;
    char wanted[CLAIMER_ID_BYTES]; /* of which the timer waits; "": of whatever there is */
    bool failing;
};

static void claimer_send(struct claimer *c);

static void claimer_after(struct claimer *c, unsigned ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    c->due_ms = clock_monotonic_ms() + ms;
    if (event_add(c->timer, &in) != 0) mem_die(0);
}

static void claimer_poll(struct claimer *c)
{
    c->wanted[0] = '\0';
    claimer_after(c, (unsigned)random_between(CLAIMER_POLL_MIN_MS, CLAIMER_POLL_MAX_MS));
}

/* ---- The other workers of this master ---- */

static bool claimer_look(const struct claimer *c, uint32_t place, struct scoreboard_seen *ret_seen)
{
    scoreboard_look(c->options.place->board, place, ret_seen);
    return ret_seen->pid != 0 && place != c->options.slot && ret_seen->accepting &&
           clock_monotonic_ms() <= ret_seen->heartbeat_ms + CLAIMER_SILENT_MS;
}

bool claimer_is_first(const struct claimer *claimer)
{
    for (uint32_t i = 0; i < claimer->options.slot; i++) {
        struct scoreboard_seen seen;

        if (claimer_look(claimer, i, &seen)) return false;
    }
    return true;
}

static unsigned claimer_free_before(const struct claimer *c)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < c->options.slot; i++) {
        struct scoreboard_seen seen;

        if (claimer_look(c, i, &seen) && seen.in_flight == 0) count++;
    }
    return count < CLAIMER_TURNS_MAX ? count : CLAIMER_TURNS_MAX;
}

static bool claimer_is_taken(const struct claimer *c, const char *id)
{
    for (uint32_t i = 0; i < scoreboard_places(c->options.place->board); i++) {
        struct scoreboard_seen seen;

        if (claimer_look(c, i, &seen) && strcmp(seen.last.request_id, id) == 0) return true;
    }
    return false;
}

/* ---- Claims ---- */

static void claimer_fail(struct claimer *c, const struct db_result *result)
{
    const enum db_outcome outcome = db_result_outcome(result);

    claimer_poll(c);
    if (outcome == DB_UNAVAILABLE || outcome == DB_OVERLOADED) return; /* the session says so */
    if (c->failing) return;
    c->failing = true;
    if (outcome == DB_DENIED) {
        log_error("the database does not let this role claim backtests; as the owner of the tables, run SELECT "
                  "backtest_grant('ROLE') there",
                  LOG_STR("sqlstate", db_result_sqlstate(result)), LOG_STR("error", db_result_message(result)));
    } else {
        log_warning("a claim failed; trying again", LOG_STR("outcome", db_outcome_name(outcome)),
                    LOG_STR("sqlstate", db_result_sqlstate(result)), LOG_STR("error", db_result_message(result)));
    }
}

static void claimer_found_nothing(struct claimer *c)
{
    metrics_add(c->options.meter->cells[METER_CLAIMS_EMPTY], 1);
    if (c->told_ms != 0) {
        c->vain_ms = c->vain_ms == 0 ? 5 : c->vain_ms * 2;
        if (c->vain_ms > CLAIMER_VAIN_MAX_MS) c->vain_ms = CLAIMER_VAIN_MAX_MS;
    }
    if (c->again) {
        c->again = false;
        claimer_after(c, (unsigned)random_between(0, c->vain_ms));
    } else {
        claimer_poll(c);
    }
}

static void claimer_on_result(void *arg, const struct db_result *result)
{
    struct claimer *c = arg;
    const bool was_running = c->running;

    c->query = NULL;
    if (db_result_outcome(result) == DB_OK) c->failing = false;
    if (db_result_rows(result) > 0) {
        metrics_add(c->options.meter->cells[METER_CLAIMED], 1);
        c->running = false;
        c->again = false;
        c->vain_ms = 0;
        event_del(c->timer);
        c->options.claimed(c->options.arg, result);
    } else if (!was_running) {
        c->options.stopped(c->options.arg);
    } else if (db_result_outcome(result) == DB_OK) {
        claimer_found_nothing(c);
    } else {
        claimer_fail(c, result);
    }
}

static void claimer_send(struct claimer *c)
{
    struct slice values[3];
    enum db_outcome outcome;

    if (!c->options.may_claim(c->options.arg)) {
        claimer_poll(c); /* claimer_connected comes before that */
        return;
    }
    buf_reset(&c->prefers);
    if (c->options.cache != NULL) cache_symbols(c->options.cache, CLAIMER_PREFERS, &c->prefers);
    values[0] = slice_of(c->name);
    values[1] = buf_slice(&c->kinds);
    values[2] = c->prefers.len > 0 ? buf_slice(&c->prefers) : SLICE_NONE;
    event_del(c->timer);
    c->query = db_submit(c->options.db, &queue_claim, values, claimer_on_result, c, &outcome);
    if (c->query == NULL) claimer_poll(c);
}

static void claimer_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct claimer *c = arg;

    (void)fd;
    (void)what;
    if (!c->running || c->query != NULL) return;
    if (c->wanted[0] != '\0' && claimer_is_taken(c, c->wanted)) {
        claimer_poll(c);
        return;
    }
    c->wanted[0] = '\0';
    claimer_send(c);
}

/* ---- What happens ---- */

void claimer_notified(struct claimer *c, struct slice id)
{
    const uint64_t now_ms = clock_monotonic_ms();
    unsigned ms;

    if (!c->running) return; /* it claims when it is free */
    if (c->told_ms == 0 || now_ms - c->told_ms > CLAIMER_CALM_MS) c->vain_ms = 0;
    c->told_ms = now_ms;
    if (c->query != NULL) {
        c->again = true; /* it may have come too late for that claim */
        return;
    }
    ms = claimer_free_before(c) * CLAIMER_TURN_MS + (unsigned)random_between(0, c->vain_ms);
    if (ms == 0) {
        claimer_send(c);
    } else if (now_ms + CLAIMER_TURN_LAST_MS < c->due_ms) {
        snprintf(c->wanted, sizeof(c->wanted), "%.*s", SLICE_FMT(id));
        claimer_after(c, ms);
    } else {
        c->wanted[0] = '\0'; /* there are several */
    }
}

void claimer_connected(struct claimer *claimer)
{
    if (!claimer->running) return;
    claimer->failing = false;
    if (claimer->query == NULL) claimer_send(claimer);
}

void claimer_start(struct claimer *claimer)
{
    claimer->running = true;
    claimer->told_ms = 0;
    claimer->wanted[0] = '\0';
    if (claimer->query == NULL) claimer_send(claimer);
}

bool claimer_stop(struct claimer *claimer)
{
    claimer->running = false;
    event_del(claimer->timer);
    return claimer->query != NULL;
}

struct slice claimer_kinds(const struct claimer *claimer)
{
    return buf_slice(&claimer->kinds);
}

/* Their names are words of letters and underscores. */
static void claimer_add_kinds(struct buf *out)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) buf_printf(out, "%s%s", i == 0 ? "" : ",", kinds[i].name);
    buf_add_char(out, '}');
}

struct claimer *claimer_new(const struct claimer_options *options)
{
    struct claimer *c = mem_zalloc(sizeof(*c));
    char host[65] = "";

    c->options = *options;
    claimer_add_kinds(&c->kinds);
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') snprintf(host, sizeof(host), "backtestd");
    snprintf(c->name, sizeof(c->name), "%s:%d", host, (int)getpid());
    c->timer = evtimer_new(options->base, claimer_on_timer, c);
    if (c->timer == NULL) mem_die(0);
    return c;
}

void claimer_free(struct claimer *claimer)
{
    if (claimer == NULL) return;
    if (claimer->query != NULL) db_abandon(claimer->query);
    event_free(claimer->timer);
    buf_clear(&claimer->kinds);
    buf_clear(&claimer->prefers);
    free(claimer);
}
