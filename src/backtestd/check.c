/* `check`: would the daemon start? */
#include <stdlib.h>

#include "backtestd/backtestd.h"
#include "backtestd/schema.h"
#include "base/mem.h"
#include "command/check.h"
#include "command/identity.h"

/* The first of the migrations that are pending. */
static const char *check_first_pending(const struct migrate_report *report)
{
    size_t at = 0;

    while (at < report->count && report->entries[at].state != MIGRATE_STATE_PENDING) at++;
    return at < report->count ? report->entries[at].version : "";
}

static void check_ahead(struct check *c, const struct migrate_report *report)
{
    struct buf text = {0};

    if (migrate_report_ahead(report, &text)) check_report(c, "schema", "ok", "%s", buf_cstr(&text));
    buf_clear(&text);
}

static int check_ledger(struct check *c, struct migrate_session *session, const struct migrate_files *files)
{
    struct migrate_report report = {0};
    struct error err;

    if (migrate_report_make(session, files, &report, &err) != 0) return check_failed(c, "migrations", &err);
    int status = COMMAND_OK;

    if (report.pending == 0) {
        check_report(c, "migrations", "ok", "the database holds all %zu", migrate_files_count(files));
        check_ahead(c, &report);
    } else {
        check_report(c, "migrations", "failed",
                     "the database lacks %zu of the %zu migrations that this build knows, the first of them %s; "
                     "apply them with: stratslabd migrate up",
                     report.pending, migrate_files_count(files), check_first_pending(&report));
        status = COMMAND_WRONG;
    }
    migrate_report_clear(&report);
    return status;
}

static int check_away(struct check *c, const struct migrate_files *files, const struct error *err)
{
    struct buf versions = {0};

    migrate_files_array(files, &versions);
    const int status = check_without_database(c, buf_slice(&versions), err);

    buf_clear(&versions);
    return status;
}

static int check_trust(struct check *c, struct migrate_session *session)
{
    struct error err;

    if (migrate_check_trust(session, &err) != 0) return check_failed(c, "search path", &err);
    check_report(c, "search path", "ok", "nobody else may create objects on it");
    return COMMAND_OK;
}

static int check_database(struct check *c, const struct migrate_files *files)
{
    const struct migrate_options options = schema_session_options(c->context->conf);
    struct migrate_session *session = NULL;
    struct error err;

    if (command_try_served(c->context, &err) != 0) return check_failed(c, "user", &err);
    if (migrate_session_open(&options, &session, &err) != 0) return check_away(c, files, &err);
    check_report(c, "database", "ok", "%s", c->context->conf->database.label);
    int status = check_trust(c, session);

    if (status == COMMAND_OK) status = check_ledger(c, session, files);
    migrate_session_close(session);
    return status;
}

static int check_all(struct check *c)
{
    const char *dir = c->context->conf->migrations.dir;
    struct migrate_files *files = NULL;
    struct error err;
    int status = check_common(c);

    if (status != COMMAND_OK) return status;
    if (migrate_files_load(dir, &files, &err) != 0) return check_failed(c, "migration files", &err);
    check_report(c, "migration files", "ok", "%zu in %s", migrate_files_count(files), dir);
    status = check_database(c, files);
    migrate_files_free(files);
    return status;
}

static int check_main(const struct command_line *line, const struct command_context *context)
{
    struct check *c = mem_zalloc(sizeof(*c));

    check_init(c, line, context);
    const int status = check_print(c, line, check_all(c));

    free(c);
    return status;
}

const struct command_entry backtestd_check = {
    .name = "check",
    .summary = "check whether the daemon would start: settings, database, schema",
    .about = "Tries settings, log file, migration files and the database, and whether its schema holds every\n"
             "migration that this build knows. Changes nothing: stratslabd migrates.\n",
    .options = check_command_options,
    .settings = true,
    .connects = true,
    .run = check_main,
};
