/* Fields and schemas as JSON Schema 2020-12, and examples of them. */

#include <stdlib.h>

#include "api/openapi.h"
#include "base/mem.h"

static const char *const openapi_types[] = {
    [JSON_TYPE_STRING] = "string",   [JSON_TYPE_INTEGER] = "integer", [JSON_TYPE_NUMBER] = "number",
    [JSON_TYPE_BOOLEAN] = "boolean", [JSON_TYPE_OBJECT] = "object",   [JSON_TYPE_ARRAY] = "array",
};

/* What stands for a field of which the table has no example. */
static const char *const openapi_type_examples[] = {
    [JSON_TYPE_STRING] = "\"text\"", [JSON_TYPE_INTEGER] = "1", [JSON_TYPE_NUMBER] = "0.5",
    [JSON_TYPE_BOOLEAN] = "true",    [JSON_TYPE_OBJECT] = "{}", [JSON_TYPE_ARRAY] = "[]",
};

/*
 * JSON Schema's formats say more, or less, than what is read here (json/format.c): `format` is its name, `input` a
 * pattern of what is taken.
 */
static const struct openapi_format {
    const char *format;
    const char *input;
    const char *example;
} openapi_formats[] = {
    [JSON_FORMAT_UUID] = {"uuid", NULL, "\"019360a0-7c5e-7000-8000-000000000000\""},
    [JSON_FORMAT_DATE_TIME] = {"date-time",
                               "^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
                               "(\\.[0-9]{1,9})?([Zz]|[+-](0[0-9]|1[0-5]):[0-5][0-9])$",
                               "\"2026-11-23T14:03:52.123456Z\""},
    [JSON_FORMAT_DECIMAL] = {NULL, NULL, "10000.00"},
};

static const struct openapi_use_row {
    const char *suffix;
    const char *description;
} openapi_uses[OPENAPI_USE_COUNT] = {
    [OPENAPI_ANSWER] = {"", NULL},
    [OPENAPI_LIST] = {"List", "One page, and the way to the next"},
    [OPENAPI_INPUT] = {"Input", "What a client writes"},
    [OPENAPI_PATCH] =
        {"Patch",
         "A merge patch (RFC 7396): what is left out stays as it is, and null sets a member back to its default"},
};

/* ---- Fields ---- */

static bool openapi_is_written(const struct json_field *field, enum openapi_use use)
{
    return use == OPENAPI_ANSWER || !field->read_only;
}

static bool openapi_may_be_null(const struct json_field *field, enum openapi_use use)
{
    return field->nullable || (use == OPENAPI_PATCH && !field->required);
}

static void openapi_write_type(struct json_writer *w, const char *type, bool nullable)
{
    json_key(w, "type");
    if (!nullable) {
        json_text(w, type);
        return;
    }
    json_open(w, '[');
    json_text(w, type);
    json_text(w, "null");
    json_close(w, ']');
}

static void openapi_write_range(struct json_writer *w, const struct json_field *field)
{
    if (field->has_minimum) {
        json_key(w, field->exclusive_minimum ? "exclusiveMinimum" : "minimum");
        json_double(w, field->minimum);
    }
    if (field->has_maximum) {
        json_key(w, "maximum");
        json_double(w, field->maximum);
    }
}

static void openapi_write_lengths(struct json_writer *w, const struct json_field *field)
{
    if (field->min_length > 0) json_key_uint(w, "minLength", field->min_length);
    if (field->max_length > 0) json_key_uint(w, "maxLength", field->max_length);
}

static void openapi_write_enum(struct json_writer *w, const struct json_field *field, bool nullable)
{
    json_key_open(w, "enum", '[');
    for (const char *const *value = field->values; *value != NULL; value++) json_text(w, *value);
    if (nullable) json_raw(w, "null");
    json_close(w, ']');
}

/* In a body: a JSON number, or the same digits as a string. */
static void openapi_write_decimal_input(struct json_writer *w, const struct json_field *field, bool nullable)
{
    const bool above_zero = field->has_minimum && field->exclusive_minimum && field->minimum == 0;

    json_key_open(w, "anyOf", '[');
    json_open(w, '{');
    openapi_write_type(w, "number", nullable);
    openapi_write_range(w, field);
    json_close(w, '}');
    json_open(w, '{');
    openapi_write_type(w, "string", false);
    openapi_write_lengths(w, field);
    json_key_text(w, "pattern", above_zero ? "^(?=.*[1-9])[0-9]+(\\.[0-9]+)?$" : "^-?[0-9]+(\\.[0-9]+)?$");
    json_close(w, '}');
    json_close(w, ']');
}

static void openapi_write_properties(struct json_writer *w, const struct json_field *field, enum openapi_use use)
{
    json_key_open(w, "properties", '{');
    field->properties(w, use != OPENAPI_ANSWER);
    json_close(w, '}');
    if (use != OPENAPI_ANSWER) json_key_raw(w, "additionalProperties", "false");
}

static void openapi_write_rules(struct json_writer *w, const struct json_field *field, enum openapi_use use)
{
    const struct openapi_format *format = &openapi_formats[field->format];
    const bool nullable = openapi_may_be_null(field, use);

    openapi_write_type(w, openapi_types[field->type], nullable);
    if (field->type == JSON_TYPE_INTEGER) json_key_text(w, "format", "int64");
    if (field->type == JSON_TYPE_STRING) openapi_write_lengths(w, field);
    if (field->type == JSON_TYPE_ARRAY && field->items != NULL) json_key_raw(w, "items", field->items);
    if (field->properties != NULL) openapi_write_properties(w, field, use);
    if (field->pattern != NULL) json_key_text(w, "pattern", field->pattern);
    if (field->values != NULL) openapi_write_enum(w, field, nullable);
    if (field->format != JSON_FORMAT_NONE && format->format != NULL) json_key_text(w, "format", format->format);
    if (use != OPENAPI_ANSWER && format->input != NULL) json_key_text(w, "pattern", format->input);
    openapi_write_range(w, field);
}

static void openapi_write_description(struct json_writer *w, const struct json_field *field)
{
    struct buf text = {0};

    if (field->description != NULL) buf_add_str(&text, field->description);
    if (field->max_bytes > 0) {
        buf_printf(&text, "%sat most %zu bytes of JSON", text.len == 0 ? "" : "; ", field->max_bytes);
    }
    if (text.len > 0) json_key_text(w, "description", buf_cstr(&text));
    buf_clear(&text);
}

/* The members of a field's schema. */
static void openapi_write_field(struct json_writer *w, const struct json_field *field, enum openapi_use use)
{
    const bool is_decimal_input = field->format == JSON_FORMAT_DECIMAL && use != OPENAPI_ANSWER;

    openapi_write_description(w, field);
    if (is_decimal_input) {
        openapi_write_decimal_input(w, field, openapi_may_be_null(field, use));
    } else {
        openapi_write_rules(w, field, use);
    }
    if (field->default_text != NULL && use == OPENAPI_INPUT) json_key_raw(w, "default", field->default_text);
    if (field->example != NULL) {
        json_key_open(w, "examples", '[');
        json_raw(w, field->example);
        json_close(w, ']');
    }
}

/* "*", or entity tags in double quotes with commas between, of which there may be too many (RFC 9110 section 5.6.1). */
#define OPENAPI_ETAG "(W/)?\"[!#-~]*\""
#define OPENAPI_ETAGS "[ \\t,]*" OPENAPI_ETAG "([ \\t]*,[ \\t,]*" OPENAPI_ETAG ")*([ \\t]*,[ \\t,]*)?"

void openapi_write_param_schema(struct json_writer *w, const struct api_param *param)
{
    json_open(w, '{');
    if (param->in == API_IN_IF_MATCH) {
        openapi_write_type(w, "string", false);
        json_key_text(w, "pattern", "^(\\*|" OPENAPI_ETAGS ")$");
    } else {
        struct json_field field = param->field;

        field.description = NULL; /* the parameter's own */
        field.example = NULL;
        openapi_write_field(w, &field, OPENAPI_INPUT);
    }
    json_close(w, '}');
}

/* ---- Schemas ---- */

void openapi_write_schema_ref(struct json_writer *w, const struct json_schema *schema, enum openapi_use use)
{
    char *ref = mem_printf("#/components/schemas/%s%s", schema->name, openapi_uses[use].suffix);

    json_open(w, '{');
    json_key_text(w, "$ref", ref);
    json_close(w, '}');
    free(ref);
}

static void openapi_write_required(struct json_writer *w, const struct json_schema *schema, enum openapi_use use)
{
    bool any = false;

    for (size_t i = 0; i < schema->count; i++) {
        const struct json_field *field = &schema->fields[i];

        if (use != OPENAPI_ANSWER && !(use == OPENAPI_INPUT && field->required && !field->read_only)) continue;
        if (!any) json_key_open(w, "required", '[');
        any = true;
        json_text(w, field->name);
    }
    if (any) json_close(w, ']');
}

static void openapi_write_object(struct json_writer *w, const struct json_schema *schema, enum openapi_use use)
{
    json_key_text(w, "type", "object");
    openapi_write_required(w, schema, use);
    json_key_open(w, "properties", '{');
    for (size_t i = 0; i < schema->count; i++) {
        if (!openapi_is_written(&schema->fields[i], use)) continue;
        json_key_open(w, schema->fields[i].name, '{');
        openapi_write_field(w, &schema->fields[i], use);
        json_close(w, '}');
    }
    json_close(w, '}');
    if (use != OPENAPI_ANSWER) json_key_raw(w, "additionalProperties", "false");
}

static void openapi_write_list(struct json_writer *w, const struct json_schema *schema)
{
    json_key_text(w, "type", "object");
    json_key_raw(w, "required", "[\"items\",\"next\"]");
    json_key_open(w, "properties", '{');
    json_key_open(w, "items", '{');
    json_key_text(w, "type", "array");
    json_key(w, "items");
    openapi_write_schema_ref(w, schema, OPENAPI_ANSWER);
    json_close(w, '}');
    json_key_open(w, "next", '{');
    json_key_text(w, "description", "The cursor of the next page, for the parameter after; null on the last page");
    openapi_write_type(w, "string", true);
    json_close(w, '}');
    json_close(w, '}');
}

void openapi_write_schema(struct json_writer *w, const struct json_schema *schema, enum openapi_use use)
{
    char *name = mem_printf("%s%s", schema->name, openapi_uses[use].suffix);

    json_key_open(w, name, '{');
    free(name);
    if (openapi_uses[use].description != NULL) json_key_text(w, "description", openapi_uses[use].description);
    if (use == OPENAPI_LIST) {
        openapi_write_list(w, schema);
    } else {
        openapi_write_object(w, schema, use);
    }
    json_close(w, '}');
}

void openapi_write_problem_schemas(struct json_writer *w)
{
    json_key_raw(
        w, "Problem",
        "{\"description\":\"What went wrong (RFC 9457)\",\"type\":\"object\","
        "\"required\":[\"type\",\"title\",\"status\",\"code\",\"detail\",\"request_id\"],\"properties\":{"
        "\"type\":{\"description\":\"Always about:blank: the code says more than a page could\",\"type\":\"string\","
        "\"format\":\"uri-reference\",\"const\":\"about:blank\"},"
        "\"title\":{\"description\":\"The status in words\",\"type\":\"string\"},"
        "\"status\":{\"description\":\"The status of the "
        "answer\",\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
        "\"code\":{\"description\":\"For programs; does not "
        "change\",\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]*$\"},"
        "\"detail\":{\"description\":\"For people: what, where, what to do\",\"type\":\"string\"},"
        "\"request_id\":{\"description\":\"The same as X-Request-ID; the service's log has it "
        "too\",\"type\":\"string\","
        "\"pattern\":\"^[A-Za-z0-9._-]+$\"},"
        "\"errors\":{\"description\":\"Every wrong place of the request, not only the first\",\"type\":\"array\","
        "\"minItems\":1,\"items\":{\"$ref\":\"#/components/schemas/ProblemPlace\"}}}}");
    json_key_raw(w, "ProblemPlace",
                 "{\"type\":\"object\",\"required\":[\"pointer\",\"detail\"],\"properties\":{"
                 "\"pointer\":{\"description\":\"In the body a JSON pointer (RFC 6901), /parameters/fast; else "
                 "query:limit, path:id, header:If-Match\",\"type\":\"string\"},"
                 "\"detail\":{\"description\":\"What is wrong there\",\"type\":\"string\"},"
                 "\"column\":{\"description\":\"Where in the expression that stands there, in characters, from 1; "
                 "absent if it is not within an expression\",\"type\":\"integer\",\"minimum\":1}}}");
}

/* ---- Examples ---- */

static void openapi_write_field_example(struct json_writer *w, const struct json_field *field)
{
    if (field->example != NULL) {
        json_raw(w, field->example);
    } else if (field->nullable) {
        json_raw(w, "null");
    } else if (field->default_text != NULL) {
        json_raw(w, field->default_text);
    } else if (field->values != NULL) {
        json_text(w, field->values[0]);
    } else if (field->format != JSON_FORMAT_NONE) {
        json_raw(w, openapi_formats[field->format].example);
    } else if (field->type == JSON_TYPE_INTEGER && field->has_minimum) {
        json_double(w, field->minimum);
    } else {
        json_raw(w, openapi_type_examples[field->type]);
    }
}

/* A patch shows what it is for by what may be left out, an input what must be there and what is worth seeing. */
static bool openapi_is_shown(const struct json_field *field, enum openapi_use use)
{
    if (use == OPENAPI_ANSWER) return true;
    if (field->read_only) return false;
    return use == OPENAPI_PATCH ? !field->required && field->example != NULL
                                : field->required || field->example != NULL;
}

void openapi_write_schema_example(struct json_writer *w, const struct json_schema *schema, enum openapi_use use)
{
    if (use == OPENAPI_LIST) {
        json_open(w, '{');
        json_key_open(w, "items", '[');
        openapi_write_schema_example(w, schema, OPENAPI_ANSWER);
        json_close(w, ']');
        json_key_raw(w, "next", "null");
        json_close(w, '}');
        return;
    }
    json_open(w, '{');
    for (size_t i = 0; i < schema->count; i++) {
        if (!openapi_is_shown(&schema->fields[i], use)) continue;
        json_key(w, schema->fields[i].name);
        openapi_write_field_example(w, &schema->fields[i]);
    }
    json_close(w, '}');
}
