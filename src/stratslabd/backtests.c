/* `stratslabd backtests`: old ones are removed, in pieces, so that nobody who serves or works the queue waits long. */

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/number.h"
#include "pg/pg.h"
#include "pg/refusal.h"
#include "stratslabd/stratslabd.h"

enum {
    PRUNE_PIECE = 500,
    PRUNE_PAUSE_MS = 50, /* between two pieces: locks are free, and the standbys catch up */
    PRUNE_ANSWER_MS = 5000,
};

#define PRUNE_AGE_MAX_MS (86400000.0 * 36500)

struct prune {
    const struct command_line *line;
    const struct conf *conf;
    PGconn *conn;
    char *before; /* as PostgreSQL writes it */
    char *before_text;
    uint64_t removed;
};

/* Of backtests alone; pg_fail knows the rest. */
static const struct pg_refusal prune_refusals[] = {
    {"42501", "", ERROR_REFUSED,
     "this role may not remove backtests: run this as the owner of the tables, or GRANT it EXECUTE ON FUNCTION "
     "backtest_prune"},
    {"55P03", "", ERROR_UNAVAILABLE,
     "another session has locked the backtests (a migration?): try again when it has ended; pg_locks says which it is"},
};

static int prune_fail(const struct prune *p, const PGresult *result, struct error *err)
{
    const struct pg_refusals refusals = {prune_refusals, countof(prune_refusals)};

    return pg_fail(p->conn, p->conf->migrations.label, result, &refusals, err);
}

/* One statement; its transaction has ended when this returns. */
static PGresult *prune_exec(const struct prune *p, const char *sql, int count, const char *const *values)
{
    return pg_exec_within(p->conn, sql, count, values, p->conf->database.limits.statement_timeout_ms + PRUNE_ANSWER_MS);
}

static int prune_query(const struct prune *p, const char *sql, int count, const char *const *values,
                       PGresult **ret_result, struct error *err)
{
    PGresult *result = prune_exec(p, sql, count, values);

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        prune_fail(p, result, err);
        PQclear(result);
        return -1;
    }
    *ret_result = result;
    return 0;
}

/* As the service has them, so that nobody's lock holds a command. */
static int prune_limit(const struct prune *p, struct error *err)
{
    char *sql = mem_printf("SET statement_timeout = %u; SET lock_timeout = %u",
                           p->conf->database.limits.statement_timeout_ms, p->conf->database.limits.lock_timeout_ms);
    PGresult *result = prune_exec(p, sql, 0, NULL);
    const int rc = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : prune_fail(p, result, err);

    PQclear(result);
    free(sql);
    return rc;
}

/* The clock is the database's, which wrote when each backtest finished. */
static int prune_set_before(struct prune *p, uint64_t age_ms, struct error *err)
{
    char *ms = mem_printf("%llu", (unsigned long long)age_ms);
    const char *const values[] = {ms};
    PGresult *result;
    const int rc = prune_query(p,
                               "SELECT now() - $1::bigint * interval '1 ms' AS at,\n"
                               "    rfc3339(now() - $1::bigint * interval '1 ms') AS text",
                               1, values, &result, err);

    free(ms);
    if (rc != 0) return -1;
    p->before = mem_strdup(PQgetvalue(result, 0, 0));
    p->before_text = mem_strdup(PQgetvalue(result, 0, 1));
    PQclear(result);
    return 0;
}

/* How many there are that are old enough, and of these how many could be removed now. */
static int prune_count(const struct prune *p, uint64_t *ret_old, uint64_t *ret_free, struct error *err)
{
    const char *const values[] = {p->before};
    PGresult *result;

    if (prune_query(p,
                    "SELECT count(*), count(*) FILTER (WHERE k.id IS NULL)\n"
                    "FROM backtests AS b\n"
                    "LEFT JOIN (SELECT DISTINCT backtest_id AS id\n"
                    "           FROM backtest_keys\n"
                    "           WHERE created_at > now() - interval '24 hours') AS k ON k.id = b.id\n"
                    "WHERE b.finished_at < $1::timestamptz",
                    1, values, &result, err) != 0) {
        return -1;
    }
    const bool known = number_parse_u64(slice_of(PQgetvalue(result, 0, 0)), ret_old) &&
                       number_parse_u64(slice_of(PQgetvalue(result, 0, 1)), ret_free);

    PQclear(result);
    return known ? 0 : error_set(err, ERROR_FAILED, "the database counts in a way that is not understood");
}

static void prune_pause(void)
{
    const struct timespec pause = {.tv_nsec = PRUNE_PAUSE_MS * 1000000L};

    nanosleep(&pause, NULL);
}

/* A piece begins where the one before it ended. One that takes too long is tried again with half as many. */
static int prune_pieces(struct prune *p, struct error *err)
{
    char *at = NULL, *id = NULL;
    uint64_t most = PRUNE_PIECE, removed = 0;
    int rc = 0;

    do {
        char *most_text = mem_printf("%llu", (unsigned long long)most);
        const char *const values[] = {p->before, most_text, at, id};
        PGresult *result = prune_exec(p,
                                      "SELECT p.removed, p.last_at, p.last_id\n"
                                      "FROM backtest_prune($1, $2, coalesce($3::timestamptz, '-infinity'),\n"
                                      "    coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')) AS p",
                                      (int)countof(values), values);
        const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const bool is_slow = sqlstate != NULL && strcmp(sqlstate, "57014") == 0 && most > 1;

        free(most_text);
        removed = 0;
        if (is_slow) {
            most /= 2;
            removed = most;
        } else if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
                   !number_parse_u64(slice_of(PQgetvalue(result, 0, 0)), &removed)) {
            rc = prune_fail(p, result, err);
        } else if (removed > 0) {
            p->removed += removed;
            free(at);
            free(id);
            at = mem_strdup(PQgetvalue(result, 0, 1));
            id = mem_strdup(PQgetvalue(result, 0, 2));
        }
        PQclear(result);
        if (rc == 0 && removed >= most) prune_pause();
    } while (rc == 0 && removed >= most);
    free(at);
    free(id);
    return rc;
}

static void prune_print(const struct prune *p, bool dry_run, uint64_t count, uint64_t left)
{
    if (command_has(p->line, "--json")) {
        printf("{\"before\":\"%s\",\"dry_run\":%s,\"%s\":%llu,\"left\":%llu}\n", p->before_text,
               dry_run ? "true" : "false", dry_run ? "would_remove" : "removed", (unsigned long long)count,
               (unsigned long long)left);
        return;
    }
    printf("%s %llu backtests that finished before %s\n", dry_run ? "would remove" : "removed",
           (unsigned long long)count, p->before_text);
    if (left > 0) {
        fprintf(stderr,
                "%llu older ones stay: an Idempotency-Key of the last 24 hours stands for them, or others have them "
                "locked. A later run removes them.\n",
                (unsigned long long)left);
    }
}

static int prune_run(struct prune *p, uint64_t age_ms, struct error *err)
{
    const bool dry_run = command_has(p->line, "--dry-run");
    uint64_t old = 0, removable = 0;

    if (prune_limit(p, err) != 0 || prune_set_before(p, age_ms, err) != 0) return -1;
    if (!dry_run && prune_pieces(p, err) != 0) {
        return error_prefix(err, "%llu backtests that finished before %s are removed, and then",
                            (unsigned long long)p->removed, p->before_text);
    }
    if (prune_count(p, &old, &removable, err) != 0) return -1;
    if (dry_run) {
        prune_print(p, true, removable, old - removable);
    } else {
        prune_print(p, false, p->removed, old);
    }
    return 0;
}

static int prune_main(const struct command_line *line, const struct command_context *context)
{
    const struct command_value *given = command_get(line, "--older-than");
    const uint64_t age_ms = given != NULL ? given->duration_ms : context->conf->backtest_retention_ms;
    struct prune p = {.line = line, .conf = context->conf};
    struct migrate_options options = stratslabd_migrate_options(p.conf);
    struct error err;
    int rc = 0;

    if (age_ms == 0) {
        rc = error_set(
            &err, ERROR_USAGE,
            "nothing says how old is too old: give --older-than 90d, say, or set STRATSLAB_BACKTEST_RETENTION");
    }
    options.boot_timeout_ms = 0;
    options.application_name = "stratslabd backtests";
    if (rc == 0) rc = migrate_connect(&options, &p.conn, &err);
    if (rc == 0) rc = prune_run(&p, age_ms, &err);
    PQfinish(p.conn);
    free(p.before);
    free(p.before_text);
    if (rc == 0) return COMMAND_OK;
    command_print_error(line, "%s", err.message);
    return command_exit_of(&err);
}

static const struct command_option prune_options[] = {
    {.name = "--older-than",
     .value = "DURATION",
     .type = COMMAND_DURATION,
     .minimum = 1,
     .maximum = PRUNE_AGE_MAX_MS,
     .help = "how long ago a backtest finished at least (12h, 90d); STRATSLAB_BACKTEST_RETENTION if it is not given"},
    {.name = "--dry-run", .help = "only count what would be removed"},
    {.name = "--json", .help = "print JSON"},
    {0},
};

static const struct command_entry backtests_prune = {
    .name = "prune",
    .summary = "remove backtests that finished long ago, with their results",
    .about = "Those that are queued or running stay. So does one that an Idempotency-Key of the last 24\n"
             "hours stands for. It works in pieces, each a transaction of its own: ended half-way, it can\n"
             "be run again.\n",
    .options = prune_options,
    .settings = true,
    .connects = true,
    .run = prune_main,
};

static const struct command_entry *const backtests_verbs[] = {&backtests_prune, NULL};

const struct command_entry stratslabd_backtests = {
    .name = "backtests",
    .summary = "remove old backtests",
    .verbs = backtests_verbs,
};
