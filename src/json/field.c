#include "json/field.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"
#include "json/format.h"
#include "json/scan.h"
#include "json/write.h"

/* A pattern of a schema, compiled at its first use. Schemas live for ever, so the text's address identifies it. */
struct json_pattern {
    const char *text;
    bool usable;
    regex_t regex;
};

struct json_validator {
    struct json_pattern *patterns;
    size_t count;
};

struct json_format_row {
    const char *noun;
    const char *(*check)(struct slice text);
};

static const struct json_format_row json_formats[] = {
    [JSON_FORMAT_UUID] = {"a UUID", json_format_uuid},
    [JSON_FORMAT_DATE_TIME] = {"a date and time (RFC 3339)", json_format_date_time},
    [JSON_FORMAT_DECIMAL] = {"a decimal number", json_format_decimal},
};

struct json_validator *json_validator_new(void)
{
    return mem_zalloc(sizeof(struct json_validator));
}

void json_validator_free(struct json_validator *v)
{
    if (v == NULL) return;
    for (size_t i = 0; i < v->count; i++) {
        if (v->patterns[i].usable) regfree(&v->patterns[i].regex);
    }
    free(v->patterns);
    free(v);
}

static const struct json_pattern *json_validator_pattern(struct json_validator *v, const char *text)
{
    struct json_pattern *pattern;

    for (size_t i = 0; i < v->count; i++) {
        if (v->patterns[i].text == text) return &v->patterns[i];
    }
    v->patterns = mem_realloc(v->patterns, (v->count + 1) * sizeof(*v->patterns));
    pattern = &v->patterns[v->count++];
    *pattern = (struct json_pattern){.text = text};
    pattern->usable = regcomp(&pattern->regex, text, REG_EXTENDED | REG_NOSUB) == 0;
    return pattern;
}

static void json_faults_vadd(struct json_faults *faults, struct arena *arena, struct slice pointer, const char *fmt,
                             va_list ap)
{
    char *detail = NULL;

    if (faults->count == JSON_FAULTS_MAX) return;
    if (vasprintf(&detail, fmt, ap) < 0) mem_die(0);
    faults->items[faults->count++] =
        (struct json_fault){.pointer = arena_copy(arena, pointer), .detail = arena_copy(arena, slice_of(detail))};
    free(detail);
}

void json_faults_add(struct json_faults *faults, struct arena *arena, struct slice pointer, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    json_faults_vadd(faults, arena, pointer, fmt, ap);
    va_end(ap);
}

bool json_field_fault(const struct json_place *place, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    json_faults_vadd(place->faults, place->arena, place->pointer, fmt, ap);
    va_end(ap);
    return false;
}

const char *json_field_noun(const struct json_field *field)
{
    static const char *const nouns[] = {
        [JSON_TYPE_STRING] = "a string",       [JSON_TYPE_INTEGER] = "an integer", [JSON_TYPE_NUMBER] = "a number",
        [JSON_TYPE_BOOLEAN] = "true or false", [JSON_TYPE_OBJECT] = "an object",   [JSON_TYPE_ARRAY] = "an array",
    };

    return field->format == JSON_FORMAT_NONE ? nouns[field->type] : json_formats[field->format].noun;
}

static bool json_field_length(const struct json_place *place, struct slice text)
{
    const struct json_field *field = place->field;
    size_t count = utf8_count(text.data, text.len);

    if (count < field->min_length) {
        return json_field_fault(place, "must have at least %zu character%s, but has %zu", field->min_length,
                                field->min_length == 1 ? "" : "s", count);
    }
    if (field->max_length > 0 && count > field->max_length) {
        return json_field_fault(place, "must have at most %zu character%s, but has %zu", field->max_length,
                                field->max_length == 1 ? "" : "s", count);
    }
    return true;
}

static bool json_field_enumeration(const struct json_place *place, struct slice text)
{
    struct buf list = {0};

    for (const char *const *value = place->field->values; *value != NULL; value++) {
        if (slice_is(text, *value)) {
            buf_clear(&list);
            return true;
        }
        buf_printf(&list, "%s%s", list.len == 0 ? "" : ", ", *value);
    }
    (void)json_field_fault(place, "must be one of %s, but is %s", buf_cstr(&list), json_quote(place->arena, text));
    buf_clear(&list);
    return false;
}

static bool json_field_pattern(const struct json_place *place, struct slice text)
{
    const struct json_pattern *pattern = json_validator_pattern(place->validator, place->field->pattern);

    /* A schema that is wrong lets nothing pass. */
    if (!pattern->usable) return json_field_fault(place, "cannot be checked: the pattern of this field is wrong");
    if (regexec(&pattern->regex, arena_copy(place->arena, text).data, 0, NULL, 0) == 0) return true;
    return json_field_fault(place, "must match %s, but is %s", pattern->text, json_quote(place->arena, text));
}

static const char *json_double_text(struct arena *arena, double number)
{
    struct buf text = {0};
    struct json_writer w = {.out = &text};

    json_double(&w, number);
    const char *copy = arena_copy(arena, buf_slice(&text)).data;

    buf_clear(&text);
    return copy;
}

static bool json_field_range(const struct json_place *place, struct slice text)
{
    const struct json_field *field = place->field;
    double number = strtod(arena_copy(place->arena, text).data, NULL);
    const char *bound = NULL, *limit = NULL;

    if (!isfinite(number)) return json_field_fault(place, "is beyond the range of an IEEE 754 double");
    if (field->has_minimum && field->exclusive_minimum && !(number > field->minimum)) {
        bound = "greater than", limit = json_double_text(place->arena, field->minimum);
    } else if (field->has_minimum && number < field->minimum) {
        bound = "at least", limit = json_double_text(place->arena, field->minimum);
    } else if (field->has_maximum && number > field->maximum) {
        bound = "at most", limit = json_double_text(place->arena, field->maximum);
    }
    if (bound == NULL) return true;
    return json_field_fault(place, "must be %s %s, but is %s", bound, limit, json_excerpt(place->arena, text));
}

bool json_field_string(const struct json_place *place, struct slice text)
{
    const struct json_field *field = place->field;

    if (!json_field_length(place, text)) return false;
    if (field->values != NULL && !json_field_enumeration(place, text)) return false;
    if (field->pattern != NULL && !json_field_pattern(place, text)) return false;
    if (field->format != JSON_FORMAT_NONE) {
        const struct json_format_row *format = &json_formats[field->format];
        const char *wrong = format->check(text);

        if (wrong != NULL) {
            return json_field_fault(place, "must be %s, but %s %s", format->noun, json_quote(place->arena, text),
                                    wrong);
        }
    }
    return field->format != JSON_FORMAT_DECIMAL || json_field_range(place, text);
}

bool json_field_number(const struct json_place *place, struct slice text)
{
    int64_t integer;

    if (place->field->type == JSON_TYPE_INTEGER && !number_parse_i64(text, &integer)) {
        return json_field_fault(place, "must be an integer of 64 bits without fraction or exponent, but is %s",
                                json_excerpt(place->arena, text));
    }
    return json_field_range(place, text);
}
