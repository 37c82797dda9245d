/* From a request to a statement's values: every parameter and the body checked against the endpoint's declaration. */

#include "api/operation.h"
#include "api/refusal.h"
#include "base/number.h"
#include "json/scan.h"

enum { API_VERSION_DIGITS_MAX = 18 }; /* of any bigint that a version can come to */

static const char *const api_in_names[] = {
    [API_IN_PATH] = "path", [API_IN_QUERY] = "query", [API_IN_HEADER] = "header"};

static struct slice api_pointer(struct arena *arena, enum api_in in, struct slice name)
{
    return arena_join(arena, slice_of(api_in_names[in]), SLICE_LIT(":"), name);
}

/*
 * If-Match (RFC 9110 section 13.1.1) to a bigint[] of the versions it names. The comparison is strong, so weak tags
 * name none; nor does a tag that no version of ours could have.
 */
static bool api_bind_if_match(struct http_exchange *x, struct slice *ret_value, struct json_faults *faults)
{
    struct slice rest = http_exchange_header(x, "If-Match");
    struct arena *arena = http_exchange_arena(x);
    struct slice tag;
    enum http_etag kind;
    bool any = false;

    if (rest.data == NULL || slice_is(rest, "*")) return true;

    char *array = arena_alloc(arena, rest.len + 3);
    size_t len = 0;

    array[len++] = '{';
    while ((kind = http_etag_next(&rest, &tag)) == HTTP_ETAG_STRONG || kind == HTTP_ETAG_WEAK) {
        const struct slice digits = {tag.data + 1, tag.len - 2};
        uint64_t version;

        any = true;
        if (kind == HTTP_ETAG_WEAK || digits.len > API_VERSION_DIGITS_MAX) continue;
        if (!number_parse_u64(digits, &version) || digits.data[0] == '0') continue;
        if (len > 1) array[len++] = ',';
        memcpy(array + len, digits.data, digits.len);
        len += digits.len;
    }
    array[len++] = '}';
    if (kind == HTTP_ETAG_MALFORMED || !any) {
        json_faults_add(faults, arena, SLICE_LIT("header:If-Match"),
                        "must be * or entity tags in double quotes, such as \"3\"");
        return false;
    }
    *ret_value = (struct slice){array, len};
    return true;
}

static int api_query_param_find(const struct api_endpoint *e, struct slice name)
{
    for (size_t i = 0; i < e->param_count; i++) {
        if (e->params[i].in == API_IN_QUERY && slice_is(name, e->params[i].field.name)) return (int)i;
    }
    return -1;
}

static void api_bind_query(const struct api_endpoint *e, struct http_exchange *x, struct slice *values,
                           struct json_faults *faults)
{
    struct arena *arena = http_exchange_arena(x);
    struct slice rest = http_exchange_query(x);
    struct slice name;
    struct slice value;
    bool valid;

    while (http_query_next(arena, &rest, &name, &value, &valid)) {
        if (!valid) {
            json_faults_add(faults, arena, SLICE_LIT("query:"), "is not percent-encoded UTF-8: %.*s",
                            (int)(name.len > 40 ? 40 : name.len), name.data);
            continue;
        }
        int i = api_query_param_find(e, name);

        if (i < 0) {
            json_faults_add(faults, arena, api_pointer(arena, API_IN_QUERY, name), API_NO_PARAMETER, e->id);
        } else if (values[i].data != NULL) {
            json_faults_add(faults, arena, api_pointer(arena, API_IN_QUERY, name), "is given twice");
        } else {
            values[i] = value;
        }
    }
}

static void api_bind_param(const struct api_operation *op, struct http_exchange *x, const struct api_param *param,
                           struct slice *value, struct json_faults *faults)
{
    struct arena *arena = http_exchange_arena(x);
    struct slice pointer = api_pointer(arena, param->in, slice_of(param->field.name));

    if (value->data == NULL) {
        if (param->field.default_text != NULL) *value = slice_of(param->field.default_text);
        if (param->field.required) json_faults_add(faults, arena, pointer, "is required");
        return;
    }
    if (!json_check_text(op->api->validator, arena, *value, &param->field, pointer, faults)) *value = SLICE_NONE;
}

static void api_answer_faults(struct http_exchange *x, enum api_refusal_id why, const struct json_faults *faults)
{
    struct http_problem_item items[JSON_FAULTS_MAX];

    for (size_t i = 0; i < faults->count; i++) {
        const struct json_fault *fault = &faults->items[i];

        items[i] = (struct http_problem_item){fault->pointer, fault->detail, fault->column};
    }
    http_refuse_items(x, &api_refusals[why], items, faults->count);
}

void api_call_refuse_faults(struct api_call *call, const struct json_faults *faults)
{
    api_answer_faults(call->x, API_REFUSAL_INVALID, faults);
}

bool api_bind(const struct api_operation *op, struct http_exchange *x, struct slice values[DB_PARAMS_MAX])
{
    const struct api_endpoint *e = op->endpoint;
    struct json_faults faults;
    unsigned path_index = 0;

    faults.count = 0;
    for (size_t i = 0; i < DB_PARAMS_MAX; i++) values[i] = SLICE_NONE;
    api_bind_query(e, x, values, &faults);
    for (size_t i = 0; i < e->param_count; i++) {
        const struct api_param *param = &e->params[i];

        if (param->in == API_IN_IF_MATCH) {
            if (!api_bind_if_match(x, &values[i], &faults)) continue;
        } else if (param->in == API_IN_CLIENT) {
            values[i] = http_exchange_client_key(x);
        } else if (param->in != API_IN_MADE) {
            if (param->in == API_IN_PATH) values[i] = http_exchange_path_param(x, path_index++);
            if (param->in == API_IN_HEADER) values[i] = http_exchange_header(x, param->field.name);
            api_bind_param(op, x, param, &values[i], &faults);
        }
    }
    if (e->body != NULL) {
        struct slice body = http_exchange_body(x);
        struct json_members members = {0};
        enum json_verdict verdict =
            json_check(op->api->validator, http_exchange_arena(x), body, e->body, e->body_mode, &faults, &members);

        if (verdict == JSON_MALFORMED) {
            api_answer_faults(x, API_REFUSAL_MALFORMED, &faults);
            return false;
        }
        if (e->check != NULL) e->check(http_exchange_arena(x), &members, values, &faults);
        values[e->param_count] = body;
    }
    if (faults.count > 0) {
        api_answer_faults(x, API_REFUSAL_INVALID, &faults);
        return false;
    }
    return true;
}
