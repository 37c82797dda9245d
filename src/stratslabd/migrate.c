/* `stratslabd migrate`: the operations of migrate/ on a command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "migrate/migrate.h"
#include "stratslabd/migrate_print.h"
#include "stratslabd/stratslabd.h"

enum migrate_option { OPTION_TO, OPTION_STEPS, OPTION_DRY_RUN, OPTION_YES, OPTION_JSON, OPTION_TIMEOUT, OPTION_COUNT };

static const struct {
    const char *name;
    const char *value; /* what it takes; NULL: nothing */
    const char *help;
} migrate_options_table[OPTION_COUNT] = {
    [OPTION_TO] = {"--to", "VERSION", "no further than this version"},
    [OPTION_STEPS] = {"--steps", "N", "how many (default: 1)"},
    [OPTION_DRY_RUN] = {"--dry-run", NULL, "only say which files would be applied"},
    [OPTION_YES] = {"--yes", NULL, "do not ask"},
    [OPTION_JSON] = {"--json", NULL, "print JSON"},
    [OPTION_TIMEOUT] = {"--timeout", "DURATION", "how long (default: STRATSLAB_DATABASE_BOOT_TIMEOUT)"},
};

struct migrate_verb;

struct migrate_call {
    const struct conf *conf;
    const struct migrate_verb *verb;
    const char *argument;
    const char *options[OPTION_COUNT]; /* the value, "" for one that takes none, NULL where it was not given */
    struct migrate_files *files;
    struct migrate_session *session;
};

enum migrate_need { NEED_NOTHING, NEED_FILES, NEED_SESSION, NEED_PATIENT_SESSION };

struct migrate_verb {
    const char *name;
    const char *argument; /* required where there is one */
    unsigned options;     /* bits of enum migrate_option */
    enum migrate_need need;
    int (*run)(struct migrate_call *call, struct error *err); /* an exit status, or -1 with the error */
    const char *summary;
    const char *help;
};

#define OPTION_BIT(option) (1u << (option))

static void print_out(struct buf *out)
{
    fwrite(out->data, 1, out->len, stdout);
    buf_clear(out);
}

static void say_on_terminal(void *arg, enum migrate_note kind, const char *line)
{
    static const char *const marks[] = {[MIGRATE_NOTE_INFO] = "",
                                        [MIGRATE_NOTE_WAIT] = "",
                                        [MIGRATE_NOTE_NOTICE] = "",
                                        [MIGRATE_NOTE_WARNING] = "warning: "};
    const struct migrate_call *call = arg;
    bool result = kind == MIGRATE_NOTE_INFO && call->options[OPTION_JSON] == NULL;

    fprintf(result ? stdout : stderr, "%s%s\n", marks[kind], line);
    fflush(stdout);
}

static void say_to_log(void *arg, enum migrate_note kind, const char *line)
{
    (void)arg;
    if (kind == MIGRATE_NOTE_WARNING) {
        log_warning("migrate", LOG_STR("what", line));
    } else {
        log_info("migrate", LOG_STR("what", line));
    }
}

struct migrate_options command_migrate_options(const struct conf *conf)
{
    return (struct migrate_options){
        .conninfo = conf->database.url,
        .label = conf->database.label,
        .environment = conf->environment == CONF_ENVIRONMENT_DEVELOPMENT ? MIGRATE_DEVELOPMENT : MIGRATE_PRODUCTION,
        .lock_timeout_ms = conf->migrations.lock_timeout_ms,
        .boot_timeout_ms = conf->database.boot_timeout_ms,
        .connect_timeout_ms = conf->database.limits.connect_timeout_ms,
        .application_name = "stratslabd migrate",
        .app_version = PACKAGE_VERSION,
    };
}

/* Where the answer "no" costs nothing: a terminal is asked, everybody else has to have said --yes. */
static int confirm(void *arg, const char *const *paths, size_t count, struct error *err)
{
    const struct migrate_call *call = arg;
    char answer[16] = "";

    if (call->options[OPTION_YES] != NULL) return 0;
    if (call->conf->environment == CONF_ENVIRONMENT_PRODUCTION)
        return error_set(err, ERROR_USAGE, "in production, %s needs --yes: it may take data with it", call->verb->name);
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return error_set(err, ERROR_USAGE, "%s needs --yes where there is no terminal to ask", call->verb->name);
    fprintf(stderr, "This undoes, in %s:\n", call->conf->database.label);
    for (size_t i = 0; i < count; i++) fprintf(stderr, "  %s\n", paths[i]);
    fprintf(stderr, "Data that they hold is lost. Go on? [y/N] ");
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')) return 0;
    return error_set(err, ERROR_USAGE, "nothing was undone");
}

static int run_up(struct migrate_call *call, struct error *err)
{
    bool dry_run = call->options[OPTION_DRY_RUN] != NULL;
    size_t count = 0;

    if (migrate_up(call->session, call->files, call->options[OPTION_TO], dry_run, &count, err) != 0) return -1;
    if (count == 0) {
        printf("nothing to apply\n");
    } else {
        printf("%zu migration%s %sapplied\n", count, count == 1 ? "" : "s", dry_run ? "would be " : "");
    }
    return COMMAND_OK;
}

static int run_down(struct migrate_call *call, struct error *err)
{
    uint64_t steps = 1;
    const char *text = call->options[OPTION_STEPS];

    if (text != NULL && (!number_parse_u64(slice_of(text), &steps) || steps == 0 || steps > 100000))
        return error_set(err, ERROR_USAGE, "--steps \"%s\": a number from 1", text);
    return migrate_down(call->session, call->files, (unsigned)steps, confirm, call, err);
}

static int run_redo(struct migrate_call *call, struct error *err)
{
    bool ask = call->conf->environment == CONF_ENVIRONMENT_PRODUCTION;

    return migrate_redo(call->session, call->files, ask ? confirm : NULL, call, err);
}

static int run_status(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    if (call->options[OPTION_JSON] != NULL) {
        migrate_print_report_json(&out, &report, report.pending == 0 && report.changed == 0);
    } else {
        migrate_print_status(&out, &report);
    }
    print_out(&out);
    migrate_report_clear(&report);
    return COMMAND_OK;
}

static int run_current(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    if (call->options[OPTION_JSON] != NULL) {
        migrate_print_current_json(&out, &report);
    } else {
        buf_printf(&out, "%s\n", report.current == NULL ? "none" : report.current);
    }
    print_out(&out);
    migrate_report_clear(&report);
    return COMMAND_OK;
}

static int run_history(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    if (call->options[OPTION_JSON] != NULL) {
        migrate_print_history_json(&out, &report);
    } else {
        migrate_print_history(&out, &report);
    }
    print_out(&out);
    migrate_report_clear(&report);
    return COMMAND_OK;
}

static int run_plan(struct migrate_call *call, struct error *err)
{
    struct migrate_plan plan;
    struct buf out = {0};

    if (migrate_plan_make(call->session, call->files, &plan, err) != 0) return -1;
    if (call->options[OPTION_JSON] != NULL) {
        migrate_print_plan_json(&out, &plan);
    } else {
        migrate_print_plan(&out, &plan);
    }
    print_out(&out);
    migrate_plan_clear(&plan);
    return COMMAND_OK;
}

static int run_new(struct migrate_call *call, struct error *err)
{
    struct buf path = {0};

    if (migrate_files_new(call->conf->migrations.dir, call->argument, clock_wall_us(), &path, err) != 0) return -1;
    printf("%s\n", buf_cstr(&path));
    buf_clear(&path);
    return COMMAND_OK;
}

static int run_stamp(struct migrate_call *call, struct error *err)
{
    return migrate_stamp(call->session, call->files, call->argument, err);
}

static int run_verify(struct migrate_call *call, struct error *err)
{
    struct migrate_report report;
    struct buf out = {0};
    bool strict = call->conf->environment == CONF_ENVIRONMENT_PRODUCTION;

    if (migrate_report_make(call->session, call->files, &report, err) != 0) return -1;
    bool ok = report.changed == 0 && (report.out_of_order == 0 || !strict);

    if (call->options[OPTION_JSON] != NULL) {
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
    print_out(&out);
    migrate_report_clear(&report);
    return ok ? COMMAND_OK : COMMAND_MIGRATION;
}

static int run_wait(struct migrate_call *call, struct error *err)
{
    struct migrate_options options = command_migrate_options(call->conf);
    uint64_t timeout_ms = call->conf->database.boot_timeout_ms;
    const char *text = call->options[OPTION_TIMEOUT];

    if (text != NULL && (!number_parse_duration_ms(slice_of(text), &timeout_ms) || timeout_ms > UINT32_MAX))
        return error_set(err, ERROR_USAGE, "--timeout \"%s\": a duration, for example 60s or 5min", text);
    options.application_name = "stratslabd migrate wait";
    options.say = say_on_terminal;
    options.say_arg = call;
    if (migrate_wait(&options, call->files, (unsigned)timeout_ms, err) != 0) return -1;
    printf("up to date\n");
    return COMMAND_OK;
}

static const struct migrate_verb migrate_verbs[] = {
    {"up", NULL, OPTION_BIT(OPTION_TO) | OPTION_BIT(OPTION_DRY_RUN), NEED_PATIENT_SESSION, run_up,
     "apply what is pending",
     "Applies every pending file, oldest first, each in one transaction with its row in the ledger. Only one master "
     "does\n"
     "so at a time; the others wait, and find nothing to do."},
    {"down", NULL, OPTION_BIT(OPTION_STEPS) | OPTION_BIT(OPTION_YES), NEED_SESSION, run_down,
     "undo the newest migrations",
     "Runs the down blocks of the newest applied migrations, newest first. Refused before anything is undone where one "
     "of\n"
     "them says irreversible:true, has an empty down block, or is not in this build. Asks on a terminal; --yes "
     "elsewhere\n"
     "and in production."},
    {"redo", NULL, OPTION_BIT(OPTION_YES), NEED_SESSION, run_redo, "undo the newest migration and apply it again",
     "In one transaction, where both blocks of the file are transactional. In production it needs --yes."},
    {"status", NULL, OPTION_BIT(OPTION_JSON), NEED_SESSION, run_status, "every migration and its state",
     "States: pending, applied, changed (the file is another one than was applied), unchecked (applied without a "
     "checksum,\n"
     "by dbmate), missing (applied, and this build has no such file)."},
    {"current", NULL, OPTION_BIT(OPTION_JSON), NEED_SESSION, run_current, "the newest applied version",
     "Prints it on a line, or \"none\"."},
    {"history", NULL, OPTION_BIT(OPTION_JSON), NEED_SESSION, run_history, "what was applied, when, by whom",
     "The ledger in the order of application."},
    {"plan", NULL, OPTION_BIT(OPTION_JSON), NEED_SESSION, run_plan, "rehearse what is pending",
     "Runs the pending files in a transaction that is rolled back, and says for each which locks it takes on relations "
     "that\n"
     "are there now, beyond those of the files before it. It takes those locks while it runs. Files with "
     "transaction:false\n"
     "cannot be rehearsed, nor what comes behind them."},
    {"new", "NAME", 0, NEED_NOTHING, run_new, "make an empty migration",
     "Makes YYYYMMDDHHMMSS_NAME.sql in STRATSLAB_MIGRATIONS_DIR and prints its path. NAME is of small letters, digits, "
     "_."},
    {"stamp", "VERSION", 0, NEED_SESSION, run_stamp, "record migrations as applied, without running them",
     "Records VERSION and every pending file before it. Where VERSION is applied already, its row takes the checksum "
     "that\n"
     "the file has now."},
    {"verify", NULL, OPTION_BIT(OPTION_JSON), NEED_SESSION, run_verify, "compare applied migrations with their files",
     "Fails (65) where an applied file was changed; in production also where a pending file is older than an applied "
     "one."},
    {"wait", NULL, OPTION_BIT(OPTION_TIMEOUT), NEED_FILES, run_wait, "wait until nothing is pending",
     "Waits for the database, and for somebody else to migrate it. 75 where migrations are still pending at the end, "
     "69\n"
     "where the database is out of reach."},
};

static void verb_usage(const struct migrate_verb *verb, FILE *to)
{
    fprintf(to, "Usage: stratslabd migrate %s", verb->name);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((verb->options & OPTION_BIT(i)) == 0) continue;
        const char *value = migrate_options_table[i].value;

        fprintf(to, " [%s%s%s]", migrate_options_table[i].name, value == NULL ? "" : " ", value == NULL ? "" : value);
    }
    fprintf(to, "%s%s\n", verb->argument == NULL ? "" : " ", verb->argument == NULL ? "" : verb->argument);
}

static void verb_help(const struct migrate_verb *verb)
{
    verb_usage(verb, stdout);
    printf("\n%s\n", verb->help);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *value = migrate_options_table[i].value;
        char left[40];

        if ((verb->options & OPTION_BIT(i)) == 0) continue;
        snprintf(left, sizeof(left), "%s%s%s", migrate_options_table[i].name, value == NULL ? "" : " ",
                 value == NULL ? "" : value);
        printf("  %-20s %s\n", left, migrate_options_table[i].help);
    }
}

static void usage(FILE *to)
{
    fprintf(to, "Usage: stratslabd migrate ");
    for (size_t i = 0; i < countof(migrate_verbs); i++) fprintf(to, "%s%s", i == 0 ? "" : "|", migrate_verbs[i].name);
    fprintf(to, " [options]\n");
}

static void help(void)
{
    usage(stdout);
    printf("\nMigrations of the database: files in STRATSLAB_MIGRATIONS_DIR, in dbmate's format.\n\n");
    for (size_t i = 0; i < countof(migrate_verbs); i++)
        printf("  %-8s %s\n", migrate_verbs[i].name, migrate_verbs[i].summary);
    printf("\nstratslabd migrate VERB --help says more. Exit status: 0 done, 64 usage, 65 a migration failed, 69 the "
           "database is\n"
           "out of reach or refuses, 71 the system refused, 75 the lock, or wait, timed out, 78 a setting is "
           "wrong.\n");
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0 || strcmp(arg, "help") == 0;
}

/* One argument that begins with a dash, at argv[*at]; its value may be the next one. */
static int parse_option(struct migrate_call *call, int argc, char **argv, int *at, struct error *err)
{
    const char *arg = argv[*at];
    const char *equals = strchr(arg, '=');
    struct slice name = {arg, equals == NULL ? strlen(arg) : (size_t)(equals - arg)};

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((call->verb->options & OPTION_BIT(i)) == 0 || !slice_is(name, migrate_options_table[i].name)) continue;
        if (migrate_options_table[i].value == NULL) {
            if (equals != NULL) return error_set(err, ERROR_USAGE, "%.*s takes no value", SLICE_FMT(name));
            call->options[i] = "";
        } else if (equals != NULL) {
            call->options[i] = equals + 1;
        } else if (*at + 1 < argc) {
            call->options[i] = argv[++*at];
        } else {
            return error_set(err, ERROR_USAGE, "%s needs its %s", arg, migrate_options_table[i].value);
        }
        return 0;
    }
    return error_set(err, ERROR_USAGE, "unknown option %s", arg);
}

static int parse(struct migrate_call *call, int argc, char **argv, struct error *err)
{
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (parse_option(call, argc, argv, &i, err) != 0) return -1;
        } else if (call->verb->argument == NULL || call->argument != NULL) {
            return error_set(err, ERROR_USAGE, "unexpected argument %s", argv[i]);
        } else {
            call->argument = argv[i];
        }
    }
    if (call->verb->argument != NULL && call->argument == NULL)
        return error_set(err, ERROR_USAGE, "needs its %s", call->verb->argument);
    return 0;
}

static int perform(struct migrate_call *call, struct error *err)
{
    const struct migrate_verb *verb = call->verb;
    int outcome = 0;

    if (verb->need >= NEED_FILES) outcome = migrate_files_load(call->conf->migrations.dir, &call->files, err);
    if (outcome == 0 && verb->need >= NEED_SESSION) {
        struct migrate_options options = command_migrate_options(call->conf);

        if (verb->need != NEED_PATIENT_SESSION) options.boot_timeout_ms = 0;
        options.say = say_on_terminal;
        options.say_arg = call;
        outcome = migrate_session_open(&options, &call->session, err);
    }
    if (outcome == 0) outcome = verb->run(call, err);
    migrate_session_close(call->session);
    migrate_files_free(call->files);
    return outcome;
}

static const struct migrate_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < countof(migrate_verbs); i++) {
        if (strcmp(migrate_verbs[i].name, name) == 0) return &migrate_verbs[i];
    }
    return NULL;
}

int command_migrate(const struct command_context *context, int argc, char **argv)
{
    struct error err = {0};

    if (argc < 2 || is_help(argv[1])) {
        if (argc >= 2) {
            help();
            return COMMAND_OK;
        }
        usage(stderr);
        return COMMAND_USAGE;
    }
    const struct migrate_verb *verb = find_verb(argv[1]);

    if (verb == NULL) {
        fprintf(stderr, "stratslabd migrate: unknown verb %s\n", argv[1]);
        usage(stderr);
        return COMMAND_USAGE;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        verb_help(verb);
        return COMMAND_OK;
    }
    struct migrate_call call = {.conf = context->conf, .verb = verb};

    if (parse(&call, argc, argv, &err) != 0) {
        fprintf(stderr, "stratslabd migrate %s: %s\n", verb->name, err.message);
        verb_usage(verb, stderr);
        return COMMAND_USAGE;
    }
    int outcome = perform(&call, &err);

    if (outcome >= 0) return fflush(stdout) == 0 ? outcome : COMMAND_SYSTEM;
    fflush(stdout);
    /* What is wrong with a file begins with its name, where editors look for it. */
    bool of_file = err.code == ERROR_FAILED || err.code == ERROR_INVALID;

    if (!of_file) fprintf(stderr, "stratslabd migrate %s: ", verb->name);
    fprintf(stderr, "%s\n", err.message);
    return command_exit_of(&err);
}

/* A line of the log each, so that the excerpt of the file stays readable. */
static void log_lines(const struct error *err)
{
    struct slice rest = slice_of(err->message);
    bool first = true;

    while (rest.data != NULL) {
        log_error(first ? "migration failed" : "migrate", LOG_SLICE("what", slice_cut(&rest, '\n')));
        first = false;
    }
}

int command_migrate_boot(const struct command_context *context)
{
    struct migrate_options options = command_migrate_options(context->conf);
    struct migrate_files *files = NULL;
    struct migrate_session *session = NULL;
    struct error err = {0};
    size_t applied = 0;

    options.say = say_to_log;
    int outcome = migrate_files_load(context->conf->migrations.dir, &files, &err);

    if (outcome == 0) outcome = migrate_session_open(&options, &session, &err);
    if (outcome == 0) outcome = migrate_up(session, files, NULL, false, &applied, &err);
    if (outcome == 0) log_info("schema is up to date", LOG_UINT("applied", applied));
    if (outcome != 0) log_lines(&err);
    migrate_session_close(session);
    migrate_files_free(files);
    return outcome == 0 ? COMMAND_OK : command_exit_of(&err);
}
