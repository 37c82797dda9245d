#include "child/child.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/given.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "child/crash.h"
#include "child/internal.h"
#include "ipc/channel.h"
#include "ipc/passing.h"

enum { CHILD_IDLE_GRACE_MS = 5000, CHILD_STOP_GRACE_MS = 250 };

static void child_drain(struct child *child, const char *why)
{
    child->asked_to_end++;
    child->state = CHILD_DRAINING;
    if (child->options.drain != NULL) {
        child->options.drain(child->options.ctx, why);
        return;
    }
    log_debug("draining", LOG_STR("why", why));
    child_draining(child);
    child_end(child);
}

static void child_on_term(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    child_drain(arg, "the master asked for it");
}

static void child_on_channel(evutil_socket_t fd, short what, void *arg)
{
    struct child *child = arg;
    struct passing passing;

    (void)what;
    const int got = passing_receive(fd, &passing);

    if (got > 0 && passing.word == PASSING_NO_LOG_FILE) log_miss_file();
    if (got > 0) log_take_file(passing.fds, passing.count); /* the master has opened it again */
    if (got >= 0) return;
    event_del(child->channel);
    child->orphaned = true;
    child_drain(child, "the master has gone");
}

/* The master passes on the signal of whoever rotates the log's files. A child that may open no file gets it from the
 * master (log_expect_file). */
static void child_on_reopen(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    (void)arg;
    (void)log_reopen();
}

void child_write_cells(struct child *child)
{
    struct scoreboard_worker *cells = child->place.cells;

    if (cells == NULL) return;
    cells->accepting = child->accepting;
    cells->database = child->database;
    cells->migrations_pending = child->migrations_pending;
}

void child_update_cells(struct child *child)
{
    child_write_cells(child);
    *child->place.heartbeat_ms = clock_monotonic_ms();
    if (child->session != NULL) session_tick(child->session);
    if (child->options.tick != NULL) child->options.tick(child->options.ctx);
}

static void child_on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct child *child = arg;
    const uint64_t most = child->options.memory_max_bytes;

    (void)fd;
    (void)what;
    (void)log_write_counts();
    child_update_cells(child);
    if (most > 0 && process_resident_bytes(getpid()) > most) child_recycle(child, "STRATSLAB_MAX_MEMORY");
}

static void child_init_cells(struct child *child)
{
    struct scoreboard_worker *cells = child->place.cells;

    *child->place.heartbeat_ms = clock_monotonic_ms();
    if (cells == NULL) return;
    cells->last = (struct scoreboard_last){.route = ""};
    cells->in_flight = 0;
    cells->connections = 0;
    cells->queue_depth = 0;
    child_write_cells(child);
    child->requests_before = cells->requests;
}

int child_new(const struct child_options *options, struct child **ret_child, struct error *err)
{
    static const struct timeval tick = {.tv_sec = CHILD_TICK_MS / 1000, .tv_usec = CHILD_TICK_MS % 1000 * 1000};
    struct child *child = mem_zalloc(sizeof(*child));
    sigset_t held;

    child->options = *options;
    child->place = *options->place;
    child_init_cells(child);
    log_set_role(options->role);
    crash_enable_backtrace(options->program);
    given_child(SIGUSR1); /* as the master's fork has left it: a signal that came since is not lost */
    child->base = event_base_new();
    if (child->base == NULL) goto fail;
    child->term = evsignal_new(child->base, SIGTERM, child_on_term, child);
    child->reopen = evsignal_new(child->base, SIGUSR1, child_on_reopen, child);
    child->channel = event_new(child->base, child->place.channel_fd, EV_READ | EV_PERSIST, child_on_channel, child);
    child->tick = event_new(child->base, -1, EV_PERSIST, child_on_tick, child);
    if (child->term == NULL || child->reopen == NULL || child->channel == NULL || child->tick == NULL) goto fail;
    if (event_add(child->term, NULL) != 0 || event_add(child->reopen, NULL) != 0) goto fail;
    if (event_add(child->channel, NULL) != 0 || event_add(child->tick, &tick) != 0) goto fail;
    sigemptyset(&held);
    sigaddset(&held, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &held, NULL);
    *ret_child = child;
    return 0;
fail:
    child_free(child);
    return error_set_errno(err, "cannot make an event loop");
}

void child_free(struct child *child)
{
    if (child == NULL) return;

    struct event *const events[] = {child->term, child->reopen, child->channel, child->tick};

    for (size_t i = 0; i < countof(events); i++) {
        if (events[i] != NULL) event_free(events[i]);
    }
    if (child->base != NULL) event_base_free(child->base);
    free(child);
}

struct event_base *child_base(struct child *child)
{
    return child->base;
}

void child_ready(struct child *child)
{
    if (child->state != CHILD_STARTING) return;
    child->state = CHILD_READY;
    child->accepting = true;
    child_write_cells(child);
    if (child->session != NULL) session_say_addresses(child->session);
    channel_send(child->place.channel_fd, CHANNEL_READY);
}

void child_recycle(struct child *child, const char *why)
{
    const struct scoreboard_worker *cells = child->place.cells;

    if (child->state != CHILD_READY || cells == NULL) return;
    child->state = CHILD_RECYCLING;
    log_info("asking to be replaced", LOG_STR("why", why),
             LOG_UINT("requests", cells->requests - child->requests_before));
    channel_send(child->place.channel_fd, CHANNEL_RECYCLE);
}

void child_draining(struct child *child)
{
    child->accepting = false;
    child_write_cells(child);
    channel_send(child->place.channel_fd, CHANNEL_DRAINING);
}

unsigned child_idle_grace_ms(const struct child *child)
{
    return child->place.board->phase == SCOREBOARD_DRAINING ? CHILD_STOP_GRACE_MS : CHILD_IDLE_GRACE_MS;
}

static bool child_service_ends(const struct child *child)
{
    return child->orphaned || child->place.board->phase == SCOREBOARD_DRAINING;
}

unsigned child_finish_ms(const struct child *child, unsigned stop_ms)
{
    if (child_service_ends(child)) return stop_ms;
    return child->asked_to_end > 1 ? 0 : child->place.retire_ms;
}

bool child_is_last(const struct child *child)
{
    return child_service_ends(child) && !child->place.listen_passed;
}

static void child_copy(char *out, size_t size, struct slice text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    if (len > 0) memcpy(out, text.data, len);
    out[len] = '\0';
}

void child_set_last(struct child *child, const char *route, struct slice request_id, const char *statement)
{
    struct scoreboard_last *last = &child->place.cells->last;

    child_copy(last->route, sizeof(last->route), slice_of(route));
    child_copy(last->request_id, sizeof(last->request_id), request_id);
    child_copy(last->statement, sizeof(last->statement), slice_of(statement));
}

void child_run(struct child *child)
{
    event_base_dispatch(child->base);
    log_finish();
}

void child_end(struct child *child)
{
    event_base_loopbreak(child->base);
}

void child_end_within(struct child *child, unsigned ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (event_base_loopexit(child->base, &in) != 0) mem_die(0);
}
