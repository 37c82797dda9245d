/* down and redo. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "migrate/ledger.h"
#include "migrate/run.h"

/* What is to be undone, newest first. */
struct undo {
    const struct migrate_file **files;
    const char **paths;
    size_t count;
};

static void undo_clear(struct undo *undo)
{
    free(undo->files);
    free(undo->paths);
    *undo = (struct undo){0};
}

static int undo_check(const struct migrate_file *file, struct error *err)
{
    struct lexer_script script;

    if (file->irreversible)
        return error_set(err, ERROR_FAILED, "%s: cannot be undone: it says irreversible:true", file->path);
    if (migrate_file_split(file, &file->down, &script, err) != 0) return -1;
    size_t statements = script.count;

    lexer_script_clear(&script);
    if (statements == 0)
        return error_set(err, ERROR_FAILED, "%s: cannot be undone: its down block is empty", file->path);
    return 0;
}

static int undo_pick(const struct migrate_files *files, const struct migrate_report *report, size_t steps,
                     struct undo *undo, struct error *err)
{
    undo->files = mem_array(report->count, sizeof(undo->files[0]));
    undo->paths = mem_array(report->count, sizeof(undo->paths[0]));
    for (size_t i = report->count; i > 0 && undo->count < steps; i--) {
        const struct migrate_entry *entry = &report->entries[i - 1];

        if (entry->state == MIGRATE_STATE_PENDING) continue;
        if (entry->state == MIGRATE_STATE_MISSING) {
            return error_set(err, ERROR_FAILED,
                             "%s cannot be undone: this build does not have its file; use the build that applied it",
                             entry->version);
        }
        const struct migrate_file *file = &files->items[entry->file];

        if (undo_check(file, err) != 0) return -1;
        undo->files[undo->count] = file;
        undo->paths[undo->count++] = file->path;
    }
    return 0;
}

static int undo_look(struct migrate_session *s, const struct migrate_files *files, size_t steps, struct undo *undo,
                     struct error *err)
{
    struct migrate_report report;

    if (migrate_report_make(s, files, &report, err) != 0) return -1;
    int outcome = undo_pick(files, &report, steps, undo, err);

    migrate_report_clear(&report);
    return outcome;
}

static int undo_run(struct migrate_session *s, const struct undo *undo, bool redo, struct error *err)
{
    for (size_t i = 0; i < undo->count; i++) {
        const struct migrate_file *file = undo->files[i];
        const struct migrate_block *blocks[] = {&file->down, &file->up};
        uint64_t started = clock_monotonic_ns();

        session_say(s, MIGRATE_NOTE_INFO, "%s %s", redo ? "undoing and applying" : "undoing", file->path);
        if (run_blocks(s, file, blocks, redo ? 2 : 1, err) != 0) {
            run_append(err, "Mend it, then run: stratslabd migrate %s", redo ? "status" : "down");
            return -1;
        }
        session_say(s, MIGRATE_NOTE_INFO, "%s %s in %.1f ms", redo ? "undone and applied" : "undone", file->path,
                    (double)(clock_monotonic_ns() - started) / 1e6);
    }
    return 0;
}

/* Under the lock: what was agreed to must still be what would be undone. */
static int undo_locked(struct migrate_session *s, const struct migrate_files *files, const struct undo *agreed,
                       bool redo, struct error *err)
{
    struct undo now = {0};
    int outcome = undo_look(s, files, agreed->count, &now, err);

    if (outcome == 0 &&
        (now.count != agreed->count || memcmp(now.files, agreed->files, now.count * sizeof(now.files[0])) != 0))
        outcome = error_set(err, ERROR_FAILED, "another master changed the ledger meanwhile; nothing was undone");
    if (outcome == 0) outcome = ledger_ensure(s, err);
    if (outcome == 0) outcome = undo_run(s, &now, redo, err);
    undo_clear(&now);
    return outcome;
}

static int undo(struct migrate_session *s, const struct migrate_files *files, size_t steps, bool redo,
                migrate_confirm_fn *confirm, void *arg, struct error *err)
{
    struct undo agreed = {0};
    int outcome = undo_look(s, files, steps, &agreed, err);

    if (outcome == 0 && agreed.count == 0) {
        session_say(s, MIGRATE_NOTE_INFO, "nothing is applied, so there is nothing to undo");
    } else if (outcome == 0) {
        if (confirm != NULL) outcome = confirm(arg, agreed.paths, agreed.count, err);
        if (outcome == 0) outcome = session_lock(s, err);
        if (outcome == 0) outcome = undo_locked(s, files, &agreed, redo, err);
        session_unlock(s);
    }
    undo_clear(&agreed);
    return outcome;
}

int migrate_down(struct migrate_session *s, const struct migrate_files *files, unsigned steps,
                 migrate_confirm_fn *confirm, void *arg, struct error *err)
{
    return undo(s, files, steps, false, confirm, arg, err);
}

int migrate_redo(struct migrate_session *s, const struct migrate_files *files, migrate_confirm_fn *confirm, void *arg,
                 struct error *err)
{
    return undo(s, files, 1, true, confirm, arg, err);
}
