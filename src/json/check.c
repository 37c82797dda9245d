/* Whole bodies, and the text of parameters, against a schema. */
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/distance.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "json/field.h"
#include "json/scan.h"

enum { JSON_POINTER_KEY_BYTES = 200 };

struct json_checker {
    struct json_validator *validator;
    struct arena *arena;
    const struct json_schema *schema;
    enum json_mode mode;
    struct json_faults *faults;
    struct json_members members;
};

/* RFC 6901 section 3. A name that is absurdly long is cut, as nobody's field has it. */
static struct slice json_pointer(struct arena *arena, struct slice key)
{
    const struct slice head = utf8_cut(key, JSON_POINTER_KEY_BYTES);
    const struct slice pointer = json_pointer_add(arena, SLICE_LIT(""), head);

    return head.len == key.len ? pointer : slice_of(arena_printf(arena, "%.*s...", SLICE_FMT(pointer)));
}

/* What a client sent, by what the text begins with. */
enum json_kind {
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
    JSON_KIND_BOOLEAN,
    JSON_KIND_NULL,
    JSON_KIND_NUMBER
};

static const char *const json_kind_nouns[] = {
    [JSON_KIND_OBJECT] = "an object",  [JSON_KIND_ARRAY] = "an array", [JSON_KIND_STRING] = "a string",
    [JSON_KIND_BOOLEAN] = "a boolean", [JSON_KIND_NULL] = "null",      [JSON_KIND_NUMBER] = "a number",
};

static enum json_kind json_kind_of(struct slice text)
{
    static const struct {
        char first;
        enum json_kind kind;
    } kinds[] = {{'{', JSON_KIND_OBJECT},  {'[', JSON_KIND_ARRAY},   {'"', JSON_KIND_STRING},
                 {'t', JSON_KIND_BOOLEAN}, {'f', JSON_KIND_BOOLEAN}, {'n', JSON_KIND_NULL}};

    while (text.len > 0 && strchr(" \t\r\n", text.data[0]) != NULL) text.data++, text.len--;
    for (size_t i = 0; i < countof(kinds); i++) {
        if (text.len > 0 && text.data[0] == kinds[i].first) return kinds[i].kind;
    }
    return JSON_KIND_NUMBER;
}

/* Bytes of a JSON text without the white space between its tokens. */
static size_t json_compact_bytes(struct slice text)
{
    bool in_string = false;
    size_t bytes = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (in_string && c == '\\') {
            bytes += 2;
            i++;
            continue;
        }
        if (c == '"') in_string = !in_string;
        bytes += in_string || !(c == ' ' || c == '\t' || c == '\n' || c == '\r');
    }
    return bytes;
}

/* False, with a fault, if the value's type is not the field's. */
static bool json_check_type(const struct json_place *place, enum json_kind found)
{
    static const enum json_kind kinds[] = {
        [JSON_TYPE_STRING] = JSON_KIND_STRING, [JSON_TYPE_INTEGER] = JSON_KIND_NUMBER,
        [JSON_TYPE_NUMBER] = JSON_KIND_NUMBER, [JSON_TYPE_BOOLEAN] = JSON_KIND_BOOLEAN,
        [JSON_TYPE_OBJECT] = JSON_KIND_OBJECT, [JSON_TYPE_ARRAY] = JSON_KIND_ARRAY,
    };
    const struct json_field *field = place->field;
    const bool is_decimal = field->format == JSON_FORMAT_DECIMAL;

    if (kinds[field->type] == found) return true;
    if (is_decimal && (found == JSON_KIND_STRING || found == JSON_KIND_NUMBER)) return true;
    return json_field_fault(place, "must be %s, but is %s", json_field_noun(field), json_kind_nouns[found]);
}

/* The scanner has judged the string, and json-c only decodes it, without flags: what JSON_TOKENER_STRICT refuses
 * differs between versions (0.18 takes every byte above 0x7f for a control character if char is signed). */
static void json_check_string(const struct json_place *place, struct slice written)
{
    struct json_tokener *tokener;
    struct json_object *value;

    if (written.data[written.len - 1] == '"' && memchr(written.data, '\\', written.len) == NULL) {
        /* Without an escape there is nothing to decode. */
        (void)json_field_string(place, (struct slice){written.data + 1, written.len - 2});
        return;
    }
    tokener = json_tokener_new();
    if (tokener == NULL) mem_die(0);
    value = json_tokener_parse_ex(tokener, written.data, (int)written.len);
    if (json_object_is_type(value, json_type_string)) {
        (void)json_field_string(
            place, (struct slice){json_object_get_string(value), (size_t)json_object_get_string_len(value)});
    } else {
        /* Never so with what the scanner let pass; but what cannot be checked is not let through. */
        (void)json_field_fault(place, "cannot be read");
    }
    json_object_put(value);
    json_tokener_free(tokener);
}

static void json_check_value(const struct json_place *place, struct slice written)
{
    const struct json_field *field = place->field;
    const enum json_kind kind = json_kind_of(written);
    const size_t bytes = kind == JSON_KIND_OBJECT && field->max_bytes > 0 ? json_compact_bytes(written) : 0;

    if (!json_check_type(place, kind)) return;
    if (kind == JSON_KIND_STRING) json_check_string(place, written);
    if (kind == JSON_KIND_NUMBER) (void)json_field_number(place, written);
    if (bytes > field->max_bytes) {
        (void)json_field_fault(place, "must have at most %zu bytes of JSON without white space, but has %zu",
                               field->max_bytes, bytes);
    }
}

static void json_check_member(const struct json_checker *c, const struct json_place *place, struct slice written)
{
    const struct json_field *field = place->field;

    if (field->read_only) {
        (void)json_field_fault(place, "is set by the server");
    } else if (json_kind_of(written) != JSON_KIND_NULL) {
        json_check_value(place, written);
    } else if (c->mode == JSON_MODE_MERGE && field->required && !field->nullable) {
        (void)json_field_fault(place, "is required and cannot be removed");
    } else if (c->mode == JSON_MODE_WHOLE && !field->nullable) {
        (void)json_field_fault(place, "must be %s, but is null", json_field_noun(field));
    }
}

static void json_check_unknown(struct json_checker *c, struct slice key)
{
    struct distance_guess guess = {.wanted = key};

    for (size_t i = 0; i < c->schema->count; i++) {
        if (!c->schema->fields[i].read_only) distance_offer(&guess, slice_of(c->schema->fields[i].name));
    }
    const char *nearest = guess.best.data;

    json_faults_add(c->faults, c->arena, json_pointer(c->arena, key), "is not a field of %s%s%s%s", c->schema->name,
                    nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                    nearest == NULL ? "" : "\"?");
}

static const struct json_field *json_schema_find(const struct json_schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (slice_is(name, schema->fields[i].name)) return &schema->fields[i];
    }
    return NULL;
}

static int json_member_order(const void *a, const void *b)
{
    const struct json_member *one = a, *other = b;

    return (one->value.data > other->value.data) - (one->value.data < other->value.data);
}

/* Member by member, in the body's own order. Only a string that is looked at is read by json-c: a tree of the whole
 * body would be built by the hundred thousand for a body that is refused for its size. */
static void json_check_object(struct json_checker *c)
{
    const size_t bytes = c->members.count * sizeof(struct json_member);
    struct json_member *members = arena_alloc(c->arena, bytes);

    if (bytes > 0) memcpy(members, c->members.items, bytes);
    qsort(members, c->members.count, sizeof(*members), json_member_order);
    for (size_t i = 0; i < c->members.count; i++) {
        const struct json_field *field = json_schema_find(c->schema, members[i].key);

        if (c->faults->count == JSON_FAULTS_MAX) return;
        if (field == NULL) {
            json_check_unknown(c, members[i].key);
        } else {
            struct json_place place = {c->validator, c->arena, c->faults, field,
                                       json_pointer(c->arena, members[i].key)};

            json_check_member(c, &place, members[i].value);
        }
    }
    for (size_t i = 0; c->mode == JSON_MODE_WHOLE && i < c->schema->count; i++) {
        const struct json_field *field = &c->schema->fields[i];

        if (!field->required || field->read_only) continue;
        if (json_members_find(&c->members, slice_of(field->name)).data != NULL) continue;
        json_faults_add(c->faults, c->arena, json_pointer(c->arena, slice_of(field->name)), "is required");
    }
}

static enum json_verdict json_refuse_body(struct json_checker *c, enum json_verdict verdict, const char *detail)
{
    json_faults_add(c->faults, c->arena, SLICE_LIT(""), "%s", detail);
    return verdict;
}

enum json_verdict json_check(struct json_validator *v, struct arena *arena, struct slice body,
                             const struct json_schema *schema, enum json_mode mode, struct json_faults *faults,
                             struct json_members *ret_members)
{
    struct json_checker checker = {v, arena, schema, mode, faults, {0}};
    struct json_faults own = {.count = 0};
    struct slice detail;
    enum json_kind kind;

    if (body.len > INT_MAX - 1) return json_refuse_body(&checker, JSON_MALFORMED, "the body is too large");
    if (!json_scan_members(arena, body, JSON_DEPTH_MAX, &checker.members, &detail)) {
        return json_refuse_body(&checker, JSON_MALFORMED, detail.data);
    }
    if (ret_members != NULL) *ret_members = checker.members;
    if (schema == NULL) return JSON_VALID;
    kind = json_kind_of(body);
    if (kind != JSON_KIND_OBJECT) {
        json_faults_add(faults, arena, SLICE_LIT(""), "must be an object (%s), but is %s", schema->name,
                        json_kind_nouns[kind]);
        return JSON_INVALID;
    }
    /* Counted apart: the caller's list may be full already. */
    checker.faults = &own;
    json_check_object(&checker);
    for (size_t i = 0; i < own.count && faults->count < JSON_FAULTS_MAX; i++) {
        faults->items[faults->count++] = own.items[i];
    }
    return own.count == 0 ? JSON_VALID : JSON_INVALID;
}

bool json_check_text(struct json_validator *v, struct arena *arena, struct slice text, const struct json_field *field,
                     struct slice pointer, struct json_faults *faults)
{
    struct json_place place = {v, arena, faults, field, pointer};

    if (!utf8_is_valid(text.data, text.len)) return json_field_fault(&place, "is not UTF-8");
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) return json_field_fault(&place, "holds a NUL");
    switch (field->type) {
    case JSON_TYPE_STRING:
        return json_field_string(&place, text);
    case JSON_TYPE_INTEGER:
    case JSON_TYPE_NUMBER:
        if (field->format == JSON_FORMAT_DECIMAL) return json_field_string(&place, text);
        if (text.len > 0 && json_number_length(text) == text.len) return json_field_number(&place, text);
        break;
    case JSON_TYPE_BOOLEAN:
        if (slice_is(text, "true") || slice_is(text, "false")) return true;
        break;
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_ARRAY:
        break;
    }
    return json_field_fault(&place, "must be %s, but is %s", json_field_noun(field), json_quote(arena, text));
}
