/* The last step of a reload: children of the new generation take over from those of the old one, one after the other.
 */

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/internal.h"

/* A role's children, counted for the next move. */
struct roll_count {
    unsigned ready;
    struct slot *last_ready;
    struct slot *starting; /* of this generation, not ready yet */
    unsigned old;          /* of another generation, or to be recycled; not told to end */
    struct slot *oldest;
};

static struct roll_count roll_count_children(struct master *m, const struct master_role *role)
{
    struct roll_count count = {0};
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->role != role || slot->retired) continue;
        if (slot->generation != m->children.generation || (slot->recycle && slot->state == SLOT_READY)) {
            count.old++;
            if (count.oldest == NULL) count.oldest = slot;
        } else if (slot->state == SLOT_READY) {
            count.ready++;
            count.last_ready = slot;
        } else {
            count.starting = slot;
        }
    }
    return count;
}

static void roll_fail(struct master *m, const char *reason)
{
    struct error err;

    log_error("the new code does not serve; going back to the old", LOG_STR("reason", reason));
    state_exec(m, m->old_fd, reason, &err);
    log_error("cannot go back to the old executable; going on with the new", LOG_STR("error", err.message));
    reload_fail(m, reason);
}

bool roll_reconcile(struct master *m, const struct master_role *role)
{
    unsigned desired = m->desired[children_role_id(&m->children, role)];
    struct roll_count count = roll_count_children(m, role);

    /* As many old children stay as new ones are still missing. */
    while (count.old > 0 && count.old + count.ready > desired) {
        process_retire(&m->children, count.oldest);
        count = roll_count_children(m, role);
    }
    while (count.ready > desired) {
        process_retire(&m->children, count.last_ready);
        count = roll_count_children(m, role);
    }
    if (count.ready == desired && count.starting == NULL) return count.old == 0;
    if (count.starting != NULL) return false;
    if (slot_add(&m->children, role) != NULL) {
        m->roll_deadline_ms = clock_monotonic_ms() + m->children.options->times.reload_timeout_ms;
        m->roll_waits_for_place = false;
    } else if (!m->roll_waits_for_place) {
        m->roll_deadline_ms = clock_monotonic_ms() + m->children.options->times.reload_timeout_ms;
        m->roll_waits_for_place = true;
        retire_make_place(m, role);
    }
    return false;
}

void roll_begin(struct master *m)
{
    m->reload.step = RELOAD_ROLL;
    m->roll_deadline_ms = clock_monotonic_ms() + m->children.options->times.reload_timeout_ms;
    reload_publish(m, SCOREBOARD_RELOAD_RUNNING, reload_step_name(m, RELOAD_ROLL), "");
    log_info("reload: the new code takes over", LOG_UINT("generation", m->children.generation),
             LOG_STR("version", PACKAGE_VERSION));
}

/* The i-th role to be rolled: first the program's roles, from the end of its table, and then the former ones, whose
 * children only end. */
static const struct master_role *roll_role_at(const struct master *m, size_t i)
{
    size_t count = m->children.options->role_count;

    return &m->children.roles[i < count ? count - 1 - i : i];
}

void roll_advance(struct master *m)
{
    unsigned timeout_ms = m->children.options->times.reload_timeout_ms;
    char reason[160];

    for (size_t i = 0; i < m->children.role_count; i++) {
        const struct master_role *role = roll_role_at(m, i);

        if (role->task || roll_reconcile(m, role)) continue;
        if (clock_monotonic_ms() < m->roll_deadline_ms) return;
        snprintf(reason, sizeof(reason), "a new %s was not ready within %u ms (%s)", role->name, timeout_ms,
                 m->children.options->reload.timeout_setting);
        roll_fail(m, reason);
        return;
    }
    reload_succeed(m);
}

void roll_on_crash(struct master *m, const char *role, const char *how)
{
    char reason[200];

    snprintf(reason, sizeof(reason), "a new %s died: %s", role, how);
    roll_fail(m, reason);
}

void roll_retire_newer(struct master *m)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->generation != m->children.generation && !slot->retired) process_retire(&m->children, slot);
    }
}
