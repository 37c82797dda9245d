/* `stratslabd check`: would the service start? At a reload the new executable runs it before anything changes. */

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/sink.h"
#include "master/master.h"
#include "stratslabd/stratslabd.h"
#include "web/web.h"

/* One line of the verdict. */
struct check_line {
    const char *what;
    const char *ok; /* "ok", "warning", "skipped" or "failed" */
    char detail[ERROR_MESSAGE_MAX];
};

enum { CHECK_LINES_MAX = 8 };

struct check {
    const struct command_context *context;
    bool preflight;
    const char *state_form; /* of the running master (master_state_form); NULL: not asked */
    const char *have;       /* the versions that the running master's schema holds; NULL */
    struct check_line lines[CHECK_LINES_MAX];
    size_t line_count;
    struct migrate_files *files;
    struct api *api;
};

static void check_say(struct check *c, const char *what, const char *ok, const char *fmt, ...) ATTR_PRINTF(4, 5);

static void check_say(struct check *c, const char *what, const char *ok, const char *fmt, ...)
{
    struct check_line *line = &c->lines[c->line_count++];
    va_list ap;

    line->what = what;
    line->ok = ok;
    va_start(ap, fmt);
    vsnprintf(line->detail, sizeof(line->detail), fmt, ap);
    va_end(ap);
}

static int check_failed(struct check *c, const char *what, const struct error *err)
{
    check_say(c, what, "failed", "%s", err->message);
    return command_exit_of(err);
}

/* ---- What is checked; each returns an exit status ---- */

static int check_state_form(struct check *c)
{
    char form[MASTER_FORM_BYTES];

    master_state_form(form);
    if (c->state_form == NULL || strcmp(c->state_form, form) == 0) return COMMAND_OK;
    check_say(c, "state", "failed",
              "the running master's state is of version %s, this executable's of %s: restart the service instead of "
              "reloading it",
              c->state_form, form);
    return COMMAND_SYSTEM;
}

static int check_log_file(struct check *c)
{
    const char *path = c->context->conf->log.file;
    struct error err;

    if (path[0] == '\0') return COMMAND_OK;
    if (sink_check(path, &err) != 0) return check_failed(c, "log file", &err);
    check_say(c, "log file", "ok", "%s", path);
    return COMMAND_OK;
}

static int check_files(struct check *c)
{
    const char *dir = c->context->conf->migrations.dir;
    struct error err;

    if (migrate_files_load(dir, &c->files, &err) != 0) return check_failed(c, "migration files", &err);
    check_say(c, "migration files", "ok", "%zu in %s", migrate_files_count(c->files), dir);
    return COMMAND_OK;
}

static int check_prepare(PGconn *conn, const struct db_statement *statement, struct error *err)
{
    Oid types[DB_PARAMS_MAX];

    for (unsigned i = 0; i < statement->param_count; i++) types[i] = (Oid)statement->params[i];
    PGresult *result = PQprepare(conn, statement->name, statement->sql, (int)statement->param_count, types);
    int rc = PQresultStatus(result) == PGRES_COMMAND_OK
                 ? 0
                 : error_set(err, ERROR_FAILED, "statement %s cannot be prepared: %s", statement->name,
                             PQresultErrorMessage(result));

    PQclear(result);
    return rc;
}

static int check_statements(void *arg, PGconn *conn, struct error *err)
{
    struct check *c = arg;
    size_t count;
    const struct db_statement *const *statements = api_statements(c->api, &count);

    for (size_t i = 0; i < count; i++) {
        if (check_prepare(conn, statements[i], err) != 0) return -1;
    }
    check_say(c, "statements", "ok", "%zu prepared", count);
    return 0;
}

static int check_rehearse(struct check *c, struct migrate_session *session)
{
    size_t pending = 0;
    size_t rehearsed = 0;
    struct error err;

    if (migrate_rehearse(session, c->files, check_statements, c, &pending, &rehearsed, &err) != 0) {
        return check_failed(c, "migrations", &err);
    }
    if (pending == 0) {
        check_say(c, "migrations", "ok", "nothing is pending");
    } else {
        check_say(c, "migrations", "ok", "%zu pending, of which %zu were rehearsed", pending, rehearsed);
    }
    if (rehearsed < pending) {
        check_say(c, "statements", "skipped", "the schema they need is made by a migration that cannot be rehearsed");
    }
    return COMMAND_OK;
}

/* A reload while the database is away may go on if the new code needs the schema that is there. */
static int check_without_database(struct check *c, const struct error *err)
{
    struct buf mine = {0};

    migrate_files_array(c->files, &mine);
    bool same =
        c->preflight && err->code == ERROR_UNAVAILABLE && c->have != NULL && slice_is(buf_slice(&mine), c->have);

    buf_clear(&mine);
    if (!same) return check_failed(c, "database", err);
    check_say(c, "database", "skipped", "%s; this executable has the migrations of the running one", err->message);
    return PREFLIGHT_NO_DATABASE;
}

static int check_database(struct check *c)
{
    struct migrate_options options = stratslabd_migrate_options(c->context->conf);
    struct migrate_session *session = NULL;
    struct error err;

    options.boot_timeout_ms = 0;
    options.application_name = "stratslabd check";
    if (migrate_session_open(&options, &session, &err) != 0) return check_without_database(c, &err);
    check_say(c, "database", "ok", "%s", c->context->conf->database.label);
    int status = check_rehearse(c, session);

    migrate_session_close(session);
    return status;
}

static void check_access(struct check *c)
{
    const struct conf *conf = c->context->conf;
    const struct conf_address *open = stratslabd_open_address(conf);

    if (open != NULL) {
        check_say(c, "access", "warning",
                  "STRATSLAB_AUTH is off, and STRATSLAB_LISTEN has %s: whoever can connect there may read and change "
                  "everything",
                  open->text);
    } else {
        check_say(c, "access", "ok", "%s",
                  conf->auth == CONF_AUTH_TOKEN ? "tokens are asked for"
                                                : "open to everybody on this machine: STRATSLAB_AUTH is off");
    }
}

static int check_all(struct check *c)
{
    const struct api_options api_options = web_api_options(c->context->conf);
    struct error err;
    int status;

    check_say(c, "settings", "ok", "%s%s", c->context->conf->config_path,
              c->context->conf->config_missing ? " (there is no such file)" : "");
    check_access(c);
    if ((status = check_state_form(c)) != COMMAND_OK) return status;
    if ((status = check_log_file(c)) != COMMAND_OK) return status;
    if (api_new(&api_options, &c->api, &err) != 0) return check_failed(c, "endpoints", &err);
    if ((status = check_files(c)) != COMMAND_OK) return status;
    return check_database(c);
}

/* ---- What is said ---- */

static void check_print_json(const struct check *c, int status)
{
    struct buf out = {0};

    buf_printf(&out, "{\"ok\":%s,\"checks\":[", status == COMMAND_OK ? "true" : "false");
    for (size_t i = 0; i < c->line_count; i++) {
        buf_printf(&out, "%s{\"check\":\"%s\",\"result\":\"%s\",\"detail\":", i == 0 ? "" : ",", c->lines[i].what,
                   c->lines[i].ok);
        buf_add_json(&out, slice_of(c->lines[i].detail));
        buf_add_char(&out, '}');
    }
    printf("%s]}\n", buf_cstr(&out));
    buf_clear(&out);
}

/* What failed goes to standard error: a reload gives it as its reason. */
static void check_print_text(const struct check *c)
{
    for (size_t i = 0; i < c->line_count; i++) {
        const struct check_line *line = &c->lines[i];

        fprintf(strcmp(line->ok, "failed") == 0 ? stderr : stdout, "%s: %s: %s\n", line->what, line->ok, line->detail);
    }
}

static int check_main(const struct command_line *line, const struct command_context *context)
{
    struct check *c = mem_zalloc(sizeof(*c));

    c->context = context;
    c->preflight = command_has(line, "--preflight");
    c->state_form = command_text(line, "--state-version");
    c->have = command_text(line, "--have");
    const int status = check_all(c);

    if (command_has(line, "--json")) {
        check_print_json(c, status);
    } else {
        check_print_text(c);
    }
    migrate_files_free(c->files);
    api_free(c->api);
    free(c);
    return status;
}

static const struct command_option check_options[] = {
    {.name = "--json", .help = "print JSON"},
    /* From the running master, at a reload. */
    {.name = "--preflight", .hidden = true},
    {.name = "--state-version",
     .value = "N",
     .type = COMMAND_TEXT,
     .may_be_empty = true,
     .last_wins = true,
     .hidden = true},
    {.name = "--have",
     .value = "VERSIONS",
     .type = COMMAND_TEXT,
     .may_be_empty = true,
     .last_wins = true,
     .hidden = true},
    {0},
};

const struct command_entry stratslabd_check = {
    .name = "check",
    .summary = "check whether the service would start: settings, database, migrations, statements",
    .about = "Tries settings, migration files, the database, the checksums of what was applied, pending\n"
             "migrations in a transaction that is rolled back, and prepares every statement. Changes nothing.\n"
             "A service that is running with the same settings is not disturbed, but while something is\n"
             "pending its tables may be locked for a moment.\n",
    .options = check_options,
    .settings = true,
    .run = check_main,
};
