#include "migrate/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "migrate/ledger.h"

void run_append(struct error *err, const char *fmt, ...)
{
    size_t used = strlen(err->message);
    va_list ap;

    if (used + 2 >= sizeof(err->message)) return;
    err->message[used++] = '\n';
    va_start(ap, fmt);
    vsnprintf(err->message + used, sizeof(err->message) - used, fmt, ap);
    va_end(ap);
}

/* PG_DIAG_STATEMENT_POSITION counts characters, from 1. */
static size_t run_error_offset(const struct run_statement *run, const PGresult *result)
{
    const char *text = run->block->sql.data;
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    size_t offset = run->statement->start;

    if (position == NULL) return offset;
    for (unsigned long left = strtoul(position, NULL, 10); left > 1 && offset < run->statement->end; left--) {
        size_t wide = utf8_length(text + offset, run->statement->end - offset);

        offset += wide == 0 ? 1 : wide;
    }
    return offset;
}

/* The line that holds `offset`, and a caret under its column. */
static void run_append_excerpt(struct error *err, const struct run_statement *run, size_t offset,
                               struct lexer_place place)
{
    const struct slice *sql = &run->block->sql;
    size_t start = offset;
    size_t end = offset;

    while (start > 0 && sql->data[start - 1] != '\n') start--;
    while (end < sql->len && sql->data[end] != '\n') end++;
    if (end - start > 160) return;
    run_append(err, "    %.*s", (int)(end - start), sql->data + start);
    struct buf pad = {0};

    /* Tabs stay tabs, so that the caret stands where it should. */
    for (size_t i = start; i < offset && pad.len < place.column; i++) {
        if (((unsigned char)sql->data[i] & 0xc0) != 0x80) buf_add_char(&pad, sql->data[i] == '\t' ? '\t' : ' ');
    }
    run_append(err, "    %s^", buf_cstr(&pad));
    buf_clear(&pad);
}

/* What we know that the server does not. */
static const char *run_hint(const char *sqlstate)
{
    static const char *const hints[][2] = {
        {"55P03",
         "another session holds the lock: run it when the database is quieter, or give lock_timeout:… more time"},
        {"57014", "give it more time: write statement_timeout:10min after the directive"},
        {"25001", "such a statement needs a file of its own, with transaction:false after the directive"},
        {"25P01", "a file is one transaction unless its directive says transaction:false"},
        {"55P04", "a new value of an enum can be used only in a later file"},
        {"25006", "the database is read-only (a standby, or default_transaction_read_only is on): promote it, or name "
                  "the primary in DATABASE_URL"},
    };

    for (size_t i = 0; i < countof(hints); i++) {
        if (strcmp(sqlstate, hints[i][0]) == 0) return hints[i][1];
    }
    return NULL;
}

static int run_explain(struct migrate_session *s, const struct run_statement *run, const PGresult *result,
                       struct error *err)
{
    static const struct {
        int field;
        const char *name;
    } more[] = {{PG_DIAG_MESSAGE_DETAIL, "detail"}, {PG_DIAG_MESSAGE_HINT, "hint"}, {PG_DIAG_CONTEXT, "where"}};
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    size_t offset = run_error_offset(run, result);
    struct lexer_place place = migrate_file_place(run->file, run->block, offset);

    if (session_is_lost(s) || message == NULL || sqlstate == NULL) {
        session_fail(s, result, err);
        return error_prefix(err, "%s:%u:%u", run->file->path, place.line, place.column);
    }
    snprintf(s->sqlstate, sizeof(s->sqlstate), "%s", sqlstate);
    error_set(err, ERROR_FAILED, "%s:%u:%u: %s: %s", run->file->path, place.line, place.column, sqlstate, message);
    run_append_excerpt(err, run, offset, place);
    for (size_t i = 0; i < countof(more); i++) {
        const char *text = PQresultErrorField(result, more[i].field);

        if (text != NULL) run_append(err, "%s: %s", more[i].name, text);
    }
    const char *hint = run_hint(sqlstate);

    if (hint != NULL) run_append(err, "hint: %s", hint);
    return -1;
}

/* COPY wants to speak with a client that is not there; end it, so that the connection can go on. */
static void run_refuse_copy(struct migrate_session *s)
{
    char *row = NULL;

    PQputCopyEnd(s->conn, "no data");
    while (PQgetCopyData(s->conn, &row, 0) > 0) PQfreemem(row);
    for (PGresult *r = PQgetResult(s->conn); r != NULL; r = PQgetResult(s->conn)) PQclear(r);
}

int run_statement(struct migrate_session *s, const struct run_statement *run, struct error *err)
{
    size_t len = run->statement->end - run->statement->start;
    char *text = mem_strndup(run->block->sql.data + run->statement->start, len);
    char *name = mem_printf("%s:%u", run->file->path, run->statement->line);
    PGresult *result = session_exec(s, text, 0, NULL, name);
    ExecStatusType status = PQresultStatus(result);
    int outcome = 0;

    free(name);
    free(text);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        struct lexer_place place = migrate_file_place(run->file, run->block, run->statement->start);

        run_refuse_copy(s);
        outcome = error_set(err, ERROR_FAILED,
                            "%s:%u:%u: COPY from or to the client does not work in a migration: use "
                            "INSERT … VALUES",
                            run->file->path, place.line, place.column);
    } else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        outcome = run_explain(s, run, result, err);
    }
    PQclear(result);
    return outcome;
}

int run_set_timeouts(struct migrate_session *s, const struct migrate_block *block, bool local, struct error *err)
{
    const struct {
        const char *name;
        int64_t ms;
    } timeouts[] = {{"lock_timeout", block->lock_timeout_ms}, {"statement_timeout", block->statement_timeout_ms}};
    char sql[96];

    for (size_t i = 0; i < countof(timeouts); i++) {
        if (timeouts[i].ms < 0) continue;
        snprintf(sql, sizeof(sql), "SET %s%s = %" PRId64, local ? "LOCAL " : "", timeouts[i].name, timeouts[i].ms);
        if (session_run(s, sql, err) != 0) return -1;
    }
    return 0;
}

int run_block_inside(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                     struct error *err)
{
    struct lexer_script script;
    int outcome = 0;

    if (migrate_file_split(file, block, &script, err) != 0) return -1;
    outcome = run_set_timeouts(s, block, true, err);
    for (size_t i = 0; i < script.count && outcome == 0; i++) {
        const struct run_statement run = {file, block, &script.items[i]};

        outcome = run_statement(s, &run, err);
        if (outcome == 0 && PQtransactionStatus(s->conn) != PQTRANS_INTRANS) {
            struct lexer_place place = migrate_file_place(file, block, script.items[i].start);

            outcome = error_set(err, ERROR_FAILED, "%s:%u:%u: this statement ended the file's transaction", file->path,
                                place.line, place.column);
        }
    }
    lexer_script_clear(&script);
    return outcome;
}

int run_settle(struct migrate_session *s, struct error *err)
{
    if (session_run(s, "SET CONSTRAINTS ALL IMMEDIATE", err) == 0) return 0;
    return error_prefix(err, "at its COMMIT");
}

int run_record(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
               int64_t duration_ms, struct error *err)
{
    bool up = block->direction == MIGRATE_DIRECTION_UP;

    if ((up ? ledger_insert(s, file, duration_ms, err) : ledger_delete(s, file, err)) != 0) return -1;
    return journal_forget(s, file, err);
}

/* The blocks and their rows, between BEGIN and COMMIT. */
static int run_transaction(struct migrate_session *s, const struct migrate_file *file,
                           const struct migrate_block *const *blocks, size_t count, struct error *err)
{
    if (session_run(s, "BEGIN", err) != 0) return -1;
    for (size_t i = 0; i < count; i++) {
        uint64_t started = clock_monotonic_ms();

        if (run_block_inside(s, file, blocks[i], err) != 0) return -1;
        /* Deferred constraints speak here, as whoever the file became; the ledger is written as who we are. */
        if ((i + 1 < count ? session_between(s, err) : run_settle(s, err)) != 0 || session_as_ourselves(s, err) != 0 ||
            run_record(s, file, blocks[i], (int64_t)(clock_monotonic_ms() - started), err) != 0)
            return error_prefix(err, "%s", file->path);
    }
    if (session_run(s, "COMMIT", err) != 0) return error_prefix(err, "%s: at its COMMIT", file->path);
    return 0;
}

static int run_one(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                   struct error *err)
{
    if (!block->transaction) return run_block_journalled(s, file, block, err);
    if (run_transaction(s, file, &block, 1, err) == 0) return 0;
    run_append(err, "Nothing of this file was %s.", block->direction == MIGRATE_DIRECTION_UP ? "applied" : "undone");
    return -1;
}

int run_blocks(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *const *blocks,
               size_t count, struct error *err)
{
    bool together = count > 1;
    int outcome = 0;

    s->sqlstate[0] = '\0';
    for (size_t i = 0; i < count; i++) together = together && blocks[i]->transaction;
    if (together) {
        outcome = run_transaction(s, file, blocks, count, err);
        if (outcome != 0) run_append(err, "Nothing was changed.");
        session_reset(s);
    }
    for (size_t i = 0; i < count && outcome == 0 && !together; i++) {
        outcome = run_one(s, file, blocks[i], err);
        session_reset(s);
    }
    if (outcome != 0) session_advise(s, err);
    return outcome;
}
