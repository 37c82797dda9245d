/* Retired children finish what they have while their successors serve, which may take as long as the time-outs of their
 * clients. So that many reloads in a row do not pile up processes and sessions with the database, only some may. */

#include "base/clock.h"
#include "base/log.h"
#include "master/internal.h"

/* How long any of them is left alone, however many there are. */
enum { RETIRE_ALONE_MS_MAX = 10000 };

/* It would have had as long in a graceful stop. */
static uint64_t retire_lingers_at_ms(const struct master *m, const struct slot *slot)
{
    const unsigned stop_ms = m->children.options->times.stop_timeout_ms;

    return slot->retired_ms + (stop_ms < RETIRE_ALONE_MS_MAX ? stop_ms : RETIRE_ALONE_MS_MAX);
}

static bool retire_is_waiting(const struct slot *slot)
{
    return slot->retired && slot->pid != 0 && !slot->hurried && !slot->hung;
}

/* The oldest retired child of the role, and how many of them have lingered for longer than a stop takes. */
static struct slot *retire_oldest(struct master *m, const struct master_role *role, unsigned *ret_lingering)
{
    const uint64_t now_ms = clock_monotonic_ms();
    struct slot *oldest = NULL;
    struct slot *slot;

    *ret_lingering = 0;
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->role != role || !retire_is_waiting(slot)) continue;
        if (now_ms >= retire_lingers_at_ms(m, slot)) (*ret_lingering)++;
        if (oldest == NULL || slot->retired_ms < oldest->retired_ms) oldest = slot;
    }
    return oldest;
}

static void retire_hurry(struct master *m, struct slot *slot, const char *why)
{
    log_warning("a child that finishes its work ends now: what is unfinished is answered 503",
                LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index), LOG_INT("child_pid", slot->pid),
                LOG_UINT("generation", slot->generation), LOG_STR("why", why));
    process_hurry(&m->children, slot);
}

void retire_limit(struct master *m)
{
    if (m->state != MASTER_SERVING) return;
    for (size_t i = 0; i < m->children.role_count; i++) {
        const struct master_role *role = &m->children.roles[i];
        const unsigned most = supervise_retired_max(m->desired[i]);
        unsigned lingering;

        for (struct slot *slot; (slot = retire_oldest(m, role, &lingering)) != NULL && lingering > most;) {
            retire_hurry(m, slot, "too many of its kind are left");
        }
    }
}

uint64_t retire_next_ms(struct master *m)
{
    const uint64_t now_ms = clock_monotonic_ms();
    uint64_t next = UINT64_MAX;
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (!retire_is_waiting(slot)) continue;
        const uint64_t at_ms = retire_lingers_at_ms(m, slot);

        if (at_ms > now_ms && at_ms < next) next = at_ms;
    }
    return next;
}

void retire_make_place(struct master *m, const struct master_role *role)
{
    unsigned lingering;
    struct slot *slot = retire_oldest(m, role, &lingering);

    if (slot != NULL) retire_hurry(m, slot, "there is no place for another child");
}

/* It would take nobody else until then, for as long as its clients may take, and nobody would be served. */
void retire_on_draining(struct master *m, struct slot *slot)
{
    struct scoreboard_place *place = process_place(&m->children, slot);

    slot->state = SLOT_ENDING;
    if (slot->retired || m->state != MASTER_SERVING) return;
    log_warning("a child ends, as somebody else has told it to; starting another", LOG_STR("child", slot->role->name),
                LOG_UINT("slot", slot->index), LOG_INT("child_pid", slot->pid));
    if (place != NULL) {
        metrics_count_restart(&m->children.board->metrics, METRICS_CAUSE_EXIT);
        place->restarts++;
    }
    process_note_retired(&m->children, slot);
}
