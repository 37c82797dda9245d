#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api/operation.h"
#include "test_api.h"

static const struct api_param two_params[] = {
    {.in = API_IN_QUERY, .type = DB_TYPE_TEXT, .field = {.name = "a"}},
    {.in = API_IN_QUERY, .type = DB_TYPE_INT8, .field = {.name = "b"}},
};

static const struct api_options every = {.paths = {[API_BASE_OPENAPI] = "/openapi.json", [API_BASE_DOCS] = "/docs"}};

static int expand(const char *sql, struct api_operation *op, struct api_endpoint *endpoint, struct error *err)
{
    *endpoint = (struct api_endpoint){.id = "x", API_PARAMS(two_params), .sql = sql};
    *op = (struct api_operation){.endpoint = endpoint};
    return api_statement_expand(op, err);
}

static void test_every_combination_of_clauses_is_a_statement(void)
{
    struct api_operation op;
    struct api_endpoint endpoint;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(expand("S[? A $2 ?]M[?B $1?]E", &op, &endpoint, &err), 0);
    UNIT_INT(op.clause_count, 2);
    UNIT_INT(op.clause_param[0], 1);
    UNIT_INT(op.clause_param[1], 0);
    UNIT_STR(op.variants[0].sql, "SME");
    UNIT_STR(op.variants[1].sql, "S A $2 ME");
    UNIT_STR(op.variants[2].sql, "SMB $1E");
    UNIT_STR(op.variants[3].sql, "S A $2 MB $1E");
    UNIT_STR(op.variants[0].name, "x");
    UNIT_STR(op.variants[3].name, "x:3");
    UNIT_INT(op.variants[3].param_count, 2);
    UNIT_INT(op.variants[3].params[1], DB_TYPE_INT8);
    api_statement_clear(&op);
}

static void test_a_clause_must_end_and_name_a_parameter(void)
{
    static const char *const wrong[] = {"a[? $1", "a[? b ?]", "a[? $3 ?]", "a[? $0 ?]", "a[? $ ?]"};
    struct api_operation op;
    struct api_endpoint endpoint;
    struct error err;

    for (size_t i = 0; i < countof(wrong); i++) {
        UNIT_INT(expand(wrong[i], &op, &endpoint, &err), -1);
        api_statement_clear(&op);
    }
}

/* What the tables declare must fit together: the router takes the routes, names are unique, and a statement uses
 * exactly the parameters that it is given. */
static void test_the_tables_hold_together(void)
{
    struct api *api;
    struct http_router *router;
    struct error err;
    size_t route_count;
    size_t statement_count;

    CU_ASSERT_EQUAL_FATAL(api_new(&every, &api, &err), 0);
    const struct http_route *const *routes = api_routes(api, &route_count);
    const struct db_statement *const *statements = api_statements(api, &statement_count);

    CU_ASSERT(route_count > 8);
    CU_ASSERT(statement_count > route_count);
    UNIT_INT(http_router_new(routes, route_count, &router, &err), 0);
    for (size_t i = 0; i < statement_count; i++) {
        char after[8];

        for (size_t j = 0; j < i; j++) CU_ASSERT_STRING_NOT_EQUAL(statements[i]->name, statements[j]->name);
        snprintf(after, sizeof(after), "$%u", statements[i]->param_count + 1);
        CU_ASSERT_PTR_NULL(strstr(statements[i]->sql, after));
        CU_ASSERT_PTR_NULL(strstr(statements[i]->sql, "[?"));
    }
    for (size_t i = 0; i < route_count; i++) {
        CU_ASSERT_PTR_NOT_NULL(api_endpoint_of(routes[i])->summary);
        UNIT_INT(routes[i]->index, i);
    }
    http_router_free(router);
    api_free(api);
}

static void test_a_scope_comes_from_the_path_and_the_access(void)
{
    static const struct {
        struct api_endpoint endpoint;
        enum api_scope scope;
    } cases[] = {
        {{.path = "/api/v1/x", .access = DB_READ}, API_SCOPE_READ},
        {{.path = "/api/v1/x", .access = DB_WRITE}, API_SCOPE_WRITE},
        {{.path = "/api/v1/x", .access = DB_WRITE, .scope = API_SCOPE_READ}, API_SCOPE_READ},
        {{.path = "/api/v1/x", .scope = API_SCOPE_NONE}, API_SCOPE_NONE},
        {{.path = "/health", .access = DB_READ}, API_SCOPE_NONE},
        {{.path = "/apis", .access = DB_WRITE}, API_SCOPE_NONE},
        {{.path = "/"}, API_SCOPE_NONE},
    };

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(api_scope(&cases[i].endpoint), cases[i].scope);
    UNIT_STR(api_scope_name(API_SCOPE_READ), "read");
    UNIT_STR(api_scope_name(API_SCOPE_WRITE), "write");
    UNIT_STR(api_scope_name(API_SCOPE_NONE), "");
}

static struct json_object *parse(struct slice text)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *document = json_tokener_parse_ex(tokener, text.data, (int)text.len);

    CU_ASSERT_EQUAL(json_tokener_get_error(tokener), json_tokener_success);
    json_tokener_free(tokener);
    return document;
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    CU_ASSERT(json_object_object_get_ex(object, name, &value));
    return value;
}

static const char *lower(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete"};

    return names[method];
}

static size_t operations_of(struct json_object *paths)
{
    size_t count = 0;

    json_object_object_foreach(paths, path, item)
    {
        (void)path;
        count += (size_t)json_object_object_length(item);
    }
    return count;
}

/* What the router takes is what the document tells of, and nothing else. */
static void test_the_document_has_every_route(void)
{
    struct api *api;
    struct error err;
    size_t count;

    CU_ASSERT_EQUAL_FATAL(api_new(&every, &api, &err), 0);
    const struct http_route *const *routes = api_routes(api, &count);
    struct json_object *document = parse(api_document(api));
    struct json_object *paths = member(document, "paths");

    for (size_t i = 0; i < count; i++) {
        struct json_object *item = member(paths, routes[i]->path);
        struct json_object *operation = member(item, lower(routes[i]->method));

        UNIT_STR(json_object_get_string(member(operation, "operationId")), api_endpoint_of(routes[i])->id);
        CU_ASSERT(json_object_object_length(member(operation, "responses")) > 5);
    }
    UNIT_INT(operations_of(paths), count);
    json_object_put(document);
    api_free(api);
}

static void test_paths_of_the_settings(void)
{
    const struct api_options off = {0};
    const struct api_options moved = {.paths = {[API_BASE_OPENAPI] = "/api/spec"}};
    const struct api_options taken = {.paths = {[API_BASE_OPENAPI] = "/health"}};
    struct api *api;
    struct error err;
    size_t all;
    size_t count;

    CU_ASSERT_EQUAL_FATAL(api_new(&every, &api, &err), 0);
    (void)api_routes(api, &all);
    api_free(api);
    CU_ASSERT_EQUAL_FATAL(api_new(&off, &api, &err), 0);
    (void)api_routes(api, &count);
    CU_ASSERT(count < all);
    api_free(api);
    CU_ASSERT_EQUAL_FATAL(api_new(&moved, &api, &err), 0);
    struct json_object *document = parse(api_document(api));

    CU_ASSERT_PTR_NOT_NULL(member(member(document, "paths"), "/api/spec"));
    json_object_put(document);
    api_free(api);
    UNIT_INT(api_new(&taken, &api, &err), -1);
    UNIT_INT(err.code, ERROR_SETTINGS);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_every_combination_of_clauses_is_a_statement),
        UNIT_TEST(test_a_clause_must_end_and_name_a_parameter),
        UNIT_TEST(test_the_tables_hold_together),
        UNIT_TEST(test_a_scope_comes_from_the_path_and_the_access),
        UNIT_TEST(test_the_document_has_every_route),
        UNIT_TEST(test_paths_of_the_settings),
    };

    static const struct unit_part tables = UNIT_PART(tests);
    const struct unit_part *const parts[] = {&tables, &refusal_tests, &token_tests};

    return unit_main_parts("api", parts, countof(parts));
}
