/* `stratslabd migrate`: the operations of migrate/ on a command line. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/identity.h"
#include "migrate/migrate.h"
#include "stratslabd/migrate_print.h"
#include "stratslabd/stratslabd.h"

enum migrate_need { NEED_NOTHING, NEED_FILES, NEED_SESSION, NEED_PATIENT_SESSION };

struct migrate_call {
    const struct command_line *line;
    const struct command_context *context;
    const struct conf *conf;
    struct migrate_files *files;
    struct migrate_session *session;
};

/* A verb, and what it works on. `entry` comes first, so that the line's entry is one of these. */
struct migrate_verb {
    struct command_entry entry;
    enum migrate_need need;
    int (*run)(struct migrate_call *call, struct error *err); /* an exit status, or -1 with the error */
};

static void migrate_print_out(struct buf *out)
{
    fwrite(out->data, 1, out->len, stdout);
    buf_clear(out);
}

static void migrate_say_on_terminal(void *arg, enum migrate_note kind, const char *line)
{
    static const char *const marks[] = {[MIGRATE_NOTE_INFO] = "",
                                        [MIGRATE_NOTE_WAIT] = "",
                                        [MIGRATE_NOTE_NOTICE] = "",
                                        [MIGRATE_NOTE_WARNING] = "warning: "};
    const struct migrate_call *call = arg;
    bool result = kind == MIGRATE_NOTE_INFO && !command_has(call->line, "--json");

    fprintf(result ? stdout : stderr, "%s%s\n", marks[kind], line);
    fflush(stdout);
}

static void migrate_say_to_log(void *arg, enum migrate_note kind, const char *line)
{
    (void)arg;
    if (kind == MIGRATE_NOTE_WARNING) {
        log_warning("migrate", LOG_STR("what", line));
    } else {
        log_info("migrate", LOG_STR("what", line));
    }
}

struct migrate_options stratslabd_migrate_options(const struct conf *conf)
{
    return (struct migrate_options){
        .conninfo = conf->migrations.url,
        .label = conf->migrations.label,
        .setting = conf->migrations.url_setting,
        .environment = conf->environment == CONF_ENVIRONMENT_DEVELOPMENT ? MIGRATE_DEVELOPMENT : MIGRATE_PRODUCTION,
        .lock_timeout_ms = conf->migrations.lock_timeout_ms,
        .rehearsal_timeout_ms = conf->migrations.rehearsal_timeout_ms,
        .boot_timeout_ms = conf->database.boot_timeout_ms,
        .connect_timeout_ms = conf->database.limits.connect_timeout_ms,
        .application_name = "stratslabd migrate",
        .app_version = PACKAGE_VERSION,
    };
}

/* If the answer "no" costs nothing: a terminal is asked, everybody else has to have said --yes. */
static int migrate_confirm(void *arg, const char *const *paths, size_t count, struct error *err)
{
    const struct migrate_call *call = arg;
    char answer[16] = "";

    if (command_has(call->line, "--yes")) return 0;
    if (call->conf->environment == CONF_ENVIRONMENT_PRODUCTION)
        return error_set(err, ERROR_USAGE, "in production, %s needs --yes: it may delete data",
                         command_of(call->line)->name);
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return error_set(err, ERROR_USAGE, "%s needs --yes if there is no terminal to ask",
                         command_of(call->line)->name);
    fprintf(stderr, "This undoes, in %s:\n", call->conf->migrations.label);
    for (size_t i = 0; i < count; i++) fprintf(stderr, "  %s\n", paths[i]);
    fprintf(stderr, "Data that they hold is lost. Go on? [y/N] ");
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')) return 0;
    return error_set(err, ERROR_USAGE, "nothing was undone");
}

static int migrate_run_up(struct migrate_call *call, struct error *err)
{
    bool dry_run = command_has(call->line, "--dry-run");
    size_t count = 0;

    if (migrate_up(call->session, call->files, command_text(call->line, "--to"), dry_run, &count, err) != 0) return -1;
    if (count == 0) {
        printf("nothing to apply\n");
    } else {
        printf("%zu migration%s %sapplied\n", count, count == 1 ? "" : "s", dry_run ? "would be " : "");
    }
    return COMMAND_OK;
}

static int migrate_run_down(struct migrate_call *call, struct error *err)
{
    const struct command_value *steps = command_get(call->line, "--steps");

    return migrate_down(call->session, call->files, steps == NULL ? 1 : (unsigned)steps->whole, migrate_confirm, call,
                        err);
}

static int migrate_run_redo(struct migrate_call *call, struct error *err)
{
    bool ask = call->conf->environment == CONF_ENVIRONMENT_PRODUCTION;

    return migrate_redo(call->session, call->files, ask ? migrate_confirm : NULL, call, err);
}

static int migrate_run_status(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    if (command_has(call->line, "--json")) {
        migrate_print_report_json(&out, &report, report.pending == 0 && report.changed == 0);
    } else {
        migrate_print_status(&out, &report);
    }
    migrate_print_out(&out);
    migrate_report_clear(&report);
    return COMMAND_OK;
}

static int migrate_run_current(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    if (command_has(call->line, "--json")) {
        migrate_print_current_json(&out, &report);
    } else {
        buf_printf(&out, "%s\n", report.current == NULL ? "none" : report.current);
    }
    migrate_print_out(&out);
    migrate_report_clear(&report);
    return COMMAND_OK;
}

static int migrate_run_history(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    if (command_has(call->line, "--json")) {
        migrate_print_history_json(&out, &report);
    } else {
        migrate_print_history(&out, &report);
    }
    migrate_print_out(&out);
    migrate_report_clear(&report);
    return COMMAND_OK;
}

static int migrate_run_plan(struct migrate_call *call, struct error *err)
{
    struct migrate_plan plan;
    struct buf out = {0};

    if (migrate_plan_make(call->session, call->files, &plan, err) != 0) return -1;
    if (command_has(call->line, "--json")) {
        migrate_print_plan_json(&out, &plan);
    } else {
        migrate_print_plan(&out, &plan);
    }
    migrate_print_out(&out);
    migrate_plan_clear(&plan);
    return COMMAND_OK;
}

static int migrate_run_new(struct migrate_call *call, struct error *err)
{
    struct buf path = {0};

    if (migrate_files_new(call->conf->migrations.dir, call->line->operands[0], clock_wall_us(), &path, err) != 0)
        return -1;
    printf("%s\n", buf_cstr(&path));
    buf_clear(&path);
    return COMMAND_OK;
}

static int migrate_run_stamp(struct migrate_call *call, struct error *err)
{
    return migrate_stamp(call->session, call->files, call->line->operands[0], err);
}

static int migrate_run_verify(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};
    bool strict = call->conf->environment == CONF_ENVIRONMENT_PRODUCTION;

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    bool ok = report.changed == 0 && (report.out_of_order == 0 || !strict);

    if (command_has(call->line, "--json")) {
        migrate_print_report_json(&out, &report, ok);
    } else {
        for (size_t i = 0; i < report.count; i++) {
            const struct migrate_entry *e = &report.entries[i];

            if (e->state == MIGRATE_STATE_CHANGED) buf_printf(&out, "%s: was changed after it was applied\n", e->path);
            if (e->out_of_order) buf_printf(&out, "%s: is older than the newest applied migration\n", e->path);
            if (e->state == MIGRATE_STATE_UNCHECKED) buf_printf(&out, "%s: applied without a checksum\n", e->path);
            if (e->state == MIGRATE_STATE_MISSING) buf_printf(&out, "%s: applied, not in this build\n", e->version);
        }
        buf_printf(&out, "%s: %zu applied, %zu changed, %zu without a checksum, %zu pending\n", ok ? "ok" : "not ok",
                   report.applied, report.changed, report.unchecked, report.pending);
    }
    migrate_print_out(&out);
    migrate_report_clear(&report);
    return ok ? COMMAND_OK : COMMAND_WRONG;
}

static int migrate_run_wait(struct migrate_call *call, struct error *err)
{
    struct migrate_options options = stratslabd_migrate_options(call->conf);
    const struct command_value *timeout = command_get(call->line, "--timeout");
    const unsigned timeout_ms = timeout == NULL ? call->conf->database.boot_timeout_ms : (unsigned)timeout->duration_ms;

    options.application_name = "stratslabd migrate wait";
    options.say = migrate_say_on_terminal;
    options.say_arg = call;
    if (migrate_wait(&options, call->files, timeout_ms, err) != 0) return -1;
    printf("up to date\n");
    return COMMAND_OK;
}

static int migrate_perform(struct migrate_call *call, const struct migrate_verb *verb, struct error *err)
{
    int outcome = 0;

    if (verb->need >= NEED_FILES) outcome = migrate_files_load(call->conf->migrations.dir, &call->files, err);
    if (outcome == 0 && verb->need >= NEED_SESSION) outcome = command_leave_root(call->context, err);
    if (outcome == 0 && verb->need >= NEED_SESSION) {
        struct migrate_options options = stratslabd_migrate_options(call->conf);

        if (verb->need != NEED_PATIENT_SESSION) options.boot_timeout_ms = 0;
        options.say = migrate_say_on_terminal;
        options.say_arg = call;
        outcome = migrate_session_open(&options, &call->session, err);
    }
    if (outcome == 0) outcome = verb->run(call, err);
    migrate_session_close(call->session);
    migrate_files_free(call->files);
    return outcome;
}

static int migrate_main(const struct command_line *line, const struct command_context *context)
{
    struct migrate_call call = {.line = line, .context = context, .conf = context->conf};
    struct error err = {0};
    int outcome = migrate_perform(&call, (const struct migrate_verb *)command_of(line), &err);

    fflush(stdout);
    if (outcome >= 0) return outcome;
    /* What is wrong with a file begins with its name, where editors look for it. */
    if (err.code == ERROR_FAILED || err.code == ERROR_INVALID) {
        fprintf(stderr, "%s\n", err.message);
    } else {
        command_print_error(line, "%s", err.message);
    }
    return command_exit_of(&err);
}

/* ---- The command line ---- */

static const struct command_option up_options[] = {
    {.name = "--to",
     .value = "VERSION",
     .type = COMMAND_TEXT,
     .last_wins = true,
     .help = "no further than this version"},
    {.name = "--dry-run", .help = "only say which files would be applied"},
    {0},
};

static const struct command_option down_options[] = {
    {.name = "--steps",
     .value = "N",
     .type = COMMAND_WHOLE,
     .last_wins = true,
     .minimum = 1,
     .maximum = 100000,
     .help = "how many; 1 if it is not given"},
    {.name = "--yes", .help = "do not ask"},
    {0},
};

static const struct command_option redo_options[] = {{.name = "--yes", .help = "do not ask"}, {0}};

static const struct command_option json_options[] = {{.name = "--json", .help = "print JSON"}, {0}};

static const struct command_option wait_options[] = {
    {.name = "--timeout",
     .value = "DURATION",
     .type = COMMAND_DURATION,
     .last_wins = true,
     .maximum = UINT32_MAX,
     .help = "how long; STRATSLAB_DATABASE_BOOT_TIMEOUT if it is not given"},
    {0},
};

static const struct migrate_verb migrate_verb_up = {
    .entry.name = "up",
    .entry.summary = "apply what is pending",
    .entry.about = "Applies every pending file, oldest first, each in one transaction with its row in the ledger.\n"
                   "Only one master does so at a time; the others wait, and find nothing to do.\n",
    .entry.options = up_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_PATIENT_SESSION,
    .run = migrate_run_up,
};

static const struct migrate_verb migrate_verb_down = {
    .entry.name = "down",
    .entry.summary = "undo the newest migrations",
    .entry.about = "Runs the down blocks of the newest applied migrations, newest first. Refused before anything is\n"
                   "undone if one of them says irreversible:true, has an empty down block, or is not in this build.\n"
                   "Asks on a terminal; elsewhere, and in production, it needs --yes.\n",
    .entry.options = down_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_down,
};

static const struct migrate_verb migrate_verb_redo = {
    .entry.name = "redo",
    .entry.summary = "undo the newest migration and apply it again",
    .entry.about = "Undoes and applies in one transaction if both blocks of the file are transactional. In\n"
                   "production it needs --yes.\n",
    .entry.options = redo_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_redo,
};

static const struct migrate_verb migrate_verb_status = {
    .entry.name = "status",
    .entry.summary = "print every migration and its state",
    .entry.about = "States:\n"
                   "    pending    not applied yet\n"
                   "    applied    applied as the file is\n"
                   "    changed    the file is not the one that was applied\n"
                   "    unchecked  applied without a checksum, by dbmate\n"
                   "    missing    applied, and this build has no such file\n",
    .entry.options = json_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_status,
};

static const struct migrate_verb migrate_verb_current = {
    .entry.name = "current",
    .entry.summary = "print the newest applied version",
    .entry.about = "Prints it on a line, or \"none\".\n",
    .entry.options = json_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_current,
};

static const struct migrate_verb migrate_verb_history = {
    .entry.name = "history",
    .entry.summary = "print what was applied, when, by whom",
    .entry.about = "It is the ledger in the order of application.\n",
    .entry.options = json_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_history,
};

static const struct migrate_verb migrate_verb_plan = {
    .entry.name = "plan",
    .entry.summary = "rehearse what is pending",
    .entry.about = "Runs the pending files in a transaction that is rolled back, and says for each which locks it\n"
                   "takes on relations that are there now, beyond those of the files before it. It takes those\n"
                   "locks while it runs. Neither files with transaction:false nor those after them can be\n"
                   "rehearsed.\n",
    .entry.options = json_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_plan,
};

static const struct migrate_verb migrate_verb_new = {
    .entry.name = "new",
    .entry.summary = "make an empty migration",
    .entry.about = "Makes YYYYMMDDHHMMSS_NAME.sql in STRATSLAB_MIGRATIONS_DIR and prints its path. NAME is of small\n"
                   "letters, digits and underscores.\n",
    .entry.operand = "NAME",
    .entry.operands_min = 1,
    .entry.operands_max = 1,
    .entry.settings = true,
    .entry.run = migrate_main,
    .need = NEED_NOTHING,
    .run = migrate_run_new,
};

static const struct migrate_verb migrate_verb_stamp = {
    .entry.name = "stamp",
    .entry.summary = "record migrations as applied, without running them",
    .entry.about = "Records VERSION and every pending file before it. If VERSION is applied already, its row takes\n"
                   "the checksum that the file has now.\n",
    .entry.operand = "VERSION",
    .entry.operands_min = 1,
    .entry.operands_max = 1,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_stamp,
};

static const struct migrate_verb migrate_verb_verify = {
    .entry.name = "verify",
    .entry.summary = "compare applied migrations with their files",
    .entry.about = "Fails (65) if an applied file was changed; in production also if a pending file is older than\n"
                   "an applied one.\n",
    .entry.options = json_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_SESSION,
    .run = migrate_run_verify,
};

static const struct migrate_verb migrate_verb_wait = {
    .entry.name = "wait",
    .entry.summary = "wait until nothing is pending",
    .entry.about = "Waits for the database, and for somebody else to migrate it. Exit status: 75 if migrations are\n"
                   "still pending at the end, 69 if the database is out of reach.\n",
    .entry.options = wait_options,
    .entry.settings = true,
    .entry.connects = true,
    .entry.run = migrate_main,
    .need = NEED_FILES,
    .run = migrate_run_wait,
};

static const struct command_entry *const migrate_verbs[] = {
    &migrate_verb_up.entry,      &migrate_verb_down.entry,    &migrate_verb_redo.entry, &migrate_verb_status.entry,
    &migrate_verb_current.entry, &migrate_verb_history.entry, &migrate_verb_plan.entry, &migrate_verb_new.entry,
    &migrate_verb_stamp.entry,   &migrate_verb_verify.entry,  &migrate_verb_wait.entry, NULL,
};

const struct command_entry stratslabd_migrate = {
    .name = "migrate",
    .summary = "change the database's schema, or report its state",
    .about = "Migrations are files in STRATSLAB_MIGRATIONS_DIR, in dbmate's format.\n"
             "Exit status:\n"
             "   0  done\n"
             "  64  the command line is wrong\n"
             "  65  a migration failed\n"
             "  69  the database is out of reach, or refuses\n"
             "  71  the system refused\n"
             "  75  the lock, or wait, timed out\n"
             "  78  a setting is wrong\n",
    .verbs = migrate_verbs,
};

/* A line of the log each, so that the excerpt of the file stays readable. */
static void migrate_log_lines(const struct error *err)
{
    struct slice rest = slice_of(err->message);
    bool first = true;

    while (rest.data != NULL) {
        log_error(first ? "migration failed" : "migrate", LOG_SLICE("what", slice_cut(&rest, '\n')));
        first = false;
    }
}

/* The service does its work as well; but whoever gets the better of it has everything. */
static void migrate_warn_role(const struct conf *conf)
{
    struct role_verdict verdict;
    struct error err;

    if (stratslabd_judge_role(conf, &verdict, &err) == 0 && verdict.is_mighty) {
        log_warning("requests are served as a role that may change everything", LOG_STR("reason", verdict.text));
    }
}

int stratslabd_migrate_boot(const struct command_context *context)
{
    struct migrate_options options = stratslabd_migrate_options(context->conf);
    struct migrate_files *files = NULL;
    struct migrate_session *session = NULL;
    struct error err = {0};
    size_t applied = 0;

    log_set_role("migrate");
    options.say = migrate_say_to_log;
    int outcome = migrate_files_load(context->conf->migrations.dir, &files, &err);
    const int status = outcome == 0 ? command_enter_wall(context, "migrate", NULL) : COMMAND_OK;

    if (status != COMMAND_OK) {
        migrate_files_free(files);
        return status;
    }
    if (outcome == 0) outcome = migrate_session_open(&options, &session, &err);
    if (outcome == 0) outcome = migrate_up(session, files, NULL, false, &applied, &err);
    if (outcome == 0) log_info("schema is up to date", LOG_UINT("applied", applied));
    if (outcome != 0) migrate_log_lines(&err);
    migrate_session_close(session);
    migrate_files_free(files);
    if (outcome == 0) migrate_warn_role(context->conf);
    return outcome == 0 ? COMMAND_OK : command_exit_of(&err);
}
