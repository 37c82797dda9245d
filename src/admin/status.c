#include "admin/status.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/process.h"

static double status_seconds_since(uint64_t ms)
{
    uint64_t now_ms = clock_monotonic_ms();

    return now_ms > ms ? (double)(now_ms - ms) / 1000 : 0;
}

static void status_add_worker(struct buf *out, const struct scoreboard_seen *w)
{
    buf_printf(
        out,
        "{\"pid\":%d,\"generation\":%u,\"state\":\"%s\",\"database\":\"%s\",\"uptime_s\":%.3f,\"requests\":%" PRIu64
        ",\"in_flight\":%u,\"connections\":%u,\"queue_depth\":%u,\"memory_bytes\":%" PRIu64
        ",\"restarts\":%u,\"heartbeat_age_s\":%.3f}",
        w->pid, w->generation, scoreboard_worker_name(w->state), scoreboard_database_name(w->database),
        status_seconds_since(w->started_ms), w->requests, w->in_flight, w->connections, w->queue_depth,
        process_resident_bytes(w->pid), w->restarts, status_seconds_since(w->heartbeat_ms));
}

static void status_add_reload(struct buf *out, const struct scoreboard_reload *reload)
{
    char at[CLOCK_RFC3339_BYTES];

    clock_format_rfc3339(reload->wall_us, at);
    buf_printf(out,
               "{\"number\":%u,\"state\":\"%s\",\"step\":\"%s\",\"at\":%s%s%s,\"duration_ms\":%" PRIu64
               ",\"same_executable\":%s,\"reason\":",
               reload->number, scoreboard_reload_name(reload->state), reload->step, reload->number == 0 ? "" : "\"",
               reload->number == 0 ? "null" : at, reload->number == 0 ? "" : "\"", reload->duration_ms,
               reload->same_executable != 0 ? "true" : "false");
    buf_add_json(out, slice_of(reload->reason));
    buf_add_char(out, '}');
}

/* Sums over all places, also those without a worker just now: they go on through restarts and reloads. */
static void status_add_totals(struct buf *out, const struct scoreboard *board)
{
    uint64_t requests = 0;
    uint64_t restarts = 0;

    for (uint32_t i = 0; i < scoreboard_places(board); i++) {
        struct scoreboard_seen seen;

        scoreboard_look(board, i, &seen);
        requests += seen.requests;
        restarts += seen.restarts;
    }
    buf_printf(out, ",\"requests\":%" PRIu64 ",\"restarts\":%" PRIu64, requests, restarts);
}

void admin_status_json(const char *program, const struct scoreboard *board, struct buf *out)
{
    struct scoreboard_details details;
    bool first = true;

    scoreboard_read(board, &details);
    buf_printf(out,
               "{\"program\":\"%s\",\"status\":\"%s\",\"version\":\"%s\",\"generation\":%u,\"executable\":", program,
               health_words[scoreboard_health(board)], details.version, board->generation);
    buf_add_json(out, slice_of(details.executable));
    buf_printf(out, ",\"pid\":%d,\"instance\":\"%s\",\"uptime_s\":%.3f", board->master_pid, details.instance,
               status_seconds_since(board->started_ms));
    status_add_totals(out, board);
    buf_add_str(out, ",\"workers\":[");
    for (uint32_t i = 0; i < scoreboard_places(board); i++) {
        struct scoreboard_seen seen;

        scoreboard_look(board, i, &seen);
        if (seen.pid == 0) continue;
        if (!first) buf_add_char(out, ',');
        first = false;
        status_add_worker(out, &seen);
    }
    buf_add_str(out, "],\"reload\":");
    status_add_reload(out, &details.reload);
    buf_add_char(out, '}');
}
