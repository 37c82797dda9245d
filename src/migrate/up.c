/* Applying what is pending, stamping, and waiting for another master to have done it. */
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "migrate/ledger.h"
#include "migrate/run.h"

/* Whether the entry is to be applied by `up --to to`. */
static bool up_wants(const struct migrate_entry *entry, const char *to)
{
    return entry->state == MIGRATE_STATE_PENDING && (to == NULL || strcmp(entry->version, to) <= 0);
}

static size_t up_count(const struct migrate_report *report, const char *to)
{
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++) count += up_wants(&report->entries[i], to) ? 1 : 0;
    return count;
}

/* Every file that is to run is split first, so that a fault in the last one stops the first. */
static int up_check_files(const struct migrate_files *files, const struct migrate_report *report, const char *to,
                          struct error *err)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_entry *entry = &report->entries[i];
        struct lexer_script script;

        if (!up_wants(entry, to)) continue;
        const struct migrate_file *file = &files->items[entry->file];

        if (migrate_file_split(file, &file->up, &script, err) != 0) return -1;
        lexer_script_clear(&script);
    }
    return 0;
}

static void up_say_plan(const struct migrate_session *s, const struct migrate_report *report, const char *to)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_entry *entry = &report->entries[i];

        if (!up_wants(entry, to)) continue;
        session_say(s, MIGRATE_NOTE_INFO, "would apply %s%s", entry->path,
                    entry->transaction ? "" : " (statement by statement)");
    }
}

static int up_apply(struct migrate_session *s, const struct migrate_files *files, const struct migrate_report *report,
                    const char *to, size_t *applied, struct error *err)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_entry *entry = &report->entries[i];

        if (!up_wants(entry, to)) continue;
        const struct migrate_file *file = &files->items[entry->file];
        const struct migrate_block *block = &file->up;
        uint64_t started_ns = clock_monotonic_ns();

        session_say(s, MIGRATE_NOTE_INFO, "applying %s", entry->path);
        if (run_blocks(s, file, &block, 1, err) != 0) {
            run_append(err, "Mend it, then run: stratslabd migrate up");
            return -1;
        }
        session_say(s, MIGRATE_NOTE_INFO, "applied %s in %.1f ms", entry->path,
                    (double)(clock_monotonic_ns() - started_ns) / 1e6);
        ++*applied;
    }
    return 0;
}

/* Under the lock. What the first look said is not said again. */
static int up_locked(struct migrate_session *s, const struct migrate_files *files, const char *to, size_t *applied,
                     struct error *err)
{
    struct migrate_report report;
    void (*say)(void *, enum migrate_note, const char *) = s->options.say;

    if (migrate_report_make(s, files, &report, err) != 0) return -1;
    s->options.say = NULL;
    int outcome = migrate_report_check(s, &report, err);

    s->options.say = say;
    if (outcome == 0 && up_count(&report, to) > 0) outcome = ledger_ensure(s, err);
    if (outcome == 0) outcome = up_apply(s, files, &report, to, applied, err);
    migrate_report_clear(&report);
    return outcome;
}

/* The file's functions would be looked for there too. What cannot be asked now is said by what follows. */
static void up_warn_trust(struct migrate_session *s)
{
    struct error err;

    if (migrate_check_trust(s, &err) != 0 && !session_is_lost(s))
        session_say(s, MIGRATE_NOTE_WARNING, "%s", err.message);
}

int migrate_up(struct migrate_session *s, const struct migrate_files *files, const char *to, bool dry_run,
               size_t *ret_applied, struct error *err)
{
    struct migrate_report report;
    size_t applied = 0;

    if (to != NULL && migrate_files_find(files, to) == SIZE_MAX)
        return error_set(err, ERROR_USAGE, "no migration has the version %s: see stratslabd migrate status", to);
    if (migrate_report_make(s, files, &report, err) != 0) return -1;
    int outcome = migrate_report_check(s, &report, err);
    size_t wanted = up_count(&report, to);

    if (outcome == 0) outcome = up_check_files(files, &report, to, err);
    if (outcome == 0 && dry_run) up_say_plan(s, &report, to);
    if (outcome == 0 && wanted > 0 && !dry_run) {
        outcome = session_wait_writable(s, wanted, err);
        if (outcome == 0) outcome = session_lock(s, err);
        if (outcome == 0) up_warn_trust(s);
        if (outcome == 0) outcome = up_locked(s, files, to, &applied, err);
        session_unlock(s);
    }
    if (outcome == 0 && ret_applied != NULL) *ret_applied = dry_run ? wanted : applied;
    migrate_report_clear(&report);
    return outcome;
}

static int stamp_entry(struct migrate_session *s, const struct migrate_file *file, const struct migrate_entry *entry,
                       struct error *err)
{
    if (entry->state != MIGRATE_STATE_PENDING) {
        if (ledger_refresh(s, file, err) != 0) return -1;
        session_say(s, MIGRATE_NOTE_INFO, "%s: its row takes the file's checksum", file->path);
        return 0;
    }
    if (ledger_insert(s, file, -1, err) != 0 || journal_forget(s, file, err) != 0) return -1;
    session_say(s, MIGRATE_NOTE_INFO, "%s: recorded as applied, not run", file->path);
    return 0;
}

static int stamp_locked(struct migrate_session *s, const struct migrate_files *files, const char *version,
                        struct error *err)
{
    struct migrate_report report;
    bool applied = false;

    if (migrate_report_make(s, files, &report, err) != 0) return -1;
    for (size_t i = 0; i < report.count; i++) {
        applied = applied ||
                  (strcmp(report.entries[i].version, version) == 0 && report.entries[i].state != MIGRATE_STATE_PENDING);
    }
    int outcome = ledger_ensure(s, err);

    if (outcome == 0) outcome = session_run(s, "BEGIN", err);
    for (size_t i = 0; i < report.count && outcome == 0; i++) {
        const struct migrate_entry *entry = &report.entries[i];
        bool target = strcmp(entry->version, version) == 0;

        if (target || (!applied && up_wants(entry, version)))
            outcome = stamp_entry(s, &files->items[entry->file], entry, err);
    }
    if (outcome == 0) outcome = session_run(s, "COMMIT", err);
    if (outcome != 0) session_reset(s);
    migrate_report_clear(&report);
    return outcome;
}

int migrate_stamp(struct migrate_session *s, const struct migrate_files *files, const char *version, struct error *err)
{
    if (migrate_files_find(files, version) == SIZE_MAX)
        return error_set(err, ERROR_USAGE, "no migration has the version %s: see stratslabd migrate status", version);
    int outcome = session_lock(s, err);

    if (outcome == 0) outcome = stamp_locked(s, files, version, err);
    session_unlock(s);
    return outcome;
}

/* One look; the connection does not outlive it, so that a restart of the database in between does no harm. */
static int wait_look(const struct migrate_options *options, const struct migrate_files *files, size_t *ret_pending,
                     struct error *err)
{
    struct migrate_session *s = NULL;
    struct migrate_report report;

    if (migrate_session_open(options, &s, err) != 0) return -1;
    int outcome = migrate_report_make(s, files, &report, err);

    if (outcome == 0) {
        *ret_pending = report.pending;
        migrate_report_clear(&report);
    }
    migrate_session_close(s);
    return outcome;
}

enum { WAIT_PAUSE_MS = 200, WAIT_PAUSE_MAX_MS = 1000, WAIT_SAY_MS = 10000 };

static void wait_say(const struct migrate_options *options, size_t pending)
{
    struct migrate_session s = {.options = *options};

    session_say(&s, MIGRATE_NOTE_WAIT, "waiting for %zu migration%s to be applied to %s", pending,
                pending == 1 ? "" : "s", options->label);
}

int migrate_wait(const struct migrate_options *options, const struct migrate_files *files, unsigned timeout_ms,
                 struct error *err)
{
    uint64_t started_ms = clock_monotonic_ms();
    uint64_t said_ms = 0;
    unsigned pause_ms = WAIT_PAUSE_MS;

    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        uint64_t left = now_ms - started_ms >= timeout_ms ? 0 : timeout_ms - (now_ms - started_ms);
        struct migrate_options look = *options;
        size_t pending = 0;

        look.boot_timeout_ms = (unsigned)left;
        if (wait_look(&look, files, &pending, err) != 0) return -1;
        if (pending == 0) return 0;
        now_ms = clock_monotonic_ms();
        if (now_ms - started_ms >= timeout_ms) {
            char waited[NUMBER_UNIT_TEXT_BYTES];

            number_format_duration_ms(timeout_ms, waited);
            return error_set(err, ERROR_TIMEOUT, "after %s, %zu migration%s of this build %s still pending on %s",
                             waited, pending, pending == 1 ? "" : "s", pending == 1 ? "is" : "are", options->label);
        }
        if (said_ms == 0 || now_ms - said_ms >= WAIT_SAY_MS) {
            wait_say(options, pending);
            said_ms = now_ms;
        }
        session_pause(&pause_ms, WAIT_PAUSE_MAX_MS);
    }
}
