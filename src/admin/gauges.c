#include "admin/gauges.h"

#include <stdio.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/process.h"

bool gauge_next_worker(const struct gauge_view *v, uint32_t *at, char ret_label[16], struct scoreboard_seen *ret_seen)
{
    while (*at < v->places) {
        const uint32_t place = (*at)++;

        scoreboard_look(v->board, place, ret_seen);
        snprintf(ret_label, 16, "%u", place);
        if (ret_seen->pid != 0) return true;
    }
    return false;
}

static void gauge_one(struct exposition *e, uint64_t value)
{
    exposition_sample(e, "");
    exposition_u64(e, value);
}

static void gauge_labelled(struct exposition *e, const char *label, const char *text, uint64_t value)
{
    exposition_sample(e, "");
    exposition_label(e, label, text);
    exposition_u64(e, value);
}

static void gauge_build(struct exposition *e, const struct gauge_view *v)
{
    gauge_labelled(e, "version", v->details.version, 1);
}

static void gauge_generation(struct exposition *e, const struct gauge_view *v)
{
    gauge_one(e, v->board->generation);
}

static void gauge_health(struct exposition *e, const struct gauge_view *v)
{
    enum health now = scoreboard_health(v->board);

    for (unsigned health = 0; health < HEALTH_COUNT; health++) {
        gauge_labelled(e, "status", health_words[health], now == health);
    }
}

static void gauge_workers(struct exposition *e, const struct gauge_view *v)
{
    uint64_t counts[SCOREBOARD_WORKER_STATE_COUNT] = {0};
    struct scoreboard_seen w;
    char label[16];

    for (uint32_t at = 0; gauge_next_worker(v, &at, label, &w);) {
        uint32_t state = w.state;

        if (state < SCOREBOARD_WORKER_STATE_COUNT) counts[state]++;
    }
    for (uint32_t state = 0; state < SCOREBOARD_WORKER_STATE_COUNT; state++) {
        gauge_labelled(e, "state", scoreboard_worker_name((enum scoreboard_worker_state)state), counts[state]);
    }
}

static void gauge_heartbeat(struct exposition *e, const struct gauge_view *v)
{
    struct scoreboard_seen w;
    char label[16];

    for (uint32_t at = 0; gauge_next_worker(v, &at, label, &w);) {
        uint64_t beat_ms = w.heartbeat_ms;

        exposition_sample(e, "");
        exposition_label(e, "worker", label);
        exposition_seconds(e, v->now_ms > beat_ms ? (v->now_ms - beat_ms) * 1000000U : 0);
    }
}

static void gauge_memory_of(struct exposition *e, const char *role, const char *worker, pid_t pid)
{
    uint64_t bytes = process_resident_bytes(pid);

    if (bytes == 0) return; /* it has just ended */
    exposition_sample(e, "");
    exposition_label(e, "role", role);
    exposition_label(e, "worker", worker);
    exposition_u64(e, bytes);
}

static void gauge_memory(struct exposition *e, const struct gauge_view *v)
{
    struct scoreboard_seen w;
    char label[16];

    gauge_memory_of(e, "master", "", v->board->master_pid);
    gauge_memory_of(e, "admin", "", getpid());
    for (uint32_t at = 0; gauge_next_worker(v, &at, label, &w);) gauge_memory_of(e, "worker", label, w.pid);
}

static void gauge_database_state(struct exposition *e, const struct gauge_view *v)
{
    struct scoreboard_seen w;
    char label[16];

    for (uint32_t at = 0; gauge_next_worker(v, &at, label, &w);) {
        uint32_t now = w.database;

        for (uint32_t state = 0; state < SCOREBOARD_DATABASE_COUNT; state++) {
            exposition_sample(e, "");
            exposition_label(e, "worker", label);
            exposition_label(e, "state", scoreboard_database_name((enum scoreboard_database)state));
            exposition_u64(e, now == state);
        }
    }
}

static void gauge_pending(struct exposition *e, const struct gauge_view *v)
{
    struct scoreboard_seen w;
    uint32_t most = 0;
    char label[16];

    for (uint32_t at = 0; gauge_next_worker(v, &at, label, &w);) {
        uint32_t pending = w.migrations_pending;

        if (pending > most) most = pending;
    }
    gauge_one(e, most);
}

#define GAUGE .type = METRICS_GAUGE, .by = METRICS_BY_ADMIN

const struct admin_gauge admin_gauges[] = {
    {{.name = "build_info", GAUGE, .labels = "version", .help = "The running build; always 1."}, gauge_build},
    {{.name = "generation",
      GAUGE,
      .help = "Generation of the running code: 1, and one more for each reload that ran new code."},
     gauge_generation},
    {{.name = "health",
      GAUGE,
      .labels = "status",
      .help = "What /health says: 1 for the status that holds, 0 for the others.",
      .more = "The statuses are `ok`, `starting`, `migrating`, `database_down`, `schema_mismatch`, `draining`."},
     gauge_health},
    {{.name = "workers",
      GAUGE,
      .labels = "state",
      .help = "Worker processes by state.",
      .more = "The states are `starting`, `ready`, `draining`."},
     gauge_workers},
    {{.name = "worker_heartbeat_age_seconds",
      GAUGE,
      .unit = METRICS_SECONDS,
      .labels = "worker",
      .help = "Time since the worker's event loop last turned; it turns once a second at least."},
     gauge_heartbeat},
    {{.name = "resident_memory_bytes",
      GAUGE,
      .unit = METRICS_BYTES,
      .labels = "role worker",
      .help = "Resident memory of each process.",
      .more = "The roles are `master`, `admin`, `worker`."},
     gauge_memory},
    {{.name = "database_state",
      GAUGE,
      .labels = "state worker",
      .help = "The worker's connection to the database: 1 for the state that holds, 0 for the others.",
      .more = "The states are `connecting`, `ready`, `down`, `schema_mismatch`."},
     gauge_database_state},
    {{.name = "migrations_pending",
      GAUGE,
      .help = "Migrations that this build knows and the database lacks, as a worker last saw."},
     gauge_pending},
};

const size_t admin_gauge_count = countof(admin_gauges);
