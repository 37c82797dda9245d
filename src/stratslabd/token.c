/* `stratslabd token`: access tokens are made, listed and revoked. The database sees a token's hash, never the token. */

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/token.h"
#include "pg/pg.h"
#include "pg/refusal.h"
#include "stratslabd/stratslabd.h"
#include "json/format.h"

struct token_call {
    const struct command_line *line;
    const struct conf *conf;
    PGconn *conn;
};

/* What is told of tokens: of the rows that `source` has, called t. */
#define TOKEN_ROWS(source)                                                                                    \
    "SELECT row_to_json(j)::text AS json, j.name, array_to_string(j.scopes, ' ') AS scopes, j.created_at,\n"  \
    "    coalesce(j.expires_at, 'never') AS expires_at, coalesce(j.last_used_at, 'never') AS last_used_at,\n" \
    "    j.state, j.id\n"                                                                                     \
    "FROM (SELECT t.id, t.name, t.scopes, rfc3339(t.created_at) AS created_at,\n"                             \
    "          rfc3339(t.expires_at) AS expires_at, rfc3339(t.last_used_at) AS last_used_at,\n"               \
    "          rfc3339(t.revoked_at) AS revoked_at,\n"                                                        \
    "          CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'\n"                                           \
    "               WHEN t.expires_at <= now() THEN 'expired'\n"                                              \
    "               ELSE 'valid' END AS state\n"                                                              \
    "      FROM " source " AS t) AS j\n"                                                                      \
    "ORDER BY j.id"

/* All, or those that are not revoked. */
#define TOKENS_ASKED              \
    "(SELECT *\n"                 \
    "       FROM access_tokens\n" \
    "       WHERE $1::boolean OR revoked_at IS NULL)"

enum token_column {
    COLUMN_JSON,
    COLUMN_NAME,
    COLUMN_SCOPES,
    COLUMN_CREATED,
    COLUMN_EXPIRES,
    COLUMN_USED,
    COLUMN_STATE
};
enum { TOKEN_COLUMNS = 8, TOKEN_EXPIRES_DAYS_MAX = 36500, TOKEN_ANSWER_MS = 5000 };

/* Of tokens alone; pg_fail knows the rest. */
static const struct pg_refusal token_refusals[] = {
    {"23505", "access_tokens_name_key", ERROR_USAGE,
     "a token with this name exists already: choose another name, or revoke that one first (stratslabd token list)"},
    {"23514", "access_tokens_name_pattern", ERROR_USAGE,
     "a name has 1 to 63 letters, digits and . _ @ -, and begins with a letter or a digit"},
    {"23514", "access_tokens_name_no_id", ERROR_USAGE, "a name may not look like an id"},
    {"23514", "access_tokens_expires_at_year", ERROR_USAGE, "--expires: the time is after the year 9999"},
    {"22008", "", ERROR_USAGE, "--expires: there is no such time"},
    {"42501", "", ERROR_REFUSED,
     "this role may not do that: tokens belong to the owner of the tables. Set MIGRATE_DATABASE_URL (or "
     "MIGRATE_POSTGRES_USER) to the role that migrates"},
    {"55P03", "", ERROR_UNAVAILABLE,
     "another session has locked the tokens (a migration?): try again when it has ended; pg_locks says which it is"},
};

static int token_fail(const struct token_call *call, const PGresult *result, struct error *err)
{
    const struct pg_refusals refusals = {token_refusals, countof(token_refusals)};

    return pg_fail(call->conn, call->conf->migrations.label, result, &refusals, err);
}

/* What the server's own time-outs end, it has some seconds to say. */
static unsigned token_patience_ms(const struct token_call *call)
{
    return call->conf->database.limits.statement_timeout_ms + TOKEN_ANSWER_MS;
}

static int token_query(const struct token_call *call, const char *sql, int count, const char *const *values,
                       PGresult **ret_result, struct error *err)
{
    PGresult *result = pg_exec_within(call->conn, sql, count, values, token_patience_ms(call));

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        token_fail(call, result, err);
        PQclear(result);
        return -1;
    }
    *ret_result = result;
    return 0;
}

/* ---- create ---- */

/* A duration from now, or a time: one of the two is NULL afterwards. */
static int token_read_expires(const char *text, const char **ret_time, char **ret_ms, struct error *err)
{
    const uint64_t most = UINT64_C(86400000) * TOKEN_EXPIRES_DAYS_MAX;
    uint64_t ms = 0;

    *ret_time = NULL;
    *ret_ms = NULL;
    if (text == NULL) return 0;
    if (number_parse_duration_ms(slice_of(text), &ms)) {
        if (ms == 0 || ms > most) {
            return error_set(err, ERROR_USAGE, "--expires %s: a duration must be more than nothing and at most %dd",
                             text, TOKEN_EXPIRES_DAYS_MAX);
        }
        *ret_ms = mem_printf("%llu", (unsigned long long)ms);
        return 0;
    }
    if (json_format_date_time(slice_of(text)) != NULL) {
        return error_set(err, ERROR_USAGE,
                         "--expires \"%s\" is neither a duration (12h, 90d) nor a time of RFC 3339 "
                         "(2027-01-31T00:00:00Z)",
                         text);
    }
    *ret_time = text;
    return 0;
}

enum { SCOPE_READ = 1, SCOPE_WRITE = 2 };

static const char *const token_scopes[] = {"read", "write", NULL};

/* What --scope says, as a text[]. */
static const char *token_scopes_of(const struct command_line *line)
{
    static const char *const arrays[] = {"{read}", "{read}", "{write}", "{read,write}"};
    unsigned given = 0;

    for (const struct command_value *scope = NULL; (scope = command_next(line, "--scope", scope)) != NULL;) {
        given |= scope->word == 0 ? SCOPE_READ : SCOPE_WRITE;
    }
    return arrays[given];
}

static int token_insert(const struct token_call *call, const char *sha256, PGresult **ret_result, struct error *err)
{
    const char *time = NULL;
    char *ms = NULL;

    if (token_read_expires(command_text(call->line, "--expires"), &time, &ms, err) != 0) return -1;
    const char *const values[] = {call->line->operands[0], sha256, token_scopes_of(call->line), time, ms};
    int rc = token_query(call,
                         "WITH e AS (SELECT coalesce($4::timestamptz, now() + $5::bigint * interval '1 ms') AS at),\n"
                         "made AS (\n"
                         "    INSERT INTO access_tokens (name, sha256, scopes, expires_at)\n"
                         "    SELECT $1, decode($2, 'hex'), $3::text[], e.at\n"
                         "    FROM e\n"
                         "    WHERE e.at IS NULL OR e.at > now()\n"
                         "    RETURNING *)\n"
                         "" TOKEN_ROWS("made"),
                         (int)countof(values), values, ret_result, err);

    free(ms);
    return rc;
}

static int token_command(const struct token_call *call, const char *sql, struct error *err)
{
    PGresult *result = pg_exec_within(call->conn, sql, 0, NULL, token_patience_ms(call));
    const int rc = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : token_fail(call, result, err);

    PQclear(result);
    return rc;
}

static int token_print(const struct token_call *call, const char *token, const PGresult *made, struct error *err)
{
    if (command_has(call->line, "--json")) {
        printf("{\"token\":\"%s\",%s\n", token, PQgetvalue(made, 0, COLUMN_JSON) + 1);
    } else {
        printf("%s\n", token);
    }
    if (command_flush(err) != 0) return error_prefix(err, "no token was made");
    const int committed = token_command(call, "COMMIT", err);
    const bool is_answered = PQstatus(call->conn) == CONNECTION_OK && PQtransactionStatus(call->conn) == PQTRANS_IDLE;

    if (committed != 0) {
        /* Without an answer its fate is open. */
        return error_prefix(err, is_answered ? "the token above was not made"
                                             : "whether the token above was made is not known (stratslabd token list)");
    }
    if (!command_has(call->line, "--json")) {
        fprintf(stderr, "This is the token %s (%s; expires: %s). It is shown only this once.\n",
                call->line->operands[0], PQgetvalue(made, 0, COLUMN_SCOPES), PQgetvalue(made, 0, COLUMN_EXPIRES));
    }
    return 0;
}

/* The token is valid only when it has been written: one that nobody ever saw would be valid for ever. */
static int token_create(struct token_call *call, struct error *err)
{
    char token[TOKEN_BYTES];
    char sha256[DIGEST_SHA256_HEX_BYTES];
    PGresult *result;
    int rc;

    if (token_make(token, err) != 0) return -1;
    digest_sha256_hex(token, TOKEN_LENGTH, sha256);
    if (token_command(call, "BEGIN", err) != 0 || token_insert(call, sha256, &result, err) != 0) return -1;
    if (PQntuples(result) == 0) {
        rc = error_set(err, ERROR_USAGE, "--expires %s is in the past", command_text(call->line, "--expires"));
    } else {
        rc = token_print(call, token, result, err);
    }
    PQclear(result);
    explicit_bzero(token, sizeof(token));
    return rc;
}

/* ---- list ---- */

static void token_print_table(const PGresult *result)
{
    static const char *const heads[TOKEN_COLUMNS] = {"",        "NAME",      "SCOPES", "CREATED",
                                                     "EXPIRES", "LAST USED", "STATE",  "ID"};
    int widths[TOKEN_COLUMNS];

    for (int column = COLUMN_NAME; column < TOKEN_COLUMNS; column++) {
        widths[column] = (int)strlen(heads[column]);
        for (int row = 0; row < PQntuples(result); row++) {
            int width = PQgetlength(result, row, column);

            if (width > widths[column]) widths[column] = width;
        }
    }
    for (int row = -1; row < PQntuples(result); row++) {
        for (int column = COLUMN_NAME; column < TOKEN_COLUMNS; column++) {
            const char *text = row < 0 ? heads[column] : PQgetvalue(result, row, column);

            if (column == TOKEN_COLUMNS - 1) {
                printf("%s\n", text);
            } else {
                printf("%-*s  ", widths[column], text);
            }
        }
    }
}

static int token_list(struct token_call *call, struct error *err)
{
    const char *const values[] = {command_has(call->line, "--all") ? "true" : "false"};
    PGresult *result;

    if (token_query(call, TOKEN_ROWS(TOKENS_ASKED), 1, values, &result, err) != 0) {
        return -1;
    }
    if (command_has(call->line, "--json")) {
        printf("{\"tokens\":[");
        for (int row = 0; row < PQntuples(result); row++) {
            printf("%s%s", row == 0 ? "" : ",", PQgetvalue(result, row, COLUMN_JSON));
        }
        printf("]}\n");
    } else if (PQntuples(result) > 0) {
        token_print_table(result);
    } else {
        fprintf(stderr, "There is no token. stratslabd token create NAME makes one.\n");
    }
    PQclear(result);
    return 0;
}

/* ---- revoke ---- */

static int token_revoke(struct token_call *call, struct error *err)
{
    const char *const values[] = {call->line->operands[0]};
    PGresult *result;

    if (token_query(call,
                    "WITH gone AS (\n"
                    "    UPDATE access_tokens\n"
                    "    SET revoked_at = coalesce(revoked_at, now())\n"
                    "    WHERE id::text = lower($1) OR (name = $1 AND revoked_at IS NULL)\n"
                    "    RETURNING *)\n"
                    "" TOKEN_ROWS("gone"),
                    1, values, &result, err) != 0) {
        return -1;
    }
    if (PQntuples(result) == 0) {
        PQclear(result);
        return error_set(err, ERROR_USAGE, "there is no token with this name or id (stratslabd token list)");
    }
    if (command_has(call->line, "--json")) {
        printf("%s\n", PQgetvalue(result, 0, COLUMN_JSON));
    } else {
        printf("%s is revoked. Running services refuse it within about a second.\n",
               PQgetvalue(result, 0, COLUMN_NAME));
    }
    PQclear(result);
    return 0;
}

/* ---- The command line ---- */

/* As the service has them, so that nobody's lock holds a command. */
static int token_limit(const struct token_call *call, struct error *err)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "SET statement_timeout = %u; SET lock_timeout = %u",
             call->conf->database.limits.statement_timeout_ms, call->conf->database.limits.lock_timeout_ms);
    return token_command(call, sql, err);
}

/* A verb, and what it does on the connection. `entry` comes first, so that the line's entry is one of these. */
struct token_verb {
    struct command_entry entry;
    int (*run)(struct token_call *call, struct error *err);
};

static int token_main(const struct command_line *line, const struct command_context *context)
{
    const struct token_verb *verb = (const struct token_verb *)command_of(line);
    struct token_call call = {.line = line, .conf = context->conf};
    struct migrate_options options = stratslabd_migrate_options(call.conf);
    struct error err;

    options.boot_timeout_ms = 0;
    options.application_name = "stratslabd token";
    int rc = migrate_connect(&options, &call.conn, &err);

    if (rc == 0) rc = token_limit(&call, &err);
    if (rc == 0) rc = verb->run(&call, &err);
    PQfinish(call.conn);
    if (rc == 0) return COMMAND_OK;
    command_print_error(line, "%s", err.message);
    return command_exit_of(&err);
}

static const struct command_option create_options[] = {
    {.name = "--scope",
     .value = "read|write",
     .type = COMMAND_WORD,
     .words = token_scopes,
     .repeatable = true,
     .help = "read (GET) or write (everything else); give it twice for both; read if it is not given"},
    {.name = "--expires",
     .value = "WHEN",
     .type = COMMAND_TEXT,
     .may_be_empty = true,
     .last_wins = true,
     .help = "a duration from now (12h, 90d), or a time (2027-01-31T00:00:00Z); never if it is not given"},
    {.name = "--json", .help = "print JSON, with the token"},
    {0},
};

static const struct command_option list_options[] = {
    {.name = "--all", .help = "list revoked tokens too"},
    {.name = "--json", .help = "print JSON"},
    {0},
};

static const struct command_option revoke_options[] = {
    {.name = "--json", .help = "print JSON"},
    {0},
};

static const struct token_verb token_verb_create = {
    .entry.name = "create",
    .entry.summary = "make a token, and print it this once: the database keeps its hash",
    .entry.about = "NAME is unique among the tokens that are not revoked: letters, digits and . _ @ -, at most 63.\n"
                   "Running services take a new token at once.\n",
    .entry.options = create_options,
    .entry.operand = "NAME",
    .entry.operands_min = 1,
    .entry.operands_max = 1,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = token_main,
    .run = token_create,
};

static const struct token_verb token_verb_list = {
    .entry.name = "list",
    .entry.summary = "list the tokens that are not revoked",
    .entry.options = list_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = token_main,
    .run = token_list,
};

static const struct token_verb token_verb_revoke = {
    .entry.name = "revoke",
    .entry.summary = "end a token, by its name or its id",
    .entry.about = "Running services refuse a revoked token within about a second.\n",
    .entry.options = revoke_options,
    .entry.operand = "NAME|ID",
    .entry.operands_min = 1,
    .entry.operands_max = 1,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = token_main,
    .run = token_revoke,
};

static const struct command_entry *const token_verbs[] = {
    &token_verb_create.entry,
    &token_verb_list.entry,
    &token_verb_revoke.entry,
    NULL,
};

const struct command_entry stratslabd_token = {
    .name = "token",
    .summary = "make, list and revoke access tokens",
    .about = "Clients of the API send an access token if STRATSLAB_AUTH is token:\n"
             "    Authorization: Bearer stl_...\n",
    .verbs = token_verbs,
};
