/* Detects children that hang, and ends them. */

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/internal.h"

enum {
    /* Between the SIGABRT that a hung child gets for a backtrace and its SIGKILL. */
    HANG_ABORT_MS = 5000,
    /* A child must still be silent at a second look, this long (two heartbeats) after the first. If the whole service
     * was frozen (a paused container, a machine that slept), the master wakes and finds every child silent. A second
     * look that comes much later comes after another such sleep, and counts as a first look. */
    HANG_SECOND_LOOK_MS = 2000,
    HANG_SECOND_LOOK_LATEST_MS = 2 * HANG_SECOND_LOOK_MS,
};

static bool hang_is_detectable(const struct slot *slot)
{
    return slot->pid != 0 && !slot->role->task && !slot->hung;
}

/* When the slot's child will have been silent for too long, if it stays silent. */
static uint64_t hang_silent_at_ms(struct master *m, const struct slot *slot)
{
    return process_heartbeat_ms(&m->children, slot) + m->children.options->times.hang_timeout_ms;
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

static void hang_abort(struct slot *slot, uint64_t now_ms, uint64_t beat_ms)
{
    log_error("a child's event loop is silent: it is sent SIGABRT for a backtrace", LOG_STR("child", slot->role->name),
              LOG_UINT("slot", slot->index), LOG_INT("child_pid", slot->pid), LOG_UINT("silent_ms", now_ms - beat_ms));
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
        const uint64_t beat_ms = process_heartbeat_ms(&m->children, slot);

        if (slot->suspect_ms == 0 || beat_ms != slot->suspect_beat_ms ||
            now_ms > slot->suspect_ms + HANG_SECOND_LOOK_LATEST_MS) {
            slot->suspect_ms = now_ms;
            slot->suspect_beat_ms = beat_ms;
        } else if (now_ms >= slot->suspect_ms + HANG_SECOND_LOOK_MS) {
            hang_abort(slot, now_ms, beat_ms);
        }
    }
}
