/* The rehearsal: what is pending runs in one transaction, and the transaction is rolled back. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "migrate/ledger.h"
#include "migrate/run.h"

/* Oids of the relations that are there before: only on those can anybody else wait. */
static int plan_relations(struct migrate_session *s, PGresult **ret_result, struct error *err)
{
    return session_query(s,
                         "SELECT coalesce(array_agg(oid), '{}')\n"
                         "  FROM pg_class\n"
                         " WHERE relkind IN ('r', 'p', 'i', 'I', 'S', 'v', 'm', 'f')\n"
                         "   AND relnamespace NOT IN (SELECT oid\n"
                         "                              FROM pg_namespace\n"
                         "                             WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema')",
                         0, NULL, ret_result, err);
}

/* The locks of our own backend on those relations. Relations that the plan dropped have no name any more, hence the
 * join on the left and the number. */
static int plan_locks(struct migrate_session *s, const char *relations, PGresult **ret_result, struct error *err)
{
    const char *const values[] = {relations};

    return session_query(
        s,
        "SELECT coalesce(format('%I.%I', n.nspname, c.relname), 'dropped relation ' || l.relation), l.mode\n"
        "  FROM pg_locks AS l\n"
        "  LEFT JOIN pg_class AS c ON c.oid = l.relation\n"
        "  LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
        " WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted\n"
        "   AND l.database = (SELECT oid\n"
        "                       FROM pg_database\n"
        "                      WHERE datname = current_database())\n"
        "   AND l.relation = ANY ($1::oid[])\n"
        " ORDER BY 1, 2",
        1, values, ret_result, err);
}

static bool plan_has_lock(const struct migrate_plan *plan, size_t steps, const char *relation, const char *mode)
{
    for (size_t i = 0; i < steps; i++) {
        for (size_t j = 0; j < plan->steps[i].lock_count; j++) {
            const struct migrate_lock *lock = &plan->steps[i].locks[j];

            if (strcmp(lock->relation, relation) == 0 && strcmp(lock->mode, mode) == 0) return true;
        }
    }
    return false;
}

static int plan_take_locks(struct migrate_session *s, struct migrate_plan *plan, size_t index, const char *relations,
                           struct error *err)
{
    struct migrate_plan_step *step = &plan->steps[index];
    PGresult *rows = NULL;

    if (plan_locks(s, relations, &rows, err) != 0) return -1;
    step->locks = arena_zalloc(plan->arena, (size_t)PQntuples(rows) * sizeof(step->locks[0]));
    for (int row = 0; row < PQntuples(rows); row++) {
        const char *relation = PQgetvalue(rows, row, 0);
        const char *mode = PQgetvalue(rows, row, 1);

        if (plan_has_lock(plan, index, relation, mode)) continue;
        step->locks[step->lock_count++] =
            (struct migrate_lock){.relation = arena_copy(plan->arena, slice_of(relation)).data,
                                  .mode = arena_copy(plan->arena, slice_of(mode)).data};
    }
    PQclear(rows);
    return 0;
}

/* Labels of enums that the steps before added: until they are committed, nothing may use them. */
static int plan_count_labels(struct migrate_session *s, unsigned long *ret_count, struct error *err)
{
    PGresult *result = NULL;

    if (session_query(s,
                      "SELECT count(*)\n"
                      "  FROM pg_catalog.pg_enum",
                      0, NULL, &result, err) != 0)
        return -1;
    *ret_count = strtoul(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return 0;
}

/*
 * Why the failure of a rehearsal says nothing about the run; NULL if it does. `later`: steps before it were rehearsed
 * in the same transaction. `labels`: one of them added to an enum.
 */
static const char *plan_excuse(const struct migrate_session *s, struct migrate_plan *plan, bool later, bool labels)
{
    char limit[NUMBER_UNIT_TEXT_BYTES];

    number_format_duration_ms(s->options.rehearsal_timeout_ms, limit);
    if (s->gave_up && s->blocker[0] != '\0') {
        return arena_printf(plan->arena, "a lock that it needs was held by %s for %s (STRATSLAB_MIGRATE_REHEARSAL)",
                            s->blocker, limit);
    }
    if (s->gave_up) {
        return arena_printf(
            plan->arena, "it takes longer than %s, for which a rehearsal may hold locks (STRATSLAB_MIGRATE_REHEARSAL)",
            limit);
    }
    if (labels && strcmp(s->sqlstate, "55P04") == 0) {
        return "it uses a value of an enum that a file before it adds, which works after that file's commit";
    }
    if (later && strcmp(s->sqlstate, "53200") == 0) return "all files in one transaction need more than the server has";
    if (strcmp(s->sqlstate, "40P01") == 0 || strcmp(s->sqlstate, "55P03") == 0) {
        return "another session held a lock that it needs";
    }
    return NULL;
}

static int plan_rehearse(struct migrate_session *s, const struct migrate_file *file, struct migrate_plan *plan,
                         size_t index, const char *relations, struct error *err)
{
    struct migrate_plan_step *step = &plan->steps[index];
    const uint64_t started = clock_monotonic_ms();

    /* Between two files, nothing of the one reaches the next, as if there had been a commit. */
    if (run_block_inside(s, file, &file->up, err) != 0) return -1;
    if (session_between(s, err) != 0) return error_prefix(err, "%s", file->path);
    if (plan_take_locks(s, plan, index, relations, err) != 0) return -1;
    step->duration_ms = (int64_t)(clock_monotonic_ms() - started);
    step->rehearsed = true;
    return 0;
}

/* Ends the rehearsal in front of what cannot be rehearsed. */
struct plan_end {
    const char *version; /* NULL: not yet */
    const char *why;     /* in words for those after it */
};

static int plan_step(struct migrate_session *s, const struct migrate_file *file, struct migrate_plan *plan,
                     unsigned long labels_before, const char *relations, struct plan_end *end, struct error *err)
{
    const size_t index = plan->count++;
    struct migrate_plan_step *step = &plan->steps[index];
    unsigned long labels = 0;

    *step = (struct migrate_plan_step){.version = file->version, .path = file->path, .duration_ms = -1};
    if (!file->up.transaction) {
        struct lexer_script script;

        if (migrate_file_split(file, &file->up, &script, err) != 0) return -1;
        lexer_script_clear(&script);
        step->reason = "transaction:false";
        if (end->version == NULL) *end = (struct plan_end){file->version, "is transaction:false"};
        return 0;
    }
    if (end->version == NULL && s->options.rehearsal_timeout_ms == 0) {
        step->reason = "STRATSLAB_MIGRATE_REHEARSAL is 0";
        return 0;
    }
    if (end->version != NULL) {
        step->reason = arena_printf(plan->arena, "it comes after %s, which %s", end->version, end->why);
        return 0;
    }
    if (plan_count_labels(s, &labels, err) != 0) return -1;
    if (plan_rehearse(s, file, plan, index, relations, err) == 0) return 0;
    step->reason = session_is_lost(s) ? NULL : plan_excuse(s, plan, index > 0, labels > labels_before);
    if (step->reason == NULL) return -1;
    *end = (struct plan_end){file->version, "could not be rehearsed"};
    return 0;
}

static int plan_steps(struct migrate_session *s, const struct migrate_files *files, const struct migrate_report *report,
                      struct migrate_plan *plan, const char *relations, struct error *err)
{
    struct plan_end end = {0};
    unsigned long labels = 0;

    if (plan_count_labels(s, &labels, err) != 0) return -1;
    s->deadline_ms = clock_monotonic_ms() + s->options.rehearsal_timeout_ms;
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_entry *entry = &report->entries[i];

        if (entry->state != MIGRATE_STATE_PENDING) continue;
        if (plan_step(s, &files->items[entry->file], plan, labels, relations, &end, err) != 0) return -1;
    }
    s->deadline_ms = 0;
    return 0;
}

/* What the caller wants tried inside the rehearsal; trial may be NULL. */
struct plan_trial {
    migrate_trial_fn *trial;
    void *arg;
};

static size_t plan_rehearsed(const struct migrate_plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->count; i++) count += plan->steps[i].rehearsed ? 1 : 0;
    return count;
}

static int plan_locked(struct migrate_session *s, const struct migrate_files *files, struct migrate_plan *plan,
                       const struct plan_trial *trial, struct error *err)
{
    struct migrate_report report;
    PGresult *relations = NULL;

    s->sqlstate[0] = '\0';
    if (migrate_report_make(s, files, &report, err) != 0) return -1;
    int outcome = migrate_report_check(s, &report, err);

    plan->steps = arena_zalloc(plan->arena, report.pending * sizeof(plan->steps[0]));
    if (outcome == 0) outcome = plan_relations(s, &relations, err);
    if (outcome == 0) outcome = session_run(s, "BEGIN", err);
    if (outcome == 0) outcome = plan_steps(s, files, &report, plan, PQgetvalue(relations, 0, 0), err);
    if (outcome == 0 && trial->trial != NULL && plan_rehearsed(plan) == plan->count) {
        outcome = trial->trial(trial->arg, s, err);
    }
    PQclear(relations);
    session_reset(s);
    if (outcome != 0) session_advise(s, err);
    migrate_report_clear(&report);
    return outcome;
}

static int plan_make(struct migrate_session *s, const struct migrate_files *files, const struct plan_trial *trial,
                     struct migrate_plan *ret_plan, struct error *err)
{
    struct migrate_plan plan = {.arena = arena_new()};
    int outcome = session_lock(s, err);

    if (outcome == 0) outcome = plan_locked(s, files, &plan, trial, err);
    session_unlock(s);
    if (outcome != 0) {
        if (err != NULL && err->code == ERROR_FAILED) run_append(err, "This was a rehearsal: nothing was applied.");
        migrate_plan_clear(&plan);
        return -1;
    }
    *ret_plan = plan;
    return 0;
}

int migrate_plan_make(struct migrate_session *s, const struct migrate_files *files, struct migrate_plan *ret_plan,
                      struct error *err)
{
    return plan_make(s, files, &(struct plan_trial){.trial = NULL}, ret_plan, err);
}

int migrate_rehearse(struct migrate_session *s, const struct migrate_files *files, migrate_trial_fn *trial, void *arg,
                     size_t *ret_pending, size_t *ret_rehearsed, struct error *err)
{
    struct migrate_report report;
    struct migrate_plan plan;

    if (migrate_report_make(s, files, &report, err) != 0) return -1;
    int outcome = migrate_report_check(s, &report, err);
    size_t pending = report.pending;

    migrate_report_clear(&report);
    if (outcome != 0) return -1;
    *ret_pending = *ret_rehearsed = 0;
    if (pending == 0) return trial(arg, s, err);
    if (plan_make(s, files, &(struct plan_trial){trial, arg}, &plan, err) != 0) return -1;
    *ret_pending = plan.count;
    *ret_rehearsed = plan_rehearsed(&plan);
    migrate_plan_clear(&plan);
    return 0;
}

void migrate_plan_clear(struct migrate_plan *plan)
{
    arena_free(plan->arena);
    *plan = (struct migrate_plan){0};
}
