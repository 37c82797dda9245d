/* What follows when a child has ended: nothing, another child after a pause, a rollback, or the end of the service. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "master/internal.h"

/* As if it had exited with MASTER_EXIT_SYSTEM: how wait(2) tells that. */
enum { REAP_UNKNOWN_STATUS = MASTER_EXIT_SYSTEM << 8 };
/* Between a child's last word and the look whether it is missing. */
enum { REAP_MISSING_MS = 100 };

static const char *reap_cause(const struct slot *slot, int status)
{
    if (slot->hung) return "hung";
    if (WIFSIGNALED(status)) return sigabbrev_np(WTERMSIG(status));
    return WEXITSTATUS(status) == MEM_EXIT_STATUS ? "out of memory" : "exit";
}

static enum metrics_cause reap_restart_cause(const struct slot *slot, int status)
{
    if (slot->hung) return METRICS_CAUSE_HANG;
    if (WIFSIGNALED(status)) return metrics_cause_of_signal(WTERMSIG(status));
    return WEXITSTATUS(status) == MEM_EXIT_STATUS ? METRICS_CAUSE_OUT_OF_MEMORY : METRICS_CAUSE_EXIT;
}

/* Counts the end of a child that has cells, if another child follows it. */
static void reap_count(struct master *m, const struct slot *slot, int status)
{
    struct metrics *metrics = &m->children.board->metrics;

    if (!slot->has_cells) return;
    if (!slot->retired) {
        metrics_count_restart(metrics, reap_restart_cause(slot, status));
    } else if (slot->recycle) {
        metrics_count_restart(metrics, METRICS_CAUSE_RECYCLED);
    }
}

static void reap_log_death(struct master *m, const struct slot *slot, int status, uint64_t pause_ms)
{
    const char *cause = reap_cause(slot, status);
    struct scoreboard_seen seen;

    process_look(&m->children, slot, &seen);
    log_error("a child died; starting another", LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index),
              LOG_INT("child_pid", slot->pid), LOG_STR("cause", cause == NULL ? "signal" : cause),
              LOG_INT("status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
              LOG_UINT("in_flight", seen.in_flight), LOG_STR("last_route", seen.last.route),
              LOG_STR("last_request_id", seen.last.request_id), LOG_STR("last_statement", seen.last.statement),
              LOG_UINT("restarts", seen.restarts + 1), LOG_UINT("pause_ms", pause_ms));
}

/* A retired child is missed by nobody but the clients that it had. One that was killed has a line of its own already.
 */
static void reap_log_retired(struct master *m, const struct slot *slot, int status)
{
    const char *cause = reap_cause(slot, status);
    struct scoreboard_seen seen;

    process_look(&m->children, slot, &seen);
    if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || slot->kill_at_ms == UINT64_MAX) return;
    log_error("a child died while it finished its work", LOG_STR("child", slot->role->name),
              LOG_UINT("slot", slot->index), LOG_INT("child_pid", slot->pid), LOG_UINT("generation", slot->generation),
              LOG_STR("cause", cause == NULL ? "signal" : cause),
              LOG_INT("status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
              LOG_UINT("in_flight", seen.in_flight), LOG_STR("last_route", seen.last.route),
              LOG_STR("last_request_id", seen.last.request_id), LOG_STR("last_statement", seen.last.statement));
}

/* In a roll no child follows here: the roll decides what comes next. */
static void reap_crash_in_roll(struct master *m, struct slot *slot, int status)
{
    bool is_new = slot->generation == m->children.generation;
    const char *role = slot->role->name;
    char how[64];

    if (WIFSIGNALED(status)) {
        snprintf(how, sizeof(how), "SIG%s", sigabbrev_np(WTERMSIG(status)));
    } else {
        snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
    }
    slot->retired = true;
    process_set_ended(&m->children, slot);
    if (is_new) roll_on_crash(m, role, how);
}

static bool reap_has_other_serving(struct master *m, const struct slot *than)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot != than && slot->role->serves && slot->state == SLOT_READY) return true;
    }
    return false;
}

/* If no other child serves, a service that has been up does not wait for a long back-off. */
static uint64_t reap_pause_ms(struct master *m, const struct slot *slot)
{
    uint64_t pause_ms = supervise_backoff_ms(slot->failures, (uint32_t)random_u64());

    if (pause_ms <= SUPERVISE_BACKOFF_LAST_MS || !slot->role->serves || !m->was_ready) return pause_ms;
    return reap_has_other_serving(m, slot) ? pause_ms : SUPERVISE_BACKOFF_LAST_MS;
}

static void reap_crash(struct master *m, struct slot *slot, int status)
{
    struct scoreboard_place *place = process_place(&m->children, slot);
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t pause_ms;

    if (slot->state == SLOT_READY && now_ms - slot->ready_ms >= SUPERVISE_HEALTHY_MS) slot->failures = 0;
    slot->failures++;
    pause_ms = reap_pause_ms(m, slot);
    reap_log_death(m, slot, status, pause_ms);
    process_set_ended(&m->children, slot);
    slot->state = SLOT_WAITING;
    slot->start_at_ms = now_ms + pause_ms;
    if (place != NULL) place->restarts++;
    if (slot->role->counts_as_crash_loop && supervise_crashed(&m->crashes, now_ms) && !m->was_ready) {
        log_error("no child has ever become ready and they keep dying: giving up. The lines above say why they died.",
                  LOG_STR("child", slot->role->name), LOG_INT("crashes", SUPERVISE_LOOP_CRASHES),
                  LOG_INT("within_s", SUPERVISE_LOOP_MS / 1000));
        master_stop(m, MASTER_EXIT_CRASH_LOOP);
    }
}

static void reap_task(struct master *m, struct slot *slot, int status)
{
    process_set_ended(&m->children, slot);
    if (m->state != MASTER_STARTING) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        master_admit_roles(m);
        return;
    }
    if (WIFSIGNALED(status)) {
        log_error("a task was killed", LOG_STR("child", slot->role->name),
                  LOG_STR("signal", sigabbrev_np(WTERMSIG(status))));
    }
    master_stop(m, WIFEXITED(status) ? WEXITSTATUS(status) : MASTER_EXIT_SYSTEM);
}

static void reap_one(struct master *m, struct slot *slot, int status)
{
    if (m->state < MASTER_STOPPING) reap_count(m, slot, status);
    if (slot->role->task) {
        reap_task(m, slot, status);
    } else if (m->state >= MASTER_STOPPING || slot->retired) {
        if (slot->retired) reap_log_retired(m, slot, status);
        process_set_ended(&m->children, slot);
    } else if (m->reload.step == RELOAD_ROLL) {
        reap_crash_in_roll(m, slot, status);
    } else {
        reap_crash(m, slot, status);
    }
}

static void reap_pid(struct master *m, pid_t pid, int status)
{
    struct slot *slot;

    if (reload_on_end(m, pid, status)) return;
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->pid != pid) continue;
        reap_one(m, slot, status);
        return;
    }
}

/* The kernel has no such child of ours, neither alive nor to be reaped. */
static bool reap_is_missing(pid_t pid)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

static void reap_missing_pid(struct master *m, const char *child, pid_t pid)
{
    if (!reap_is_missing(pid)) return;
    log_error("a child is gone, and the kernel does not say how it ended: something else has reaped it",
              LOG_STR("child", child), LOG_INT("child_pid", pid));
    reap_pid(m, pid, REAP_UNKNOWN_STATUS);
}

/* A child that ends closes its channel, and a SIGCHLD follows at once. */
static bool reap_is_due(const struct slot *slot)
{
    return slot->pid != 0 && slot->channel_fd < 0;
}

static bool reap_reload_is_due(const struct master *m)
{
    return m->reload.pid != 0 && m->reload.output_fd < 0;
}

uint64_t reap_missing_next_ms(struct master *m)
{
    bool any = reap_reload_is_due(m);
    struct slot *slot;

    for (size_t at = 0; !any && (slot = slot_next(&m->children, &at)) != NULL;) any = reap_is_due(slot);
    return any ? clock_monotonic_ms() + REAP_MISSING_MS : UINT64_MAX;
}

/* Nothing that the master believes in may be missing: it would wait for its end for ever, and say that it serves. */
void reap_missing(struct master *m)
{
    struct slot *slot;

    if (reap_reload_is_due(m)) reap_missing_pid(m, "reload", m->reload.pid);
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (reap_is_due(slot)) reap_missing_pid(m, slot->role->name, slot->pid);
    }
}

void master_reap(struct master *m)
{
    struct slot *slot;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) reap_pid(m, pid, status);
    if (pid == 0 || errno != ECHILD) return;
    /* There is no child at all. */
    if (m->reload.pid != 0) reap_missing_pid(m, "reload", m->reload.pid);
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->pid != 0) reap_missing_pid(m, slot->role->name, slot->pid);
    }
}
