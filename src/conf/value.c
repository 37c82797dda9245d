/* Text to value and back, type by type. */
#include <inttypes.h>

#include "base/number.h"
#include "conf/internal.h"

/* What a type is called, how its text is read and written. Readers store at `at`, inside struct conf_state. */
struct conf_type_row {
    const char *text;
    bool (*set)(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                struct buf *why);
    void (*print)(const struct conf_setting *setting, const void *at, struct buf *out);
};

static bool conf_text_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                          struct buf *why)
{
    const char *value = arena_copy(conf_arena(state, setting), text).data;

    if (memchr(text.data, '\0', text.len) != NULL) {
        buf_add_str(why, "holds a NUL byte");
        return false;
    }
    if (setting->type == CONF_TYPE_PATH && text.len == 0 && !setting->may_be_none) {
        buf_add_str(why, "is empty");
        return false;
    }
    *(const char **)at = value;
    return true;
}

static bool conf_database_url_set(struct conf_state *state, const struct conf_setting *setting, struct slice text,
                                  void *at, struct buf *why)
{
    if (text.len > 0 && !conf_database_check(text, why)) return false;
    return conf_text_set(state, setting, text, at, why);
}

static void conf_text_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    const char *value = *(const char *const *)at;

    if (setting->secret && setting->type == CONF_TYPE_DATABASE_URL) {
        conf_database_mask(slice_of(value), out);
    } else {
        buf_add_str(out, setting->secret && value[0] != '\0' ? "***" : value);
    }
}

static bool conf_boolean_find(struct slice text, bool *ret_value)
{
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"on", true},  {"off", false}, {"true", true}, {"false", false},
                 {"yes", true}, {"no", false},  {"1", true},    {"0", false}};

    for (size_t i = 0; i < countof(words); i++) {
        if (!slice_is_nocase(text, words[i].text)) continue;
        *ret_value = words[i].value;
        return true;
    }
    return false;
}

static bool conf_boolean_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                             struct buf *why)
{
    (void)state, (void)setting;
    if (conf_boolean_find(text, at)) return true;
    return conf_refuse(text, "is not on or off (true, false, yes, no, 1 and 0 are accepted too)", why);
}

static void conf_boolean_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    (void)setting;
    buf_add_str(out, *(const bool *)at ? "on" : "off");
}

static bool conf_choice_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                            struct buf *why)
{
    struct slice rest = slice_of(setting->choices);

    (void)state;
    for (unsigned place = 0; rest.data != NULL; place++) {
        if (!slice_eq(slice_trim(slice_cut(&rest, ',')), text)) continue;
        memcpy(at, &place, sizeof(place));
        return true;
    }

    conf_refusal(text, "is not", why);
    buf_printf(why, " %s", setting->choices_info);
    return false;
}

static void conf_choice_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    struct slice rest = slice_of(setting->choices), choice;
    unsigned place;

    memcpy(&place, at, sizeof(place));
    do choice = slice_trim(slice_cut(&rest, ','));
    while (place-- > 0);
    buf_add_slice(out, choice);
}

static void conf_ones_print(uint64_t value, struct buf *out)
{
    buf_printf(out, "%" PRIu64, value);
}

static void conf_ms_print(uint64_t value, struct buf *out)
{
    char text[NUMBER_UNIT_TEXT_BYTES];

    number_format_duration_ms(value, text);
    buf_printf(out, "%s%s", text, value == 0 ? "s" : "");
}

static void conf_bytes_print(uint64_t value, struct buf *out)
{
    char text[NUMBER_UNIT_TEXT_BYTES];

    number_format_bytes(value, text);
    buf_add_str(out, text);
}

/* Permissions of a file, as chmod(1) takes them: three or four octal digits. */
static bool conf_mode_parse(struct slice text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.len < 3 || text.len > 4) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '7') return false;
        value = value * 8 + (uint64_t)(text.data[i] - '0');
    }
    *ret_value = value;
    return true;
}

static void conf_mode_print(uint64_t value, struct buf *out)
{
    buf_printf(out, "0%03" PRIo64, value);
}

/* A unit of numbers: how its text is read and written, and what the type is called. */
static const struct conf_unit_row {
    const char *text;
    const char *refusal; /* a range follows */
    bool (*parse)(struct slice text, uint64_t *ret_value);
    void (*print)(uint64_t value, struct buf *out);
} conf_units[] = {
    [CONF_UNIT_ONE] = {"integer", "is not an integer", number_parse_u64, conf_ones_print},
    [CONF_UNIT_MS] = {"duration", "is not a duration (500ms, 5s, 10min)", number_parse_duration_ms, conf_ms_print},
    [CONF_UNIT_BYTE] = {"size", "is not a size (512, 16KiB, 1MiB)", number_parse_bytes, conf_bytes_print},
    [CONF_UNIT_MODE] = {"file mode", "is not a file mode of three or four octal digits (0660)", conf_mode_parse,
                        conf_mode_print},
};

static bool conf_number_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                            struct buf *why)
{
    const struct conf_unit_row *unit = &conf_units[setting->unit];
    uint64_t value;

    (void)state;
    if (!unit->parse(text, &value) || value < setting->min || value > setting->max) {
        conf_refusal(text, unit->refusal, why);
        conf_range_print(setting, why);
        return false;
    }
    /* row.h has seen that the member is one of these, and holds the range. */
    if (setting->width == sizeof(unsigned)) {
        *(unsigned *)at = (unsigned)value;
    } else {
        *(unsigned long *)at = (unsigned long)value;
    }
    return true;
}

static void conf_number_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    const uint64_t value = setting->width == sizeof(unsigned) ? *(const unsigned *)at : *(const unsigned long *)at;

    conf_units[setting->unit].print(value, out);
}

static bool conf_addresses_set(struct conf_state *state, const struct conf_setting *setting, struct slice text,
                               void *at, struct buf *why)
{
    struct conf_addresses addresses = {0};

    if (!setting->may_be_none || !(text.len == 0 || slice_is(text, "off"))) {
        if (!conf_addresses_parse(state->arena, text, &addresses, why)) return false;
    }
    *(struct conf_addresses *)at = addresses;
    return true;
}

static void conf_addresses_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    const struct conf_addresses *addresses = at;

    (void)setting;
    for (size_t i = 0; i < addresses->count; i++) buf_printf(out, "%s%s", i == 0 ? "" : ",", addresses->items[i].text);
    if (addresses->count == 0) buf_add_str(out, "off");
}

/* Segments of unreserved characters (RFC 3986 section 2.3), none of them empty or a dot. */
static bool conf_is_url_path(struct slice text)
{
    if (text.len == 0 || text.data[0] != '/') return false;
    text.data++, text.len--;
    while (text.data != NULL) {
        const struct slice segment = slice_cut(&text, '/');

        if (segment.len == 0 || slice_is(segment, ".") || slice_is(segment, "..")) return false;
        for (size_t i = 0; i < segment.len; i++) {
            const char c = segment.data[i];
            const bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

            if (!alphanumeric && c != '-' && c != '.' && c != '_' && c != '~') return false;
        }
    }
    return true;
}

static bool conf_url_path_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                              struct buf *why)
{
    if (slice_is(text, "off")) {
        *(const char **)at = NULL;
        return true;
    }
    if (!conf_is_url_path(text)) return conf_refuse(text, "is neither a path of a URL (/name) nor off", why);
    return conf_text_set(state, setting, text, at, why);
}

static void conf_url_path_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    const char *value = *(const char *const *)at;

    (void)setting;
    buf_add_str(out, value == NULL ? "off" : value);
}

/* "0." and up to six digits, not all of them zero, in millionths; 0 if it is not that. */
static unsigned conf_share_parse(struct slice text)
{
    unsigned share = 0;

    if (text.len < 3 || text.len > 8 || memcmp(text.data, "0.", 2) != 0) return 0;
    for (size_t i = 2; i < 8; i++) {
        char digit = i < text.len ? text.data[i] : '0';

        if (digit < '0' || digit > '9') return 0;
        share = share * 10 + (unsigned)(digit - '0');
    }
    return share;
}

static bool conf_share_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                           struct buf *why)
{
    unsigned share = conf_share_parse(text);
    bool all;

    (void)state, (void)setting;
    if (slice_is_nocase(text, "errors")) {
        share = CONF_SHARE_NONE;
    } else if (conf_boolean_find(text, &all)) {
        share = all ? CONF_SHARE_ALL : CONF_SHARE_OFF;
    } else if (share == 0) {
        return conf_refuse(text, "is not on, off, errors or a share of at most six digits such as 0.01", why);
    }
    *(unsigned *)at = share;
    return true;
}

static void conf_share_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    unsigned share = *(const unsigned *)at;

    (void)setting;
    switch (share) {
    case CONF_SHARE_NONE:
        buf_add_str(out, "errors");
        return;
    case CONF_SHARE_ALL:
        buf_add_str(out, "on");
        return;
    case CONF_SHARE_OFF:
        buf_add_str(out, "off");
        return;
    }
    buf_printf(out, "0.%06u", share);
    while (out->data[out->len - 1] == '0') out->len--;
}

static bool conf_names_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, void *at,
                           struct buf *why)
{
    struct conf_names names = {0};

    if (!(setting->type == CONF_TYPE_ORIGINS ? conf_origins_parse : conf_hosts_parse)(state->arena, text, &names, why))
        return false;
    *(struct conf_names *)at = names;
    return true;
}

static void conf_names_print(const struct conf_setting *setting, const void *at, struct buf *out)
{
    const struct conf_names *names = at;

    (void)setting;
    for (size_t i = 0; i < names->count; i++) buf_printf(out, "%s%s", i == 0 ? "" : ",", names->items[i]);
}

static const struct conf_type_row conf_types[] = {
    [CONF_TYPE_TEXT] = {"text", conf_text_set, conf_text_print},
    [CONF_TYPE_PATH] = {"path", conf_text_set, conf_text_print},
    [CONF_TYPE_DATABASE_URL] = {"database URL", conf_database_url_set, conf_text_print},
    [CONF_TYPE_BOOLEAN] = {"on or off", conf_boolean_set, conf_boolean_print},
    [CONF_TYPE_CHOICE] = {"one of", conf_choice_set, conf_choice_print},
    [CONF_TYPE_NUMBER] = {"number", conf_number_set, conf_number_print},
    [CONF_TYPE_ADDRESSES] = {"address list", conf_addresses_set, conf_addresses_print},
    [CONF_TYPE_URL_PATH] = {"URL path", conf_url_path_set, conf_url_path_print},
    [CONF_TYPE_SHARE] = {"on, off, errors, or a share such as 0.01", conf_share_set, conf_share_print},
    [CONF_TYPE_ORIGINS] = {"list of origins", conf_names_set, conf_names_print},
    [CONF_TYPE_HOSTS] = {"list of host names", conf_names_set, conf_names_print},
};

const char *conf_type_text(const struct conf_setting *setting)
{
    switch (setting->type) {
    case CONF_TYPE_CHOICE:
        return setting->choices_info;
    case CONF_TYPE_NUMBER:
        return conf_units[setting->unit].text;
    default:
        return conf_types[setting->type].text;
    }
}

void conf_range_print(const struct conf_setting *setting, struct buf *out)
{
    if (setting->type != CONF_TYPE_NUMBER) return;
    buf_add_str(out, " from ");
    conf_units[setting->unit].print(setting->min, out);
    buf_add_str(out, " to ");
    conf_units[setting->unit].print(setting->max, out);
}

bool conf_value_set(struct conf_state *state, const struct conf_setting *setting, struct slice text, struct buf *why)
{
    return conf_types[setting->type].set(state, setting, text, (char *)state + setting->offset, why);
}

void conf_value_print(const struct conf_state *state, const struct conf_setting *setting, struct buf *out)
{
    conf_types[setting->type].print(setting, (const char *)state + setting->offset, out);
}
