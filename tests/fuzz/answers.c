#include "answers.h"

#include <json-c/json.h>

#include "base/number.h"
#include "fuzz.h"

/* RFC 9110 section 5.6.2. */
static bool is_token(struct slice text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (c == '\0' || (!alphanumeric && strchr(others, c) == NULL)) return false;
    }
    return text.len > 0;
}

static bool is_field_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return text.len == 0 || (text.data[0] != ' ' && text.data[text.len - 1] != ' ');
}

static bool line_next(struct slice *rest, struct slice *ret_line)
{
    const char *end = rest->len == 0 ? NULL : memmem(rest->data, rest->len, "\r\n", 2);

    if (end == NULL) return false;
    *ret_line = (struct slice){rest->data, (size_t)(end - rest->data)};
    *rest = (struct slice){end + 2, rest->len - ret_line->len - 2};
    return true;
}

static bool field_split(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
    *ret_name = slice_cut(&line, ':');
    if (line.data == NULL || line.len == 0 || line.data[0] != ' ') return false;
    *ret_value = (struct slice){line.data + 1, line.len - 1};
    return is_token(*ret_name) && is_field_value(*ret_value);
}

struct slice answer_field(const struct answer *answer, const char *name)
{
    struct slice rest = answer->head;
    struct slice found = SLICE_NONE;
    struct slice line;

    while (line_next(&rest, &line)) {
        struct slice field;
        struct slice value;

        if (!field_split(line, &field, &value) || !slice_is_nocase(field, name)) continue;
        FUZZ_CHECK(found.data == NULL, "%s comes twice", name);
        found = value;
    }
    return found;
}

static void check_head(const struct answer *answer)
{
    static const char *const once[] = {"Content-Type", "ETag", "Location", "Retry-After", "Allow", "Link"};
    const bool has_length = answer_field(answer, "Content-Length").data != NULL;
    const bool has_none = answer->status < 200 || answer->status == 204 || answer->status == 304;

    FUZZ_CHECK(has_length != has_none, "status %u, length %d", answer->status, has_length);
    FUZZ_CHECK(answer_field(answer, "Transfer-Encoding").data == NULL, "Transfer-Encoding");
    FUZZ_CHECK(answer->status < 200 || answer_field(answer, "Date").len == 29, "Date");
    for (size_t i = 0; i < countof(once); i++) (void)answer_field(answer, once[i]);
}

bool answer_next(struct slice *rest, bool is_bare, struct answer *ret_answer)
{
    struct slice at = *rest;
    struct slice first;
    struct slice line;
    uint64_t number = 0;
    uint64_t length = 0;

    if (!line_next(&at, &first)) return false;
    FUZZ_CHECK(first.len >= 13 && memcmp(first.data, "HTTP/1.1 ", 9) == 0 && first.data[12] == ' ' &&
                   number_parse_u64((struct slice){first.data + 9, 3}, &number) && number >= 100 && number < 600,
               "no status line: %.*s", SLICE_FMT(first));
    *ret_answer = (struct answer){.status = (unsigned)number, .head = {at.data, 0}};
    do {
        struct slice name;
        struct slice value;

        if (!line_next(&at, &line)) return false;
        FUZZ_CHECK(line.len == 0 || field_split(line, &name, &value), "no field line: %.*s", SLICE_FMT(line));
        if (line.len > 0) ret_answer->head.len = (size_t)(at.data - ret_answer->head.data);
    } while (line.len > 0);
    check_head(ret_answer);
    const struct slice text = answer_field(ret_answer, "Content-Length");

    FUZZ_CHECK(text.data == NULL || number_parse_u64(text, &length), "Content-Length: %.*s", SLICE_FMT(text));
    if (is_bare) length = 0;
    if (length > at.len) return false;
    ret_answer->body = (struct slice){at.data, (size_t)length};
    ret_answer->closes = slice_is_nocase(answer_field(ret_answer, "Connection"), "close");
    *rest = (struct slice){at.data + length, at.len - length};
    return true;
}

static const char *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    FUZZ_CHECK(json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string),
               "the problem has no %s", name);
    return json_object_get_string(value);
}

void answer_check_problem(const struct answer *answer, bool is_bare)
{
    const struct slice type = answer_field(answer, "Content-Type");
    struct json_object *status = NULL;

    FUZZ_CHECK(slice_is(type, "application/problem+json"), "%u has the type %.*s", answer->status, SLICE_FMT(type));
    if (is_bare) return;
    struct json_tokener *tokener = json_tokener_new();

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *problem = json_tokener_parse_ex(tokener, answer->body.data, (int)answer->body.len);

    FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success &&
                   json_object_is_type(problem, json_type_object) &&
                   json_tokener_get_parse_end(tokener) == answer->body.len,
               "no JSON object: %.*s", SLICE_FMT(answer->body));
    FUZZ_CHECK(json_object_object_get_ex(problem, "status", &status) &&
                   json_object_get_int(status) == (int)answer->status,
               "the problem's status: %.*s", SLICE_FMT(answer->body));
    FUZZ_CHECK(strcmp(member(problem, "type"), "about:blank") == 0, "its type");
    FUZZ_CHECK(member(problem, "title")[0] != '\0' && member(problem, "code")[0] != '\0' &&
                   member(problem, "detail")[0] != '\0',
               "it says nothing: %.*s", SLICE_FMT(answer->body));
    FUZZ_CHECK(slice_is(answer_field(answer, "X-Request-ID"), member(problem, "request_id")), "its request: %.*s",
               SLICE_FMT(answer->body));
    json_object_put(problem);
    json_tokener_free(tokener);
}
