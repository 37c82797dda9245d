/*
 * The role that requests are served as. It needs no more than its tables' rows (api_grant, sql/migrations), so that
 * what goes wrong in a worker cannot change the schema, the tokens, or other databases of the cluster.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "pg/pg.h"
#include "stratslabd/stratslabd.h"

static int role_connect(const struct conf *conf, PGconn **ret_conn, struct error *err)
{
    struct migrate_options options = stratslabd_migrate_options(conf);

    options.conninfo = conf->database.url;
    options.label = conf->database.label;
    options.setting = NULL;
    options.boot_timeout_ms = 0;
    options.application_name = "stratslabd check";
    return migrate_connect(&options, ret_conn, err);
}

/* The result is the caller's (PQclear), whatever it says. */
static int role_exec(const struct conf *conf, PGconn *conn, const char *sql, PGresult **ret_result, struct error *err)
{
    *ret_result = pg_exec_within(conn, sql, 0, NULL, conf->database.limits.statement_timeout_ms);
    if (*ret_result != NULL) return 0;
    return error_set(err, ERROR_UNAVAILABLE, "the database %s does not answer", conf->database.label);
}

/* Whoever is a member of an owner may do all that the owner may. */
static const char role_sql[] =
    "SELECT current_user,\n"
    "    CASE WHEN r.rolsuper THEN 'is a superuser'\n"
    "         WHEN EXISTS (\n"
    "             SELECT\n"
    "             FROM pg_catalog.pg_class AS c\n"
    "             JOIN pg_catalog.pg_class AS s ON s.oid = pg_catalog.to_regclass('strategies')\n"
    "             WHERE c.relnamespace = s.relnamespace AND c.relkind IN ('r', 'p')\n"
    "                 AND pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')) THEN 'owns tables of the service'\n"
    "         WHEN pg_catalog.has_schema_privilege(r.oid, current_schema, 'CREATE') THEN 'may make tables'\n"
    "         END AS mighty\n"
    "FROM pg_catalog.pg_roles AS r\n"
    "WHERE r.rolname = current_user";

static void role_tell(const struct conf *conf, const PGresult *result, struct role_verdict *ret_verdict)
{
    const char *name = PQgetvalue(result, 0, 0);
    const char *advice = conf->migrations.own_role
                             ? "Let DATABASE_URL name a role that is neither (api_grant gives it its rights)"
                             : "Make a role for the API, and let MIGRATE_DATABASE_URL name this one";

    ret_verdict->is_mighty = !PQgetisnull(result, 0, 1);
    if (ret_verdict->is_mighty) {
        snprintf(ret_verdict->text, sizeof(ret_verdict->text),
                 "requests are served as %s, which %s. %s: docs/operations.md, \"Three roles\"", name,
                 PQgetvalue(result, 0, 1), advice);
    } else {
        snprintf(ret_verdict->text, sizeof(ret_verdict->text),
                 "requests are served as %s, which may neither change tables nor make tokens", name);
    }
}

int stratslabd_judge_role(const struct conf *conf, struct role_verdict *ret_verdict, struct error *err)
{
    PGconn *conn = NULL;
    PGresult *result = NULL;

    if (role_connect(conf, &conn, err) != 0) return -1;
    int rc = role_exec(conf, conn, role_sql, &result, err);

    if (rc == 0 && PQntuples(result) != 1) {
        rc = error_set(err, ERROR_REFUSED, "the database %s does not say which role this is", conf->database.label);
    }
    if (rc == 0) role_tell(conf, result, ret_verdict);
    PQclear(result);
    PQfinish(conn);
    return rc;
}

static const char *role_type(enum db_type type)
{
    static const struct {
        enum db_type type;
        const char *name;
    } types[] = {{DB_TYPE_BOOL, "boolean"},     {DB_TYPE_INT8, "bigint"}, {DB_TYPE_INT4, "integer"},
                 {DB_TYPE_TEXT, "text"},        {DB_TYPE_UUID, "uuid"},   {DB_TYPE_TIMESTAMPTZ, "timestamptz"},
                 {DB_TYPE_NUMERIC, "numeric"},  {DB_TYPE_JSONB, "jsonb"}, {DB_TYPE_INT8_ARRAY, "bigint[]"},
                 {DB_TYPE_TEXT_ARRAY, "text[]"}};

    for (size_t i = 0; i < countof(types); i++) {
        if (types[i].type == type) return types[i].name;
    }
    return "unknown"; /* the database finds out */
}

/* The database looks at rights when it begins to run a plan: EXPLAIN does so, and goes no further. In SQL, because
 * libpq's own calls would wait for ever for a server that hangs. */
static void role_explain(struct buf *sql, const struct db_statement *statement)
{
    const unsigned count = statement->param_count;

    buf_add_str(sql, "PREPARE tried");
    for (unsigned i = 0; i < count; i++) buf_printf(sql, "%s%s", i == 0 ? "(" : ", ", role_type(statement->params[i]));
    buf_printf(sql, "%s AS\n%s;\nEXPLAIN EXECUTE tried", count == 0 ? "" : ")", statement->sql);
    for (unsigned i = 0; i < count; i++) buf_add_str(sql, i == 0 ? "(NULL" : ", NULL");
    buf_printf(sql, "%s;\nDEALLOCATE tried", count == 0 ? "" : ")");
}

/* A role's name as a literal of the type regrole, which folds what is not quoted in it. */
static void role_add_literal(struct buf *out, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const bool is_plain = strspn(name, plain) == strlen(name) && (*name < '0' || *name > '9');

    buf_add_str(out, is_plain ? "'" : "'\"");
    for (; *name != '\0'; name++) {
        if (*name == '\'' || *name == '"') buf_add_char(out, *name);
        buf_add_char(out, *name);
    }
    buf_add_str(out, is_plain ? "'" : "\"'");
}

static int role_try(const struct conf *conf, PGconn *conn, const struct db_statement *statement, struct error *err)
{
    struct buf sql = {0};
    PGresult *result = NULL;

    role_explain(&sql, statement);
    int rc = role_exec(conf, conn, buf_cstr(&sql), &result, err);

    buf_reset(&sql);
    if (rc == 0 && PQresultStatus(result) != PGRES_COMMAND_OK) {
        const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        role_add_literal(&sql, PQuser(conn));
        rc =
            error_set(err, ERROR_FAILED,
                      "statement %s cannot be run as %s: %s\n"
                      "Give this role its rights, as the owner of the tables: SELECT api_grant(%s); see "
                      "docs/operations.md, \"Three roles\"",
                      statement->name, PQuser(conn), message == NULL ? "no reason was given" : message, buf_cstr(&sql));
    }
    buf_clear(&sql);
    PQclear(result);
    return rc;
}

int stratslabd_judge_rights(const struct conf *conf, const struct db_statement *const *statements, size_t count,
                            struct error *err)
{
    PGconn *conn = NULL;
    int rc = role_connect(conf, &conn, err);

    for (size_t i = 0; rc == 0 && i < count; i++) rc = role_try(conf, conn, statements[i], err);
    PQfinish(conn);
    return rc;
}
