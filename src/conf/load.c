/* From the sources to a snapshot, collecting everything that is wrong on the way. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/internal.h"

/* Where a value stands: by itself, or in a file that NAME_FILE names. */
enum conf_variant { CONF_PLAIN, CONF_FROM_FILE, CONF_VARIANTS };

/* Whether a problem counts. */
enum conf_judged {
    CONF_JUDGED = 'a',
    CONF_JUDGED_WITHOUT_URL = 'p',
    CONF_JUDGED_UNLESS_NEWER = 'n', /* NAME and "=" follow, then the line */
};

struct conf_loader {
    struct conf_state *state;
    struct arena *scratch;   /* what the sources hold, and nobody needs afterwards */
    struct buf problems;     /* each an enum conf_judged, a line and a NUL */
    enum conf_judged judged; /* what is read now */
    bool url_given;          /* something gives DATABASE_URL, good or bad */
    bool shared;             /* the present source may be meant for other programs as well */
    const char *given[CONF_SETTINGS_MAX][CONF_VARIANTS]; /* where the present source gave it; NULL: not yet */
    const char **links;                                  /* for the snapshot, while it grows */
};

static const char conf_prefix[] = "STRATSLAB_";
static const char conf_file_suffix[] = "_FILE";
/* Nobody's settings: variables of the tests, and of scripts/dev.sh. */
static const char *const conf_foreign_prefixes[] = {"STRATSLAB_TEST_", "STRATSLAB_DEV_"};

static void conf_problem(struct conf_loader *l, const char *where, struct slice name, const char *fmt, ...)
    ATTR_PRINTF(4, 5);

static void conf_problem(struct conf_loader *l, const char *where, struct slice name, const char *fmt, ...)
{
    va_list ap;
    char *what = NULL;

    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0) mem_die(0);
    va_end(ap);
    buf_printf(&l->problems, "%c%s: ", l->judged, where);
    if (name.len > 0) buf_printf(&l->problems, "%.*s: ", SLICE_FMT(name));
    buf_add_str(&l->problems, what);
    buf_add_char(&l->problems, '\0');
    free(what);
}

/* Validates and stores; `path` is the file that held the value, or NULL. */
static void conf_loader_set(struct conf_loader *l, size_t index, const char *where, struct slice name,
                            struct slice value, const char *path)
{
    struct buf why = {0};

    if (conf_value_set(l->state, &conf_table[index], value, &why)) {
        l->state->origins[index] = (struct conf_origin){.where = where, .file_path = path};
    } else {
        conf_problem(l, where, name, "%s%s%s", path == NULL ? "" : path, path == NULL ? "" : ": ", buf_cstr(&why));
    }
    buf_clear(&why);
}

static void conf_loader_set_from_file(struct conf_loader *l, size_t index, const char *where, struct slice name,
                                      struct slice path_text)
{
    const char *path = arena_copy(l->state->arena, path_text).data;
    struct slice value;
    int error;

    if (!conf_file_read(l->scratch, path, &value, &error)) {
        conf_problem(l, where, name, "cannot read %s: %s", path, strerror(error));
        return;
    }
    /* All of them, and carriage returns: a shell's $(<file) and then initdb, by which PostgreSQL's image reads its
     * password, take the same from the file. */
    while (value.len > 0 && (value.data[value.len - 1] == '\n' || value.data[value.len - 1] == '\r')) value.len--;
    if (value.len == 0) {
        conf_problem(l, where, name, "%s is empty", path);
        return;
    }
    conf_loader_set(l, index, where, name, value, path);
}

static bool conf_begins_with(struct slice name, const char *prefix)
{
    return name.len >= strlen(prefix) && memcmp(name.data, prefix, strlen(prefix)) == 0;
}

static bool conf_is_foreign(struct slice name)
{
    for (size_t i = 0; i < countof(conf_foreign_prefixes); i++) {
        if (conf_begins_with(name, conf_foreign_prefixes[i])) return true;
    }
    return false;
}

/* A setting of the other program: nothing to us if it may be meant for it. Returns whether it is one. */
static bool conf_loader_skip(struct conf_loader *l, const char *where, struct slice name, size_t index)
{
    const enum conf_program program = l->state->conf.program;
    unsigned other = 0;

    if (conf_table[index].defaults[program] != NULL) return false;
    while (conf_table[index].defaults[other] == NULL) other++;
    if (!l->shared) {
        conf_problem(l, where, name, "is a setting of %s, not of %s", conf_program_name(other),
                     conf_program_name(program));
    }
    return true;
}

static void conf_problem_unknown(struct conf_loader *l, const char *where, struct slice name)
{
    const char *near = conf_is_foreign(name) ? NULL : conf_suggest(name);

    if (l->shared) {
        buf_printf(&l->problems, "%c%.*s=", CONF_JUDGED_UNLESS_NEWER, SLICE_FMT(name)); /* names have no "=" in them */
    } else {
        buf_add_char(&l->problems, CONF_JUDGED);
    }
    buf_printf(&l->problems, "%s: ", where);
    conf_quote(name, &l->problems);
    buf_add_str(&l->problems, " is not a setting");
    if (near != NULL) {
        buf_printf(&l->problems, "; did you mean %s?", near);
    } else if (l->shared && conf_begins_with(name, conf_prefix)) {
        buf_printf(&l->problems, "; if it is one of a newer version, list it in %s",
                   conf_table[CONF_NEWER_SETTINGS].name);
    }
    buf_add_char(&l->problems, '\0');
}

/* The setting that `name` means, and how it gives the value; -1, after saying so, if there is none, and without a
 * word if it is not meant for this program. */
static int conf_loader_find(struct conf_loader *l, const char *where, struct slice name, enum conf_variant *ret_variant)
{
    size_t suffix = strlen(conf_file_suffix);
    bool is_file = name.len > suffix && memcmp(name.data + name.len - suffix, conf_file_suffix, suffix) == 0;
    int index = conf_find(name);
    int base = is_file ? conf_find((struct slice){name.data, name.len - suffix}) : -1;

    *ret_variant = index < 0 ? CONF_FROM_FILE : CONF_PLAIN;
    if (index < 0 && base < 0 && l->shared && conf_is_foreign(name)) return -1;
    if ((index >= 0 || base >= 0) && conf_loader_skip(l, where, name, (size_t)(index >= 0 ? index : base))) {
        return -1;
    }
    if (index >= 0) return index;
    if (base >= 0 && conf_table[base].file_variant) return base;
    if (base >= 0) {
        conf_problem(l, where, name, "%s cannot be read from a file", conf_table[base].name);
    } else {
        conf_problem_unknown(l, where, name);
    }
    return -1;
}

/* Call it before a value of the setting is judged. */
static void conf_loader_judge(struct conf_loader *l, size_t index, struct slice value)
{
    if (index == CONF_DATABASE_URL && value.len > 0) l->url_given = true;
    l->judged = conf_is_database_part(index) ? CONF_JUDGED_WITHOUT_URL : CONF_JUDGED;
}

/* One NAME and VALUE of a source. `again` says what a second one in the same source is. */
enum conf_repeat { CONF_REPEAT_IS_WRONG, CONF_REPEAT_IS_IGNORED, CONF_REPEAT_WINS };

static void conf_loader_take(struct conf_loader *l, const char *where, struct slice name, struct slice value,
                             enum conf_repeat again)
{
    enum conf_variant variant;
    int index = conf_loader_find(l, where, name, &variant);
    const char **given = index < 0 ? NULL : l->given[index];

    if (index < 0) return;
    conf_loader_judge(l, (size_t)index, value);
    if (value.len == 0 && (conf_table[index].empty_is_absent || variant == CONF_FROM_FILE)) return;
    if (given[variant] != NULL && again == CONF_REPEAT_IS_IGNORED) return;
    if (given[variant] != NULL && again == CONF_REPEAT_IS_WRONG) {
        conf_problem(l, where, name, "is set already, at %s", given[variant]);
        return;
    }
    if (given[CONF_VARIANTS - 1 - variant] != NULL) {
        conf_problem(l, where, name, "%s and %s%s are both set; only one of them may be", conf_table[index].name,
                     conf_table[index].name, conf_file_suffix);
        return;
    }
    given[variant] = where;
    if (variant == CONF_FROM_FILE) {
        conf_loader_set_from_file(l, (size_t)index, where, name, value);
    } else {
        conf_loader_set(l, (size_t)index, where, name, value, NULL);
    }
}

static void conf_loader_assign(struct conf_loader *l, const char *where, struct slice name, struct slice value,
                               enum conf_repeat again)
{
    conf_loader_take(l, where, name, value, again);
    l->judged = CONF_JUDGED;
}

static void conf_loader_next_source(struct conf_loader *l, bool shared)
{
    l->shared = shared;
    memset(l->given, 0, sizeof(l->given));
}

static void conf_loader_file(struct conf_loader *l, const char *path, struct slice text)
{
    struct arena *arena = l->state->arena;
    struct conf_lines lines;

    conf_loader_next_source(l, true);
    conf_file_parse(l->scratch, text, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        const struct conf_line *line = &lines.items[i];
        const char *where = arena_printf(arena, "%s:%u", path, line->number);

        if (line->problem != NULL) {
            conf_problem(l, where, SLICE_NONE, "%s", line->problem);
        } else if (slice_is(line->name, conf_table[CONF_CONFIG].name)) {
            conf_problem(l, where, line->name, "cannot be set in the settings file, because it names that file");
        } else {
            conf_loader_assign(l, where, line->name, line->value, CONF_REPEAT_IS_WRONG);
        }
    }
}

/* Other programs' variables are not our business: only known names count, and all that begin with our prefix. */
static bool conf_is_ours(struct slice name)
{
    size_t suffix = strlen(conf_file_suffix);
    bool is_file = name.len > suffix && memcmp(name.data + name.len - suffix, conf_file_suffix, suffix) == 0;

    if (conf_begins_with(name, conf_prefix)) return true;
    return conf_find(name) >= 0 || (is_file && conf_find((struct slice){name.data, name.len - suffix}) >= 0);
}

static void conf_loader_pass_over(struct conf_loader *l, struct slice name)
{
    struct conf_names *links = &l->state->conf.links;
    const int index = conf_find(name);

    if (index >= 0) l->state->origins[index].link = true;
    l->links[links->count++] = arena_copy(l->state->arena, name).data;
}

static void conf_loader_environment(struct conf_loader *l, const char *const *environ_list)
{
    size_t count = 0;

    while (environ_list[count] != NULL) count++;
    l->links = arena_zalloc(l->state->arena, (count + 1) * sizeof(*l->links));
    l->state->conf.links.items = l->links;
    conf_loader_next_source(l, true);
    for (size_t i = 0; i < count; i++) {
        struct slice value = slice_of(environ_list[i]);
        struct slice name = slice_cut(&value, '=');

        if (value.data == NULL || !conf_is_ours(name)) continue;
        if (conf_is_link(name, value, environ_list)) {
            conf_loader_pass_over(l, name);
        } else {
            conf_loader_assign(l, "environment", name, value, CONF_REPEAT_IS_IGNORED);
        }
    }
}

static const char *conf_variable(const char *const *environ_list, const char *name)
{
    size_t len = strlen(name);

    for (; *environ_list != NULL; environ_list++) {
        if (strncmp(*environ_list, name, len) == 0 && (*environ_list)[len] == '=') return *environ_list + len + 1;
    }
    return NULL;
}

/* What the unit's LoadCredential= put there, each in a file called as the setting. */
static void conf_loader_credentials(struct conf_loader *l, const char *const *environ_list)
{
    const char *folder = conf_variable(environ_list, "CREDENTIALS_DIRECTORY");

    if (folder == NULL || folder[0] == '\0') return;
    for (size_t i = 0; (i = conf_next(l->state->conf.program, i)) < conf_setting_count(); i++) {
        const char *name = conf_table[i].name;
        const char *path = arena_printf(l->state->arena, "%s/%s", folder, name);

        if (!conf_table[i].file_variant || (access(path, F_OK) != 0 && errno == ENOENT)) continue;
        conf_loader_judge(l, i, slice_of(path));
        conf_loader_set_from_file(l, i, "credential", slice_of(name), slice_of(path));
        l->judged = CONF_JUDGED;
    }
}

static void conf_loader_command_line(struct conf_loader *l, const char *const *sets, size_t count)
{
    conf_loader_next_source(l, false);
    for (size_t i = 0; i < count; i++) {
        struct slice value = slice_of(sets[i]);
        struct slice name = slice_cut(&value, '=');

        if (value.data == NULL || name.len == 0) {
            /* Not shown: it may be a secret whose name was forgotten. */
            conf_problem(l, "--set", SLICE_NONE, "argument %zu is not NAME=VALUE", i + 1);
        } else {
            conf_loader_assign(l, "--set", name, value, CONF_REPEAT_WINS);
        }
    }
}

/* The value of STRATSLAB_CONFIG, which is needed before the sources are read in their order. */
static const char *conf_config_named(const char *const *environ_list, const char *const *sets, size_t count,
                                     const char **ret_where)
{
    const char *name = conf_table[CONF_CONFIG].name;
    size_t len = strlen(name);

    *ret_where = "--set";
    for (size_t i = count; i-- > 0;) {
        if (strncmp(sets[i], name, len) == 0 && sets[i][len] == '=' && sets[i][len + 1] != '\0')
            return sets[i] + len + 1;
    }
    *ret_where = "environment";
    const char *named = conf_variable(environ_list, name);

    return named == NULL || named[0] == '\0' ? NULL : named;
}

static void conf_loader_find_file(struct conf_loader *l, const char *const *environ_list, const char *const *sets,
                                  size_t set_count)
{
    const char *where;
    const char *named = conf_config_named(environ_list, sets, set_count, &where);
    const char *path = named == NULL ? l->state->conf.config_path : named;
    struct slice text;
    int error;

    if (conf_file_read(l->scratch, path, &text, &error)) {
        conf_loader_file(l, path, text);
    } else if (named != NULL) {
        conf_problem(l, where, slice_of(conf_table[CONF_CONFIG].name), "cannot read %s: %s", path, strerror(error));
    } else if (error == ENOENT || error == ENOTDIR) {
        l->state->conf.config_missing = true;
    } else {
        conf_problem(l, path, SLICE_NONE, "cannot read it: %s", strerror(error));
    }
}

static void conf_loader_check_together(struct conf_loader *l)
{
    const struct conf *conf = &l->state->conf;
    const char *where = l->state->origins[CONF_ADMIN_LISTEN].where;

    if (where == NULL) where = l->state->origins[CONF_LISTEN].where;
    for (size_t i = 0; i < conf->admin_listen.count; i++) {
        for (size_t j = 0; j < conf->listen.count; j++) {
            const struct conf_address *one = &conf->admin_listen.items[i];
            const struct conf_address *other = &conf->listen.items[j];

            if (!conf_addresses_meet(one, other)) continue;
            if (strcmp(one->text, other->text) == 0) {
                conf_problem(l, where, slice_of(conf_table[CONF_ADMIN_LISTEN].name), "%s is also in %s", one->text,
                             conf_table[CONF_LISTEN].name);
            } else {
                conf_problem(l, where, slice_of(conf_table[CONF_ADMIN_LISTEN].name),
                             "%s is listened on already, by %s in %s: choose another port", one->text, other->text,
                             conf_table[CONF_LISTEN].name);
            }
        }
    }
}

/* A body that can never fit would be refused as if that were for now. */
static void conf_loader_check_memory(struct conf_loader *l)
{
    const struct http_limits *http = &l->state->conf.http;
    const int memory = conf_find(SLICE_LIT("STRATSLAB_HTTP_MEMORY"));
    const int body = conf_find(SLICE_LIT("STRATSLAB_HTTP_BODY"));
    struct buf text = {0};

    if (l->state->origins[memory].where == NULL || http->memory_bytes >= 2 * http->body_bytes) return;
    conf_value_print(l->state, &conf_table[body], &text);
    conf_problem(l, l->state->origins[memory].where, slice_of(conf_table[memory].name),
                 "is less than twice %s, which is %s: a body of that size would never be taken", conf_table[body].name,
                 buf_cstr(&text));
    buf_clear(&text);
}

static void conf_loader_check_owner(struct conf_loader *l)
{
    const struct conf_origin *password = &l->state->origins[CONF_MIGRATE_POSTGRES_PASSWORD];

    if (password->where == NULL || l->state->database.migrate.user[0] != '\0') return;
    l->judged = CONF_JUDGED_WITHOUT_URL;
    conf_problem(l, password->where, slice_of(conf_table[CONF_MIGRATE_POSTGRES_PASSWORD].name),
                 "whose password it is, is not set: set %s too", conf_table[CONF_MIGRATE_POSTGRES_USER].name);
    l->judged = CONF_JUDGED;
}

/* Whole lines only, and a word about those for which there is no room. */
static int conf_report(struct buf *lines, struct error *err)
{
    enum { MORE_BYTES = 64 };
    const char *text = buf_cstr(lines);
    size_t len = lines->len, left = 0;

    if (len >= ERROR_MESSAGE_MAX) {
        len = ERROR_MESSAGE_MAX - MORE_BYTES;
        while (len > 0 && text[len] != '\n') len--;
        for (size_t i = len; i < lines->len; i++) left += text[i] == '\n';
    }
    if (left == 0) return error_set(err, ERROR_SETTINGS, "%s", text);
    return error_set(err, ERROR_SETTINGS, "%.*s\n(and %zu more)", (int)len, text, left);
}

/* Whether the name, or that of NAME_FILE, is listed as one of a newer version. */
static bool conf_is_newer(const struct conf_loader *l, struct slice name)
{
    const size_t suffix = strlen(conf_file_suffix);
    struct slice list = slice_of(l->state->newer_settings);
    struct slice word;

    while (conf_item_next(&list, &word)) {
        if (slice_eq(name, word)) return true;
        if (name.len != word.len + suffix) continue;

        const struct slice rest = {name.data + word.len, suffix};

        if (memcmp(name.data, word.data, word.len) == 0 && slice_is(rest, conf_file_suffix)) return true;
    }
    return false;
}

/* The problems that count, a line each. */
static void conf_loader_lines(const struct conf_loader *l, struct buf *out)
{
    struct buf passed = {0};
    struct slice rest = buf_slice(&l->problems);

    while (rest.len > 0) {
        const struct slice problem = slice_cut(&rest, '\0');
        struct slice line = {problem.data + 1, problem.len - 1};

        if (problem.data[0] == CONF_JUDGED_WITHOUT_URL && l->url_given) continue;
        if (problem.data[0] == CONF_JUDGED_UNLESS_NEWER) {
            const struct slice name = slice_cut(&line, '=');

            if (conf_is_newer(l, name)) {
                buf_printf(&passed, "%s%.*s", passed.len == 0 ? "" : " ", SLICE_FMT(name));
                continue;
            }
        }
        if (out->len > 0) buf_add_char(out, '\n');
        buf_add_slice(out, line);
    }
    l->state->conf.newer_passed = arena_copy(l->state->arena, buf_slice(&passed)).data;
    buf_clear(&passed);
}

int conf_load(enum conf_program program, const char *const *environ_list, const char *const *sets, size_t set_count,
              struct conf **ret_conf, struct error *err)
{
    struct conf_state *state = mem_zalloc(sizeof(*state));
    struct conf_loader loader = {.state = state, .judged = CONF_JUDGED};
    struct buf lines = {0};
    int result = 0;

    state->arena = arena_new();
    state->owners = arena_new();
    loader.scratch = arena_new();
    state->conf.state = state;
    state->conf.program = program;
    for (size_t i = 0; i < conf_setting_count(); i++) conf_default_set(state, &conf_table[i]);
    conf_loader_find_file(&loader, environ_list, sets, set_count);
    conf_loader_credentials(&loader, environ_list);
    conf_loader_environment(&loader, environ_list);
    conf_loader_command_line(&loader, sets, set_count);
    for (size_t i = 0; i < conf_setting_count(); i++) {
        if (conf_table[i].late && state->origins[i].where == NULL) conf_default_set(state, &conf_table[i]);
    }
    conf_loader_check_together(&loader);
    conf_loader_check_memory(&loader);
    conf_loader_check_owner(&loader);
    conf_loader_lines(&loader, &lines);
    if (lines.len > 0) {
        result = conf_report(&lines, err);
        conf_free(&state->conf);
    } else {
        conf_database_resolve(state);
        conf_hosts_resolve(state);
        for (size_t i = CONF_DATABASE_URL; i <= CONF_POSTGRES_PASSWORD; i++) {
            if (state->origins[i].where != NULL) state->conf.database.given = true;
        }
        *ret_conf = &state->conf;
    }
    arena_burn(loader.scratch);
    buf_clear(&loader.problems);
    buf_clear(&lines);
    return result;
}

void conf_free(struct conf *conf)
{
    if (conf == NULL) return;

    struct conf_state *state = conf->state;

    arena_free(state->arena);
    arena_burn(state->owners);
    free(state);
}

/* Where the value begins if it is NAME=VALUE of a setting that is the owner's; else NULL. */
static char *conf_owners_value(char *variable)
{
    for (size_t i = 0; i < conf_setting_count(); i++) {
        const size_t len = strlen(conf_table[i].name);

        if (!conf_table[i].is_owners || strncmp(variable, conf_table[i].name, len) != 0) continue;
        if (variable[len] == '=') return variable + len + 1;
    }
    return NULL;
}

void conf_wipe_owners(char *variable)
{
    char *value = conf_owners_value(variable);

    if (value != NULL) explicit_bzero(value, strlen(value));
}

void conf_forget_owner(const struct conf *conf, char *const *environ_list)
{
    struct conf_state *state = conf->state;
    struct conf_migrations *migrations = &state->conf.migrations;

    migrations->url = state->conf.database.url;
    migrations->label = state->conf.database.label;
    migrations->url_setting = "DATABASE_URL";
    migrations->own_role = false;
    state->database.migrate.given_url = "";
    state->database.migrate.user = "";
    state->database.migrate.password = "";
    arena_burn(state->owners);
    state->owners = NULL;
    for (; environ_list != NULL && *environ_list != NULL; environ_list++) conf_wipe_owners(*environ_list);
}
