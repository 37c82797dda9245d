#include "api/openapi.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"

static const char openapi_summary[] = "Trading strategies, their versions, and backtests of them";

static const char openapi_description[] =
    "JSON in, JSON out. Ids are UUIDs made by the server. Times are RFC 3339 in UTC. Money and prices are decimal "
    "numbers that keep all their digits.\n\n"
    "- **Lists** are `{\"items\":[…],\"next\":…}`, the newest first. `next` is the cursor for `after`, and the `Link` "
    "header has the whole next page.\n"
    "- **Changes** never overwrite each other unseen: `ETag` is the version. A change with `If-Match` is answered 412 "
    "if somebody else was first. A read with `If-None-Match` is answered 304 if nothing is new.\n"
    "- **Errors** are `application/problem+json` (RFC 9457) with a `code` for programs, a `detail` for people, the "
    "`request_id`, and `errors`, which names every wrong place of the request.\n"
    "- **Bodies** are checked whole and strictly: unknown and repeated members are refused, and so are nesting deeper "
    "than 32, numbers beyond an IEEE 754 double and integers written with a fraction or an exponent. The query takes "
    "only the parameters that are described here, each once.\n"
    "- **X-Request-ID** is on every answer. It is the request's own if that has up to 128 letters, digits, `.`, `_` "
    "and `-`, and a new one otherwise.\n"
    "- **HEAD** goes wherever GET does; OPTIONS is answered 204 with `Allow`. A method that a path does not take is "
    "answered 405 with `Allow`.";

/* ---- Operations ---- */

static const char *const openapi_in_names[] = {
    [API_IN_PATH] = "path",
    [API_IN_QUERY] = "query",
    [API_IN_HEADER] = "header",
    [API_IN_IF_MATCH] = "header",
};

static void openapi_write_param(struct json_writer *w, const struct api_param *param)
{
    const bool is_if_match = param->in == API_IN_IF_MATCH;
    const char *description = is_if_match
                                  ? "The versions (entity tags) of which one must still be the present one; * is any"
                                  : param->field.description;
    const char *example = is_if_match ? "\"\\\"3\\\"\"" : param->field.example;

    json_open(w, '{');
    json_key_text(w, "name", param->field.name);
    json_key_text(w, "in", openapi_in_names[param->in]);
    if (param->field.required) json_key_raw(w, "required", "true");
    if (description != NULL) json_key_text(w, "description", description);
    json_key(w, "schema");
    openapi_write_param_schema(w, param);
    if (example != NULL) json_key_raw(w, "example", example);
    json_close(w, '}');
}

static void openapi_write_params(struct json_writer *w, const struct api_operation *op)
{
    const struct api_endpoint *e = op->endpoint;

    if (e->param_count == 0 && !openapi_is_conditional(op)) return;
    json_key_open(w, "parameters", '[');
    for (size_t i = 0; i < e->param_count; i++) {
        if (e->params[i].in != API_IN_CLIENT && e->params[i].in != API_IN_MADE) openapi_write_param(w, &e->params[i]);
    }
    if (openapi_is_conditional(op)) {
        json_raw(w, "{\"name\":\"If-None-Match\",\"in\":\"header\",\"description\":\"The entity tags that the client "
                    "has; 304 if one of them is the present version\",\"schema\":{\"type\":\"string\"},"
                    "\"example\":\"\\\"3\\\"\"}");
    }
    json_close(w, ']');
}

static void openapi_write_body(struct json_writer *w, const struct api_endpoint *e)
{
    const bool is_patch = e->body_mode == JSON_MODE_MERGE;
    const enum openapi_use use = is_patch ? OPENAPI_PATCH : OPENAPI_INPUT;

    json_key_open(w, "requestBody", '{');
    json_key_raw(w, "required", "true");
    json_key_open(w, "content", '{');
    for (const char *const *type = is_patch ? api_patch_types : api_body_types; *type != NULL; type++) {
        json_key_open(w, *type, '{');
        json_key(w, "schema");
        openapi_write_schema_ref(w, e->body, use);
        json_key(w, "example");
        openapi_write_schema_example(w, e->body, use);
        json_close(w, '}');
    }
    json_close(w, '}');
    json_close(w, '}');
}

/* Of bytes there is no schema (OpenAPI 3.1.1, "Working with binary data"). */
static void openapi_write_other_body(struct json_writer *w, const struct api_endpoint *e)
{
    json_key_open(w, "requestBody", '{');
    json_key_raw(w, "required", "true");
    json_key_open(w, "content", '{');
    for (const char *const *type = e->body_types; *type != NULL; type++) {
        json_key_open(w, *type, '{');
        json_key_raw(w, "schema", strncmp(*type, "text/", strlen("text/")) == 0 ? "{\"type\":\"string\"}" : "{}");
        if (type == e->body_types && e->body_example != NULL) json_key_raw(w, "example", e->body_example);
        json_close(w, '}');
    }
    json_close(w, '}');
    json_close(w, '}');
}

static void openapi_write_security(struct json_writer *w, const struct api_operation *op)
{
    json_key_open(w, "security", '[');
    if (openapi_is_secured(op)) {
        json_open(w, '{');
        json_key_open(w, "bearerAuth", '[');
        json_text(w, api_scope_name(api_scope(op->endpoint)));
        json_close(w, ']');
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void openapi_write_operation(struct json_writer *w, const struct api_operation *op)
{
    const struct api_endpoint *e = op->endpoint;
    char *method = mem_strdup(http_method_name(e->method));

    for (char *at = method; *at != '\0'; at++) *at = (char)tolower((unsigned char)*at);
    json_key_open(w, method, '{');
    free(method);
    json_key_open(w, "tags", '[');
    json_text(w, op->resource->tag);
    json_close(w, ']');
    json_key_text(w, "operationId", e->id);
    json_key_text(w, "summary", e->summary);
    if (e->description != NULL) json_key_text(w, "description", e->description);
    openapi_write_security(w, op);
    openapi_write_params(w, op);
    if (e->body != NULL) openapi_write_body(w, e);
    if (e->body_types != NULL) openapi_write_other_body(w, e);
    openapi_write_responses(w, op);
    json_close(w, '}');
}

static bool openapi_is_new_path(const struct api *api, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(api->operations[i].path, api->operations[at].path) == 0) return false;
    }
    return true;
}

static void openapi_write_paths(struct json_writer *w, const struct api *api)
{
    json_key_open(w, "paths", '{');
    for (size_t i = 0; i < api->operation_count; i++) {
        if (!openapi_is_new_path(api, i) || api->operations[i].endpoint->is_unlisted) continue;
        json_key_open(w, api->operations[i].path, '{');
        for (size_t j = i; j < api->operation_count; j++) {
            if (strcmp(api->operations[j].path, api->operations[i].path) != 0) continue;
            openapi_write_operation(w, &api->operations[j]);
        }
        json_close(w, '}');
    }
    json_close(w, '}');
}

/* ---- Components ---- */

/* A component that an operation refers to. */
static const struct json_schema *openapi_schema_of(const struct api_operation *op, enum openapi_use use)
{
    const struct api_endpoint *e = op->endpoint;
    const bool is_patch = e->body_mode == JSON_MODE_MERGE;

    switch (use) {
    case OPENAPI_ANSWER:
        return e->answer;
    case OPENAPI_LIST:
        return e->is_list ? e->answer : NULL;
    case OPENAPI_INPUT:
        return is_patch ? NULL : e->body;
    case OPENAPI_PATCH:
        return is_patch ? e->body : NULL;
    case OPENAPI_USE_COUNT:
        break;
    }
    return NULL;
}

static bool openapi_is_new_schema(const struct api *api, size_t at, enum openapi_use use)
{
    for (size_t i = 0; i < at; i++) {
        if (openapi_schema_of(&api->operations[i], use) == openapi_schema_of(&api->operations[at], use)) return false;
    }
    return true;
}

static void openapi_write_schemas(struct json_writer *w, const struct api *api)
{
    json_key_open(w, "schemas", '{');
    for (size_t i = 0; i < api->operation_count; i++) {
        for (unsigned use = 0; use < OPENAPI_USE_COUNT; use++) {
            const struct json_schema *schema = openapi_schema_of(&api->operations[i], (enum openapi_use)use);

            if (schema == NULL || !openapi_is_new_schema(api, i, (enum openapi_use)use)) continue;
            openapi_write_schema(w, schema, (enum openapi_use)use);
        }
    }
    openapi_write_problem_schemas(w);
    json_close(w, '}');
}

static void openapi_write_components(struct json_writer *w, const struct api *api)
{
    json_key_open(w, "components", '{');
    openapi_write_schemas(w, api);
    json_key_open(w, "responses", '{');
    openapi_write_response_components(w, api);
    json_close(w, '}');
    json_key_open(w, "headers", '{');
    openapi_write_header_components(w);
    json_close(w, '}');
    json_key_raw(w, "securitySchemes",
                 "{\"bearerAuth\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An access token; it is "
                 "needed if the service runs with STRATSLAB_AUTH=token. Its scopes: read for what changes nothing, "
                 "write for what does. `stratslabd token create` makes one.\"}}");
    json_close(w, '}');
}

/* ---- The document ---- */

static void openapi_write_info(struct json_writer *w)
{
    json_key_open(w, "info", '{');
    json_key_text(w, "title", "StratsLab");
    json_key_text(w, "summary", openapi_summary);
    json_key_text(w, "description", openapi_description);
    json_key_raw(w, "license", "{\"name\":\"MIT\",\"identifier\":\"MIT\"}");
    json_key_text(w, "version", PACKAGE_VERSION);
    json_close(w, '}');
}

static bool openapi_is_new_tag(const struct api *api, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(api->operations[i].resource->tag, api->operations[at].resource->tag) == 0) return false;
    }
    return true;
}

static void openapi_write_tags(struct json_writer *w, const struct api *api)
{
    json_key_open(w, "tags", '[');
    for (size_t i = 0; i < api->operation_count; i++) {
        const struct api_resource *resource = api->operations[i].resource;

        if (!openapi_is_new_tag(api, i)) continue;
        json_open(w, '{');
        json_key_text(w, "name", resource->tag);
        if (resource->tag_description != NULL) json_key_text(w, "description", resource->tag_description);
        json_close(w, '}');
    }
    json_close(w, ']');
}

void openapi_write(const struct api *api, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open(&w, '{');
    json_key_text(&w, "openapi", "3.1.0");
    openapi_write_info(&w);
    json_key_raw(&w, "servers", "[{\"url\":\"/\",\"description\":\"Where this document came from\"}]");
    openapi_write_tags(&w, api);
    openapi_write_paths(&w, api);
    openapi_write_components(&w, api);
    json_close(&w, '}');
    buf_add_char(out, '\n');
}
