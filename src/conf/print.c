/* What is set, for people and programs, and the sample file. */
#include <stdio.h>

#include "conf/internal.h"

enum { CONF_VALUE_COLUMNS = 64, CONF_HELP_COLUMNS = 98 };

static bool conf_has_database_url(const struct conf_state *state)
{
    return state->database.given_url[0] != '\0';
}

static void conf_value_show(const struct conf_state *state, size_t index, struct buf *out)
{
    if (index == CONF_DATABASE_URL) {
        conf_database_mask(slice_of(state->conf.database.url), out);
    } else if (index == CONF_MIGRATE_DATABASE_URL && state->conf.migrations.own_role) {
        conf_database_mask(slice_of(state->conf.migrations.url), out);
    } else {
        conf_value_print(state, &conf_table[index], out);
    }
}

static void conf_source_show(const struct conf_state *state, size_t index, struct buf *out)
{
    const struct conf_origin *origin = &state->origins[index];

    if (index == CONF_DATABASE_URL && !conf_has_database_url(state)) {
        buf_add_str(out, "made from POSTGRES_HOST and the other POSTGRES_* settings");
        return;
    }
    if (index == CONF_MIGRATE_DATABASE_URL && origin->where == NULL) {
        buf_add_str(out, state->conf.migrations.own_role ? "made from MIGRATE_POSTGRES_USER, POSTGRES_HOST and the like"
                                                         : "default: DATABASE_URL is used");
        return;
    }
    buf_add_str(out, origin->where == NULL ? "default" : origin->where);
    if (origin->where == NULL && origin->why != NULL) buf_printf(out, ": %s", origin->why);
    if (origin->file_path != NULL) buf_printf(out, ", from %s", origin->file_path);
    if (origin->link) buf_add_str(out, "; that of the environment is an orchestrator's, and passed over");
    if (index == CONF_CONFIG && state->conf.config_missing) buf_add_str(out, ", there is no such file");
    if (conf_is_database_part(index) && conf_has_database_url(state)) {
        buf_add_str(out, ", not used: DATABASE_URL is set");
    }
}

void conf_print_source(const struct conf *conf, const char *name, struct buf *out)
{
    conf_source_show(conf->state, (size_t)conf_find(slice_of(name)), out);
}

/* As it would stand in a settings file. */
static void conf_add_file_value(struct buf *out, struct slice value)
{
    bool quoted = false;

    for (size_t i = 0; i < value.len; i++) quoted = quoted || strchr(" \t#'\"\\", value.data[i]) != NULL;
    if (!quoted) {
        buf_add_slice(out, value);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '"' || value.data[i] == '\\') buf_add_char(out, '\\');
        buf_add_char(out, value.data[i]);
    }
    buf_add_char(out, '"');
}

void conf_print_text(const struct conf *conf, struct buf *out)
{
    const struct conf_state *state = conf->state;
    struct buf value = {0}, line = {0};

    for (size_t i = 0; (i = conf_next(conf->program, i)) < conf_setting_count(); i++) {
        buf_reset(&value);
        buf_reset(&line);
        conf_value_show(state, i, &value);
        buf_printf(&line, "%s=", conf_table[i].name);
        conf_add_file_value(&line, buf_slice(&value));
        buf_printf(out, "%-*s # ", CONF_VALUE_COLUMNS, buf_cstr(&line));
        conf_source_show(state, i, out);
        buf_add_char(out, '\n');
    }
    buf_clear(&value);
    buf_clear(&line);
    for (size_t i = 0; i < conf->links.count; i++) {
        buf_printf(out, "# passed over, because an orchestrator sets it: %s\n", conf->links.items[i]);
    }
    if (conf->newer_passed[0] != '\0') {
        buf_printf(out, "# passed over, because STRATSLAB_NEWER_SETTINGS lists it: %s\n", conf->newer_passed);
    }
}

void conf_export(const struct conf *conf, struct buf *out)
{
    const struct conf_state *state = conf->state;

    for (size_t i = 0; (i = conf_next(conf->program, i)) < conf_setting_count(); i++) {
        struct buf value = {0};

        if (i == CONF_CONFIG || conf_is_database_part(i) || conf_table[i].is_owners) continue;
        if (i == CONF_DATABASE_URL) {
            buf_add_str(&value, conf->database.url);
        } else {
            conf_value_print(state, &conf_table[i], &value);
        }
        if (value.len > 0) {
            buf_printf(out, "%s=%s", conf_table[i].name, buf_cstr(&value));
            buf_add_char(out, '\0');
        }
        buf_clear(&value);
    }
    buf_printf(out, "%s=/dev/null", conf_table[CONF_CONFIG].name);
    buf_add_char(out, '\0');
}

void conf_print_json(const struct conf *conf, struct buf *out)
{
    const struct conf_state *state = conf->state;
    struct buf text = {0};

    buf_add_str(out, "{\"database\":");
    buf_add_json(out, slice_of(conf->database.label));
    buf_add_str(out, ",\"settings\":[");
    for (size_t i = 0; (i = conf_next(conf->program, i)) < conf_setting_count(); i++) {
        const struct conf_setting *setting = &conf_table[i];

        buf_printf(out, "%s{\"name\":\"%s\",\"value\":", i == 0 ? "" : ",", setting->name);
        buf_reset(&text);
        conf_value_show(state, i, &text);
        if (setting->type == CONF_TYPE_NUMBER && setting->unit == CONF_UNIT_ONE) {
            buf_add_slice(out, buf_slice(&text));
        } else if (setting->type == CONF_TYPE_BOOLEAN) {
            buf_add_str(out, slice_is(buf_slice(&text), "on") ? "true" : "false");
        } else {
            buf_add_json(out, buf_slice(&text));
        }
        buf_add_str(out, ",\"source\":");
        buf_reset(&text);
        conf_source_show(state, i, &text);
        buf_add_json(out, buf_slice(&text));
        buf_printf(out, ",\"secret\":%s,\"reloadable\":%s}", setting->secret ? "true" : "false",
                   setting->reloadable ? "true" : "false");
    }
    buf_add_str(out, "],\"passed_over\":[");
    for (size_t i = 0; i < conf->links.count; i++) {
        if (i > 0) buf_add_char(out, ',');
        buf_add_json(out, slice_of(conf->links.items[i]));
    }
    buf_add_str(out, "]}\n");
    buf_clear(&text);
}

/* `text` in lines that begin with "# ", broken at spaces. */
static void conf_add_comment(struct buf *out, struct slice text)
{
    size_t column = 0;

    while (text.data != NULL) {
        struct slice word = slice_cut(&text, ' ');

        if (column > 0 && column + 1 + word.len > CONF_HELP_COLUMNS) {
            buf_add_char(out, '\n');
            column = 0;
        }
        buf_add_str(out, column == 0 ? "# " : " ");
        buf_add_slice(out, word);
        column += word.len + (column == 0 ? 2 : 1);
    }
    buf_add_char(out, '\n');
}

static void conf_add_sample(struct buf *out, const struct conf_setting *setting, enum conf_program program)
{
    struct buf about = {0};

    buf_add_char(out, '\n');
    conf_add_comment(out, slice_of(conf_help(setting, program)));
    if (setting->outside_file) {
        conf_add_comment(out, SLICE_LIT("Only in the environment or on the command line."));
        buf_printf(out, "# %s\n", setting->name);
        return;
    }
    buf_add_str(&about, conf_type_text(setting));
    conf_range_print(setting, &about);
    if (setting->file_variant) buf_printf(&about, "; %s_FILE names a file that holds it", setting->name);
    if (!setting->reloadable) buf_add_str(&about, "; takes a restart");
    buf_add_str(out, "# (");
    buf_add_slice(out, buf_slice(&about));
    buf_printf(out, ")\n#%s=", setting->name);
    conf_add_file_value(out, slice_of(setting->defaults[program]));
    buf_add_char(out, '\n');
    buf_clear(&about);
}

void conf_print_sample(enum conf_program program, struct buf *out)
{
    const char *name = conf_program_name(program);

    buf_printf(out,
               "# Settings of %s: lines NAME=VALUE, with quotes around values that hold spaces or #.\n"
               "# The same names in the environment go before this file, and --set NAME=VALUE before both.\n"
               "# Each setting stands here with its default. `%s config` shows what is in force.\n"
               "# Made by `%s config --sample`.\n",
               name, name, name);
    for (size_t i = 0; (i = conf_next(program, i)) < conf_setting_count(); i++) {
        conf_add_sample(out, &conf_table[i], program);
    }
}

struct conf_setting_info conf_setting_info(enum conf_program program, size_t index)
{
    const struct conf_setting *s = &conf_table[index];
    struct conf_setting_info info = {
        .name = s->name,
        .type = conf_type_text(s),
        .default_text = s->defaults[program],
        .help = conf_help(s, program),
        .secret = s->secret,
        .file_variant = s->file_variant,
        .reloadable = s->reloadable,
    };
    struct buf range = {0};
    struct slice text;

    conf_range_print(s, &range);
    text = slice_trim(buf_slice(&range));
    if (text.len >= sizeof(info.range)) text.len = sizeof(info.range) - 1;
    if (text.len > 0) memcpy(info.range, text.data, text.len);
    buf_clear(&range);
    return info;
}
