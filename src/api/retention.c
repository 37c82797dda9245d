#include "api/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/operation.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/random.h"

/* Where the last piece ended is NULL at first. */
const struct db_statement api_retention_statement = {
    .name = "pruneBacktests",
    .sql = "SELECT p.removed, p.last_at, p.last_id\n"
           "FROM backtest_prune(\n"
           "    now() - $1 * interval '1 ms', $2::integer, coalesce($3, '-infinity'),\n"
           "    coalesce($4, '00000000-0000-0000-0000-000000000000')) AS p",
    .access = DB_WRITE_ALONE,
    .param_count = 4,
    .params = {DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_TIMESTAMPTZ, DB_TYPE_UUID},
};

enum {
    /* A piece, which others wait behind. What takes too long is tried again in smaller ones. */
    RETENTION_PIECE = 100,
    RETENTION_FIRST_MS = 5000,
    RETENTION_EVERY_MS = 60000,
    RETENTION_TIME_BYTES = 64,
};

struct api_retention {
    struct db *db;
    struct api_retention_events events;
    char keep_text[24];
    char most_text[24];
    uint64_t most;                 /* of the next piece */
    uint64_t next_ms;              /* not before this */
    uint64_t removed;              /* since this run began */
    char at[RETENTION_TIME_BYTES]; /* where the last piece ended; "" at the beginning of a run */
    char id[RETENTION_TIME_BYTES];
    bool busy;
};

/* Jittered, so that workers that started together do not ask together. */
static void retention_rest(struct api_retention *r, unsigned ms)
{
    r->at[0] = r->id[0] = '\0';
    r->removed = 0;
    r->next_ms = clock_monotonic_ms() + random_between(ms / 2, ms + ms / 2);
}

struct api_retention *api_retention_new(struct db *db, size_t keep_ms, const struct api_retention_events *events)
{
    struct api_retention *r = mem_zalloc(sizeof(*r));

    r->db = db;
    r->events = *events;
    r->most = RETENTION_PIECE;
    snprintf(r->keep_text, sizeof(r->keep_text), "%zu", keep_ms);
    retention_rest(r, RETENTION_FIRST_MS);
    return r;
}

void api_retention_free(struct api_retention *r)
{
    free(r);
}

/* False if there is none, or it is longer than any that the type has. */
static bool retention_keep_value(const struct db_result *result, const char *name, char out[RETENTION_TIME_BYTES])
{
    const struct slice value = db_result_value(result, 0, db_result_column(result, name));

    if (value.data == NULL || value.len >= RETENTION_TIME_BYTES) return false;
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
    return true;
}

static void retention_count(struct api_retention *r, const struct db_result *result)
{
    uint64_t removed = 0;
    const bool has_count = number_parse_u64(db_result_value(result, 0, db_result_column(result, "removed")), &removed);
    const bool goes_on = has_count && removed == r->most && retention_keep_value(result, "last_at", r->at) &&
                         retention_keep_value(result, "last_id", r->id);

    r->removed += removed;
    if (goes_on) return; /* with the next tick */
    if (r->removed > 0) r->events.removed(r->events.ctx, r->removed);
    r->most = RETENTION_PIECE;
    retention_rest(r, RETENTION_EVERY_MS);
}

static void retention_done(void *arg, const struct db_result *result)
{
    struct api_retention *r = arg;
    const enum db_outcome outcome = db_result_outcome(result);

    r->busy = false;
    switch (outcome) {
    case DB_OK:
        retention_count(r, result);
        return;
    case DB_TIMEOUT:
        if (r->most > 1) {
            r->most /= 2;
            return;
        }
        break;
    case DB_DENIED:
    case DB_FAULT:
        r->events.failed(r->events.ctx, api_retention_statement.name, result);
        break;
    default:
        break;
    }
    if (r->removed > 0) r->events.removed(r->events.ctx, r->removed);
    retention_rest(r, RETENTION_EVERY_MS);
}

void api_retention_tick(struct api_retention *r)
{
    enum db_outcome outcome;

    if (r->busy || clock_monotonic_ms() < r->next_ms || db_state(r->db) != DB_STATE_READY) return;
    snprintf(r->most_text, sizeof(r->most_text), "%llu", (unsigned long long)r->most);
    const struct slice values[] = {
        slice_of(r->keep_text),
        slice_of(r->most_text),
        r->at[0] == '\0' ? SLICE_NONE : slice_of(r->at),
        r->id[0] == '\0' ? SLICE_NONE : slice_of(r->id),
    };

    r->busy = db_submit(r->db, &api_retention_statement, values, retention_done, r, &outcome) != NULL;
}
