#include "queue/lease.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "queue/statements.h"

enum { LEASE_LOOK_MS = 1000, LEASE_BEAT_MS = QUEUE_LEASE_MS / 3, LEASE_RETRY_MS = 2000 };

struct lease {
    struct lease_options options;
    struct db_query *query;
    struct event *timer;
    uint64_t due_ms; /* the next heartbeat, whatever the progress */
    double told;     /* the progress that the queue knows; below 0: none */
    double telling;
    char text[32]; /* of the progress, as it is sent */
    bool again;    /* one is asked for while another is under way */
    bool ended;
};

static void lease_send(struct lease *lease);

static void lease_on_result(void *arg, const struct db_result *result)
{
    struct lease *lease = arg;
    const bool ok = db_result_outcome(result) == DB_OK;
    const enum queue_answer answer = ok ? queue_answer_of(result) : QUEUE_RUNNING;

    lease->query = NULL;
    lease->due_ms = clock_monotonic_ms() + (ok ? LEASE_BEAT_MS : LEASE_RETRY_MS);
    if (ok) lease->told = lease->telling;
    if (ok && answer != QUEUE_RUNNING) lease->ended = true;
    if (lease->again) {
        lease->again = false;
        if (!lease->ended) lease_send(lease);
    }
    if (ok) lease->options.answered(lease->options.arg, answer);
}

static void lease_send(struct lease *lease)
{
    const double progress = lease->options.progress(lease->options.arg);
    struct slice values[3] = {lease->options.id, lease->options.claim, SLICE_NONE};
    enum db_outcome outcome;

    lease->telling = lease->told;
    if (progress >= 0) {
        snprintf(lease->text, sizeof(lease->text), "%.6f", progress > 1 ? 1 : progress);
        values[2] = slice_of(lease->text);
        lease->telling = progress;
    }
    lease->query = db_submit(lease->options.db, &queue_heartbeat, values, lease_on_result, lease, &outcome);
    if (lease->query == NULL) lease->due_ms = clock_monotonic_ms() + LEASE_RETRY_MS;
}

static void lease_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct lease *lease = arg;
    double progress;

    (void)fd;
    (void)what;
    if (lease->ended || lease->query != NULL) return;
    progress = lease->options.progress(lease->options.arg);
    if (clock_monotonic_ms() < lease->due_ms && (progress < 0 || progress <= lease->told)) return;
    lease_send(lease);
}

struct lease *lease_new(const struct lease_options *options)
{
    static const struct timeval look = {.tv_sec = LEASE_LOOK_MS / 1000, .tv_usec = LEASE_LOOK_MS % 1000 * 1000};
    struct lease *lease = mem_zalloc(sizeof(*lease));

    lease->options = *options;
    lease->due_ms = clock_monotonic_ms() + LEASE_BEAT_MS;
    lease->timer = event_new(options->base, -1, EV_PERSIST, lease_on_timer, lease);
    if (lease->timer == NULL || event_add(lease->timer, &look) != 0) mem_die(0);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (lease == NULL) return;
    if (lease->query != NULL) db_abandon(lease->query);
    event_free(lease->timer);
    free(lease);
}

void lease_ask(struct lease *lease)
{
    if (lease->ended) return;
    if (lease->query != NULL) {
        lease->again = true;
    } else {
        lease_send(lease);
    }
}
