/* What the service manager is told about the service, made from the master's state. */

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "master/internal.h"

/* "; reload 3 failed in preflight: …"; "" before the first reload. */
static void manager_verdict(const struct scoreboard_reload *reload, char *out, size_t size)
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

static void manager_report_serving(struct master *m)
{
    const struct master_role *role = options_serving_role(&m->children);
    size_t at = children_role_id(&m->children, role);
    bool listens = m->children.sockets[at].count > 0;
    char verdict[NOTIFY_STATUS_BYTES];
    char where[SOCKET_TEXT_BYTES] = "";

    if (listens) socket_text(m->children.sockets[at].fds[0], where);
    manager_verdict(&m->details.reload, verdict, sizeof(verdict));
    notify_update(&m->notify, NOTIFY_READY, 0, "Serving%s%s with %u %s, generation %u%s", listens ? " on " : "", where,
                  m->desired[at], m->desired[at] == 1 ? role->name : role->plural, m->children.generation, verdict);
}

static void manager_report_stopping(struct master *m)
{
    const struct master_times *times = &m->children.options->times;
    uint64_t ms = (uint64_t)times->stop_delay_ms + times->stop_timeout_ms + 2 * (uint64_t)times->kill_grace_ms;

    if (m->exit_status == EXIT_SUCCESS) {
        notify_update(&m->notify, NOTIFY_STOPPING, ms, "Stopping: work in flight is being finished");
    } else {
        notify_update(&m->notify, NOTIFY_STOPPING, ms, "Giving up with exit status %d; the log says why",
                      m->exit_status);
    }
}

void manager_report(struct master *m)
{
    const struct scoreboard_reload *reload = &m->details.reload;

    if (m->state >= MASTER_DELAYING) {
        manager_report_stopping(m);
    } else if (reload->state == SCOREBOARD_RELOAD_RUNNING) {
        notify_update(&m->notify, NOTIFY_RELOADING, 0, "Reload %u: %s", reload->number, reload->step);
    } else if (m->was_ready) {
        manager_report_serving(m);
    } else if (m->state == MASTER_STARTING && m->task != NULL) {
        notify_update(&m->notify, NOTIFY_WAITING, NOTIFY_WAITING_MS, "Starting: %s", m->task->doing);
    } else {
        notify_update(&m->notify, NOTIFY_STARTING, m->children.options->times.start_ms + NOTIFY_WAITING_MS,
                      "Starting %s", options_serving_role(&m->children)->plural);
    }
}
