#include <json-c/json.h>

#include "api/operation.h"
#include "test_api.h"

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_scope_comes_from_the_path_and_the_access),
};
const struct unit_part operation_tests = UNIT_PART(tests);
