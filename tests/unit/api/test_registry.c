#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api/operation.h"
#include "test_api.h"

static const struct api_options every = {.paths = {[API_BASE_OPENAPI] = "/openapi.json", [API_BASE_DOCS] = "/docs"}};

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_the_tables_hold_together),
};
const struct unit_part registry_tests = UNIT_PART(tests);
