/* Looking after children: the hung are ended, the dead are told of, and SIGUSR2 writes down how everything is. */

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/internal.h"

enum {
    /* Between the SIGABRT that a hung child gets for a backtrace and its SIGKILL. */
    HANG_ABORT_MS = 5000,
    /* A silence must outlast a second look, this long after the first: where the service as a whole was frozen (a
     * container's pause, a machine that slept) the master would wake to find everybody silent. Two heartbeats. A second
     * look that comes much later than that comes from another such sleep, and is a first one again. */
    HANG_SECOND_LOOK_MS = 2000,
    HANG_SECOND_LOOK_LATEST_MS = 2 * HANG_SECOND_LOOK_MS,
};

static const char *const slot_state_names[] = {
    [SLOT_EMPTY] = "empty", [SLOT_WAITING] = "waiting", [SLOT_STARTING] = "starting",
    [SLOT_READY] = "ready", [SLOT_ENDING] = "ending",
};

static bool hang_is_detectable(const struct slot *slot)
{
    return slot->pid != 0 && !slot->role->task && !slot->hung;
}

/* When the slot's child, if it stays silent, is silent for too long. */
static uint64_t hang_silent_at_ms(struct master *m, const struct slot *slot)
{
    return *process_heartbeat(&m->children, slot) + m->children.options->times.hang_timeout_ms;
}

uint64_t hang_next_ms(struct master *m)
{
    uint64_t next = UINT64_MAX;
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (!hang_is_detectable(slot)) continue;

        uint64_t due = slot->suspect_ms == 0 ? hang_silent_at_ms(m, slot) : slot->suspect_ms + HANG_SECOND_LOOK_MS;

        if (due < next) next = due;
    }
    return next;
}

static void hang_abort(struct master *m, struct slot *slot, uint64_t now_ms)
{
    log_error("a child's event loop is silent: it is sent SIGABRT for a backtrace", LOG_STR("child", slot->role->name),
              LOG_UINT("slot", slot->index), LOG_INT("child_pid", slot->pid),
              LOG_UINT("silent_ms", now_ms - *process_heartbeat(&m->children, slot)));
    slot->hung = true;
    if (slot->kill_at_ms == 0 || slot->kill_at_ms > now_ms + HANG_ABORT_MS) slot->kill_at_ms = now_ms + HANG_ABORT_MS;
    process_signal(slot, SIGABRT);
}

void hang_check_children(struct master *m)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (!hang_is_detectable(slot) || now_ms < hang_silent_at_ms(m, slot)) {
            slot->suspect_ms = 0;
            continue;
        }
        const uint64_t beat_ms = *process_heartbeat(&m->children, slot);

        if (slot->suspect_ms == 0 || beat_ms != slot->suspect_beat_ms ||
            now_ms > slot->suspect_ms + HANG_SECOND_LOOK_LATEST_MS) {
            slot->suspect_ms = now_ms;
            slot->suspect_beat_ms = beat_ms;
        } else if (now_ms >= slot->suspect_ms + HANG_SECOND_LOOK_MS) {
            hang_abort(m, slot, now_ms);
        }
    }
}

static const char *slot_cause(const struct slot *slot, int status)
{
    if (slot->hung) return "hung";
    if (WIFSIGNALED(status)) return sigabbrev_np(WTERMSIG(status));
    return WEXITSTATUS(status) == MEM_EXIT_STATUS ? "out of memory" : "exit";
}

static enum metrics_cause slot_metric(const struct slot *slot, int status)
{
    if (slot->hung) return METRICS_CAUSE_HANG;
    if (WIFSIGNALED(status)) return metrics_cause_of_signal(WTERMSIG(status));
    return WEXITSTATUS(status) == MEM_EXIT_STATUS ? METRICS_CAUSE_OUT_OF_MEMORY : METRICS_CAUSE_EXIT;
}

void slot_count_end(struct master *m, const struct slot *slot, int status)
{
    struct metrics *metrics = &m->children.board->metrics;

    if (!slot->has_cells) return;
    if (!slot->retired) {
        metrics_count_restart(metrics, slot_metric(slot, status));
    } else if (slot->recycle) {
        metrics_count_restart(metrics, METRICS_CAUSE_RECYCLED);
    }
}

void slot_log_death(struct master *m, const struct slot *slot, int status, uint64_t pause_ms)
{
    static const struct scoreboard_worker none;
    struct scoreboard_worker *cells = process_cells(&m->children, slot);
    const struct scoreboard_worker *last = cells == NULL ? &none : cells;
    const char *cause = slot_cause(slot, status);

    log_error("a child died; starting another", LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index),
              LOG_INT("child_pid", slot->pid), LOG_STR("cause", cause == NULL ? "signal" : cause),
              LOG_INT("status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
              LOG_UINT("in_flight", last->in_flight), LOG_STR("last_route", last->last.route),
              LOG_STR("last_request_id", last->last.request_id), LOG_STR("last_statement", last->last.statement),
              LOG_UINT("restarts", last->restarts + 1), LOG_UINT("pause_ms", pause_ms));
}

void slot_log_state(struct master *m)
{
    const struct scoreboard_reload *reload = &m->details.reload;
    uint64_t now_ms = clock_monotonic_ms();
    struct slot *slot;

    log_info("state", LOG_STR("health", health_words[scoreboard_health(m->children.board)]),
             LOG_UINT("generation", m->children.generation), LOG_UINT("uptime_ms", now_ms - m->service_started_ms),
             LOG_STR("executable", m->executable), LOG_UINT("reloads", reload->number),
             LOG_STR("last_reload", scoreboard_reload_name((enum scoreboard_reload_state)reload->state)),
             LOG_STR("last_reload_reason", reload->reason));
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        const struct scoreboard_worker *cells = process_cells(&m->children, slot);

        log_info("state of a child", LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index),
                 LOG_INT("child_pid", slot->pid), LOG_STR("state", slot_state_names[slot->state]),
                 LOG_UINT("generation", slot->generation), LOG_UINT("failures", slot->failures),
                 LOG_UINT("requests", cells == NULL ? 0 : cells->requests),
                 LOG_UINT("in_flight", cells == NULL ? 0 : cells->in_flight),
                 LOG_UINT("connections", cells == NULL ? 0 : cells->connections),
                 LOG_UINT("queue_depth", cells == NULL ? 0 : cells->queue_depth),
                 LOG_STR("database",
                         cells == NULL ? "" : scoreboard_database_name((enum scoreboard_database)cells->database)));
    }
}
