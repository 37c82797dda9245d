#include "command/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/given.h"
#include "base/sink.h"
#include "command/identity.h"
#include "command/limits.h"
#include "command/service.h"

const struct command_option check_command_options[] = {
    {.name = "--json", .help = "print JSON"},
    /* From the running master, at a reload. Masters of earlier builds pass these names too, so they stay. */
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

void check_init(struct check *c, const struct command_line *line, const struct command_context *context)
{
    *c = (struct check){
        .context = context,
        .preflight = command_has(line, "--preflight"),
        .state_form = command_text(line, "--state-version"),
        .have = command_text(line, "--have"),
    };
}

void check_report(struct check *c, const char *what, const char *ok, const char *fmt, ...)
{
    struct check_line *line = &c->lines[c->line_count++];
    va_list ap;

    line->what = what;
    line->ok = ok;
    va_start(ap, fmt);
    vsnprintf(line->detail, sizeof(line->detail), fmt, ap);
    va_end(ap);
}

int check_failed(struct check *c, const char *what, const struct error *err)
{
    check_report(c, what, "failed", "%s", err->message);
    return command_exit_of(err);
}

static int check_state_form(struct check *c)
{
    if (c->state_form == NULL) return COMMAND_OK;

    const char *own_name = c->context->program->name;
    const char *name_end = strchr(c->state_form, ':');
    const struct slice name = {c->state_form, name_end == NULL ? 0 : (size_t)(name_end - c->state_form)};
    char *form = service_state_form(c->context->program);
    const bool same = strcmp(c->state_form, form) == 0;

    if (name.len > 0 && !slice_is(name, own_name)) {
        check_report(c, "state", "failed", "this executable is %s, but the running master is %.*s: install %.*s there",
                     own_name, SLICE_FMT(name), SLICE_FMT(name));
    } else if (!same) {
        check_report(c, "state", "failed",
                     "the running master's state is of version %s, this executable's of %s: restart the service "
                     "instead of reloading it",
                     c->state_form, form);
    }
    free(form);
    if (same) return COMMAND_OK;
    return COMMAND_SYSTEM;
}

static int check_log_file(struct check *c)
{
    const char *path = c->context->conf->log.file;
    struct error err;

    if (path[0] == '\0') return COMMAND_OK;
    if (sink_check(path, &err) != 0) return check_failed(c, "log file", &err);
    check_report(c, "log file", "ok", "%s", path);
    return COMMAND_OK;
}

/* A service that has less than its settings ask for is better than none. */
static void check_limits(struct check *c)
{
    bool ok = true;

    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        struct buf text = {0};

        limits_judge(c->context->conf, i, &text);
        if (text.len > 0) check_report(c, "limits", "warning", "%s", buf_cstr(&text));
        ok = ok && text.len == 0;
        buf_clear(&text);
    }
    if (ok) check_report(c, "limits", "ok", "a process may open %zu descriptors", given_descriptors());
}

int check_common(struct check *c)
{
    const struct conf *conf = c->context->conf;
    struct error err;
    int status;

    check_report(c, "settings", "ok", "%s%s", conf->config_path,
                 conf->config_missing ? " (there is no such file)" : "");
    if ((status = check_state_form(c)) != COMMAND_OK) return status;
    if (command_judge_identity(c->context, &err) != 0) return check_failed(c, "user", &err);
    check_limits(c);
    return check_log_file(c);
}

int check_without_database(struct check *c, struct slice versions, const struct error *err)
{
    const bool same = c->preflight && err->code == ERROR_UNAVAILABLE && c->have != NULL && slice_is(versions, c->have);

    if (!same) return check_failed(c, "database", err);
    check_report(c, "database", "skipped", "%s; this executable has the migrations of the running one", err->message);
    return COMMAND_NO_DATABASE;
}

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

static void check_print_text(const struct check *c)
{
    for (size_t i = 0; i < c->line_count; i++) {
        const struct check_line *line = &c->lines[i];

        fprintf(strcmp(line->ok, "failed") == 0 ? stderr : stdout, "%s: %s: %s\n", line->what, line->ok, line->detail);
    }
}

int check_print(const struct check *c, const struct command_line *line, int status)
{
    if (command_has(line, "--json")) {
        check_print_json(c, status);
    } else {
        check_print_text(c);
    }
    return status;
}
