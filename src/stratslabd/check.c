/* `stratslabd check`: would the service start? At a reload the new executable runs it before anything changes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "command/check.h"
#include "command/identity.h"
#include "stratslabd/stratslabd.h"
#include "web/web.h"

struct own_check {
    struct check check;
    struct migrate_files *files;
    struct api *api;
};

/* ---- What is checked; each returns an exit status ---- */

static int check_files(struct own_check *own)
{
    struct check *c = &own->check;
    const char *dir = c->context->conf->migrations.dir;
    struct error err;

    if (migrate_files_load(dir, &own->files, &err) != 0) return check_failed(c, "migration files", &err);
    check_report(c, "migration files", "ok", "%zu in %s", migrate_files_count(own->files), dir);
    return COMMAND_OK;
}

static int check_prepare(struct migrate_session *session, const struct db_statement *statement, struct error *err)
{
    unsigned types[DB_PARAMS_MAX] = {0};

    for (unsigned i = 0; i < statement->param_count; i++) types[i] = (unsigned)statement->params[i];
    return migrate_prepare(session, statement->name, statement->sql, statement->param_count, types, err);
}

static int check_statements(void *arg, struct migrate_session *session, struct error *err)
{
    struct own_check *own = arg;
    size_t count;
    const struct db_statement *const *statements = api_statements(own->api, &count);

    for (size_t i = 0; i < count; i++) {
        if (check_prepare(session, statements[i], err) != 0) return -1;
    }
    check_report(&own->check, "statements", "ok", "%zu prepared", count);
    return 0;
}

static int check_rehearse(struct own_check *own, struct migrate_session *session, bool *ret_pending)
{
    struct check *c = &own->check;
    size_t pending = 0;
    size_t rehearsed = 0;
    struct error err;

    if (migrate_rehearse(session, own->files, check_statements, own, &pending, &rehearsed, &err) != 0) {
        return check_failed(c, "migrations", &err);
    }
    *ret_pending = pending > 0;
    if (pending == 0) {
        check_report(c, "migrations", "ok", "nothing is pending");
    } else {
        check_report(c, "migrations", "ok", "%zu pending, of which %zu were rehearsed", pending, rehearsed);
    }
    if (rehearsed < pending) {
        check_report(c, "statements", "skipped",
                     "the schema they need is made by a migration that cannot be rehearsed");
    }
    return COMMAND_OK;
}

/* The ledger was read a moment ago: if it cannot be read again, that says nothing about this. */
static void check_ahead(struct own_check *own, struct migrate_session *session)
{
    struct buf text = {0};

    if (migrate_is_ahead(session, own->files, &text)) check_report(&own->check, "schema", "ok", "%s", buf_cstr(&text));
    buf_clear(&text);
}

/* What a migration that is pending makes may be what the role lacks; so its rights are asked for if there is none. */
static int check_role(struct own_check *own, bool is_pending)
{
    struct check *c = &own->check;
    const struct conf *conf = c->context->conf;
    struct role_verdict verdict;
    struct error err;
    size_t count;
    const struct db_statement *const *statements = api_statements(own->api, &count);

    if (stratslabd_judge_role(conf, &verdict, &err) != 0) {
        if (!c->preflight || err.code != ERROR_UNAVAILABLE) return check_failed(c, "role", &err);
        check_report(c, "role", "skipped", "%s", err.message); /* a busy database is a reason to wait, not to refuse */
        return COMMAND_OK;
    }
    check_report(c, "role", verdict.is_mighty ? "warning" : "ok", "%s", verdict.text);
    if (is_pending || verdict.is_mighty) return COMMAND_OK;
    if (stratslabd_judge_rights(conf, statements, count, &err) != 0) return check_failed(c, "rights", &err);
    check_report(c, "rights", "ok", "it may run all %zu statements", count);
    return COMMAND_OK;
}

static int check_away(struct own_check *own, const struct error *err)
{
    struct buf versions = {0};

    migrate_files_array(own->files, &versions);
    const int status = check_without_database(&own->check, buf_slice(&versions), err);

    buf_clear(&versions);
    return status;
}

/* Before anything of a file runs. */
static int check_trust(struct check *c, struct migrate_session *session)
{
    struct error err;

    if (migrate_check_trust(session, &err) != 0) return check_failed(c, "search path", &err);
    check_report(c, "search path", "ok", "nobody else may create objects on it");
    return COMMAND_OK;
}

static int check_database(struct own_check *own)
{
    struct check *c = &own->check;
    struct migrate_options options = stratslabd_migrate_options(c->context->conf);
    struct migrate_session *session = NULL;
    struct error err;
    bool is_pending = false;

    options.boot_timeout_ms = 0;
    options.application_name = "stratslabd check";
    if (command_try_served(c->context, &err) != 0) return check_failed(c, "user", &err);
    if (migrate_session_open(&options, &session, &err) != 0) return check_away(own, &err);
    check_report(c, "database", "ok", "%s", c->context->conf->migrations.label);
    int status = check_trust(c, session);

    if (status == COMMAND_OK) status = check_rehearse(own, session, &is_pending);
    if (status == COMMAND_OK) check_ahead(own, session);
    migrate_session_close(session);
    return status == COMMAND_OK ? check_role(own, is_pending) : status;
}

static bool check_takes_any_host(const struct conf *conf)
{
    return conf->auth == CONF_AUTH_OFF && conf->allowed_hosts.count > 0 &&
           strcmp(conf->allowed_hosts.items[0], "*") == 0;
}

static void check_access(struct check *c)
{
    const struct conf *conf = c->context->conf;
    const struct conf_address *open = stratslabd_open_address(conf);

    if (open != NULL) {
        check_report(
            c, "access", "warning",
            "STRATSLAB_AUTH is off, and STRATSLAB_LISTEN has %s: whoever can connect there may read and change "
            "everything",
            open->text);
    } else if (check_takes_any_host(conf)) {
        check_report(
            c, "access", "warning",
            "STRATSLAB_AUTH is off, and STRATSLAB_ALLOWED_HOSTS is *: a web page that makes its own name point "
            "here may read and change everything through a browser on this machine");
    } else {
        check_report(c, "access", "ok", "%s",
                     conf->auth == CONF_AUTH_TOKEN ? "tokens are asked for"
                                                   : "open to everybody on this machine: STRATSLAB_AUTH is off");
    }
}

static int check_all(struct own_check *own)
{
    struct check *c = &own->check;
    const struct api_options api_options = web_api_options(c->context->conf);
    struct error err;
    int status;

    if ((status = check_common(c)) != COMMAND_OK) return status;
    check_access(c);
    if (api_new(&api_options, &own->api, &err) != 0) return check_failed(c, "endpoints", &err);
    if ((status = check_files(own)) != COMMAND_OK) return status;
    return check_database(own);
}

static int check_main(const struct command_line *line, const struct command_context *context)
{
    struct own_check *own = mem_zalloc(sizeof(*own));

    check_init(&own->check, line, context);
    const int status = check_print(&own->check, line, check_all(own));

    migrate_files_free(own->files);
    api_free(own->api);
    free(own);
    return status;
}

const struct command_entry stratslabd_check = {
    .name = "check",
    .summary = "check whether the service would start: settings, database, migrations, statements",
    .about = "Tries settings, migration files, the database, the checksums of what was applied, pending\n"
             "migrations in a transaction that is rolled back, and prepares every statement. Changes nothing.\n"
             "A service that is running with the same settings is not disturbed, but while something is\n"
             "pending its tables may be locked for a moment.\n",
    .options = check_command_options,
    .settings = true,
    .connects = true,
    .run = check_main,
};
