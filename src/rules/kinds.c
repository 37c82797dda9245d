/* Named kinds: rules documents with parameters. A new one is one entry. */
#include "rules/internal.h"
#include "json/scan.h"
#include "json/write.h"

/* clang-format off */
#define KIND_LENGTH(title, value, words)               \
    {                                                  \
        title, RULES_KIND_WHOLE, 1, 5000, value, words \
    }
#define KIND_SHORT                                                                                 \
    {                                                                                              \
        "short", RULES_KIND_BOOLEAN, 0, 1, 0, "Whether short positions are opened too" \
    }
/* clang-format on */

static const struct rules_kind kinds[] = {
    {.name = "buy_and_hold",
     .description = "Buys at the first bar and never sells",
     .document = "\"long\":{\"enter\":\"close > 0\"}"},
    {.name = "sma_crossover",
     .description = "Buys when a fast simple moving average crosses above a slow one, and sells when it crosses below",
     .document = "\"let\":{\"f\":\"sma(close, $fast)\",\"s\":\"sma(close, $slow)\"},"
                 "\"long\":{\"enter\":\"crosses_above(f, s)\",\"exit\":\"crosses_below(f, s)\"},"
                 "\"short\":{\"enter\":\"$short > 0 and crosses_below(f, s)\",\"exit\":\"crosses_above(f, s)\"}",
     .parameters = {KIND_LENGTH("fast", 10, "Length of the fast average, in bars"),
                    KIND_LENGTH("slow", 50, "Length of the slow average, in bars"), KIND_SHORT}},
    {.name = "ema_crossover",
     .description =
         "Buys when a fast exponential moving average crosses above a slow one, and sells when it crosses below",
     .document = "\"let\":{\"f\":\"ema(close, $fast)\",\"s\":\"ema(close, $slow)\"},"
                 "\"long\":{\"enter\":\"crosses_above(f, s)\",\"exit\":\"crosses_below(f, s)\"},"
                 "\"short\":{\"enter\":\"$short > 0 and crosses_below(f, s)\",\"exit\":\"crosses_above(f, s)\"}",
     .parameters = {KIND_LENGTH("fast", 12, "Length of the fast average, in bars"),
                    KIND_LENGTH("slow", 26, "Length of the slow average, in bars"), KIND_SHORT}},
    {.name = "macd",
     .description = "Buys when the MACD crosses above its signal line, and sells when it crosses below",
     .document =
         "\"let\":{\"m\":\"macd(close, $fast, $slow, $signal)\",\"s\":\"macd_signal(close, $fast, $slow, $signal)\"},"
         "\"long\":{\"enter\":\"crosses_above(m, s)\",\"exit\":\"crosses_below(m, s)\"},"
         "\"short\":{\"enter\":\"$short > 0 and crosses_below(m, s)\",\"exit\":\"crosses_above(m, s)\"}",
     .parameters = {KIND_LENGTH("fast", 12, "Length of the fast average, in bars"),
                    KIND_LENGTH("slow", 26, "Length of the slow average, in bars"),
                    KIND_LENGTH("signal", 9, "Length of the signal line's average, in bars"), KIND_SHORT}},
    {.name = "rsi_reversion",
     .description = "Buys if the RSI is below one level, and sells if it is above another",
     .document = "\"let\":{\"r\":\"rsi(close, $length)\"},"
                 "\"long\":{\"enter\":\"r < $oversold\",\"exit\":\"r > $exit\"},"
                 "\"short\":{\"enter\":\"$short > 0 and r > $overbought\",\"exit\":\"r < $exit\"}",
     .parameters = {KIND_LENGTH("length", 14, "Length of the RSI, in bars"),
                    {"oversold", RULES_KIND_NUMBER, 0, 100, 30, "Long positions are opened below this RSI"},
                    {"overbought", RULES_KIND_NUMBER, 0, 100, 70, "Short positions are opened above this RSI"},
                    {"exit", RULES_KIND_NUMBER, 0, 100, 50, "Positions are closed when the RSI passes this"},
                    KIND_SHORT}},
    {.name = "bollinger",
     .description = "Buys if the close is below the lower Bollinger band, and sells if it is above the middle band",
     .document = "\"long\":{\"enter\":\"close < bb_lower(close, $length, $mult)\",\"exit\":\"close > bb_middle(close, "
                 "$length, $mult)\"},"
                 "\"short\":{\"enter\":\"$short > 0 and close > bb_upper(close, $length, $mult)\","
                 "\"exit\":\"close < bb_middle(close, $length, $mult)\"}",
     .parameters = {KIND_LENGTH("length", 20, "Length of the bands, in bars"),
                    {"mult", RULES_KIND_NUMBER, 0.1, 20, 2,
                     "Standard deviations between the middle band and the others"},
                    KIND_SHORT}},
    {.name = "donchian",
     .description = "Breakout: buys a close above the highest high of the `entry` bars before it, and sells a close "
                    "below the lowest low of the `exit` bars before it",
     .document =
         "\"long\":{\"enter\":\"close > donchian_upper($entry)[1]\",\"exit\":\"close < donchian_lower($exit)[1]\"},"
         "\"short\":{\"enter\":\"$short > 0 and close < donchian_lower($entry)[1]\",\"exit\":\"close > "
         "donchian_upper($exit)[1]\"}",
     .parameters = {KIND_LENGTH("entry", 20, "Length of the channel whose break opens a position, in bars"),
                    KIND_LENGTH("exit", 10, "Length of the channel whose break closes it, in bars"), KIND_SHORT}},
    {.name = "momentum",
     .description =
         "Buys if the price has risen by more than a threshold over a number of bars, and sells if it has not",
     .document = "\"let\":{\"m\":\"roc(close, $length)\"},"
                 "\"long\":{\"enter\":\"m > $threshold\",\"exit\":\"m < $threshold\"},"
                 "\"short\":{\"enter\":\"$short > 0 and m < -$threshold\",\"exit\":\"m > -$threshold\"}",
     .parameters = {KIND_LENGTH("length", 90, "Bars over which the change is measured"),
                    {"threshold", RULES_KIND_NUMBER, 0, 1000, 0, "Change that is needed, in percent"},
                    KIND_SHORT}},
    {.name = "supertrend",
     .description = "Buys if the Supertrend is up, and sells if it is down",
     .document = "\"let\":{\"d\":\"supertrend_direction($factor, $length)\"},"
                 "\"long\":{\"enter\":\"d < 0\",\"exit\":\"d > 0\"},"
                 "\"short\":{\"enter\":\"$short > 0 and d > 0\",\"exit\":\"d < 0\"}",
     .parameters = {{"factor", RULES_KIND_NUMBER, 0.1, 100, 3,
                     "Average true ranges between the middle of the bar and the line"},
                    KIND_LENGTH("length", 10, "Length of the average true range, in bars"),
                    KIND_SHORT}},
    {.name = "rules", .description = "Rules of your own, as a document in the parameters: see docs/rules.md"},
#ifdef KINDS_MORE /* tests/builds/newer.h has one: the next version */
    KINDS_MORE,
#endif
};

/* What any kind takes beside its own parameters, as a document has it. */
static const struct {
    const char *name, *description;
} kind_extras[] = {
    {"stop", "Stop loss: {\"distance\": …}, {\"percent\": …} or {\"price\": …}"},
    {"take", "Take profit: {\"distance\": …}, {\"percent\": …} or {\"price\": …}"},
    {"trail", "Trailing stop: {\"distance\": …} or {\"percent\": …}"},
    {"size", "Position size: {\"equity\": share}, {\"cash\": share} or {\"units\": n}"},
};

const struct rules_kind *rules_kinds(size_t *ret_count)
{
    *ret_count = countof(kinds);
    return kinds;
}

const struct rules_kind *rules_kind_find(struct slice name)
{
    for (size_t i = 0; i < countof(kinds); i++) {
        if (slice_is(name, kinds[i].name)) return &kinds[i];
    }
    return NULL;
}

static const char *kind_noun(const struct rules_kind_parameter *parameter)
{
    return parameter->type == RULES_KIND_WHOLE     ? "a whole number"
           : parameter->type == RULES_KIND_BOOLEAN ? "true or false"
                                                   : "a number";
}

/* The value of a parameter as it is written; false after a fault. */
static bool kind_value(const struct rules_kind_parameter *parameter, struct slice value, struct rules_faults *faults,
                       const struct rules_place *place, double *ret_value)
{
    double number = 0;
    bool fits = document_number(value, &number) && isfinite(number) && parameter->type != RULES_KIND_BOOLEAN;

    if (parameter->type == RULES_KIND_BOOLEAN) {
        fits = slice_is(value, "true") || slice_is(value, "false");
        number = slice_is(value, "true") ? 1 : 0;
    }
    if (parameter->type == RULES_KIND_WHOLE) fits = fits && floor(number) == number;
    if (!fits) {
        return rules_fault_add(faults, place, 0, "the value must be %s, but is %s", kind_noun(parameter),
                               rules_excerpt(faults->arena, value));
    }
    if (number < parameter->minimum || number > parameter->maximum) {
        return rules_fault_add(faults, place, 0, "the value must be between %g and %g, but is %.10g",
                               parameter->minimum, parameter->maximum, number);
    }
    *ret_value = number;
    return true;
}

struct kind_reading {
    const struct rules_kind *kind;
    struct arena *arena;
    struct rules_faults *faults;
    double values[RULES_KIND_PARAMETERS_MAX];
    struct buf extras; /* ,"stop":… */
};

/* "; the parameters are fast, slow, …" */
static void kind_names(const struct rules_kind *kind, bool is_override, struct buf *out)
{
    size_t count = 0;

    for (; kind->parameters[count].name != NULL; count++) {
        buf_printf(out, "%s%s", count == 0 ? "; the parameters are " : ", ", kind->parameters[count].name);
    }
    for (size_t i = 0; i < countof(kind_extras) && !is_override; i++, count++) {
        buf_printf(out, "%s%s", count == 0 ? "; the parameters are " : ", ", kind_extras[i].name);
    }
}

/* A member of the parameters, or an override of one. */
static void kind_member(struct kind_reading *k, struct slice name, struct slice value, bool is_override)
{
    const struct rules_place place = {json_pointer_add(k->arena, SLICE_LIT(""), name), SLICE_NONE};
    struct distance_guess guess = {.wanted = name};
    struct buf names = {0};

    for (size_t i = 0; k->kind->parameters[i].name != NULL; i++) {
        distance_offer(&guess, slice_of(k->kind->parameters[i].name));
        if (!slice_is(name, k->kind->parameters[i].name)) continue;
        kind_value(&k->kind->parameters[i], value, k->faults, &place, &k->values[i]);
        return;
    }
    for (size_t i = 0; i < countof(kind_extras) && !is_override; i++) {
        distance_offer(&guess, slice_of(kind_extras[i].name));
        if (!slice_is(name, kind_extras[i].name)) continue;
        buf_printf(&k->extras, ",\"%s\":%.*s", kind_extras[i].name, SLICE_FMT(value));
        return;
    }
    kind_names(k->kind, is_override, &names);
    rules_fault_add(k->faults, &place, 0, "%s has no such parameter%s%s", k->kind->name,
                    rules_guess_text(&guess, k->faults->arena), buf_cstr(&names));
    buf_clear(&names);
}

/* Values and extras of the kind; false after a fault. */
static bool kind_read(struct kind_reading *k, struct slice parameters, const struct rules_override *overrides,
                      size_t override_count)
{
    const size_t faults = rules_faults_seen(k->faults);
    const struct rules_place whole = {SLICE_LIT(""), SLICE_NONE};
    struct json_members members = {0};
    struct slice detail = SLICE_NONE;

    if (parameters.len > RULES_TEXT_BYTES_MAX) {
        return rules_fault_add(k->faults, &whole, 0, "the parameters have %zu bytes; at most %d are allowed",
                               parameters.len, RULES_TEXT_BYTES_MAX);
    }
    if (slice_trim(parameters).len == 0) return rules_fault_add(k->faults, &whole, 0, "the document is empty");
    if (!json_scan_members(k->arena, parameters, JSON_DEPTH_MAX, &members, &detail)) {
        return rules_fault_add(k->faults, &whole, 0, "%.*s", SLICE_FMT(detail));
    }
    if (!document_is_object(parameters)) {
        return rules_fault_add(k->faults, &whole, 0, "the value must be an object with the parameters, but is %s",
                               rules_excerpt(k->faults->arena, parameters));
    }
    for (size_t i = 0; k->kind->parameters[i].name != NULL; i++) k->values[i] = k->kind->parameters[i].fallback;
    for (size_t i = 0; i < members.count; i++) kind_member(k, members.items[i].key, members.items[i].value, false);
    for (size_t i = 0; i < override_count; i++) kind_member(k, overrides[i].name, overrides[i].value, true);
    return rules_faults_seen(k->faults) == faults;
}

bool kind_is_checked(const struct rules_kind *kind, struct slice parameters, struct rules_faults *faults)
{
    struct kind_reading k = {.kind = kind, .arena = faults->arena, .faults = faults};
    const bool is_checked = !kind_read(&k, parameters, NULL, 0) || k.extras.len == 0;

    buf_clear(&k.extras);
    return is_checked;
}

struct slice kind_document(const struct rules_kind *kind, struct slice parameters,
                           const struct rules_override *overrides, size_t override_count, struct arena *arena,
                           struct rules_faults *faults)
{
    struct kind_reading k = {.kind = kind, .arena = arena, .faults = faults};
    struct slice result = SLICE_NONE;
    struct buf text = {0};
    struct json_writer w = {.out = &text};

    if (kind_read(&k, parameters, overrides, override_count)) {
        json_open(&w, '{');
        json_key_raw(&w, "v", "1");
        json_key_open(&w, "params", '{');
        for (size_t i = 0; kind->parameters[i].name != NULL; i++) {
            json_key(&w, kind->parameters[i].name);
            json_double(&w, k.values[i]);
        }
        json_close(&w, '}');
        json_raw(&w, kind->document);
        buf_add_slice(&text, buf_slice(&k.extras));
        json_close(&w, '}');
        result = arena_copy(arena, buf_slice(&text));
    }
    buf_clear(&text);
    buf_clear(&k.extras);
    return result;
}

/* ---- the schema ---- */

static void kind_property(struct json_writer *w, const struct rules_kind_parameter *parameter)
{
    static const char *const types[] = {"integer", "number", "boolean"};

    json_key_open(w, parameter->name, '{');
    json_key_text(w, "type", types[parameter->type]);
    if (parameter->type == RULES_KIND_BOOLEAN) {
        json_key_raw(w, "default", parameter->fallback != 0 ? "true" : "false");
    } else {
        json_key(w, "minimum");
        json_double(w, parameter->minimum);
        json_key(w, "maximum");
        json_double(w, parameter->maximum);
        json_key(w, "default");
        json_double(w, parameter->fallback);
    }
    json_key_text(w, "description", parameter->description);
    json_close(w, '}');
}

static void kind_object(struct json_writer *w, const char *name, const char *description)
{
    json_key_open(w, name, '{');
    json_key_text(w, "type", "object");
    json_key_text(w, "description", description);
    json_close(w, '}');
}

void rules_kind_schema(const struct rules_kind *kind, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open(&w, '{');
    json_key_text(&w, "type", "object");
    json_key_text(&w, "description", kind->description);
    json_key_open(&w, "properties", '{');
    for (size_t i = 0; kind->parameters[i].name != NULL; i++) kind_property(&w, &kind->parameters[i]);
    if (kind->document == NULL) {
        json_key_raw(&w, "v", "{\"const\":1}");
        kind_object(&w, "params", "Parameters: numbers by name, used as $name");
        kind_object(&w, "let", "Expressions by name, for use in others");
        kind_object(&w, "long", "Conditions of long positions: {\"enter\": …, \"exit\": …}");
        kind_object(&w, "short", "Conditions of short positions: {\"enter\": …, \"exit\": …}");
    }
    for (size_t i = 0; i < countof(kind_extras); i++) kind_object(&w, kind_extras[i].name, kind_extras[i].description);
    json_close(&w, '}');
    json_key_raw(&w, "additionalProperties", "false");
    json_close(&w, '}');
}
