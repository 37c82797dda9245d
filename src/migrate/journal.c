/*
 * transaction:false blocks. Each statement is on its own, so what ran is journalled, and a later run goes on after it.
 * The window between a statement's end and its mark is closed for INSERT, UPDATE, DELETE and MERGE, which share a
 * transaction with it; for what cannot (CREATE INDEX CONCURRENTLY), a mark without an end says that the outcome is not
 * known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "migrate/index.h"
#include "migrate/ledger.h"
#include "migrate/run.h"

struct journal {
    const struct migrate_file *file;
    const struct migrate_block *block;
    struct lexer_script script;
    size_t done; /* statements that ran before this run */
    size_t open; /* first statement without its end in the journal; after `at` but inside a transaction of the file */
    char *invalid_before; /* oids of indexes that were invalid before, as an array literal */
};

typedef char journal_checksum[DIGEST_SHA256_HEX_BYTES];

static struct journal_mark journal_mark_of(const struct journal *j, size_t index, journal_checksum checksum)
{
    const struct lexer_statement *statement = &j->script.items[index];

    digest_sha256_hex(j->block->sql.data + statement->start, statement->end - statement->start, checksum);
    return (struct journal_mark){.file = j->file,
                                 .block = j->block,
                                 .statement = (unsigned)index + 1,
                                 .line = statement->line,
                                 .checksum = checksum};
}

static bool journal_first_word_is(const struct lexer_statement *statement, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count && statement->word_count > 0; i++) {
        if (strcmp(statement->words[0], words[i]) == 0) return true;
    }
    return false;
}

/* Leading statements that an earlier run finished. A finished one whose text is another now cannot be reconciled by us.
 */
static int journal_resume(struct migrate_session *s, struct journal *j, struct error *err)
{
    journal_checksum checksum;
    PGresult *rows = NULL;
    int outcome = 0;

    if (journal_read(s, j->file, j->block, &rows, err) != 0) return -1;
    for (int row = 0; row < PQntuples(rows) && outcome == 0; row++) {
        size_t number = strtoul(PQgetvalue(rows, row, 0), NULL, 10);

        if (PQgetisnull(rows, row, 3)) {
            if (number != j->done + 1 || !PQgetisnull(rows, row, 4)) break;
            session_say(s, MIGRATE_NOTE_WARNING,
                        "%s: statement %zu was begun at %s and its end is not known; it is run again", j->file->path,
                        number, PQgetvalue(rows, row, 2));
            break;
        }
        bool same = number == j->done + 1 && number <= j->script.count;

        if (same) {
            journal_mark_of(j, number - 1, checksum);
            same = strcmp(checksum, PQgetvalue(rows, row, 1)) == 0;
        }
        if (!same) {
            outcome = error_set(err, ERROR_FAILED,
                                "%s: its statement %zu ran at %s, and has been changed since.\n"
                                "Put the statements that ran back as they were; or undo them by hand, then run: "
                                "DELETE FROM %s WHERE version = '%s'",
                                j->file->path, number, PQgetvalue(rows, row, 3), s->journal, j->file->version);
        }
        j->done = number;
    }
    PQclear(rows);
    if (outcome == 0 && j->done > 0 && j->done < j->script.count) {
        session_say(s, MIGRATE_NOTE_INFO, "%s: %zu of its %zu statements ran before; going on at line %u",
                    j->file->path, j->done, j->script.count, j->script.items[j->done].line);
    }
    return outcome;
}

static int journal_invalid_before(struct migrate_session *s, struct journal *j, struct error *err)
{
    PGresult *result = NULL;

    if (session_query(s,
                      "SELECT coalesce(array_agg(indexrelid), '{}')\n"
                      "  FROM pg_index\n"
                      " WHERE NOT indisvalid",
                      0, NULL, &result, err) != 0)
        return -1;
    j->invalid_before = mem_strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    return 0;
}

/*
 * Invalid indexes that the statement left. CREATE INDEX CONCURRENTLY IF NOT EXISTS passes over one of an earlier run in
 * silence, so its name tells it; those whose names the server chose were not invalid before. One that another session
 * is building is none of ours: such a build holds this lock on the table from its beginning to its end.
 */
static int journal_invalid_left(struct migrate_session *s, const struct journal *j,
                                const struct lexer_statement *statement, PGresult **ret_rows, struct error *err)
{
    static const char sql[] =
        "SELECT format('%I.%I', n.nspname, c.relname)\n"
        "  FROM pg_index AS i\n"
        "  JOIN pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i'\n"
        "  JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
        " WHERE NOT i.indisvalid\n"
        "   AND NOT EXISTS (SELECT\n"
        "                     FROM pg_locks AS l\n"
        "                    WHERE l.locktype = 'relation' AND l.relation = i.indrelid AND l.granted\n"
        "                      AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_backend_pid())\n"
        "   AND CASE $1\n"
        "       WHEN 'name' THEN i.indrelid = to_regclass($2) AND c.relname = $3::name\n"
        "       WHEN 'index' THEN i.indrelid = (SELECT indrelid\n"
        "                                         FROM pg_index\n"
        "                                        WHERE indexrelid = to_regclass($2))\n"
        "                         AND (c.oid = to_regclass($2) OR NOT c.oid = ANY ($4::oid[]))\n"
        "       WHEN 'table' THEN i.indrelid = to_regclass($2) AND NOT c.oid = ANY ($4::oid[])\n"
        "       ELSE NOT c.oid = ANY ($4::oid[])\n"
        "       END\n"
        " ORDER BY 1";
    static const char *const ways[] = {
        [INDEX_CREATE] = "name", [INDEX_REINDEX] = "index", [INDEX_TABLE] = "table", [INDEX_MANY] = "many"};
    struct index_made made;
    int outcome = 0;

    *ret_rows = NULL;
    index_made_of((struct slice){j->block->sql.data + statement->start, statement->end - statement->start}, &made);
    if (made.maker != INDEX_NONE) {
        const bool is_unnamed = made.maker == INDEX_CREATE && made.name.len == 0;
        const char *const values[] = {is_unnamed ? "table" : ways[made.maker], buf_cstr(&made.target),
                                      buf_cstr(&made.name), j->invalid_before};

        outcome = session_query(s, sql, countof(values), values, ret_rows, err);
    }
    index_made_clear(&made);
    return outcome;
}

static void journal_append_invalid(struct error *err, const PGresult *rows)
{
    for (int row = 0; row < PQntuples(rows); row++) {
        const char *name = PQgetvalue(rows, row, 0);

        run_append(err, "An invalid index was left behind: %s. Drop it first: DROP INDEX CONCURRENTLY %s", name, name);
    }
}

/* What stays of the file, and what to do. The statement at `index` failed. */
static void journal_explain(struct migrate_session *s, const struct journal *j, size_t index, struct error *err)
{
    PGresult *rows = NULL;
    struct error ignored;

    if (index == 0) {
        run_append(err, "None of its %zu statements took effect as a whole.", j->script.count);
    } else {
        run_append(err, "Statements 1 to %zu of %zu ran and stay (transaction:false); the next run goes on after them.",
                   index, j->script.count);
    }
    if (!session_is_lost(s) && index < j->script.count &&
        journal_invalid_left(s, j, &j->script.items[index], &rows, &ignored) == 0)
        journal_append_invalid(err, rows);
    PQclear(rows);
}

/* Marks everything from the first open statement to `index` as finished. */
static int journal_close(struct migrate_session *s, struct journal *j, size_t index, struct error *err)
{
    journal_checksum checksum;

    for (; j->open <= index; j->open++) {
        struct journal_mark mark = journal_mark_of(j, j->open, checksum);

        if (journal_finish(s, &mark, err) != 0) return -1;
    }
    return 0;
}

/* A statement that makes indexes and left one invalid did not do its work, whatever the server said. */
static int journal_check_indexes(struct migrate_session *s, const struct journal *j, const struct run_statement *run,
                                 struct error *err)
{
    PGresult *rows = NULL;
    int outcome = journal_invalid_left(s, j, run->statement, &rows, err);

    if (outcome == 0 && PQntuples(rows) > 0) {
        struct lexer_place place = migrate_file_place(j->file, j->block, run->statement->start);

        outcome = error_set(err, ERROR_FAILED, "%s:%u:%u: the server took this statement, but the index is invalid",
                            j->file->path, place.line, place.column);
    }
    PQclear(rows);
    return outcome;
}

static int journal_run_statement(struct migrate_session *s, struct journal *j, size_t index, struct error *err)
{
    static const char *const joined[] = {"INSERT", "UPDATE", "DELETE", "MERGE"};
    const struct run_statement run = {j->file, j->block, &j->script.items[index]};
    bool idle = PQtransactionStatus(s->conn) == PQTRANS_IDLE;
    bool join = idle && journal_first_word_is(run.statement, joined, countof(joined));
    journal_checksum checksum;
    struct journal_mark mark = journal_mark_of(j, index, checksum);

    if (idle && journal_begin(s, &mark, err) != 0) return -1;
    if (join && session_run(s, "BEGIN", err) != 0) return -1;
    /* What a joined statement deferred speaks before its mark is written. */
    if (run_statement(s, &run, err) != 0 || (join && run_settle(s, err) != 0) ||
        (idle && !join && journal_check_indexes(s, j, &run, err) != 0)) {
        if (!session_is_lost(s) && PQtransactionStatus(s->conn) != PQTRANS_IDLE) {
            PQclear(PQexec(s->conn, "ROLLBACK"));
        }
        mark = journal_mark_of(j, j->open, checksum);
        journal_fail(s, &mark, err->message);
        journal_explain(s, j, j->open, err);
        return -1;
    }
    if (!join && PQtransactionStatus(s->conn) != PQTRANS_IDLE) return 0;
    return journal_close(s, j, index, err);
}

/* SET lasts for the session only, so a run that goes on has to say it again. */
static int journal_repeat_sets(struct migrate_session *s, const struct journal *j, struct error *err)
{
    static const char *const repeated[] = {"SET", "RESET"};

    for (size_t i = 0; i < j->done; i++) {
        const struct run_statement run = {j->file, j->block, &j->script.items[i]};

        if (journal_first_word_is(run.statement, repeated, countof(repeated)) && run_statement(s, &run, err) != 0)
            return -1;
    }
    return 0;
}

static int journal_check_end(struct migrate_session *s, const struct journal *j, struct error *err)
{
    if (PQtransactionStatus(s->conn) == PQTRANS_IDLE) return 0;
    PQclear(PQexec(s->conn, "ROLLBACK"));
    error_set(err, ERROR_FAILED, "%s: ends inside a transaction that it began", j->file->path);
    journal_explain(s, j, j->open, err);
    return -1;
}

static int journal_run_all(struct migrate_session *s, struct journal *j, struct error *err)
{
    if (journal_ensure(s, err) != 0 || journal_resume(s, j, err) != 0 || journal_invalid_before(s, j, err) != 0)
        return -1;
    if (run_set_timeouts(s, j->block, false, err) != 0 || journal_repeat_sets(s, j, err) != 0) return -1;
    j->open = j->done;
    for (size_t i = j->done; i < j->script.count; i++) {
        if (journal_run_statement(s, j, i, err) != 0) return -1;
    }
    return journal_check_end(s, j, err);
}

int run_block_journalled(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                         struct error *err)
{
    struct journal j = {.file = file, .block = block};
    uint64_t started = clock_monotonic_ms();

    if (migrate_file_split(file, block, &j.script, err) != 0) return -1;
    int outcome = journal_run_all(s, &j, err);

    lexer_script_clear(&j.script);
    free(j.invalid_before);
    if (outcome != 0) return -1;
    session_reset(s);
    if (session_run(s, "BEGIN", err) != 0 ||
        run_record(s, file, block, (int64_t)(clock_monotonic_ms() - started), err) != 0 ||
        session_run(s, "COMMIT", err) != 0)
        return error_prefix(err, "%s: all its statements ran, but it could not be recorded", file->path);
    return 0;
}
