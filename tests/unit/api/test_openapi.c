#include <json-c/json.h>

#include "api/operation.h"
#include "test_api.h"

static const struct api_options every = {.paths = {[API_BASE_OPENAPI] = "/openapi.json", [API_BASE_DOCS] = "/docs"}};

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
    size_t listed = 0;

    for (size_t i = 0; i < count; i++) {
        if (api_endpoint_of(routes[i])->is_unlisted) {
            CU_ASSERT_FALSE(json_object_object_get_ex(paths, routes[i]->path, NULL));
            continue;
        }
        struct json_object *item = member(paths, routes[i]->path);
        struct json_object *operation = member(item, lower(routes[i]->method));

        UNIT_STR(json_object_get_string(member(operation, "operationId")), api_endpoint_of(routes[i])->id);
        CU_ASSERT(json_object_object_length(member(operation, "responses")) > 5);
        listed++;
    }
    UNIT_INT(operations_of(paths), listed);
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_the_document_has_every_route),
    UNIT_TEST(test_paths_of_the_settings),
};
const struct unit_part openapi_tests = UNIT_PART(tests);
