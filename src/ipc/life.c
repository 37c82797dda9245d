#include "ipc/life.h"

#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/crash.h"

struct life {
    struct event_base *base;
    struct life_events events;
    int channel_fd;
    struct event *term;
    struct event *reopen;
    struct event *channel;
    struct event *tick;
    bool ready;
    bool draining;
    bool orphaned;
};

static void life_drain(struct life *life, const char *why)
{
    if (life->draining) return;
    life->draining = true;
    life->events.drain(life->events.ctx, why);
}

static void life_on_term(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    life_drain(arg, "asked to by the master");
}

static void life_on_channel(evutil_socket_t fd, short what, void *arg)
{
    struct life *life = arg;
    char ignored[16];

    (void)what;
    if (channel_hear(fd, ignored, sizeof(ignored)) >= 0) return;
    event_del(life->channel);
    life->orphaned = true;
    life_drain(life, "the master has gone");
}

/* The master passes on what whoever rotates the log's files told it. */
static void life_on_reopen(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    (void)arg;
    (void)log_reopen();
}

static void life_on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct life *life = arg;

    (void)fd;
    (void)what;
    (void)log_settle();
    if (life->events.tick != NULL) life->events.tick(life->events.ctx);
}

int life_new(int channel_fd, const struct life_events *events, struct life **ret_life, struct error *err)
{
    static const struct timeval tick = {.tv_sec = LIFE_TICK_MS / 1000, .tv_usec = LIFE_TICK_MS % 1000 * 1000};
    struct life *life = mem_zalloc(sizeof(*life));
    sigset_t held;

    life->events = *events;
    life->channel_fd = channel_fd;
    crash_tell();
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    life->base = event_base_new();
    if (life->base == NULL) goto fail;
    life->term = evsignal_new(life->base, SIGTERM, life_on_term, life);
    life->reopen = evsignal_new(life->base, SIGUSR1, life_on_reopen, life);
    life->channel = event_new(life->base, channel_fd, EV_READ | EV_PERSIST, life_on_channel, life);
    life->tick = event_new(life->base, -1, EV_PERSIST, life_on_tick, life);
    if (life->term == NULL || life->reopen == NULL || life->channel == NULL || life->tick == NULL) goto fail;
    if (event_add(life->term, NULL) != 0 || event_add(life->reopen, NULL) != 0) goto fail;
    if (event_add(life->channel, NULL) != 0 || event_add(life->tick, &tick) != 0) goto fail;
    /* The master's fork left it blocked, so that none that came since is lost. */
    sigemptyset(&held);
    sigaddset(&held, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &held, NULL);
    *ret_life = life;
    return 0;
fail:
    life_free(life);
    return error_set_errno(err, "cannot make an event loop");
}

void life_free(struct life *life)
{
    if (life == NULL) return;

    struct event *const events[] = {life->term, life->reopen, life->channel, life->tick};

    for (size_t i = 0; i < countof(events); i++) {
        if (events[i] != NULL) event_free(events[i]);
    }
    if (life->base != NULL) event_base_free(life->base);
    free(life);
}

struct event_base *life_base(struct life *life)
{
    return life->base;
}

void life_ready(struct life *life)
{
    if (life->ready) return;
    life->ready = true;
    channel_say(life->channel_fd, CHANNEL_READY);
}

void life_tire(struct life *life)
{
    channel_say(life->channel_fd, CHANNEL_TIRED);
}

void life_retire(struct life *life)
{
    channel_say(life->channel_fd, CHANNEL_RETIRING);
}

bool life_is_orphaned(const struct life *life)
{
    return life->orphaned;
}

void life_run(struct life *life)
{
    event_base_dispatch(life->base);
    log_finish();
}

void life_end(struct life *life)
{
    event_base_loopbreak(life->base);
}
