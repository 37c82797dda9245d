/*
 * Replacing a session that is alive, but no longer of use: its plans are of an older schema, or it is read-only.
 *
 * That is done when nothing is in flight, so nothing is lost with it. Queries that wait, and those that come meanwhile,
 * go to the next session. Pauses are those of connect.c, so that this cannot become a storm.
 *
 * Whether a new session would take writes cannot be known from the old one: an address may have moved to another
 * server, and settings of a role or a database reach new sessions only. So a second connection looks, with back-off,
 * and the session is replaced only if it is worth it. Reads go on all the while.
 */
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "db/internal.h"

enum {
    SCOUT_MIN_MS = 500, /* the pause after the first one; it doubles up to … */
    SCOUT_MAX_MS = 4000,
    SCOUT_WANTED_MS = 30 * 1000, /* after the last write that was refused: a service that only reads needs none */
};

void db_renew_want(struct db *db, const char *reason)
{
    if (db->renew_wanted) return;
    db->renew_wanted = true;
    db_reason_clean(db->renew_reason, reason);
}

void db_refresh(struct db *db, const char *reason)
{
    if (db->phase != DB_PHASE_READY || db->draining) return;
    db_renew_want(db, reason);
    db->deadline_ms = clock_monotonic_ms();
    db_timer_set(db->deadline, 0);
}

bool db_renew_is_due(const struct db *db)
{
    return db->renew_wanted && !db->draining && db->phase == DB_PHASE_READY && list_is_empty(&db->flight);
}

void db_renew(struct db *db)
{
    char reason[DB_REASON_BYTES];

    memcpy(reason, db->renew_reason, sizeof(reason));
    db_session_pause(db, false);
    db->renew_wanted = false;
    db_timer_set(db->retry_window, db->options.retry_window_ms);
    db_session_set_state(db, DB_STATE_RENEWING, reason);
}

/* ---- the scout ---- */

static bool scout_is_on(const struct db *scout, const char *parameter)
{
    const char *value = PQparameterStatus(scout->conn, parameter);

    return value != NULL && strcmp(value, "on") == 0;
}

static void scout_on_state(void *arg, enum db_state state, const char *reason)
{
    struct db *db = arg;

    (void)reason;
    if (state == DB_STATE_READY && !scout_is_on(db->scout, "in_hot_standby") &&
        !scout_is_on(db->scout, "default_transaction_read_only") && db->phase == DB_PHASE_READY) {
        db_renew_want(db, "the session is read-only, and a new one is not");
        db->deadline_ms = clock_monotonic_ms();
        db_timer_set(db->deadline, 0); /* which replaces it if nothing is in flight */
    }
    db_scout_recall(db);
}

void db_scout_recall(struct db *db)
{
    struct db *scout = db->scout;

    db->scout = NULL;
    db_free(scout);
}

void db_scout_tick(struct db *db, uint64_t now_ms)
{
    if (now_ms - db->refused_ms >= SCOUT_WANTED_MS) db->read_only = false;
    if (!db->read_only || db->scout != NULL || db->renew_wanted || db->draining || now_ms < db->scout_next_ms) return;
    struct db_options options = db->options;
    char addresses[PG_REASON_BYTES];
    unsigned doublings = db->scouts < 10 ? db->scouts : 10;
    uint64_t pause = (uint64_t)SCOUT_MIN_MS << doublings;

    if (pause > SCOUT_MAX_MS) pause = SCOUT_MAX_MS;
    db->scouts++;
    db->scout_next_ms = now_ms + random_between(pause / 2, pause);
    options.conninfo = db->conninfo;
    options.application_name = db->application_name;
    options.statement_count = 0;
    options.channel_count = 0;
    options.notified = NULL;
    options.finished = NULL;
    options.committed = NULL;
    db->scout = db_new(db->base, &options, scout_on_state, db);
    db_addresses(db, addresses, sizeof(addresses));
    db_recall_addresses(db->scout, addresses);
}

/* Pauses go on growing from one refusal to the next, unless the last one was long ago. */
void db_scout_refused(struct db *db)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms >= db->scout_next_ms + 4 * (uint64_t)SCOUT_MAX_MS) db->scouts = 0;
    db->read_only = true;
    db->refused_ms = now_ms;
    db->deadline_ms = now_ms;
    db_timer_set(db->deadline, 0); /* a scout may go out: not from within a query's end */
}
