#include "child/schema.h"

const struct db_statement schema_check_statement = {
    .name = "checkSchema",
    .sql = "SELECT string_agg(w.version, ' ' ORDER BY w.version) AS missing\n"
           "FROM unnest($1::text[]) AS w(version)\n"
           "WHERE NOT EXISTS (\n"
           "    SELECT\n"
           "    FROM schema_migrations AS m\n"
           "    WHERE m.version = w.version)",
    .access = DB_READ,
    .param_count = 1,
    .params = {DB_TYPE_TEXT_ARRAY},
};

static enum schema_verdict schema_failure(enum db_outcome outcome)
{
    switch (outcome) {
    case DB_UNAVAILABLE:
    case DB_UNKNOWN:
        return SCHEMA_UNKNOWN;
    case DB_OVERLOADED:
    case DB_TOO_MANY:
    case DB_CONFLICT:
    case DB_TIMEOUT:
    case DB_RESOURCES:
        return SCHEMA_BUSY;
    default:
        return SCHEMA_REFUSED;
    }
}

static void schema_check_done(void *arg, const struct db_result *result)
{
    struct schema_check *check = arg;

    check->running = false;
    if (db_result_outcome(result) != DB_OK) {
        check->done(check->ctx, schema_failure(db_result_outcome(result)), db_result_message(result));
        return;
    }

    struct slice missing = db_result_value(result, 0, 0);

    check->done(check->ctx, missing.data == NULL ? SCHEMA_MET : SCHEMA_MISSING,
                missing.data == NULL ? "" : missing.data);
}

void schema_check_run(struct schema_check *check)
{
    struct db *db = db_choose(check->own, check->db);
    enum db_outcome outcome;

    if (check->running) return;
    check->running =
        db_submit(db, &schema_check_statement, &check->versions, schema_check_done, check, &outcome) != NULL;
}
