#include "backtestd/schema.h"

#include "base/log.h"

struct migrate_options schema_session_options(const struct conf *conf)
{
    return (struct migrate_options){
        .conninfo = conf->database.url,
        .label = conf->database.label,
        .environment = MIGRATE_PRODUCTION,
        .lock_timeout_ms = conf->database.boot_timeout_ms, /* for whoever locks the ledger */
        .connect_timeout_ms = conf->database.limits.connect_timeout_ms,
        .application_name = "backtestd check",
        .app_version = PACKAGE_VERSION,
    };
}

static void schema_say(void *arg, enum migrate_note kind, const char *line)
{
    (void)arg, (void)kind;
    log_info("waiting for the database", LOG_STR("what", line));
}

/* Whoever may not read the ledger hears of it from the workers. */
static void schema_say_ahead(struct migrate_session *session, const struct migrate_files *files)
{
    struct buf text = {0};

    if (files != NULL && migrate_is_ahead(session, files, &text)) {
        log_info("the schema is a newer one", LOG_STR("what", buf_cstr(&text)));
    }
    buf_clear(&text);
}

int schema_await_database(const struct conf *conf, const struct migrate_files *files)
{
    struct migrate_options options = schema_session_options(conf);
    struct migrate_session *session = NULL;
    struct error err;
    int status = COMMAND_OK;

    options.boot_timeout_ms = conf->database.boot_timeout_ms;
    options.application_name = "backtestd boot";
    options.say = schema_say;
    if (migrate_session_open(&options, &session, &err) != 0) {
        log_error("the database cannot be used", LOG_STR("error", err.message));
        status = command_exit_of(&err);
    } else {
        schema_say_ahead(session, files);
    }
    migrate_session_close(session);
    return status;
}
