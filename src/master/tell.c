/* What the service manager is told of the service, made from what is so. */

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "master/internal.h"

static const struct master_role *tell_worker_role(const struct master *m)
{
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        if (m->nursery.options->roles[i].is_worker) return &m->nursery.options->roles[i];
    }
    return NULL;
}

/* "; reload 3 failed in preflight: …", "" before the first. */
static void tell_verdict(const struct scoreboard_reload *reload, char *out, size_t size)
{
    out[0] = '\0';
    if (reload->state == SCOREBOARD_RELOAD_SUCCEEDED) {
        snprintf(out, size, "; reload %u succeeded in %llu ms", reload->number,
                 (unsigned long long)reload->duration_ms);
    } else if (reload->state == SCOREBOARD_RELOAD_FAILED) {
        snprintf(out, size, "; RELOAD %u FAILED in %s, the code before it serves on: %.*s", reload->number,
                 reload->step, NOTIFY_STATUS_BYTES / 2, reload->reason);
    }
}

static void tell_serving(struct master *m)
{
    const struct master_role *role = tell_worker_role(m);
    size_t at = (size_t)(role - m->nursery.options->roles);
    char verdict[NOTIFY_STATUS_BYTES];
    char where[SOCKET_TEXT_BYTES] = "no address";

    if (m->nursery.sockets[at].count > 0) socket_text(m->nursery.sockets[at].fds[0], where);
    tell_verdict(&m->story.reload, verdict, sizeof(verdict));
    notify_tell(&m->notify, NOTIFY_READY, 0, "Serving on %s with %u workers, generation %u%s", where, m->desired[at],
                m->nursery.generation, verdict);
}

static void tell_stopping(struct master *m)
{
    const struct conf *conf = m->nursery.options->conf;
    uint64_t ms =
        (uint64_t)conf->supervision.stop_delay_ms + conf->supervision.stop_timeout_ms + 2 * MASTER_KILL_GRACE_MS;

    if (m->exit_status == EXIT_SUCCESS) {
        notify_tell(&m->notify, NOTIFY_STOPPING, ms, "Stopping: what is in flight is finished");
    } else {
        notify_tell(&m->notify, NOTIFY_STOPPING, ms, "Giving up with exit status %d; the log says why", m->exit_status);
    }
}

void master_tell_manager(struct master *m)
{
    const struct scoreboard_reload *reload = &m->story.reload;

    if (m->state >= MASTER_DELAYING) {
        tell_stopping(m);
    } else if (reload->state == SCOREBOARD_RELOAD_RUNNING) {
        notify_tell(&m->notify, NOTIFY_RELOADING, 0, "Reload %u: %s", reload->number, reload->step);
    } else if (m->was_ready) {
        tell_serving(m);
    } else if (m->state == MASTER_STARTING) {
        notify_tell(&m->notify, NOTIFY_WAITING, NOTIFY_WAITING_MS,
                    "Starting: waiting for the database, and for migrations");
    } else {
        notify_tell(&m->notify, NOTIFY_STARTING,
                    m->nursery.options->conf->database.limits.connect_timeout_ms + NOTIFY_WAITING_MS,
                    "Starting workers");
    }
}
