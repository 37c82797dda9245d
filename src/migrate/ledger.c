#include "migrate/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const ledger_directions[] = {[MIGRATE_DIRECTION_UP] = "up", [MIGRATE_DIRECTION_DOWN] = "down"};

/* A statement of ours, with the name of the ledger or the journal in place of its @. */
static int ledger_query(struct migrate_session *s, const char *format, const char *table, int count,
                        const char *const *values, PGresult **ret_result, struct error *err)
{
    struct buf sql = {0};
    struct slice rest = slice_of(format);

    buf_add_slice(&sql, slice_cut(&rest, '@'));
    buf_add_str(&sql, table);
    buf_add_slice(&sql, rest);
    s->quiet = true;
    int outcome = session_query(s, buf_cstr(&sql), count, values, ret_result, err);
    s->quiet = false;
    buf_clear(&sql);
    return outcome;
}

int ledger_find(struct migrate_session *s, struct error *err)
{
    static const char sql[] =
        "SELECT quote_ident(coalesce(n.nspname, current_schema())),\n"
        "       c.oid IS NOT NULL,\n"
        "       coalesce(format_type(a.atttypid, NULL), 'no column \"version\"')\n"
        "  FROM (SELECT to_regclass('schema_migrations') AS oid) AS found\n"
        "  LEFT JOIN pg_class AS c ON c.oid = found.oid\n"
        "  LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
        "  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'version' AND NOT a.attisdropped";
    PGresult *result = NULL;
    int outcome = 0;

    if (session_query(s, sql, 0, NULL, &result, err) != 0) return -1;
    const char *schema = PQgetvalue(result, 0, 0);
    const char *type = PQgetvalue(result, 0, 2);

    free(s->ledger);
    free(s->journal);
    s->ledger = mem_printf("%s.schema_migrations", schema);
    s->journal = mem_printf("%s.schema_migrations_journal", schema);
    s->ledger_exists = PQgetvalue(result, 0, 1)[0] == 't';
    if (PQgetisnull(result, 0, 0)) {
        outcome = error_set(err, ERROR_FAILED,
                            "the search path of %s names no schema that exists, so there is no place for the ledger",
                            s->options.label);
    } else if (s->ledger_exists && strcmp(type, "character varying") != 0 && strcmp(type, "text") != 0) {
        outcome =
            error_set(err, ERROR_FAILED,
                      "the table %s belongs to another tool: its version is %s, but dbmate and stratslabd keep text",
                      s->ledger, type);
    }
    PQclear(result);
    return outcome;
}

static const char *const ledger_columns[][2] = {
    {"name", "text"},          {"checksum", "text"},    {"applied_at", "timestamptz"},
    {"duration_ms", "bigint"}, {"app_version", "text"}, {"applied_by", "text"},
};

/* The columns that dbmate's table lacks; asked first, because ALTER TABLE would wait for every reader. */
static int ledger_is_complete(struct migrate_session *s, bool *ret_complete, struct error *err)
{
    static const char sql[] = "SELECT count(*)\n"
                              "  FROM pg_attribute\n"
                              " WHERE attrelid = to_regclass($1) AND NOT attisdropped\n"
                              "   AND attname = ANY (ARRAY['name', 'checksum', 'applied_at', 'duration_ms',\n"
                              "                            'app_version', 'applied_by'])";
    const char *const values[] = {s->ledger};
    PGresult *result = NULL;

    if (session_query(s, sql, 1, values, &result, err) != 0) return -1;
    *ret_complete = strtoul(PQgetvalue(result, 0, 0), NULL, 10) == countof(ledger_columns);
    PQclear(result);
    return 0;
}

int ledger_ensure(struct migrate_session *s, struct error *err)
{
    struct buf sql = {0};
    bool complete = false;

    if (s->ledger_exists && ledger_is_complete(s, &complete, err) != 0) return -1;
    if (complete) return 0;
    buf_printf(&sql, "CREATE TABLE IF NOT EXISTS %s (version varchar(128) PRIMARY KEY);\n", s->ledger);
    for (size_t i = 0; i < countof(ledger_columns); i++) {
        buf_printf(&sql, "ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s;\n", s->ledger, ledger_columns[i][0],
                   ledger_columns[i][1]);
    }
    /* For rows that dbmate adds from now on; those that are there keep NULL, since nobody knows. */
    buf_printf(&sql, "ALTER TABLE %s ALTER COLUMN applied_at SET DEFAULT now();\n", s->ledger);
    s->quiet = true;
    int outcome = session_run(s, buf_cstr(&sql), err);
    s->quiet = false;
    buf_clear(&sql);
    if (outcome == 0) {
        s->ledger_exists = true;
        return 0;
    }
    error_prefix(err, "cannot make the ledger %s", s->ledger);
    session_advise(s, err);
    return -1;
}

int ledger_insert(struct migrate_session *s, const struct migrate_file *file, int64_t duration_ms, struct error *err)
{
    char duration[24];
    const char *const values[] = {file->version, file->name, file->checksum, duration_ms < 0 ? NULL : duration,
                                  s->options.app_version};

    snprintf(duration, sizeof(duration), "%" PRId64, duration_ms);
    return ledger_query(s,
                        "INSERT INTO @ (version, name, checksum, applied_at, duration_ms, app_version, applied_by)\n"
                        "VALUES ($1, $2, $3, clock_timestamp(), $4, $5, session_user)",
                        s->ledger, countof(values), values, NULL, err);
}

int ledger_delete(struct migrate_session *s, const struct migrate_file *file, struct error *err)
{
    const char *const values[] = {file->version};

    return ledger_query(s,
                        "DELETE FROM @\n"
                        " WHERE version = $1",
                        s->ledger, 1, values, NULL, err);
}

int ledger_refresh(struct migrate_session *s, const struct migrate_file *file, struct error *err)
{
    const char *const values[] = {file->version, file->name, file->checksum};

    return ledger_query(s,
                        "UPDATE @\n"
                        "   SET name = $2, checksum = $3\n"
                        " WHERE version = $1",
                        s->ledger, 3, values, NULL, err);
}

int journal_ensure(struct migrate_session *s, struct error *err)
{
    return ledger_query(s,
                        "CREATE TABLE IF NOT EXISTS @ (\n"
                        "    version varchar(128) NOT NULL,\n"
                        "    direction text NOT NULL,\n"
                        "    statement integer NOT NULL,\n"
                        "    line integer NOT NULL,\n"
                        "    checksum text NOT NULL,\n"
                        "    started_at timestamptz NOT NULL,\n"
                        "    finished_at timestamptz,\n"
                        "    error text,\n"
                        "    PRIMARY KEY (version, direction, statement)\n"
                        ")",
                        s->journal, 0, NULL, NULL, err);
}

int journal_exists(struct migrate_session *s, bool *ret_exists, struct error *err)
{
    const char *const values[] = {s->journal};
    PGresult *result = NULL;

    if (session_query(s, "SELECT to_regclass($1) IS NOT NULL", 1, values, &result, err) != 0) return -1;
    *ret_exists = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return 0;
}

int journal_read(struct migrate_session *s, const struct migrate_file *file, const struct migrate_block *block,
                 PGresult **ret_result, struct error *err)
{
    const char *const values[] = {file->version, ledger_directions[block->direction]};

    return ledger_query(s,
                        "SELECT statement, checksum,\n"
                        "       to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
                        "       to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), error\n"
                        "  FROM @\n"
                        " WHERE version = $1 AND direction = $2\n"
                        " ORDER BY statement",
                        s->journal, 2, values, ret_result, err);
}

/* In one message, because a file may have thousands of statements. What is written into it are digits, a checksum and a
 * direction, none of which needs quoting. */
static int journal_write(struct migrate_session *s, const char *begin, const struct journal_mark *mark,
                         const char *finished_at, const char *update, struct error *err)
{
    char *sql = mem_printf("%s" SESSION_AS_OURSELVES ";\n"
                           "INSERT INTO %s (version, direction, statement, line, checksum, started_at, finished_at)\n"
                           "VALUES ('%s', '%s', %u, %u, '%s', clock_timestamp(), %s)\n"
                           "ON CONFLICT (version, direction, statement)\n"
                           "DO UPDATE SET %s;\n"
                           "COMMIT",
                           begin, s->journal, mark->file->version, ledger_directions[mark->block->direction],
                           mark->statement, mark->line, mark->checksum, finished_at, update);
    const bool was_quiet = s->quiet;

    s->quiet = true;
    const int outcome = session_run(s, sql, err);

    s->quiet = was_quiet;
    free(sql);
    return outcome;
}

/* Whatever the file has SET: the transaction may write. Its end brings back what was SET. */
static const char journal_alone[] = "BEGIN READ WRITE;\n";

int journal_begin(struct migrate_session *s, const struct journal_mark *mark, struct error *err)
{
    return journal_write(s, journal_alone, mark, "NULL",
                         "line = excluded.line, checksum = excluded.checksum,\n"
                         "    started_at = excluded.started_at, finished_at = NULL, error = NULL",
                         err);
}

int journal_finish(struct migrate_session *s, const struct journal_mark *mark, struct error *err)
{
    const bool joins = PQtransactionStatus(s->conn) == PQTRANS_INTRANS;

    return journal_write(s, joins ? "" : journal_alone, mark, "clock_timestamp()", "finished_at = excluded.finished_at",
                         err);
}

void journal_fail(struct migrate_session *s, const struct journal_mark *mark, const char *message)
{
    char statement[16];
    const char *const values[] = {mark->file->version, ledger_directions[mark->block->direction], statement, message};
    struct error ignored;

    snprintf(statement, sizeof(statement), "%u", mark->statement);
    if (session_is_lost(s) || session_run(s, journal_alone, &ignored) != 0) return;
    if (session_as_ourselves(s, &ignored) != 0 ||
        ledger_query(s,
                     "UPDATE @\n"
                     "   SET error = $4\n"
                     " WHERE version = $1 AND direction = $2 AND statement = $3::integer",
                     s->journal, countof(values), values, NULL, &ignored) != 0)
        return;
    if (session_run(s, "COMMIT", &ignored) != 0) return;
}

int journal_forget(struct migrate_session *s, const struct migrate_file *file, struct error *err)
{
    const char *const values[] = {file->version};
    bool exists = false;

    if (journal_exists(s, &exists, err) != 0) return -1;
    if (!exists) return 0;
    return ledger_query(s,
                        "DELETE FROM @\n"
                        " WHERE version = $1",
                        s->journal, 1, values, NULL, err);
}
