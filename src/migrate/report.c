/* Files and ledger, side by side. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "migrate/ledger.h"

static const char *const report_state_names[] = {
    [MIGRATE_STATE_PENDING] = "pending",     [MIGRATE_STATE_APPLIED] = "applied", [MIGRATE_STATE_CHANGED] = "changed",
    [MIGRATE_STATE_UNCHECKED] = "unchecked", [MIGRATE_STATE_MISSING] = "missing",
};

const char *migrate_state_name(enum migrate_state state)
{
    return report_state_names[state];
}

enum { ROW_VERSION, ROW_NAME, ROW_CHECKSUM, ROW_APPLIED_AT, ROW_DURATION, ROW_APP_VERSION, ROW_APPLIED_BY };

/* By way of jsonb, because dbmate's table has none of the columns but the version. */
static int report_rows(struct migrate_session *s, PGresult **ret_rows, struct error *err)
{
    struct buf sql = {0};

    if (s->ledger_exists) {
        buf_printf(&sql,
                   "SELECT version, j ->> 'name', j ->> 'checksum',\n"
                   "       to_char((j ->> 'applied_at')::timestamptz AT TIME ZONE 'UTC',\n"
                   "               'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
                   "       j ->> 'duration_ms', j ->> 'app_version', j ->> 'applied_by'\n"
                   "  FROM %s AS m, LATERAL to_jsonb(m) AS j\n"
                   " ORDER BY version COLLATE \"C\"",
                   s->ledger);
    } else {
        buf_add_str(&sql, "SELECT 1\n"
                          " WHERE false");
    }
    int outcome = session_query(s, buf_cstr(&sql), 0, NULL, ret_rows, err);

    buf_clear(&sql);
    return outcome;
}

static const char *report_text(struct migrate_report *report, const PGresult *rows, int row, int column)
{
    if (PQgetisnull(rows, row, column)) return NULL;
    return arena_copy(report->arena, slice_of(PQgetvalue(rows, row, column))).data;
}

static void report_add_row(struct migrate_report *report, const struct migrate_files *files, size_t index,
                           const PGresult *rows, int row)
{
    struct migrate_entry *entry = &report->entries[report->count++];
    const struct migrate_file *file = index == SIZE_MAX ? NULL : &files->items[index];
    const char *checksum = PQgetisnull(rows, row, ROW_CHECKSUM) ? NULL : PQgetvalue(rows, row, ROW_CHECKSUM);

    *entry = (struct migrate_entry){
        .version = report_text(report, rows, row, ROW_VERSION),
        .name = file == NULL ? report_text(report, rows, row, ROW_NAME) : file->name,
        .path = file == NULL ? NULL : file->path,
        .transaction = file == NULL || file->up.transaction,
        .applied_at = report_text(report, rows, row, ROW_APPLIED_AT),
        .app_version = report_text(report, rows, row, ROW_APP_VERSION),
        .applied_by = report_text(report, rows, row, ROW_APPLIED_BY),
        .duration_ms =
            PQgetisnull(rows, row, ROW_DURATION) ? -1 : strtoll(PQgetvalue(rows, row, ROW_DURATION), NULL, 10),
        .file = index,
    };
    report->applied++;
    report->current = entry->version;
    if (file == NULL) {
        entry->state = MIGRATE_STATE_MISSING;
        report->missing++;
    } else if (checksum == NULL) {
        entry->state = MIGRATE_STATE_UNCHECKED;
        report->unchecked++;
    } else if (strcmp(checksum, file->checksum) != 0) {
        entry->state = MIGRATE_STATE_CHANGED;
        report->changed++;
    } else {
        entry->state = MIGRATE_STATE_APPLIED;
    }
}

static void report_add_pending(struct migrate_report *report, const struct migrate_files *files, size_t index)
{
    const struct migrate_file *file = &files->items[index];

    report->entries[report->count++] = (struct migrate_entry){.version = file->version,
                                                              .name = file->name,
                                                              .path = file->path,
                                                              .state = MIGRATE_STATE_PENDING,
                                                              .transaction = file->up.transaction,
                                                              .duration_ms = -1,
                                                              .file = index};
    report->pending++;
}

/* Both sides are in the order of their versions. */
static void report_merge(struct migrate_report *report, const struct migrate_files *files, const PGresult *rows)
{
    size_t index = 0;
    int row = 0;

    while (index < files->count || row < PQntuples(rows)) {
        int order = row == PQntuples(rows) ? -1 : 1;

        if (index < files->count && row < PQntuples(rows))
            order = strcmp(files->items[index].version, PQgetvalue(rows, row, ROW_VERSION));
        if (order < 0) {
            report_add_pending(report, files, index++);
        } else {
            report_add_row(report, files, order == 0 ? index++ : SIZE_MAX, rows, row++);
        }
    }
}

static void report_mark_order(struct migrate_report *report)
{
    for (size_t i = 0; i < report->count && report->current != NULL; i++) {
        struct migrate_entry *entry = &report->entries[i];

        if (entry->state == MIGRATE_STATE_PENDING && strcmp(entry->version, report->current) < 0) {
            entry->out_of_order = true;
            report->out_of_order++;
        }
    }
}

/* How many statements of broken-off files are in the journal. */
static int report_mark_journal(struct migrate_session *s, struct migrate_report *report, struct error *err)
{
    struct buf sql = {0};
    bool exists = false;
    PGresult *rows = NULL;

    if (report->pending == 0) return 0;
    if (journal_exists(s, &exists, err) != 0) return -1;
    if (!exists) return 0;
    buf_printf(&sql,
               "SELECT version, count(finished_at)\n"
               "  FROM %s\n"
               " WHERE direction = 'up'\n"
               " GROUP BY version",
               s->journal);
    int outcome = session_query(s, buf_cstr(&sql), 0, NULL, &rows, err);

    buf_clear(&sql);
    if (outcome != 0) return -1;
    for (int row = 0; row < PQntuples(rows); row++) {
        for (size_t i = 0; i < report->count; i++) {
            struct migrate_entry *entry = &report->entries[i];

            if (entry->state == MIGRATE_STATE_PENDING && strcmp(entry->version, PQgetvalue(rows, row, 0)) == 0)
                entry->statements_done = (unsigned)strtoul(PQgetvalue(rows, row, 1), NULL, 10);
        }
    }
    PQclear(rows);
    return 0;
}

int migrate_report_make(struct migrate_session *s, const struct migrate_files *files, struct migrate_report *ret_report,
                        struct error *err)
{
    struct migrate_report report = {0};
    PGresult *rows = NULL;

    /* Another master may have made the ledger since. */
    if (ledger_find(s, err) != 0 || report_rows(s, &rows, err) != 0) return -1;
    report.arena = arena_new();
    report.entries = arena_zalloc(report.arena, (files->count + (size_t)PQntuples(rows)) * sizeof(report.entries[0]));
    report_merge(&report, files, rows);
    PQclear(rows);
    report_mark_order(&report);
    if (report_mark_journal(s, &report, err) != 0) {
        migrate_report_clear(&report);
        return -1;
    }
    *ret_report = report;
    return 0;
}

void migrate_report_clear(struct migrate_report *report)
{
    arena_free(report->arena);
    *report = (struct migrate_report){0};
}

/* In production the first of them is the error, in development all are warnings. */
static int report_object(struct migrate_session *s, const struct migrate_entry *entry, const char *what,
                         const char *remedy, struct error *err)
{
    if (s->options.environment == MIGRATE_PRODUCTION)
        return error_set(err, ERROR_FAILED, "%s: %s.\n%s, run: stratslabd migrate stamp %s", entry->path, what, remedy,
                         entry->version);
    session_say(s, MIGRATE_NOTE_WARNING, "%s: %s", entry->path, what);
    return 0;
}

bool migrate_report_ahead(const struct migrate_report *report, struct buf *out)
{
    const char *newest = NULL;

    for (size_t i = 0; i < report->count; i++) {
        if (report->entries[i].state == MIGRATE_STATE_MISSING) newest = report->entries[i].version;
    }
    if (newest == NULL) return false;
    buf_printf(out, "the database is ahead: it holds %zu migration%s that this build does not know (newest: %s)",
               report->missing, report->missing == 1 ? "" : "s", newest);
    return true;
}

bool migrate_is_ahead(struct migrate_session *s, const struct migrate_files *files, struct buf *out)
{
    struct migrate_report report = {0};
    struct error err;

    if (migrate_report_make(s, files, &report, &err) != 0) return false;
    const bool is_ahead = migrate_report_ahead(&report, out);

    migrate_report_clear(&report);
    return is_ahead;
}

int migrate_report_check(struct migrate_session *s, const struct migrate_report *report, struct error *err)
{
    struct buf ahead = {0};

    if (migrate_report_ahead(report, &ahead)) session_say(s, MIGRATE_NOTE_INFO, "%s", buf_cstr(&ahead));
    buf_clear(&ahead);
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_entry *entry = &report->entries[i];
        int outcome = 0;

        if (entry->state == MIGRATE_STATE_CHANGED) {
            outcome =
                report_object(s, entry, "was changed after it was applied: its up block has another checksum",
                              "Put it back and write a new migration; or, if the database is as the file says", err);
        } else if (entry->out_of_order) {
            outcome = report_object(s, entry, "is older than the newest applied migration",
                                    "Give it a newer version; or, if the database has it already", err);
        }
        if (outcome != 0) return -1;
    }
    return 0;
}
