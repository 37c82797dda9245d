/* What SIGUSR2 writes into the log: the state of the service, and of each child. */

#include "base/clock.h"
#include "base/log.h"
#include "master/internal.h"

static const char *const status_slot_names[] = {
    [SLOT_EMPTY] = "empty", [SLOT_WAITING] = "waiting", [SLOT_STARTING] = "starting",
    [SLOT_READY] = "ready", [SLOT_ENDING] = "ending",
};

void status_log(struct master *m)
{
    const struct scoreboard_reload *reload = &m->details.reload;
    uint64_t now_ms = clock_monotonic_ms();
    struct slot *slot;

    log_info("state", LOG_STR("health", health_words[scoreboard_health(m->children.board)]),
             LOG_UINT("generation", m->children.generation), LOG_UINT("uptime_ms", now_ms - m->service_started_ms),
             LOG_STR("executable", m->executable), LOG_UINT("reloads", reload->number),
             LOG_STR("last_reload", scoreboard_reload_name(reload->state)),
             LOG_STR("last_reload_reason", reload->reason));
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        struct scoreboard_seen seen;

        process_look(&m->children, slot, &seen);
        log_info("state of a child", LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index),
                 LOG_INT("child_pid", slot->pid), LOG_STR("state", status_slot_names[slot->state]),
                 LOG_UINT("generation", slot->generation), LOG_UINT("failures", slot->failures),
                 LOG_UINT("requests", seen.requests), LOG_UINT("in_flight", seen.in_flight),
                 LOG_UINT("connections", seen.connections), LOG_UINT("queue_depth", seen.queue_depth),
                 LOG_STR("database", slot->has_cells ? scoreboard_database_name(seen.database) : ""));
    }
}
