#include "engine/execution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/distance.h"
#include "base/number.h"
#include "engine/text.h"

static const char *const intrabar_words[] = {"pessimistic", "tradingview", "detail", NULL};
static const char *const limit_fill_words[] = {"touch", "through", NULL};
static const char *const missing_words[] = {"error", "skip", "fill", NULL};

/* clang-format off */
#define NUMBER(name_, member, min, max, default_, help_)                                                     \
    {                                                                                                        \
        .name = (name_), .kind = ENGINE_SETTING_NUMBER, .offset = offsetof(struct engine_execution, member), \
        .minimum = (min), .maximum = (max), .fallback = (default_), .help = (help_)                          \
    }
#define FLAG(name_, member, default_, help_)                                                               \
    {                                                                                                      \
        .name = (name_), .kind = ENGINE_SETTING_FLAG, .offset = offsetof(struct engine_execution, member), \
        .fallback = (default_), .help = (help_)                                                            \
    }
#define WORD(name_, member, words_, default_, help_)                                                       \
    {                                                                                                      \
        .name = (name_), .kind = ENGINE_SETTING_WORD, .offset = offsetof(struct engine_execution, member), \
        .words = (words_), .fallback = (default_), .help = (help_)                                         \
    }
/* clang-format on */

/* Ordered so that the members of one object stand together; the capital is the first. */
static const struct engine_setting settings[] = {
    {.name = "capital",
     .kind = ENGINE_SETTING_NUMBER,
     .offset = offsetof(struct engine_execution, capital),
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1e15,
     .fallback = 10000,
     .help = "initial capital, in the quote currency"},
    NUMBER("fee.percent", fee_percent, -1, 50, 0,
           "fee of each fill, in percent of its value; a negative fee is a rebate"),
    NUMBER("fee.fixed", fee_fixed, 0, 1e9, 0, "fixed fee of each fill, in the quote currency"),
    NUMBER("fee.minimum", fee_minimum, 0, 1e9, 0, "minimum fee of a fill, in the quote currency; 0 sets no minimum"),
    NUMBER("slippage.percent", slippage_percent, 0, 50, 0,
           "slippage of market and stop fills, in percent of the price"),
    NUMBER("slippage.ticks", slippage_ticks, 0, 1e6, 0, "slippage of market and stop fills, in ticks"),
    NUMBER("spread", spread, 0, 1e9, 0, "spread between bid and ask, in units of the price; each fill pays half of it"),
    NUMBER("lot", lot, 0, 1e9, 0, "smallest step of a quantity; 0 uses that of the candles"),
    NUMBER("tick", tick, 0, 1e9, 0, "smallest step of a price; 0 uses that of the candles"),
    NUMBER("leverage", leverage, 1, 1000, 1, "largest value of a position when it is opened, as a multiple of equity"),
    NUMBER("maintenance_margin", maintenance_margin, 0, 0.99, 0,
           "a position is liquidated unless equity stays above this share of its value"),
    FLAG("short", short_allowed, 1, "whether short positions are allowed"),
    WORD("intrabar", intrabar, intrabar_words, ENGINE_INTRABAR_PESSIMISTIC, "assumed path of prices within a bar"),
    WORD("limit_fill", limit_fill, limit_fill_words, ENGINE_LIMIT_TOUCH,
         "whether a limit fills if the price touches it, or only if it goes a tick through"),
    WORD("missing", missing, missing_words, ENGINE_MISSING_SKIP, "what to do if bars are missing"),
    NUMBER("risk_free", risk_free, -0.5, 10, 0, "annual risk-free rate, as a fraction: 0.02 is 2 %"),
    NUMBER("periods_per_year", periods_per_year, 0, 100000, 0, "trading days a year; 0 finds 365 or 252 from the data"),
    FLAG("close_at_end", close_at_end, 0,
         "whether a position that is still open at the end is closed at the last close"),
    FLAG("require_volume", require_volume, 0, "whether orders fill only in bars with volume"),
};

const struct engine_setting *engine_settings(size_t *ret_count)
{
    *ret_count = countof(settings);
    return settings;
}

const struct engine_setting *engine_setting_find(struct slice name)
{
    for (size_t i = 0; i < countof(settings); i++) {
        if (slice_is(name, settings[i].name)) return &settings[i];
    }
    return NULL;
}

static double setting_get(const struct engine_execution *execution, const struct engine_setting *setting)
{
    const char *at = (const char *)execution + setting->offset;
    double number;
    int word;
    bool flag;

    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        memcpy(&flag, at, sizeof(flag));
        return flag;
    case ENGINE_SETTING_WORD:
        memcpy(&word, at, sizeof(word));
        return word;
    default:
        memcpy(&number, at, sizeof(number));
        return number;
    }
}

_Static_assert(sizeof(enum engine_intrabar) == sizeof(int), "words are stored as int");

static void setting_put(struct engine_execution *execution, const struct engine_setting *setting, double value)
{
    char *at = (char *)execution + setting->offset;
    const int word = (int)value;
    const bool flag = value != 0;

    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        memcpy(at, &flag, sizeof(flag));
        break;
    case ENGINE_SETTING_WORD:
        memcpy(at, &word, sizeof(word));
        break;
    default:
        memcpy(at, &value, sizeof(value));
        break;
    }
}

void engine_execution_init(struct engine_execution *execution)
{
    memset(execution, 0, sizeof(*execution));
    for (size_t i = 0; i < countof(settings); i++) setting_put(execution, &settings[i], settings[i].fallback);
}

/* The bounds of a number, in words: "from 1 to 1000", "above 0 and at most 1e+15". */
static const char *setting_bounds(const struct engine_setting *setting, struct buf *scratch)
{
    buf_reset(scratch);
    buf_printf(scratch, setting->above_minimum ? "above %.15g and at most %.15g" : "from %.15g to %.15g",
               setting->minimum, setting->maximum);
    return buf_cstr(scratch);
}

static bool setting_is_within(const struct engine_setting *setting, double value)
{
    return value >= setting->minimum && value <= setting->maximum &&
           !(setting->above_minimum && value <= setting->minimum);
}

static int setting_refuse(const struct engine_setting *setting, const char *found, struct error *err)
{
    struct buf scratch = {0};

    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        buf_add_str(&scratch, "true or false");
        break;
    case ENGINE_SETTING_WORD:
        for (size_t i = 0; setting->words[i] != NULL; i++) {
            if (i > 0) buf_add_str(&scratch, setting->words[i + 1] == NULL ? " or " : ", ");
            buf_add_str(&scratch, setting->words[i]);
        }
        break;
    default:
        setting_bounds(setting, &scratch);
        break;
    }
    error_set(err, ERROR_INVALID, "execution.%s must be %s%s, but is %s", setting->name,
              setting->kind == ENGINE_SETTING_NUMBER ? "a number " : "", buf_cstr(&scratch), found);
    buf_clear(&scratch);
    return -1;
}

static bool setting_read(const struct engine_setting *setting, struct slice text, double *ret_value)
{
    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        *ret_value = slice_is(text, "true");
        return *ret_value != 0 || slice_is(text, "false");
    case ENGINE_SETTING_WORD:
        for (size_t i = 0; setting->words[i] != NULL; i++) {
            *ret_value = (double)i;
            if (slice_is(text, setting->words[i])) return true;
        }
        return false;
    default:
        return number_parse_double(text, ret_value) && setting_is_within(setting, *ret_value);
    }
}

/* The members of an object of settings, as a list. */
static bool setting_group(struct slice name, struct buf *members)
{
    for (size_t i = 0; i < countof(settings); i++) {
        struct slice rest = slice_of(settings[i].name);

        if (!slice_eq(slice_cut(&rest, '.'), name) || rest.data == NULL) continue;
        buf_printf(members, "%s%s", members->len == 0 ? "" : ", ", rest.data);
    }
    return members->len > 0;
}

bool engine_setting_is_group(struct slice name)
{
    struct buf members = {0};
    const bool is_group = setting_group(name, &members);

    buf_clear(&members);
    return is_group;
}

static int setting_unknown(struct slice name, struct error *err)
{
    struct distance_guess guess = {.wanted = name};
    struct buf all = {0};

    if (setting_group(name, &all)) {
        struct slice rest = buf_slice(&all);
        const struct slice first = slice_cut(&rest, ',');

        error_set(err, ERROR_INVALID, "execution.%.*s must be an object, such as {\"%.*s\": 0.1}; its members are %s",
                  SLICE_FMT(name), SLICE_FMT(first), buf_cstr(&all));
        buf_clear(&all);
        return -1;
    }
    for (size_t i = 0; i < countof(settings); i++) distance_offer(&guess, slice_of(settings[i].name));
    if (guess.best.data != NULL) {
        return error_set(err, ERROR_INVALID, "execution.%.*s is not a setting (did you mean %.*s?)", SLICE_FMT(name),
                         SLICE_FMT(guess.best));
    }
    for (size_t i = 0; i < countof(settings); i++) buf_printf(&all, "%s%s", i == 0 ? "" : ", ", settings[i].name);
    error_set(err, ERROR_INVALID, "execution.%.*s is not a setting; the settings are %s", SLICE_FMT(name),
              buf_cstr(&all));
    buf_clear(&all);
    return -1;
}

int engine_execution_set(struct engine_execution *execution, struct slice name, struct slice value, struct error *err)
{
    const struct engine_setting *setting = engine_setting_find(name);
    struct buf found = {0};
    double number;

    if (setting == NULL) return setting_unknown(name, err);
    if (setting_read(setting, value, &number)) {
        setting_put(execution, setting, number);
        return 0;
    }
    buf_add_json(&found, value);
    setting_refuse(setting, buf_cstr(&found), err);
    buf_clear(&found);
    return -1;
}

int engine_execution_check(const struct engine_execution *execution, struct error *err)
{
    for (size_t i = 0; i < countof(settings); i++) {
        const double value = setting_get(execution, &settings[i]);
        size_t words = 0;
        char found[NUMBER_DOUBLE_TEXT_BYTES];

        if (settings[i].kind == ENGINE_SETTING_FLAG) continue;
        if (settings[i].kind == ENGINE_SETTING_WORD) {
            while (settings[i].words[words] != NULL) words++;
            if (value >= 0 && value < (double)words) continue;
        } else if (setting_is_within(&settings[i], value)) {
            continue;
        }
        number_format_double(value == 0 ? 0 : value, found);
        return setting_refuse(&settings[i], found, err);
    }
    if (execution->slippage_percent > 0 && execution->slippage_ticks > 0) {
        return error_set(err, ERROR_INVALID, "execution.slippage has both percent and ticks; set only one of them");
    }
    if (execution->maintenance_margin * execution->leverage >= 1) {
        return error_set(err, ERROR_INVALID,
                         "execution.maintenance_margin %.15g would liquidate every position at once; with a leverage "
                         "of %.15g it must be below %.15g",
                         execution->maintenance_margin, execution->leverage, 1 / execution->leverage);
    }
    return 0;
}

static void setting_value_json(const struct engine_execution *execution, const struct engine_setting *setting,
                               struct buf *out)
{
    const double value = setting_get(execution, setting);

    switch (setting->kind) {
    case ENGINE_SETTING_FLAG:
        buf_add_str(out, value != 0 ? "true" : "false");
        break;
    case ENGINE_SETTING_WORD:
        buf_printf(out, "\"%s\"", setting->words[(size_t)value]);
        break;
    default:
        engine_number_json(value, out);
        break;
    }
}

static void settings_json(const struct engine_execution *execution, size_t first, struct buf *out)
{
    struct slice open = SLICE_NONE; /* the object that is being written */

    buf_add_char(out, '{');
    for (size_t i = first; i < countof(settings); i++) {
        struct slice rest = slice_of(settings[i].name);
        const struct slice head = slice_cut(&rest, '.');
        const struct slice group = rest.data == NULL ? SLICE_NONE : head;

        if (open.data != NULL && !slice_eq(open, group)) {
            buf_add_char(out, '}');
            open = SLICE_NONE;
        }
        if (i > first) buf_add_char(out, ',');
        if (group.data != NULL && open.data == NULL) {
            buf_printf(out, "\"%.*s\":{", SLICE_FMT(group));
            open = group;
        }
        buf_printf(out, "\"%s\":", group.data == NULL ? settings[i].name : rest.data);
        setting_value_json(execution, &settings[i], out);
    }
    buf_add_str(out, open.data != NULL ? "}}" : "}");
}

void engine_execution_json(const struct engine_execution *execution, struct buf *out)
{
    settings_json(execution, 0, out);
}

void engine_execution_json_of_backtest(const struct engine_execution *execution, struct buf *out)
{
    settings_json(execution, 1, out);
}
