/*
 * Whether the statements fit the schema, which somebody else may change under a living session.
 *
 * What is done about an error is decided step by step, because each step costs more than the one before: the statement
 * is prepared again; the session is replaced (a function's own plans live as long as their session); the query fails,
 * and the statement counts as a misfit. A query takes each step once, and a session is not replaced for a misfit again
 * and again, so that a true fault does not go round in circles.
 *
 * A misfit is over when the statement works, or when a refused one can be prepared, which is tried now and then. If
 * nobody sends it any more, nobody can know: then it counts for a while.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"

enum {
    FIT_TRY_EVERY_MS = 1000,  /* to prepare a refused statement */
    FIT_MOVE_EVERY_MS = 5000, /* to replace the session for a misfit */
    FIT_DOUBT_MS = 30 * 1000, /* how long a misfit counts that nobody sends any more */
};

void db_fits_init(struct db *db)
{
    db->fits = mem_array(db->options.statement_count + 1, sizeof(struct db_fit));
}

void db_fits_clear(struct db *db)
{
    for (size_t i = 0; i < db->options.statement_count; i++) free(db->fits[i].refusal);
    free(db->fits);
}

size_t db_fit_index(const struct db *db, const struct db_statement *s)
{
    size_t i = 0;

    while (i < db->options.statement_count && db->options.statements[i] != s) i++;
    return i;
}

static bool fit_may_move(const struct db_fit *fit, uint64_t now_ms)
{
    return !fit->misfit || now_ms - fit->moved_ms >= FIT_MOVE_EVERY_MS;
}

enum db_second db_fit_judge(struct db_query *q, const PGresult *pg)
{
    struct db *db = q->db;
    char reason[DB_REASON_BYTES];

    if (db_pg_plan(pg) != DB_PLAN_STALE || db->draining) return DB_SECOND_NONE;
    if (db_fit_index(db, q->statement) == db->options.statement_count) return DB_SECOND_NONE;
    struct db_fit *fit = q->fit;

    if (!q->renewed) {
        q->renewed = true;
        return DB_SECOND_PREPARE;
    }
    if (fit->refusal != NULL || q->moved || !fit_may_move(fit, clock_monotonic_ms())) return DB_SECOND_NONE;
    q->moved = true;
    fit->moved_ms = clock_monotonic_ms();
    snprintf(reason, sizeof(reason), "statement \"%s\" no longer fits this session: %s (%s)", q->statement->name,
             db_pg_message(pg), db_pg_sqlstate(pg));
    db_renew_want(db, reason);
    return DB_SECOND_SESSION;
}

/* What the state is then is said soon, and not from here: the callback of a query is still to come. */
static void fit_review_soon(struct db *db)
{
    db->deadline_ms = clock_monotonic_ms();
    db_timer_set(db->deadline, 0);
}

static void fit_set(struct db *db, struct db_fit *fit, bool misfit)
{
    fit->last_ms = clock_monotonic_ms();
    if (fit->misfit == misfit) return;
    fit->misfit = misfit;
    fit_review_soon(db);
}

static void fit_forget_refusal(struct db_fit *fit)
{
    free(fit->refusal);
    fit->refusal = NULL;
}

void db_fit_note(struct db_query *q, const PGresult *pg, enum db_outcome *outcome, char why[DB_REASON_BYTES])
{
    struct db_fit *fit = q->fit;

    why[0] = '\0';
    if (*outcome == DB_OK) {
        if (fit->misfit) fit_set(q->db, fit, false);
        return;
    }
    if (db_pg_plan(pg) == DB_PLAN_KEPT) return;
    if (fit->refusal != NULL) {
        *outcome = fit->outcome;
        snprintf(why, DB_REASON_BYTES, "%s", fit->refusal);
        memcpy(q->sqlstate, fit->sqlstate, sizeof(q->sqlstate));
        if (fit->outcome != DB_FAULT) return; /* it will pass */
    }
    fit_set(q->db, fit, true);
}

void db_fit_prepared(struct db *db, size_t index, const PGresult *refusal)
{
    struct db_fit *fit = &db->fits[index];
    const bool was_refused = fit->refusal != NULL;
    const char *sqlstate = db_pg_sqlstate(refusal);

    fit_forget_refusal(fit);
    /* If it is there already (duplicate_prepared_statement), another step has prepared it meanwhile. */
    if (refusal == NULL || strcmp(sqlstate, "42P05") == 0) {
        if (was_refused && fit->misfit) fit_set(db, fit, false);
        return;
    }
    fit->refusal = mem_printf("statement \"%s\" cannot be prepared: %s (%s)", db->options.statements[index]->name,
                              db_pg_message(refusal), sqlstate);
    snprintf(fit->sqlstate, sizeof(fit->sqlstate), "%s", sqlstate);
    fit->tried_ms = clock_monotonic_ms();
    fit->outcome = db_sqlstate_is_refusal(sqlstate) ? DB_FAULT : db_outcome_of(sqlstate);
    if (fit->outcome == DB_FAULT) fit_set(db, fit, true);
}

bool db_fit_is_lost(const struct db *db)
{
    size_t lost = 0;

    for (size_t i = 0; i < db->options.statement_count; i++) lost += db->fits[i].refusal != NULL;
    return lost > 0 && lost == db->options.statement_count;
}

static const struct db_fit *fit_first(const struct db *db)
{
    for (size_t i = 0; i < db->options.statement_count; i++) {
        if (db->fits[i].misfit) return &db->fits[i];
    }
    return NULL;
}

bool db_fit_is_doubtful(const struct db *db)
{
    for (size_t i = 0; i < db->options.statement_count; i++) {
        if (db->fits[i].misfit || db->fits[i].refusal != NULL) return true;
    }
    return false;
}

void db_fit_reason(const struct db *db, char reason[DB_REASON_BYTES])
{
    const struct db_fit *fit = fit_first(db);

    reason[0] = '\0';
    if (fit == NULL) return;
    if (fit->refusal != NULL) {
        snprintf(reason, DB_REASON_BYTES, "%s", fit->refusal);
        return;
    }
    snprintf(reason, DB_REASON_BYTES, "statement \"%s\" fails, also in a new session, as it would with another schema",
             db->options.statements[fit - db->fits]->name);
}

/* False if the connection is broken. */
static bool fit_try_again(struct db *db, uint64_t now_ms)
{
    bool sent = false;

    for (size_t i = 0; i < db->options.statement_count; i++) {
        struct db_fit *fit = &db->fits[i];

        if (fit->refusal == NULL || now_ms - fit->tried_ms < FIT_TRY_EVERY_MS) continue;
        fit->tried_ms = now_ms;
        if (!db_pipeline_prepare(db, i)) return false;
        sent = true;
    }
    if (sent) db_pipeline_push(db);
    return true;
}

void db_fit_review(struct db *db, uint64_t now_ms)
{
    PGconn *conn = db->conn;

    if (db->phase != DB_PHASE_READY) return;
    for (size_t i = 0; i < db->options.statement_count; i++) {
        struct db_fit *fit = &db->fits[i];

        if (fit->misfit && fit->refusal == NULL && now_ms - fit->last_ms >= FIT_DOUBT_MS) fit->misfit = false;
    }
    if (!db->renew_wanted && !fit_try_again(db, now_ms)) {
        db_session_end(db, DB_STATE_DOWN, PQerrorMessage(db->conn));
        return;
    }
    if (db_session_is(db, conn)) db_session_tell(db);
}
